/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions of the caller's stack into words (query.h). The depth is bounded by
 * ORM_EXPR_DEPTH_MAX; what the tree says is judged later, by the renderer, once a shape.
 */
#include <strazh/orm/error.h>

#include <orm/query/query.h>

static void put_expr(struct orm_query *q, const struct orm_expr *e, unsigned depth);

struct orm_expr orm_named(const struct orm_table *table, const char *column)
{
	return (struct orm_expr){.op = ORM_OP_NAMED, .of = table, .name = column};
}

struct orm_expr orm_expr_u64_(uint64_t u)
{
	if (u > INT64_MAX)
		return (struct orm_expr){.op = ORM_OP_BAD_VALUE};
	return orm_expr_value_(orm_value_i64((int64_t)u));
}

static void put_column(struct orm_query *q, const struct orm_expr *e)
{
	const struct orm_table *table = e->of;

	if (e->op != ORM_OP_ALL && e->column >= table->count) {
		query_fault(q, ORM_E_QUERY, "table '%s' has no column number %u", table->name,
			    e->column);
		return;
	}
	query_word(q, word_make(e->op, 0, e->column, e->name ? 1 : 0));
	query_pointer(q, table);
	if (e->name)
		query_name(q, e->name, "alias");
}

static void put_named(struct orm_query *q, const struct orm_expr *e)
{
	const struct orm_table *table = e->of;
	size_t len = e->name ? strnlen(e->name, ORM_NAME_MAX + 1) : 0;
	int column = len ? orm_table_find(table, e->name, len) : -1;

	if (column < 0) {
		query_fault(q, ORM_E_QUERY, "table '%s' has no column '%.70s'", table->name,
			    e->name ? e->name : "");
		return;
	}
	query_word(q, word_make(ORM_OP_COLUMN, 0, (unsigned)column, 0));
	query_pointer(q, table);
}

static void put_value(struct orm_query *q, const struct orm_expr *e)
{
	uint32_t at = query_value(q, &e->value);

	query_word(q, word_make(ORM_OP_VALUE, e->value.kind, e->value.type, at));
}

/* Operands of those that have a fixed number: who reads the words counts on it. */
static bool count_fits(const struct orm_expr *e)
{
	switch ((unsigned)e->op) {
	case ORM_OP_EXISTS:
	case ORM_OP_IS_NULL:
	case ORM_OP_IS_NOT_NULL:
	case ORM_OP_NOT:
	case ORM_OP_DISTINCT:
	case ORM_OP_CAST:
	case ORM_OP_AS:
	case ORM_OP_ASC:
	case ORM_OP_DESC:
		return e->n == 1;
	case ORM_OP_BETWEEN:
	case ORM_OP_OVER:
		return e->n == 3;
	case ORM_OP_AND:
	case ORM_OP_OR:
	case ORM_OP_CALL:
	case ORM_OP_PARTITION:
	case ORM_OP_ORDER:
	case ORM_OP_CASE:
		return true;
	default:
		return e->op < ORM_OP_COUNT && e->n == 2;
	}
}

static void put_operands(struct orm_query *q, const struct orm_expr *e, unsigned depth)
{
	const struct orm_expr *operand = e->of;

	if (!count_fits(e)) {
		query_fault(q, ORM_E_QUERY, "operator %u with %u operands", (unsigned)e->op, e->n);
		return;
	}
	query_word(q, word_make(e->op, e->func, e->column, e->n));
	if (e->op == ORM_OP_AS)
		query_name(q, e->name, "alias");
	for (uint32_t i = 0; i < e->n && !q->class; i++)
		put_expr(q, &operand[i], depth + 1);
}

static void put_other(struct orm_query *q, const struct orm_expr *e, unsigned depth)
{
	switch (e->op) {
	case ORM_OP_NAMED:
		put_named(q, e);
		break;
	case ORM_OP_SOURCE_COLUMN:
		query_word(q, word_make(e->op, 0, 0, 0));
		query_name(q, e->of, "source");
		query_name(q, e->name, "column");
		break;
	case ORM_OP_OUTPUT:
		query_word(q, word_make(e->op, 0, 0, 0));
		query_name(q, e->name, "output column");
		break;
	case ORM_OP_BAD_VALUE:
		query_fault(q, ORM_E_VALUE, "an unsigned number above %lld", (long long)INT64_MAX);
		break;
	case ORM_OP_LITERAL:
		query_word(q, word_make(e->op, e->func, 0, 0));
		query_text(q, e->name, strlen(e->name));
		break;
	case ORM_OP_QUERY:
		query_sub(q, e->of);
		break;
	case ORM_OP_NONE:
		query_fault(q, ORM_E_QUERY, "an expression is missing");
		break;
	default:
		put_operands(q, e, depth);
	}
}

/* Most are columns and values: they end here, without the room on the stack that others take. */
static void put_expr(struct orm_query *q, const struct orm_expr *e, unsigned depth)
{
	if (q->class)
		return;
	if (depth > ORM_EXPR_DEPTH_MAX)
		query_fault(q, ORM_E_TOO_BIG, "an expression is nested deeper than %u",
			    ORM_EXPR_DEPTH_MAX);
	else if (e->op == ORM_OP_COLUMN || e->op == ORM_OP_EXCLUDED || e->op == ORM_OP_ALL)
		put_column(q, e);
	else if (e->op == ORM_OP_VALUE)
		put_value(q, e);
	else
		put_other(q, e, depth);
}

void query_expr(struct orm_query *q, const struct orm_expr *e)
{
	put_expr(q, e, 1);
}

void query_exprs(struct orm_query *q, const struct orm_expr *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put_expr(q, &list[i], 1);
}

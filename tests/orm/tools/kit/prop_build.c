/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Trees through the public builders. The macros of expr.h and func.h make their operands on the
 * stack of the block that they are in; hold() copies them, so that a tree can be built in steps.
 */
#include <stdlib.h>
#include <string.h>

#include "prop.h"

struct builder {
	struct orm_session *session;
	struct orm_query *inner[64]; /* to be freed when the outer one has copied them */
	unsigned n_inner;
};

enum { ROOM = 4 * NODES_MAX };
static struct orm_expr room[ROOM]; /* a stack: inner queries are built while the outer one is */
static unsigned room_used;

static struct orm_expr hold(struct builder *b, struct orm_expr e)
{
	const struct orm_expr *from = e.of;
	struct orm_expr *to = room + room_used;
	bool leaf = e.op == ORM_OP_COLUMN || e.op == ORM_OP_EXCLUDED || e.op == ORM_OP_ALL ||
		    e.op == ORM_OP_NAMED || e.op == ORM_OP_SOURCE_COLUMN || e.op == ORM_OP_QUERY ||
		    e.op == ORM_OP_OUTPUT || e.op == ORM_OP_VALUE || e.op == ORM_OP_LITERAL;

	/* What was held before, as a part of it, stays where it is. */
	if (leaf || !e.n || (from >= room && from < room + ROOM))
		return e;
	if (room_used + e.n > ROOM)
		abort();
	room_used += e.n;
	for (unsigned i = 0; i < e.n; i++)
		to[i] = hold(b, from[i]);
	e.of = to;
	return e;
}

#define HOLD(e) hold(b, (e))

static struct orm_expr build_expr(struct builder *b, const struct node *e);

static struct orm_query *build_inner(struct builder *b, const struct tree *t)
{
	struct orm_query *q = build(b->session, t);

	if (b->n_inner < ARRAY_LEN(b->inner))
		b->inner[b->n_inner++] = q;
	return q;
}

static struct orm_expr *build_list(struct builder *b, struct node **list, unsigned n)
{
	struct orm_expr *to = room + room_used;

	if (room_used + n > ROOM)
		abort();
	room_used += n;
	for (unsigned i = 0; i < n; i++)
		to[i] = build_expr(b, list[i]);
	return to;
}

/* Any number of operands, as the macros with __VA_ARGS__ make it. */
static struct orm_expr nary(struct builder *b, const struct node *e)
{
	return (struct orm_expr){.op = e->op,
				 .func = e->op == ORM_OP_CALL ? e->func : 0,
				 .n = e->n,
				 .of = build_list(b, e->arg, e->n)};
}

static struct orm_expr build_leaf(struct builder *b, const struct node *e)
{
	struct orm_expr x;

	switch ((unsigned)e->op) {
	case ORM_OP_COLUMN:
		if (e->named && !e->source)
			return orm_named(prop_table[e->table],
					 prop_table[e->table]->columns[e->column].name);
		x = c_expr(e->table, e->column);
		x.name = e->source;
		return x;
	case ORM_OP_EXCLUDED:
		return excluded_expr(e->table, e->column);
	case ORM_OP_ALL:
		x = all_expr(e->table);
		x.name = e->source;
		return x;
	case ORM_OP_SOURCE_COLUMN:
		x = orm_of("", "");
		x.of = e->source;
		x.name = e->name;
		return x;
	case ORM_OP_OUTPUT:
		x = orm_output("");
		x.name = e->name;
		return x;
	case ORM_OP_LITERAL:
		x = orm_sql_literal(e->func, "");
		x.name = e->name;
		return x;
	case ORM_OP_QUERY:
		return orm_scalar(build_inner(b, e->query));
	default:
		return e->value.kind == ORM_K_NULL ? ORM_NULL_VALUE : ORM_X(e->value);
	}
}

static struct orm_expr build_pair(struct builder *b, const struct node *e)
{
	struct orm_expr x = build_expr(b, e->arg[0]), y;

	if (e->op == ORM_OP_IN_QUERY && e->arg[1]->op == ORM_OP_QUERY)
		return HOLD(orm_in_query(x, build_inner(b, e->arg[1]->query)));
	y = build_expr(b, e->arg[1]);
	switch ((unsigned)e->op) {
	case ORM_OP_EQ:
		return HOLD(orm_eq(x, y));
	case ORM_OP_NE:
		return HOLD(orm_ne(x, y));
	case ORM_OP_LT:
		return HOLD(orm_lt(x, y));
	case ORM_OP_LE:
		return HOLD(orm_le(x, y));
	case ORM_OP_GT:
		return HOLD(orm_gt(x, y));
	case ORM_OP_GE:
		return HOLD(orm_ge(x, y));
	case ORM_OP_LIKE:
		return HOLD(orm_like(x, y));
	case ORM_OP_ILIKE:
		return HOLD(orm_ilike(x, y));
	case ORM_OP_IN:
		return HOLD(orm_in(x, y));
	case ORM_OP_ADD:
		return HOLD(orm_add(x, y));
	case ORM_OP_SUB:
		return HOLD(orm_sub(x, y));
	case ORM_OP_MUL:
		return HOLD(orm_mul(x, y));
	case ORM_OP_DIV:
		return HOLD(orm_div(x, y));
	case ORM_OP_MOD:
		return HOLD(orm_mod(x, y));
	case ORM_OP_CONCAT:
		return HOLD(orm_concat(x, y));
	case ORM_OP_AND:
		return HOLD(orm_and(x, y));
	case ORM_OP_OR:
		return HOLD(orm_or(x, y));
	case ORM_OP_FILTER:
		return HOLD(orm_filter(x, y));
	default:
		return HOLD(((struct orm_expr){.op = e->op, .n = 2, .of = ORM_LIST_(x, y)}));
	}
}

static struct orm_expr build_call_1(struct builder *b, const struct node *e)
{
	struct orm_expr x;

	if (e->func == ORM_F_COUNT && e->arg[0]->op == ORM_OP_DISTINCT && e->arg[0]->n == 1) {
		x = build_expr(b, e->arg[0]->arg[0]);
		return HOLD(orm_count_distinct(x));
	}
	x = build_expr(b, e->arg[0]);
	switch ((unsigned)e->func) {
	case ORM_F_COUNT:
		return HOLD(orm_count(x));
	case ORM_F_SUM:
		return HOLD(orm_sum(x));
	case ORM_F_AVG:
		return HOLD(orm_avg(x));
	case ORM_F_MIN:
		return HOLD(orm_min(x));
	case ORM_F_MAX:
		return HOLD(orm_max(x));
	case ORM_F_LOWER:
		return HOLD(orm_lower(x));
	case ORM_F_UPPER:
		return HOLD(orm_upper(x));
	case ORM_F_LENGTH:
		return HOLD(orm_length(x));
	case ORM_F_TRIM:
		return HOLD(orm_trim(x));
	case ORM_F_ABS:
		return HOLD(orm_abs(x));
	case ORM_F_ROUND:
		return HOLD(orm_round(x));
	case ORM_F_ARRAY_LEN:
		return HOLD(orm_array_len(x));
	case ORM_F_NTILE:
		return HOLD(orm_ntile(x));
	case ORM_F_LAG:
		return HOLD(orm_lag(x));
	case ORM_F_LEAD:
		return HOLD(orm_lead(x));
	case ORM_F_FIRST_VALUE:
		return HOLD(orm_first_value(x));
	case ORM_F_LAST_VALUE:
		return HOLD(orm_last_value(x));
	default:
		return HOLD(ORM_CALL_1_(e->func, x));
	}
}

static struct orm_expr build_call_2(struct builder *b, const struct node *e)
{
	struct orm_expr x = build_expr(b, e->arg[0]), y = build_expr(b, e->arg[1]);

	switch ((unsigned)e->func) {
	case ORM_F_COALESCE:
		return HOLD(orm_coalesce(x, y));
	case ORM_F_NULLIF:
		return HOLD(orm_nullif(x, y));
	case ORM_F_JSON_TEXT:
		return HOLD(orm_json_text(x, y));
	case ORM_F_JSON_HAS:
		return HOLD(orm_json_has(x, y));
	case ORM_F_ARRAY_HAS:
		return HOLD(orm_array_has(x, y));
	case ORM_F_NET_HAS:
		return HOLD(orm_net_has(x, y));
	case ORM_F_TEXT_MATCH:
		return HOLD(orm_text_match(x, y));
	case ORM_F_VECTOR_L2:
		return HOLD(orm_vector_l2(x, y));
	case ORM_F_VECTOR_COSINE:
		return HOLD(orm_vector_cosine(x, y));
	default:
		return HOLD(ORM_CALL_2_(e->func, x, y));
	}
}

static struct orm_expr build_call(struct builder *b, const struct node *e)
{
	struct orm_expr x, y, z;

	switch (e->n) {
	case 0:
		return e->func == ORM_F_COUNT	     ? orm_count_all()
		       : e->func == ORM_F_ROW_NUMBER ? orm_row_number()
		       : e->func == ORM_F_RANK	     ? orm_rank()
		       : e->func == ORM_F_DENSE_RANK ? orm_dense_rank()
		       : e->func == ORM_F_NOW_MS     ? orm_now_ms()
						     : ORM_CALL_0_(e->func);
	case 1:
		return build_call_1(b, e);
	case 2:
		return build_call_2(b, e);
	case 3:
		x = build_expr(b, e->arg[0]);
		y = build_expr(b, e->arg[1]);
		z = build_expr(b, e->arg[2]);
		if (e->func == ORM_F_SUBSTR)
			return HOLD(orm_substr(x, y, z));
		if (e->func == ORM_F_REPLACE)
			return HOLD(orm_replace(x, y, z));
		return HOLD(ORM_CALL_3_(e->func, x, y, z));
	default:
		return nary(b, e);
	}
}

static struct orm_expr build_one(struct builder *b, const struct node *e)
{
	struct orm_expr x;

	if (e->op == ORM_OP_EXISTS && e->arg[0]->op == ORM_OP_QUERY)
		return HOLD(orm_exists(build_inner(b, e->arg[0]->query)));
	x = build_expr(b, e->arg[0]);
	switch ((unsigned)e->op) {
	case ORM_OP_NOT:
		return HOLD(orm_not(x));
	case ORM_OP_IS_NULL:
		return HOLD(orm_is_null(x));
	case ORM_OP_IS_NOT_NULL:
		return HOLD(orm_is_not_null(x));
	case ORM_OP_ASC:
		return HOLD(orm_asc(x));
	case ORM_OP_DESC:
		return HOLD(orm_desc(x));
	case ORM_OP_CAST:
		return HOLD(orm_cast(e->func, x));
	case ORM_OP_AS:
		x = HOLD(orm_as(x, ""));
		x.name = e->name;
		return x;
	case ORM_OP_PARTITION:
		return HOLD(orm_partition(x));
	case ORM_OP_ORDER:
		return HOLD(orm_order(x));
	default:
		return HOLD(ORM_UNARY_(e->op, x));
	}
}

static struct orm_expr build_expr(struct builder *b, const struct node *e)
{
	struct orm_expr x, y, z;

	switch ((unsigned)e->op) {
	case ORM_OP_COLUMN:
	case ORM_OP_EXCLUDED:
	case ORM_OP_ALL:
	case ORM_OP_SOURCE_COLUMN:
	case ORM_OP_OUTPUT:
	case ORM_OP_LITERAL:
	case ORM_OP_QUERY:
	case ORM_OP_VALUE:
		return build_leaf(b, e);
	case ORM_OP_CALL:
		return build_call(b, e);
	default:
		break;
	}
	if (e->op == ORM_OP_PARTITION && !e->n)
		return orm_no_partition();
	if (e->op == ORM_OP_ORDER && !e->n)
		return orm_no_order();
	if (e->n == 1)
		return build_one(b, e);
	if (e->n == 2)
		return build_pair(b, e);
	if (e->n != 3 || (e->op != ORM_OP_BETWEEN && e->op != ORM_OP_OVER && e->op != ORM_OP_CASE))
		return nary(b, e);
	x = build_expr(b, e->arg[0]);
	y = build_expr(b, e->arg[1]);
	z = build_expr(b, e->arg[2]);
	if (e->op == ORM_OP_CASE)
		return HOLD(orm_case(x, y, z));
	return e->op == ORM_OP_OVER ? HOLD(orm_over(x, y, z)) : HOLD(orm_between(x, y, z));
}

/* ---- calls ---- */

static struct orm_query *begin(struct builder *b, const struct part *c)
{
	struct orm_session *s = b->session;
	const struct orm_table *table = prop_table[c->table];

	switch ((unsigned)c->call) {
	case CALL_SELECT:
		return orm_select(s, table);
	case CALL_SELECT_AS:
		return orm_select_as(s, table, c->name);
	case CALL_SELECT_QUERY:
		return orm_select_query(s, build_inner(b, c->sub), c->name);
	case CALL_SELECT_CTE:
		return orm_select_cte(s, c->name);
	case CALL_INSERT:
		return orm_insert(s, table);
	case CALL_UPDATE:
		return orm_update(s, table);
	case CALL_DELETE:
		return orm_delete(s, table);
	default:
		return orm_select_nothing(s);
	}
}

static void join(struct builder *b, struct orm_query *q, const struct part *c)
{
	bool plain = c->flag == ORM_CROSS || c->flag == ORM_NATURAL;
	struct orm_query *sub = c->sub ? build_inner(b, c->sub) : NULL;
	struct orm_expr on = c->n && !plain ? build_expr(b, c->list[0]) : ORM_NO_ON;

	if (c->call == CALL_JOIN)
		orm_join(q, c->flag, prop_table[c->table], on);
	else if (c->call == CALL_JOIN_AS)
		orm_join_as(q, c->flag, prop_table[c->table], c->name, on);
	else if (c->call == CALL_JOIN_QUERY)
		orm_join_query(q, c->flag, sub, c->name, on);
	else
		orm_join_cte(q, c->flag, c->name, on);
}

static void with_list(struct builder *b, struct orm_query *q, const struct part *c)
{
	struct orm_expr *list = build_list(b, c->list, c->n);

	switch ((unsigned)c->call) {
	case CALL_COLUMNS:
		orm_columns_n(q, list, c->n);
		break;
	case CALL_GROUP_BY:
		orm_group_by_n(q, list, c->n);
		break;
	case CALL_ORDER_BY:
		orm_order_by_n(q, list, c->n);
		break;
	case CALL_RETURNING:
		orm_returning_n(q, list, c->n);
		break;
	case CALL_WHERE:
		orm_where(q, list[0]);
		break;
	case CALL_HAVING:
		orm_having(q, list[0]);
		break;
	case CALL_DO_WHERE:
		orm_do_where(q, list[0]);
		break;
	case CALL_DO_SET:
		orm_do_set(q, list[0], list[1]);
		break;
	case CALL_SET:
		orm_set(q, list[0], list[1]);
		break;
	case CALL_CONFLICT_UPDATE:
		orm_on_conflict_n(q, list, c->n, true);
		break;
	default:
		orm_insert_from(q, list, c->n, build_inner(b, c->sub));
	}
}

static void clause(struct builder *b, struct orm_query *q, const struct part *c)
{
	switch ((unsigned)c->call) {
	case CALL_JOIN:
	case CALL_JOIN_AS:
	case CALL_JOIN_QUERY:
	case CALL_JOIN_CTE:
		join(b, q, c);
		break;
	case CALL_DISTINCT:
		orm_distinct(q);
		break;
	case CALL_LIMIT:
		orm_limit(q, c->mask);
		break;
	case CALL_OFFSET:
		orm_offset(q, c->mask);
		break;
	case CALL_FOR_UPDATE:
		orm_for_update(q);
		break;
	case CALL_SET_OPERATION:
		orm_set_operation(q, c->flag, build_inner(b, c->sub));
		break;
	case CALL_WITH:
		orm_with(q, c->name, build_inner(b, c->sub));
		break;
	case CALL_WITH_RECURSIVE:
		orm_with_recursive(q, c->name, build_inner(b, c->sub));
		break;
	case CALL_ROW:
		orm_row(q, c->row);
		break;
	case CALL_ROW_MASKED:
		orm_row_masked(q, c->row, c->mask);
		break;
	case CALL_ROWS:
		orm_rows(q, c->row, c->flag);
		break;
	case CALL_CONFLICT_NOTHING:
		orm_on_conflict_nothing(q);
		break;
	case CALL_EVERY_ROW:
		orm_every_row(q);
		break;
	default:
		with_list(b, q, c);
	}
}

struct orm_query *build(struct orm_session *s, const struct tree *t)
{
	struct builder b = {.session = s};
	unsigned first = room_used;
	struct orm_query *q;

	q = begin(&b, &t->clause[0]);
	for (unsigned i = 1; i < t->n; i++)
		clause(&b, q, &t->clause[i]);
	for (unsigned i = 0; i < b.n_inner; i++)
		orm_query_free(b.inner[i]);
	room_used = first;
	return q;
}

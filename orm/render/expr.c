/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators. Every expression is written in parentheses of its own where precedence
 * could matter, and returns its type; both databases must mean the same by it, or it is refused.
 */
#include <errno.h>
#include <stdio.h>

#include <orm/render/call.h>
#include <orm/render/typing.h>
#include <orm/table/sqltype.h>

static const struct typed faulty = {.type = ORM_T_NONE};

/* ---- types of values ---- */

bool settle(struct render *r, struct typed *a, struct typed *b)
{
	for (int turn = 0; turn < 2; turn++) {
		struct typed *value = turn ? b : a, *other = turn ? a : b;

		if (!value->value || (other->value && !(value->kind == ORM_K_NULL)))
			continue;
		if (!kind_fits(value->kind, other->type)) {
			render_fault(r, ORM_E_QUERY, "a value of type %s where %s is wanted",
				     orm_type_name(value->type), orm_type_name(other->type));
			return false;
		}
		/* Numbers keep their own width, each database compares across widths; but a whole
		 * number beside a float is one. */
		if (!type_is_number(other->type) || value->kind == ORM_K_NULL)
			value->type = other->type;
		else if (value->kind == ORM_K_I64 && type_is_float(other->type))
			value->type = ORM_T_DOUBLE;
		set_param_type(r, value->index, value->type);
	}
	return true;
}

void settle_column(struct render *r, struct typed *t, const struct orm_table *table,
		   unsigned column)
{
	enum orm_type want = table->columns[column].type;

	if (r->class)
		return;
	if (t->value) {
		if (!kind_stores(t->kind, want))
			render_fault(r, ORM_E_QUERY, "%s.%s is %s; a value of type %s does not fit",
				     table->name, table->columns[column].name, orm_type_name(want),
				     orm_type_name(type_of_kind(t->kind)));
		else if (t->kind == ORM_K_NULL && table->columns[column].flags & (ORM_NN | ORM_PK))
			render_fault(r, ORM_E_QUERY, "%s.%s cannot be NULL", table->name,
				     table->columns[column].name);
		set_param_type(r, t->index, want);
	} else if (!types_assign(t->type, want, r->dialect)) {
		render_fault(r, ORM_E_QUERY, "%s.%s is %s; an expression of type %s does not fit",
			     table->name, table->columns[column].name, orm_type_name(want),
			     orm_type_name(t->type));
	}
}

/* ---- operators ---- */

void put_real(struct render *r, size_t begin, size_t end)
{
	size_t was = r->len;

	if (is_pg(r))
		return;
	put(r, " AS REAL)");
	swap_tail(r, end, was);
	put_at(r, begin, "CAST(");
}

static const struct {
	const char *sql;
	const char *name;
} binaries[ORM_OP_COUNT] = {
	[ORM_OP_EQ] = {" = ", "="},    [ORM_OP_NE] = {" <> ", "!="},
	[ORM_OP_LT] = {" < ", "<"},    [ORM_OP_LE] = {" <= ", "<="},
	[ORM_OP_GT] = {" > ", ">"},    [ORM_OP_GE] = {" >= ", ">="},
	[ORM_OP_ADD] = {" + ", "+"},   [ORM_OP_SUB] = {" - ", "-"},
	[ORM_OP_MUL] = {" * ", "*"},   [ORM_OP_DIV] = {" / ", "/"},
	[ORM_OP_MOD] = {" % ", "mod"}, [ORM_OP_CONCAT] = {" || ", "||"},
};

static bool takes(struct render *r, enum orm_op op, uint32_t n, uint32_t least, uint32_t most)
{
	if (n >= least && n <= most)
		return true;
	render_fault(r, ORM_E_QUERY, "operator %u with %u operands", (unsigned)op, n);
	return false;
}

static void refuse_types(struct render *r, const char *op, const struct typed *a,
			 const struct typed *b)
{
	render_fault(r, ORM_E_QUERY, "%s %s %s: there is no such operator%s",
		     orm_type_name(a->type), op, orm_type_name(b->type),
		     !is_pg(r) && types_compare(a->type, b->type, ORM_POSTGRESQL) ? " in SQLite"
										  : "");
}

static struct typed render_comparison(struct render *r, struct scope *s, struct words *w)
{
	enum orm_op op = word_op(words_take(w));
	bool equality = op == ORM_OP_EQ || op == ORM_OP_NE;
	size_t begin, middle, end;
	struct typed a, b;

	put(r, "(");
	begin = r->len;
	a = render_expr(r, s, w);
	middle = r->len;
	put(r, binaries[op].sql);
	end = r->len;
	b = render_expr(r, s, w);
	if (r->class)
		return faulty;
	if ((a.value && a.kind == ORM_K_NULL) || (b.value && b.kind == ORM_K_NULL)) {
		render_fault(r, ORM_E_QUERY,
			     "a comparison with NULL is never true; "
			     "orm_is_null() is meant, or the value is missing");
		return faulty;
	}
	if (!settle(r, &a, &b))
		return faulty;
	if (types_round(b.type, a.type))
		put_real(r, end, r->len);
	if (types_round(a.type, b.type))
		put_real(r, begin, middle);
	put(r, ")");
	if (!types_compare(a.type, b.type, r->dialect) ||
	    !(equality ? type_has_equality(a.type, r->dialect)
		       : type_has_order(a.type, r->dialect)))
		refuse_types(r, binaries[op].name, &a, &b);
	return (struct typed){.type = ORM_T_BOOLEAN, .nullable = a.nullable || b.nullable};
}

static struct typed render_arithmetic(struct render *r, struct scope *s, struct words *w)
{
	enum orm_op op = word_op(words_take(w));
	struct typed a, b;
	enum orm_type type;
	size_t middle;

	put(r, "(");
	a = render_expr(r, s, w);
	middle = r->len;
	put(r, binaries[op].sql);
	b = render_expr(r, s, w);
	put(r, ")");
	if (r->class || !settle(r, &a, &b))
		return faulty;
	type = op == ORM_OP_CONCAT ? (a.type == ORM_T_TEXT && b.type == ORM_T_TEXT ? ORM_T_TEXT : 0)
				   : types_arithmetic(a.type, b.type);
	/* PostgreSQL would round the result to a REAL, SQLite computes with doubles. */
	if (is_pg(r) && a.type == ORM_T_REAL && b.type == ORM_T_REAL)
		put_at(r, middle, "::double precision");
	if (op == ORM_OP_MOD && !type_is_integer(type))
		type = ORM_T_NONE;
	if (type == ORM_T_NONE)
		refuse_types(r, binaries[op].name, &a, &b);
	return (struct typed){.type = type, .nullable = true};
}

/* SQLite's LIKE is made case-sensitive by a pragma, and has no escape character of its own. */
static struct typed render_like(struct render *r, struct scope *s, struct words *w)
{
	bool fold = word_op(words_take(w)) == ORM_OP_ILIKE;
	bool lower = fold && !is_pg(r);
	struct typed a, b;

	put(r, lower ? "(lower(" : "(");
	a = render_expr(r, s, w);
	put(r, lower ? ") LIKE lower(" : fold ? " ILIKE " : " LIKE ");
	b = render_expr(r, s, w);
	put(r, lower ? ") ESCAPE '\\')" : " ESCAPE '\\')");
	if (r->class || !settle(r, &a, &b))
		return faulty;
	if (a.type != ORM_T_TEXT || b.type != ORM_T_TEXT)
		refuse_types(r, "LIKE", &a, &b);
	return (struct typed){.type = ORM_T_BOOLEAN, .nullable = a.nullable || b.nullable};
}

static struct typed render_between(struct render *r, struct scope *s, struct words *w)
{
	static const char *const between[] = {"(", " BETWEEN ", " AND "};
	struct typed t[3];
	size_t begin[3], end[3];
	bool fits = true;

	w->at++;
	for (unsigned i = 0; i < 3; i++) {
		put(r, between[i]);
		begin[i] = r->len;
		t[i] = render_expr(r, s, w);
		end[i] = r->len;
	}
	if (r->class || !settle(r, &t[0], &t[1]) || !settle(r, &t[0], &t[2]) ||
	    !settle(r, &t[0], &t[1]))
		return faulty;
	for (unsigned i = 3; i--;) {
		if (types_round(t[i].type, t[0].type) ||
		    (!i &&
		     (types_round(t[0].type, t[1].type) || types_round(t[0].type, t[2].type))))
			put_real(r, begin[i], end[i]);
		fits &= types_compare(t[0].type, t[i].type, r->dialect);
	}
	put(r, ")");
	/* Only one of the bounds is a float: each would be compared in its own way. */
	if (!is_pg(r) && t[0].type == ORM_T_BIGINT &&
	    type_is_float(t[1].type) != type_is_float(t[2].type))
		fits = false;
	if (!fits || !type_has_order(t[0].type, r->dialect))
		refuse_types(r, "BETWEEN", &t[0],
			     types_compare(t[0].type, t[1].type, r->dialect) ? &t[2] : &t[1]);
	return (struct typed){.type = ORM_T_BOOLEAN, .nullable = true};
}

/* What the elements of an array value must be, to be compared with `type`. */
static enum orm_type array_for(enum orm_type type)
{
	if (type_is_integer(type))
		return ORM_T_BIGINTS;
	if (type_is_float(type))
		return ORM_T_DOUBLES;
	if (type == ORM_T_TEXT || type == ORM_T_UUID || type == ORM_T_INET || type == ORM_T_CIDR)
		return ORM_T_TEXTS;
	return ORM_T_NONE;
}

/* One parameter for the whole list, so one text whatever its length. */
static struct typed render_in(struct render *r, struct scope *s, struct words *w)
{
	struct typed a, list;

	w->at++;
	put(r, "(");
	a = render_expr(r, s, w);
	put(r, is_pg(r) ? " = ANY(" : " IN (SELECT value FROM json_each(");
	list = render_expr(r, s, w);
	if (r->class)
		return faulty;
	/* The driver writes the elements in the form that the column has. */
	if (!is_pg(r) && list.value && array_for(a.type) == list.type && list.type == ORM_T_TEXTS)
		set_param_type(r, list.index, a.type == ORM_T_TEXT ? ORM_T_TEXTS : a.type);
	if (is_pg(r) && list.type == ORM_T_TEXTS && a.type != ORM_T_TEXT) {
		put(r, "::");
		put(r, orm_type_sql(a.type, r->dialect));
		put(r, "[]");
	}
	put(r, is_pg(r) ? "))" : ")))");
	if (a.value && a.kind == ORM_K_NULL)
		render_fault(r, ORM_E_QUERY, "NULL IN (...) is never true");
	else if (array_for(a.type) == ORM_T_NONE || array_for(a.type) != list.type)
		refuse_types(r, "IN", &a, &list);
	return (struct typed){.type = ORM_T_BOOLEAN, .nullable = true};
}

static struct typed render_in_query(struct render *r, struct scope *s, struct words *w)
{
	struct typed a, b;

	w->at++;
	put(r, "(");
	a = render_expr(r, s, w);
	put(r, " IN ");
	if (word_op(*w->at) != ORM_OP_QUERY) {
		render_fault(r, ORM_E_QUERY, "IN wants a query or an array");
		return faulty;
	}
	b = render_scalar(r, s, w);
	put(r, ")");
	if (r->class || !settle(r, &a, &b))
		return faulty;
	/* SQLite would compare whole numbers and floats exactly, PostgreSQL as doubles. */
	if (!types_compare(a.type, b.type, r->dialect) || !type_has_equality(a.type, r->dialect) ||
	    (!is_pg(r) && (types_round(a.type, b.type) || types_round(b.type, a.type))))
		refuse_types(r, "IN", &a, &b);
	return (struct typed){.type = ORM_T_BOOLEAN, .nullable = true};
}

static struct typed render_exists(struct render *r, struct scope *s, struct words *w)
{
	struct outputs columns;

	w->at++;
	if (word_op(*w->at) != ORM_OP_QUERY) {
		render_fault(r, ORM_E_QUERY, "EXISTS wants a query");
		return faulty;
	}
	put(r, "EXISTS ");
	render_inner(r, s, words_query(w), &columns);
	return (struct typed){.type = ORM_T_BOOLEAN};
}

static struct typed render_null_test(struct render *r, struct scope *s, struct words *w)
{
	bool is = word_op(words_take(w)) == ORM_OP_IS_NULL;

	put(r, "(");
	render_expr(r, s, w);
	put(r, is ? " IS NULL)" : " IS NOT NULL)");
	return (struct typed){.type = ORM_T_BOOLEAN};
}

static struct typed render_logic(struct render *r, struct scope *s, struct words *w)
{
	uint64_t word = words_take(w);

	if (!word_n(word))
		render_fault(r, ORM_E_QUERY, "%s of nothing",
			     word_op(word) == ORM_OP_AND ? "AND" : "OR");
	put(r, word_op(word) == ORM_OP_NOT ? "(NOT " : "(");
	for (uint32_t i = 0; i < word_n(word) && !r->class; i++) {
		if (i)
			put(r, word_op(word) == ORM_OP_AND ? " AND " : " OR ");
		render_condition(r, s, w, "AND, OR and NOT");
	}
	put(r, ")");
	return (struct typed){.type = ORM_T_BOOLEAN, .nullable = true};
}

void render_condition(struct render *r, struct scope *s, struct words *w, const char *where)
{
	struct typed t = render_expr(r, s, w);

	if (!r->class && t.type != ORM_T_BOOLEAN)
		render_fault(r, ORM_E_QUERY, "%s: a condition is wanted, not %s", where,
			     orm_type_name(t.type));
}

/* An expression that GROUP BY names as a whole needs no grouped columns inside. */
static bool is_group(const struct scope *s, const uint64_t *at)
{
	const uint64_t *end = expr_end(at);

	for (unsigned i = 0; i < s->n_groups; i++) {
		const struct range *g = &s->groups[i];

		if (g->end - g->at == end - at &&
		    !memcmp(g->at, at, (size_t)(end - at) * sizeof(*at)))
			return true;
	}
	return false;
}

static struct typed render_node(struct render *r, struct scope *s, struct words *w)
{
	enum orm_op op = word_op(*w->at);
	uint32_t n = word_n(*w->at);

	switch ((unsigned)op) {
	case ORM_OP_COLUMN:
	case ORM_OP_SOURCE_COLUMN:
	case ORM_OP_OUTPUT:
	case ORM_OP_EXCLUDED:
	case ORM_OP_VALUE:
	case ORM_OP_LITERAL:
	case ORM_OP_QUERY:
		return render_leaf(r, s, w);
	case ORM_OP_CALL:
		return render_call(r, s, w);
	case ORM_OP_CASE:
		return render_case(r, s, w);
	case ORM_OP_AND:
	case ORM_OP_OR:
		return render_logic(r, s, w);
	case ORM_OP_EXISTS:
		return takes(r, op, n, 1, 1) ? render_exists(r, s, w) : faulty;
	case ORM_OP_NOT:
		return takes(r, op, n, 1, 1) ? render_logic(r, s, w) : faulty;
	case ORM_OP_IS_NULL:
	case ORM_OP_IS_NOT_NULL:
		return takes(r, op, n, 1, 1) ? render_null_test(r, s, w) : faulty;
	case ORM_OP_CAST:
		return takes(r, op, n, 1, 1) ? render_cast(r, s, w) : faulty;
	case ORM_OP_BETWEEN:
		return takes(r, op, n, 3, 3) ? render_between(r, s, w) : faulty;
	case ORM_OP_OVER:
		return takes(r, op, n, 3, 3) ? render_over(r, s, w) : faulty;
	case ORM_OP_FILTER:
		return takes(r, op, n, 2, 2) ? render_filter(r, s, w) : faulty;
	case ORM_OP_EQ:
	case ORM_OP_NE:
	case ORM_OP_LT:
	case ORM_OP_LE:
	case ORM_OP_GT:
	case ORM_OP_GE:
		return takes(r, op, n, 2, 2) ? render_comparison(r, s, w) : faulty;
	case ORM_OP_LIKE:
	case ORM_OP_ILIKE:
		return takes(r, op, n, 2, 2) ? render_like(r, s, w) : faulty;
	case ORM_OP_IN:
		return takes(r, op, n, 2, 2) ? render_in(r, s, w) : faulty;
	case ORM_OP_IN_QUERY:
		return takes(r, op, n, 2, 2) ? render_in_query(r, s, w) : faulty;
	case ORM_OP_ADD:
	case ORM_OP_SUB:
	case ORM_OP_MUL:
	case ORM_OP_DIV:
	case ORM_OP_MOD:
	case ORM_OP_CONCAT:
		return takes(r, op, n, 2, 2) ? render_arithmetic(r, s, w) : faulty;
	case ORM_OP_ALL:
	case ORM_OP_AS:
		render_fault(r, ORM_E_QUERY, "%s is for select lists",
			     op == ORM_OP_AS ? "an alias" : "'all columns'");
		return faulty;
	default:
		render_fault(r, ORM_E_QUERY, "operator %u has no place here", (unsigned)op);
		return faulty;
	}
}

struct typed render_expr(struct render *r, struct scope *s, struct words *w)
{
	bool was = s->in_aggregate;
	struct typed t;

	if (r->class)
		return faulty;
	if (s->grouped && !was && is_group(s, w->at))
		s->in_aggregate = true;
	t = render_node(r, s, w);
	s->in_aggregate = was;
	return t;
}

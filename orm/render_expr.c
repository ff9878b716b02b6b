/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaves and operators. Every expression is written in parentheses of its own where precedence
 * could matter, and returns its type; both databases must mean the same by it, or it is refused.
 */
#include <errno.h>
#include <stdio.h>

#include <orm/render.h>
#include <orm/typing.h>

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
		/* Numbers keep their own width: each database compares across widths. */
		if (!type_is_number(other->type) || value->kind == ORM_K_NULL)
			value->type = other->type;
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
	} else if (!types_assign(t->type, want)) {
		render_fault(r, ORM_E_QUERY, "%s.%s is %s; an expression of type %s does not fit",
			     table->name, table->columns[column].name, orm_type_name(want),
			     orm_type_name(t->type));
	}
}

/* ---- leaves ---- */

/* In a grouped query a column outside aggregates must be grouped, or its table's key must be. */
static bool is_grouped(const struct scope *s, const struct source *source)
{
	const struct orm_table *table = source->table;
	unsigned keys = 0, found = 0;

	if (!table)
		return false;
	for (unsigned c = 0; c < table->count; c++) {
		if (!(table->columns[c].flags & ORM_PK))
			continue;
		keys++;
		for (unsigned g = 0; g < s->n_groups; g++) {
			const uint64_t *at = s->groups[g].at;
			struct words w = {at, s->groups[g].end, 0};
			const char *alias = table->name;
			size_t len = strlen(table->name);

			if (word_op(*at) != ORM_OP_COLUMN || word_column(*at) != c ||
			    (const void *)(uintptr_t)at[1] != table)
				continue;
			w.at += 2;
			if (word_n(*at))
				alias = words_text(&w, &len);
			found += same_name(source->name, alias, len);
		}
	}
	return keys && found >= keys;
}

static bool column_is_allowed(struct render *r, const struct scope *s, const struct source *source,
			      const char *column)
{
	if (!s->grouped || s->in_aggregate || is_grouped(s, source))
		return true;
	render_fault(r, ORM_E_QUERY, "%s.%s is neither in GROUP BY nor inside an aggregate",
		     source->name, column);
	return false;
}

static struct typed render_column(struct render *r, struct scope *s, struct words *w)
{
	uint64_t word = words_take(w);
	const struct orm_table *table = words_pointer(w);
	const struct orm_column *column = &table->columns[word_column(word)];
	const char *alias = NULL;
	struct scope *found = NULL;
	struct source *source;
	size_t len = 0;

	if (word_n(word))
		alias = words_text(w, &len);
	source = scope_table(r, s, table, alias, len, &found);
	if (!source || !column_is_allowed(r, found, source, column->name))
		return faulty;
	put_name(r, source->name);
	put(r, ".");
	put_name(r, column->name);
	return (struct typed){.type = column->type,
			      .nullable = source->nullable || !(column->flags & (ORM_NN | ORM_PK)),
			      .name = column->name,
			      .name_len = strlen(column->name)};
}

static struct typed render_source_column(struct render *r, struct scope *s, struct words *w)
{
	const char *name, *column;
	struct scope *found = NULL;
	struct source *source;
	size_t len, column_len;

	w->at++;
	name = words_text(w, &len);
	column = words_text(w, &column_len);
	source = scope_named(r, s, name, len, &found);
	for (unsigned i = 0; source && i < source->columns.n; i++) {
		const struct output *output = &source->columns.list[i];

		if (!same_name(output->name, column, column_len))
			continue;
		if (!column_is_allowed(r, found, source, output->name))
			return faulty;
		put_name(r, source->name);
		put(r, ".");
		put_name(r, output->name);
		return (struct typed){.type = output->type,
				      .nullable = source->nullable || output->nullable,
				      .name = output->name,
				      .name_len = column_len};
	}
	if (source)
		render_fault(r, ORM_E_QUERY, "'%s' has no column '%.*s'", source->name,
			     (int)MIN(column_len, 70), column);
	return faulty;
}

static struct typed render_excluded(struct render *r, struct scope *s, struct words *w)
{
	uint64_t word = words_take(w);
	const struct orm_table *table = words_pointer(w);
	const struct orm_column *column = &table->columns[word_column(word)];

	if (s->excluded != table) {
		render_fault(r, ORM_E_QUERY, "EXCLUDED of '%s' is known in its ON CONFLICT only",
			     table->name);
		return faulty;
	}
	put(r, "excluded.");
	put_name(r, column->name);
	return (struct typed){.type = column->type, .nullable = true};
}

static struct typed render_value(struct render *r, struct words *w)
{
	uint64_t word = words_take(w);
	uint32_t index = word_n(word) + w->base;
	enum orm_kind kind = word_func(word);
	enum orm_type type = word_column(word) ? word_column(word) : type_of_kind(kind);

	if (!kind_fits(kind, type)) {
		render_fault(r, ORM_E_QUERY, "a value of kind %s cannot be %s",
			     orm_type_name(type_of_kind(kind)), orm_type_name(type));
		return faulty;
	}
	put_param(r, index);
	set_param_type(r, index, type);
	return (struct typed){.type = type,
			      .value = !word_column(word),
			      .kind = kind,
			      .nullable = kind == ORM_K_NULL,
			      .index = index};
}

static struct typed render_output_name(struct render *r, struct scope *s, struct words *w)
{
	const struct output *found = NULL;
	const char *name;
	size_t len;

	w->at++;
	name = words_text(w, &len);
	for (unsigned i = 0; s->outputs && i < s->outputs->n; i++) {
		if (!same_name(s->outputs->list[i].name, name, len))
			continue;
		if (found)
			render_fault(r, ORM_E_QUERY, "there are two output columns '%s'",
				     found->name);
		found = &s->outputs->list[i];
	}
	if (found) {
		put_name(r, found->name);
		return (struct typed){.type = found->type, .nullable = found->nullable};
	}
	render_fault(r, ORM_E_QUERY,
		     s->outputs ? "there is no output column '%.*s'"
				: "output column '%.*s' can be named in ORDER BY only",
		     (int)MIN(len, 70), name);
	return faulty;
}

static struct typed render_literal(struct render *r, struct words *w)
{
	enum orm_type type = word_func(words_take(w));
	const char *text;
	size_t len;

	text = words_text(w, &len);
	put(r, "(");
	put_len(r, text, len);
	put(r, ")");
	if (type == ORM_T_NONE || type >= ORM_T_COUNT)
		render_fault(r, ORM_E_QUERY, "an SQL literal needs a type");
	return (struct typed){.type = type, .nullable = true};
}

static struct typed render_scalar(struct render *r, struct scope *s, struct words *w)
{
	struct outputs columns = {0};

	put(r, "(");
	render_select(r, s, words_query(w), false, &columns);
	put(r, ")");
	if (!r->class && columns.n != 1)
		render_fault(r, ORM_E_QUERY, "a query used as a value must have one column, not %u",
			     columns.n);
	if (r->class)
		return faulty;
	return (struct typed){.type = columns.list[0].type, .nullable = true};
}

/* ---- operators ---- */

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
		     is_pg(r) || a->type != b->type ? "" : " in SQLite");
}

static struct typed render_comparison(struct render *r, struct scope *s, struct words *w)
{
	enum orm_op op = word_op(words_take(w));
	bool equality = op == ORM_OP_EQ || op == ORM_OP_NE;
	struct typed a, b;

	put(r, "(");
	a = render_expr(r, s, w);
	put(r, binaries[op].sql);
	b = render_expr(r, s, w);
	put(r, ")");
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
	if (!types_compare(a.type, b.type) || !(equality ? type_has_equality(a.type, r->dialect)
							 : type_has_order(a.type, r->dialect)))
		refuse_types(r, binaries[op].name, &a, &b);
	return (struct typed){.type = ORM_T_BOOLEAN, .nullable = a.nullable || b.nullable};
}

static struct typed render_arithmetic(struct render *r, struct scope *s, struct words *w)
{
	enum orm_op op = word_op(words_take(w));
	struct typed a, b;
	enum orm_type type;

	put(r, "(");
	a = render_expr(r, s, w);
	put(r, binaries[op].sql);
	b = render_expr(r, s, w);
	put(r, ")");
	if (r->class || !settle(r, &a, &b))
		return faulty;
	type = op == ORM_OP_CONCAT ? (a.type == ORM_T_TEXT && b.type == ORM_T_TEXT ? ORM_T_TEXT : 0)
				   : types_arithmetic(a.type, b.type);
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
	struct typed a, low, high;

	w->at++;
	put(r, "(");
	a = render_expr(r, s, w);
	put(r, " BETWEEN ");
	low = render_expr(r, s, w);
	put(r, " AND ");
	high = render_expr(r, s, w);
	put(r, ")");
	if (r->class || !settle(r, &a, &low) || !settle(r, &a, &high))
		return faulty;
	if (!types_compare(a.type, low.type) || !types_compare(a.type, high.type) ||
	    !type_has_order(a.type, r->dialect))
		refuse_types(r, "BETWEEN", &a, types_compare(a.type, low.type) ? &high : &low);
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
	if (is_pg(r) && list.type == ORM_T_TEXTS && a.type != ORM_T_TEXT) {
		put(r, "::");
		put(r, type_sql(a.type, r->dialect));
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
	if (!types_compare(a.type, b.type) || !type_has_equality(a.type, r->dialect))
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
	put(r, "EXISTS (");
	render_select(r, s, words_query(w), false, &columns);
	put(r, ")");
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
		return render_column(r, s, w);
	case ORM_OP_SOURCE_COLUMN:
		return render_source_column(r, s, w);
	case ORM_OP_OUTPUT:
		return render_output_name(r, s, w);
	case ORM_OP_EXCLUDED:
		return render_excluded(r, s, w);
	case ORM_OP_VALUE:
		return render_value(r, w);
	case ORM_OP_LITERAL:
		return render_literal(r, w);
	case ORM_OP_QUERY:
		return render_scalar(r, s, w);
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

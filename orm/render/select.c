/* SPDX-License-Identifier: Apache-2.0 */
/* SELECT: output columns, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, and their order. */
#include <errno.h>
#include <stdio.h>

#include <orm/render/render.h>
#include <orm/render/typing.h>

/* ---- output columns ---- */

static void add_output(struct render *r, struct outputs *o, const struct typed *t)
{
	struct output *out = &o->list[o->n];

	if (o->n == OUTPUTS_MAX) {
		render_fault(r, ORM_E_TOO_BIG, "more than %u columns in a result", OUTPUTS_MAX);
		return;
	}
	*out = (struct output){.type = t->type, .nullable = t->nullable};
	if (t->name)
		memcpy(out->name, t->name, MIN(t->name_len, ORM_NAME_MAX));
	o->n++;
}

/* The client reads these as text: they have no binary form that both sides know. */
static void put_top_cast(struct render *r, bool top, enum orm_type type)
{
	if (top && is_pg(r) && (type == ORM_T_NUMERIC || type == ORM_T_VECTOR))
		put(r, "::text");
}

static void put_all(struct render *r, const struct source *source, bool top, struct outputs *o)
{
	for (unsigned i = 0; i < source->columns.n && !r->class; i++) {
		const struct output *c = &source->columns.list[i];
		struct typed t = {.type = c->type,
				  .nullable = c->nullable || source->nullable,
				  .name = c->name,
				  .name_len = strlen(c->name)};

		if (o->n)
			put(r, ", ");
		put_name(r, source->name);
		put(r, ".");
		put_name(r, c->name);
		put_top_cast(r, top, c->type);
		add_output(r, o, &t);
	}
}

static void render_all(struct render *r, struct scope *s, struct words *w, bool top,
		       struct outputs *o)
{
	uint64_t word = words_take(w);
	const struct orm_table *table = words_pointer(w);
	struct scope *found = NULL;
	const char *alias = NULL;
	struct source *source;
	size_t len = 0;

	if (word_n(word))
		alias = words_text(w, &len);
	source = scope_table(r, s, table, alias, len, &found);
	if (source && found->grouped)
		render_fault(r, ORM_E_QUERY, "all columns of '%s' in a grouped query",
			     source->name);
	if (source && !r->class)
		put_all(r, source, top, o);
}

static void render_output(struct render *r, struct scope *s, struct words *w, bool top,
			  struct outputs *o)
{
	const char *alias = NULL;
	struct typed t;
	size_t len = 0;

	if (word_op(*w->at) == ORM_OP_ALL) {
		render_all(r, s, w, top, o);
		return;
	}
	if (o->n)
		put(r, ", ");
	if (word_op(*w->at) == ORM_OP_AS) {
		w->at++;
		alias = words_text(w, &len);
	}
	t = render_expr(r, s, w);
	put_top_cast(r, top, t.type);
	if (alias) {
		t.name = alias;
		t.name_len = len;
		put(r, " AS \"");
		put_len(r, alias, len);
		put(r, "\"");
	}
	add_output(r, o, &t);
}

static bool outputs_begin(struct render *r, struct outputs *o)
{
	if (r->class)
		return false;
	o->list = arena_alloc(r->arena, OUTPUTS_MAX * sizeof(*o->list));
	o->n = 0;
	if (!o->list)
		render_fault(r, -ENOMEM, "out of memory");
	return o->list;
}

void render_outputs(struct render *r, struct scope *s, struct words list, bool top,
		    struct outputs *ret_columns)
{
	if (!outputs_begin(r, ret_columns))
		return;
	while (list.at < list.end && !r->class)
		render_output(r, s, &list, top, ret_columns);
}

/* ---- the clauses of one SELECT ---- */

void render_where(struct render *r, struct scope *s, struct words stream)
{
	struct words w;
	bool first = true;

	while (clause_next(&stream, CL_WHERE, &w, NULL) && !r->class) {
		put(r, first ? " WHERE " : " AND ");
		render_condition(r, s, &w, "WHERE");
		first = false;
	}
}

static void collect_groups(struct render *r, struct scope *s, struct words stream)
{
	struct words w;

	while (clause_next(&stream, CL_GROUP, &w, NULL)) {
		while (w.at < w.end && !r->class) {
			const uint64_t *end = expr_end(w.at);

			if (s->n_groups == GROUPS_MAX)
				render_fault(r, ORM_E_TOO_BIG, "more than %u items in GROUP BY",
					     GROUPS_MAX);
			else
				s->groups[s->n_groups++] = (struct range){w.at, end};
			w.at = end;
		}
	}
}

static void refuse_foreign(struct render *r, const struct scope *s, const char *what)
{
	if (s->foreign && !is_pg(r))
		render_fault(r, ORM_E_QUERY, "%s a column of the outer query: not in SQLite", what);
}

static void render_group(struct render *r, struct scope *s, uint32_t base)
{
	for (unsigned i = 0; i < s->n_groups && !r->class; i++) {
		struct words w = {s->groups[i].at, s->groups[i].end, base};
		struct typed t;

		put(r, i ? ", " : " GROUP BY ");
		if (has_op(w.at, w.end, ORM_OP_VALUE))
			render_fault(r, ORM_E_QUERY, "GROUP BY an expression with a value in it");
		/* A number there would be a place in the select list. */
		if (word_op(*w.at) == ORM_OP_LITERAL)
			render_fault(r, ORM_E_QUERY, "GROUP BY a literal");
		s->foreign = false;
		t = render_expr(r, s, &w);
		refuse_foreign(r, s, "GROUP BY");
		if (!r->class && !type_has_equality(t.type, r->dialect))
			render_fault(r, ORM_E_QUERY, "GROUP BY %s", orm_type_name(t.type));
	}
}

/* A programmer's text that is a number or a string: PostgreSQL would take it for a place. */
static bool is_constant(const uint64_t *at)
{
	struct words w = {at + 1, NULL, 0};
	const char *text;
	size_t len;

	text = words_text(&w, &len);
	return !len || strchr("0123456789.+-'", text[0]);
}

/* SQLite puts NULLs first, PostgreSQL last: said where NULLs can be. */
static void render_order_item(struct render *r, struct scope *s, struct words *w)
{
	bool down = word_op(*w->at) == ORM_OP_DESC, output, literal;
	struct typed t;

	if (down || word_op(*w->at) == ORM_OP_ASC)
		w->at++;
	if (word_op(*w->at) != ORM_OP_OUTPUT && has_op(w->at, expr_end(w->at), ORM_OP_OUTPUT))
		render_fault(r, ORM_E_QUERY, "an output column inside an expression");
	output = word_op(*w->at) == ORM_OP_OUTPUT;
	literal = word_op(*w->at) == ORM_OP_LITERAL && is_constant(w->at);
	t = render_expr(r, s, w);
	if (r->class)
		return;
	if (t.value || literal)
		render_fault(r, ORM_E_QUERY, "ORDER BY a value");
	else if (output && s->top && t.type == ORM_T_NUMERIC)
		render_fault(r, ORM_E_QUERY,
			     "ORDER BY an output column of NUMERIC, which goes to the client as "
			     "text; name the column itself");
	else if (!type_has_order(t.type, r->dialect))
		render_fault(r, ORM_E_QUERY, "%s has no order%s", orm_type_name(t.type),
			     is_pg(r) ? "" : " in SQLite");
	if (down)
		put(r, " DESC");
	if (t.nullable && !is_pg(r))
		put(r, down ? " NULLS FIRST" : " NULLS LAST");
}

void render_order(struct render *r, struct scope *s, struct words *w)
{
	for (bool first = true; w->at < w->end && !r->class; first = false) {
		if (!first)
			put(r, ", ");
		render_order_item(r, s, w);
	}
}

/* What a DISTINCT or a set operation orders by must be one of its columns, by name. */
static void order_by_outputs(struct render *r, struct words w)
{
	while (w.at < w.end) {
		unsigned op = word_op(*w.at);

		if (op == ORM_OP_ASC || op == ORM_OP_DESC)
			w.at++;
		if (word_op(*w.at) != ORM_OP_OUTPUT)
			render_fault(r, ORM_E_QUERY,
				     "DISTINCT and set operations are ordered by "
				     "their output columns: orm_output()");
		w.at = expr_end(w.at);
	}
}

static void render_tail(struct render *r, struct scope *s, struct words stream,
			const struct outputs *columns, bool outputs_only)
{
	struct words all = stream, w;
	bool first = true;

	s->outputs = columns;
	while (clause_next(&all, CL_ORDER, &w, NULL) && !r->class) {
		if (w.at == w.end)
			continue;
		put(r, first ? " ORDER BY " : ", ");
		if (outputs_only)
			order_by_outputs(r, w);
		s->foreign = false;
		render_order(r, s, &w);
		refuse_foreign(r, s, "ORDER BY");
		first = false;
	}
	s->outputs = NULL;
	for (enum clause c = CL_LIMIT; c <= CL_OFFSET; c++) {
		bool found = clause_has(stream, c);

		all = stream;
		if (c == CL_LIMIT && !found && !is_pg(r) && clause_has(stream, CL_OFFSET))
			put(r, " LIMIT -1");
		while (clause_next(&all, c, &w, NULL)) {
			if (!found) {
				render_fault(r, ORM_E_QUERY, "%s twice",
					     c == CL_LIMIT ? "LIMIT" : "OFFSET");
				break;
			}
			put(r, c == CL_LIMIT ? " LIMIT " : " OFFSET ");
			render_expr(r, s, &w);
			found = false;
		}
	}
}

static bool clause_aggregates(struct words stream, enum clause clause)
{
	struct words w;

	while (clause_next(&stream, clause, &w, NULL)) {
		if (has_aggregate(w.at, w.end))
			return true;
	}
	return false;
}

static bool select_is_grouped(struct render *r, const struct scope *s, struct words stream)
{
	bool having = clause_has(stream, CL_HAVING);

	if (s->n_groups || clause_aggregates(stream, CL_COLUMNS))
		return true;
	if (clause_aggregates(stream, CL_HAVING) || clause_aggregates(stream, CL_ORDER)) {
		if (!is_pg(r))
			render_fault(
				r, ORM_E_QUERY,
				"an aggregate in %s and none in the columns, without GROUP BY: "
				"not in SQLite",
				having ? "HAVING" : "ORDER BY");
		return true;
	}
	if (having)
		render_fault(r, ORM_E_QUERY, "HAVING without GROUP BY or an aggregate");
	return false;
}

static void default_outputs(struct render *r, struct scope *s, bool top, struct outputs *columns)
{
	if (!outputs_begin(r, columns))
		return;
	if (!s->n)
		render_fault(r, ORM_E_QUERY, "a SELECT of nothing from nothing");
	else if (s->grouped)
		render_fault(r, ORM_E_QUERY, "a grouped query needs orm_columns()");
	else
		put_all(r, &s->sources[0], top, columns);
}

static void render_having(struct render *r, struct scope *s, struct words stream)
{
	struct words w;
	bool first = true;

	while (clause_next(&stream, CL_HAVING, &w, NULL) && !r->class) {
		put(r, first ? " HAVING " : " AND ");
		render_condition(r, s, &w, "HAVING");
		first = false;
	}
}

void check_distinct(struct render *r, const struct outputs *columns, const char *what)
{
	for (unsigned i = 0; i < columns->n && !r->class; i++) {
		if (!type_has_equality(columns->list[i].type, r->dialect))
			render_fault(r, ORM_E_QUERY, "%s of %s", what,
				     orm_type_name(columns->list[i].type));
	}
}

/* They would be compared as what the client reads: 1.0 and 1.00 are two texts. */
static void check_as_text(struct render *r, const struct outputs *columns, bool top,
			  const char *what)
{
	for (unsigned i = 0; top && is_pg(r) && i < columns->n; i++) {
		if (columns->list[i].type == ORM_T_NUMERIC)
			render_fault(r, ORM_E_QUERY, "%s of NUMERIC; cast it to TEXT", what);
	}
}

/* SELECT ... FROM ... HAVING, without ORDER BY, LIMIT and set operations. */
static void render_core(struct render *r, struct scope *s, struct words stream, bool top,
			struct outputs *columns)
{
	bool distinct = clause_has(stream, CL_DISTINCT);
	struct words list = stream, w;
	size_t begin = r->len, middle;
	bool grouped;

	/* The select list comes first in the text, but what FROM holds must be known before it. */
	render_from(r, s, stream);
	collect_groups(r, s, stream);
	middle = r->len;
	put(r, distinct ? "SELECT DISTINCT " : "SELECT ");
	s->grouped = select_is_grouped(r, s, stream);
	s->may = MAY_AGGREGATE | MAY_WINDOW;
	if (clause_next(&list, CL_COLUMNS, &w, NULL)) {
		render_outputs(r, s, w, top, columns);
		if (clause_has(list, CL_COLUMNS))
			render_fault(r, ORM_E_QUERY, "orm_columns() twice");
	} else {
		default_outputs(r, s, top, columns);
	}
	if (!r->class && !columns->n)
		render_fault(r, ORM_E_QUERY, "no columns");
	if (distinct) {
		check_distinct(r, columns, "DISTINCT");
		check_as_text(r, columns, top, "DISTINCT");
	}
	swap_tail(r, begin, middle);
	s->may = 0;
	grouped = s->grouped;
	s->grouped = false;
	render_where(r, s, stream);
	render_group(r, s, stream.base);
	s->grouped = grouped;
	s->may = MAY_AGGREGATE;
	render_having(r, s, stream);
	s->may = MAY_AGGREGATE | MAY_WINDOW;
}

/* ---- the whole SELECT ---- */

static void check_for_update(struct render *r, const struct scope *s, struct words stream, bool set)
{
	bool tables = true;

	for (unsigned i = 0; i < s->n; i++)
		tables &= s->sources[i].table && !s->sources[i].nullable;
	if (set || s->grouped || clause_has(stream, CL_DISTINCT) || !tables || !s->n)
		render_fault(r, ORM_E_QUERY,
			     "FOR UPDATE is for plain rows of tables: no grouping, "
			     "DISTINCT, set operation, outer join or CTE");
	for (struct words w, at = stream; clause_next(&at, CL_COLUMNS, &w, NULL);) {
		if (has_op(w.at, w.end, ORM_OP_OVER))
			render_fault(r, ORM_E_QUERY, "FOR UPDATE with a window function");
	}
}

void render_select(struct render *r, struct scope *outer, struct words stream, bool top,
		   struct outputs *ret_columns)
{
	struct scope *s;
	struct cte *recursive = r->body;
	size_t begin = r->len;
	bool set = clause_has(stream, CL_SET_OPERATION);

	r->body = NULL;
	if (r->class)
		return;
	if (word_op(*stream.at) != CL_SELECT) {
		render_fault(r, ORM_E_QUERY, "an inner query must be a SELECT");
		return;
	}
	if (!top && clause_has(stream, CL_WITH)) {
		render_fault(r, ORM_E_QUERY, "WITH belongs to the outermost query");
		return;
	}
	if (++r->nesting > NESTING_MAX)
		render_fault(r, ORM_E_TOO_BIG, "queries nested deeper than %u", NESTING_MAX);
	s = r->class ? NULL : arena_alloc(r->arena, sizeof(*s));
	if (!s) {
		render_fault(r, -ENOMEM, "out of memory");
		return;
	}
	memset(s, 0, sizeof(*s));
	s->outer = outer;
	s->top = top;
	/* In a set operation casts for the client would change what is compared. */
	render_core(r, s, stream, top && !set, ret_columns);
	if (recursive && set) {
		recursive->columns = *ret_columns;
		r->n_ctes++;
	}
	if (set)
		render_set_operations(r, outer, stream, begin, recursive, ret_columns);
	if (set)
		check_as_text(r, ret_columns, top, "a set operation");
	render_tail(r, s, stream, ret_columns, set || clause_has(stream, CL_DISTINCT));
	if (clause_has(stream, CL_FOR_UPDATE)) {
		check_for_update(r, s, stream, set);
		put(r, is_pg(r) ? " FOR UPDATE" : "");
	}
	r->nesting--;
}

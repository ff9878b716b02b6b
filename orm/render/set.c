/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Set operations and WITH. A set operation that would bind differently in the two databases
 * (INTERSECT binds tighter in PostgreSQL, not in SQLite) is put into a derived table.
 */
#include <strings.h>

#include <orm/render/render.h>
#include <orm/render/typing.h>

static const char *const set_sql[] = {
	[ORM_UNION] = " UNION ",
	[ORM_UNION_ALL] = " UNION ALL ",
	[ORM_INTERSECT] = " INTERSECT ",
	[ORM_EXCEPT] = " EXCEPT ",
};

static void agree(struct render *r, struct outputs *a, const struct outputs *b, bool exactly)
{
	if (r->class)
		return;
	if (a->n != b->n) {
		render_fault(r, ORM_E_QUERY, "a set operation of %u and %u columns", a->n, b->n);
		return;
	}
	for (unsigned i = 0; i < a->n && !r->class; i++) {
		enum orm_type type = types_common(a->list[i].type, b->list[i].type);

		/* SQLite would give whole numbers where the column is called a float. */
		if (type_is_number(type) &&
		    type_is_float(a->list[i].type) != type_is_float(b->list[i].type))
			type = ORM_T_NONE;
		if (type == ORM_T_NONE || (exactly && a->list[i].type != b->list[i].type))
			render_fault(r, ORM_E_QUERY,
				     "column %u of a set operation: %s and %s; cast one", i + 1,
				     orm_type_name(a->list[i].type),
				     orm_type_name(b->list[i].type));
		a->list[i].type = type;
		a->list[i].nullable |= b->list[i].nullable;
	}
}

/* A set operation in the second place has a tail of its own to bind to; it must have none. */
static bool has_tail(struct words stream)
{
	return clause_has(stream, CL_ORDER) || clause_has(stream, CL_LIMIT) ||
	       clause_has(stream, CL_OFFSET) || clause_has(stream, CL_FOR_UPDATE);
}

/* `begin`: where the text of this SELECT begins. */
void render_set_operations(struct render *r, struct scope *outer, struct words stream, size_t begin,
			   struct cte *recursive, struct outputs *columns)
{
	struct words w;
	unsigned kind, count = 0;

	while (clause_next(&stream, CL_SET_OPERATION, &w, &kind) && !r->class) {
		struct words other = words_query(&w);
		bool nested = clause_has(other, CL_SET_OPERATION);
		struct outputs more = {0};

		if (count && kind == ORM_INTERSECT) {
			put_at(r, begin, "SELECT * FROM (");
			put(r, ") AS orm_set");
		}
		if (kind != ORM_UNION_ALL)
			check_distinct(r, columns, "a set operation without ALL");
		if (has_tail(other) || clause_has(other, CL_WITH))
			render_fault(r, ORM_E_QUERY,
				     "ORDER BY, LIMIT, OFFSET, FOR UPDATE or WITH in "
				     "the second query of a set operation");
		if (recursive && (count || nested || kind > ORM_UNION_ALL))
			render_fault(r, ORM_E_QUERY, "a recursive CTE is one UNION of two queries");
		put(r, set_sql[kind]);
		put(r, nested ? "SELECT * FROM (" : "");
		render_select(r, outer, other, false, &more);
		put(r, nested ? ") AS orm_set" : "");
		agree(r, columns, &more, recursive);
		count++;
	}
}

static bool keeps_right(struct words stream)
{
	static const uint8_t joins[] = {CL_JOIN, CL_JOIN_QUERY, CL_JOIN_CTE};
	struct words w;
	unsigned flag;

	for (unsigned i = 0; i < ARRAY_LEN(joins); i++) {
		for (struct words at = stream; clause_next(&at, joins[i], &w, &flag);) {
			flag &= ~JOIN_ALIAS;
			if (flag == ORM_RIGHT || flag == ORM_FULL)
				return true;
		}
	}
	return false;
}

void keep_apart(struct render *r, struct words stream)
{
	bool right = keeps_right(stream);
	struct words w;

	if (is_pg(r) || clause_has(stream, CL_LIMIT) || clause_has(stream, CL_OFFSET) ||
	    !clause_has(stream, CL_SET_OPERATION))
		return;
	for (struct words at = stream; clause_next(&at, CL_SET_OPERATION, &w, NULL);)
		right |= keeps_right(words_query(&w));
	if (right)
		put(r, " LIMIT -1 OFFSET 0");
}

/* ---- WITH ---- */

/* The step may read the CTE once, in its FROM, and neither group nor use windows. */
static void check_step(struct render *r, struct words stream, const struct cte *cte)
{
	struct words w, inner, list;

	if (cte->references != 1)
		render_fault(r, ORM_E_QUERY, "the step of '%s' must read it once, not %u times",
			     cte->name, cte->references);
	if (!clause_next(&stream, CL_SET_OPERATION, &w, NULL))
		return;
	inner = words_query(&w);
	if (clause_has(inner, CL_GROUP) || clause_has(inner, CL_HAVING))
		render_fault(r, ORM_E_QUERY, "the step of '%s' is grouped", cte->name);
	while (clause_next(&inner, CL_COLUMNS, &list, NULL)) {
		if (has_aggregate(list.at, list.end) || has_op(list.at, list.end, ORM_OP_OVER))
			render_fault(r, ORM_E_QUERY, "the step of '%s' has an aggregate or window",
				     cte->name);
	}
}

static void render_cte(struct render *r, struct words *w, bool recursive)
{
	struct outputs columns = {0};
	struct words stream;
	struct cte *cte = &r->ctes[r->n_ctes];
	size_t len, at, end;
	const char *name;

	name = words_text(w, &len);
	stream = words_query(w);
	for (unsigned i = 0; i < r->n_ctes; i++) {
		if (strlen(r->ctes[i].name) == len && !strncasecmp(r->ctes[i].name, name, len))
			render_fault(r, ORM_E_QUERY, "two CTEs '%s'", r->ctes[i].name);
	}
	for (unsigned i = 0; i < r->n_tables; i++) {
		if (strlen(r->tables[i]->name) == len &&
		    !strncasecmp(r->tables[i]->name, name, len))
			render_fault(r, ORM_E_QUERY, "'%s' is a table and a CTE",
				     r->tables[i]->name);
	}
	if (r->n_ctes == CTES_MAX)
		render_fault(r, ORM_E_TOO_BIG, "more than %u CTEs", CTES_MAX);
	if (r->class)
		return;
	*cte = (struct cte){.open = recursive};
	memcpy(cte->name, name, len);
	put_name(r, cte->name);
	at = r->len;
	put(r, " AS (");
	r->body = recursive ? cte : NULL;
	render_select(r, NULL, stream, false, &columns);
	if (!recursive)
		keep_apart(r, stream);
	put(r, ")");
	if (r->class || !names_are_clear(r, &columns, cte->name))
		return;
	if (recursive)
		check_step(r, stream, cte);
	cte->columns = columns;
	if (!recursive)
		r->n_ctes++;
	cte->open = false;
	end = r->len;
	for (unsigned i = 0; i < columns.n; i++) {
		put(r, i ? ", " : " (");
		put_name(r, columns.list[i].name);
	}
	put(r, ")");
	swap_tail(r, at, end);
}

void render_with(struct render *r, struct words stream)
{
	bool recursive = false, first = true;
	struct words w;
	unsigned flag;

	for (struct words at = stream; clause_next(&at, CL_WITH, &w, &flag);)
		recursive |= flag;
	while (clause_next(&stream, CL_WITH, &w, &flag) && !r->class) {
		put(r, first ? (recursive ? "WITH RECURSIVE " : "WITH ") : ", ");
		render_cte(r, &w, flag);
		first = false;
	}
	if (!first)
		put(r, " ");
}

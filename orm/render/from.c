/* SPDX-License-Identifier: Apache-2.0 */
/* FROM and its joins: fills the scope, writes " FROM ...". */
#include <strings.h>

#include <orm/render/render.h>
#include <orm/render/typing.h>

static const struct {
	const char *sql;
	bool left_nullable, right_nullable;
} joins[] = {
	[ORM_INNER] = {" JOIN ", false, false},
	[ORM_LEFT] = {" LEFT JOIN ", false, true},
	[ORM_RIGHT] = {" RIGHT JOIN ", true, false},
	[ORM_FULL] = {" FULL JOIN ", true, true},
	[ORM_CROSS] = {" CROSS JOIN ", false, false},
	[ORM_NATURAL] = {" NATURAL JOIN ", false, false},
};

static void put_source(struct render *r, const struct source *source)
{
	put_name(r, source->table->name);
	if (strcmp(source->name, source->table->name) != 0) {
		put(r, " AS ");
		put_name(r, source->name);
	}
}

static void from_table(struct render *r, struct scope *s, struct words *w, bool aliased)
{
	const struct orm_table *table = words_pointer(w);
	const char *alias = NULL;
	size_t len = 0;

	if (aliased)
		alias = words_text(w, &len);
	scope_add_table(r, s, table, alias, len);
	if (!r->class)
		put_source(r, &s->sources[s->n - 1]);
}

bool names_are_clear(struct render *r, const struct outputs *o, const char *of)
{
	for (unsigned i = 0; i < o->n && !r->class; i++) {
		if (!o->list[i].name[0])
			render_fault(r, ORM_E_QUERY, "column %u of '%s' has no name; use orm_as()",
				     i + 1, of);
		for (unsigned j = 0; j < i && !r->class; j++) {
			if (!strcasecmp(o->list[i].name, o->list[j].name))
				render_fault(r, ORM_E_QUERY, "'%s' has two columns '%s'", of,
					     o->list[i].name);
		}
	}
	return !r->class;
}

static void from_query(struct render *r, struct scope *s, struct words *w)
{
	struct outputs columns = {0};
	struct source *source;
	struct words stream;
	const char *alias;
	size_t len;

	alias = words_text(w, &len);
	stream = words_query(w);
	put(r, "(");
	/* Not lateral: it sees what is around the whole query, not its neighbours. */
	render_select(r, s->outer, stream, false, &columns);
	keep_apart(r, stream);
	put(r, ") AS ");
	source = r->class ? NULL : scope_add(r, s, alias, len);
	if (!source || !names_are_clear(r, &columns, source->name))
		return;
	source->columns = columns;
	put_name(r, source->name);
}

static void from_cte(struct render *r, struct scope *s, struct words *w)
{
	struct source *source;
	const char *name;
	size_t len;

	name = words_text(w, &len);
	for (unsigned i = 0; i < r->n_ctes; i++) {
		struct cte *cte = &r->ctes[i];

		if (!same_name(cte->name, name, len))
			continue;
		source = scope_add(r, s, name, len);
		if (!source)
			return;
		cte->references++;
		source->columns = cte->columns;
		source->recursive = cte->open;
		put_name(r, source->name);
		return;
	}
	render_fault(r, ORM_E_QUERY, "there is no CTE '%.*s' before this place", (int)MIN(len, 70),
		     name);
}

/* Is this the column of the table that is joined last? */
static bool is_right_column(const struct scope *s, const uint64_t *at)
{
	const struct orm_table *table = (const void *)(uintptr_t)at[1];
	struct words w = {at + 2, at + 2, 0};
	const char *name = table->name;
	size_t len = strlen(name);

	if (word_n(*at))
		name = words_text(&w, &len);
	return same_name(s->sources[s->n - 1].name, name, len);
}

/* PostgreSQL joins FULL by equalities only, each of one column of either side. */
static bool full_term(const struct scope *s, const uint64_t *at)
{
	const uint64_t *left = at + 1, *right;

	if (word_op(*at) != ORM_OP_EQ || word_op(*left) != ORM_OP_COLUMN)
		return false;
	right = expr_end(left);
	return word_op(*right) == ORM_OP_COLUMN &&
	       is_right_column(s, left) != is_right_column(s, right);
}

static bool full_condition(const struct scope *s, const uint64_t *at)
{
	uint32_t n = word_n(*at);

	if (word_op(*at) != ORM_OP_AND)
		return full_term(s, at);
	at++;
	for (uint32_t i = 0; i < n; i++) {
		if (!full_term(s, at))
			return false;
		at = expr_end(at);
	}
	return n > 0;
}

/* As both databases understand it; a name that differs by case alone is one for SQLite only. */
static bool joins_naturally(struct render *r, const struct output *a, const struct output *b)
{
	if (strcmp(a->name, b->name) != 0 || !types_compare(a->type, b->type, r->dialect) ||
	    !type_has_equality(a->type, r->dialect))
		return false;
	return is_pg(r) || (!types_round(a->type, b->type) && !types_round(b->type, a->type));
}

static void check_natural(struct render *r, const struct scope *s)
{
	const struct source *right = &s->sources[s->n - 1];

	for (unsigned c = 0; c < right->columns.n; c++) {
		const struct output *column = &right->columns.list[c];
		unsigned found = 0;

		for (unsigned i = 0; i + 1 < s->n; i++) {
			for (unsigned k = 0; k < s->sources[i].columns.n; k++) {
				const struct output *other = &s->sources[i].columns.list[k];

				if (strcasecmp(other->name, column->name) != 0)
					continue;
				found++;
				if (!joins_naturally(r, other, column))
					render_fault(r, ORM_E_QUERY,
						     "NATURAL JOIN by '%s': %s and %s",
						     column->name, orm_type_name(other->type),
						     orm_type_name(column->type));
			}
		}
		if (found > 1)
			render_fault(r, ORM_E_QUERY,
				     "NATURAL JOIN by '%s', which is there %u times", column->name,
				     found);
	}
}

/* Does it name a column of this FROM? Inner queries aside. */
static bool names_own(const struct scope *s, const uint64_t *at, const uint64_t *end)
{
	uint32_t operands;

	for (; at < end; at += node_size(at, &operands)) {
		struct words w = {at + 1, end, 0};
		const char *name;
		size_t len;

		if (word_op(*at) == ORM_OP_COLUMN) {
			const struct orm_table *table = words_pointer(&w);

			name = table->name;
			len = strlen(name);
			if (word_n(*at))
				name = words_text(&w, &len);
		} else if (word_op(*at) == ORM_OP_SOURCE_COLUMN) {
			name = words_text(&w, &len);
		} else {
			continue;
		}
		for (unsigned i = 0; i < s->n; i++) {
			if (same_name(s->sources[i].name, name, len))
				return true;
		}
	}
	return false;
}

/*
 * One of the conditions that AND joins names no column of this FROM. SQLite asks it once, before
 * any row, also where a RIGHT or FULL JOIN that comes later would still give rows.
 */
static bool has_constant(const struct scope *s, const uint64_t *at)
{
	for (uint32_t pending = 1; pending; pending--) {
		const uint64_t *end;

		if (word_op(*at) == ORM_OP_AND) {
			pending += word_n(*at);
			at++;
			continue;
		}
		end = expr_end(at);
		if (!names_own(s, at, end))
			return true;
		at = end;
	}
	return false;
}

static void finish_join(struct render *r, struct scope *s, struct words *w, enum orm_join_kind kind)
{
	if (r->class)
		return;
	for (unsigned i = 0; i < s->n; i++) {
		bool right = i == s->n - 1;

		if (right ? joins[kind].right_nullable : joins[kind].left_nullable)
			s->sources[i].nullable = true;
		if (s->sources[i].recursive && kind != ORM_INNER && kind != ORM_CROSS)
			render_fault(r, ORM_E_QUERY, "a recursive CTE in a join that is not INNER");
	}
	if (kind == ORM_NATURAL)
		check_natural(r, s);
	if (!is_pg(r) && s->constant_on && (kind == ORM_RIGHT || kind == ORM_FULL))
		render_fault(
			r, ORM_E_QUERY,
			"a RIGHT or FULL JOIN behind a join whose condition has a part without "
			"columns: not in SQLite; put it into WHERE");
	if (w->at == w->end)
		return;
	s->constant_on |= kind == ORM_INNER && has_constant(s, w->at);
	if (kind == ORM_FULL && !full_condition(s, w->at))
		render_fault(r, ORM_E_QUERY,
			     "FULL JOIN takes equalities of two columns, joined by AND");
	put(r, " ON ");
	render_condition(r, s, w, "ON");
}

bool render_from(struct render *r, struct scope *s, struct words stream)
{
	struct words w;
	unsigned flag;
	bool any = false;

	for (struct words at = stream; at.at < at.end && !r->class;) {
		enum clause clause = word_op(*at.at);

		w = (struct words){at.at + 1, at.at + 1 + word_n(*at.at), at.base};
		flag = word_func(*at.at);
		at.at = w.end;
		if (clause == CL_FROM || clause == CL_FROM_QUERY || clause == CL_FROM_CTE) {
			put(r, " FROM ");
			any = true;
		} else if (clause == CL_JOIN || clause == CL_JOIN_QUERY || clause == CL_JOIN_CTE) {
			if (!any)
				render_fault(r, ORM_E_QUERY, "a join without a FROM");
			put(r, joins[flag & ~JOIN_ALIAS].sql);
		} else {
			continue;
		}
		if (clause == CL_FROM || clause == CL_JOIN)
			from_table(r, s, &w, clause == CL_FROM ? flag : flag & JOIN_ALIAS);
		else if (clause == CL_FROM_QUERY || clause == CL_JOIN_QUERY)
			from_query(r, s, &w);
		else
			from_cte(r, s, &w);
		if (clause == CL_JOIN || clause == CL_JOIN_QUERY || clause == CL_JOIN_CTE)
			finish_join(r, s, &w, flag & ~JOIN_ALIAS);
	}
	return any;
}

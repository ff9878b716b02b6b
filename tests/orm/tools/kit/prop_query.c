/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* SELECTs drawn at random, clause after clause, then called in any order; and WITH. */
#include <stdio.h>
#include <string.h>

#include "prop.h"

/* Reserved words and mixed case on purpose: every name is quoted. */
static const char *const out_names[] = {"v0", "group", "V2", "from", "v4", "limit", "v6", "v7"};
static const char *const cte_names[] = {"w0", "With", "w2", "w3"};

/* ---- the select list ---- */

static void push_out(struct tree *t, const char *name, struct node *e, enum orm_type type)
{
	if (t->outs < OUTS_MAX)
		t->out[t->outs++] = (struct out){name, e, (uint8_t)type};
}

/* What the column is called when nobody says: its own name, or none. */
static const char *own_name(const struct node *e)
{
	if (e->op == ORM_OP_COLUMN)
		return prop_table[e->table]->columns[e->column].name;
	return e->op == ORM_OP_SOURCE_COLUMN ? e->name : "";
}

static bool out_is_free(const struct tree *t, const char *name)
{
	for (unsigned i = 0; i < t->outs; i++) {
		if (!strcmp(t->out[i].name, name))
			return false;
	}
	return *name;
}

static void draw_column(struct gen *g, struct gscope *s, struct tree *t, struct part *c,
			enum orm_type type, bool named)
{
	struct node *e = expr(g, s, type, 3), *as;
	const char *name = own_name(e);

	if ((named && !out_is_free(t, name)) || chance(g, 40)) {
		as = node(g, ORM_OP_AS, 1, e);
		as->name = name = out_names[t->outs % ARRAY_LEN(out_names)];
		e = as;
	}
	c->list[c->n++] = e;
	push_out(t, name, e, ORM_T_NONE);
}

static void draw_all(struct gen *g, struct gscope *s, struct tree *t, struct part *c)
{
	const struct gsource *source = &s->source[below(g, s->n)];
	struct node *e;

	if (source->table < 0 || t->outs + source->outs > OUTS_MAX)
		return;
	e = node(g, ORM_OP_ALL, 0);
	e->table = (uint8_t)source->table;
	e->source = strcmp(source->name, prop_table[source->table]->name) != 0 ? source->name
									       : NULL;
	c->list[c->n++] = e;
	for (unsigned i = 0; i < source->outs; i++)
		push_out(t, source->out[i].name, NULL, source->out[i].type);
}

static void draw_columns(struct gen *g, struct gscope *s, struct tree *t, const uint8_t *types,
			 unsigned n, unsigned flags, bool distinct)
{
	struct part *c;

	s->aggregates = s->grouped;
	s->windows = !s->grouped;
	if (!types && !s->grouped && s->n && !distinct && chance(g, 15)) {
		/* Every column of the FROM table. */
		for (unsigned i = 0; i < s->source[0].outs; i++)
			push_out(t, s->source[0].out[i].name, NULL, s->source[0].out[i].type);
		s->aggregates = s->windows = false;
		return;
	}
	c = add(g, t, CALL_COLUMNS);
	if (!types)
		n = 1 + below(g, 4);
	c->list = keep(g, (n + 1) * sizeof(struct node *));
	if (!types && !s->grouped && s->n && !distinct && chance(g, 10))
		draw_all(g, s, t, c);
	for (unsigned i = 0; i < n; i++)
		draw_column(g, s, t, c,
			    types      ? types[i]
			    : distinct ? equal_type(g)
				       : any_type(g),
			    flags & SEL_NAMED || distinct);
	s->aggregates = s->windows = false;
}

/* ---- the other clauses ---- */

static void draw_groups(struct gen *g, struct gscope *s, struct tree *t)
{
	unsigned n = s->n ? below(g, 4) : 0;
	struct part *c;

	if (!s->n || !chance(g, 28))
		return;
	for (unsigned i = 0; i < n; i++) {
		struct node *e = plain_column(
			g,
			&(struct gscope){.n = s->n,
					 .source = {s->source[0], s->source[1], s->source[2]}},
			equal_type(g));

		if (!e)
			continue;
		if (node_type(e) == ORM_T_TEXT && chance(g, 20))
			e = call(g, ORM_F_LOWER, 1, e);
		else if (is_integer(node_type(e)) && chance(g, 20))
			e = node(g, ORM_OP_MUL, 2, e, e);
		s->group[s->groups++] = e;
	}
	s->grouped = true;
	if (!s->groups)
		return;
	c = add(g, t, CALL_GROUP_BY);
	c->list = keep(g, s->groups * sizeof(struct node *));
	for (unsigned i = 0; i < s->groups; i++)
		c->list[c->n++] = s->group[i];
}

static void one_clause(struct gen *g, struct tree *t, enum call kind, struct node *e)
{
	struct part *c = add(g, t, kind);

	c->list = keep(g, sizeof(struct node *));
	c->list[c->n++] = e;
}

static struct node *output(struct gen *g, const struct tree *t, unsigned i)
{
	struct node *e = node(g, ORM_OP_OUTPUT, 0);

	e->name = t->out[i].name;
	return e;
}

static bool can_order(enum orm_type type)
{
	switch ((unsigned)type) {
	case ORM_T_BOOLEAN:
	case ORM_T_TEXT:
	case ORM_T_BYTES:
	case ORM_T_UUID:
	case ORM_T_TIMESTAMP_MS:
		return true;
	default:
		return is_number(type);
	}
}

static bool is_unique_name(const struct tree *t, unsigned i)
{
	for (unsigned k = 0; k < t->outs; k++) {
		if (k != i && !strcmp(t->out[k].name, t->out[i].name))
			return false;
	}
	return t->out[i].name[0];
}

/* By outputs; true: by all of them, so that rows that tie are alike. */
static bool order_by_outputs(struct gen *g, struct tree *t, bool all)
{
	struct part *c = add(g, t, CALL_ORDER_BY);
	bool whole = true;

	c->list = keep(g, t->outs * sizeof(struct node *));
	for (unsigned i = 0; i < t->outs; i++) {
		struct node *e;

		if (!can_order(out_type(t, i)) || !is_unique_name(t, i) ||
		    (!all && chance(g, 50))) {
			whole = false;
			continue;
		}
		e = output(g, t, i);
		c->list[c->n++] = chance(g, 30) ? node(g, ORM_OP_DESC, 1, e) : e;
	}
	if (!c->n)
		t->n--;
	return whole;
}

/* Does its select list call one? Without GROUP BY nothing else makes a query a grouped one. */
static bool has_aggregate_in(const struct node *e)
{
	if (e->op == ORM_OP_CALL && e->func <= ORM_F_MAX)
		return true;
	for (unsigned i = 0; i < e->n; i++) {
		if (e->op != ORM_OP_OVER && has_aggregate_in(e->arg[i]))
			return true;
	}
	return false;
}

static bool window_in(const struct node *e)
{
	bool found = e->op == ORM_OP_OVER;

	for (unsigned i = 0; i < e->n && !found; i++)
		found = window_in(e->arg[i]);
	return found;
}

static bool has_aggregates(const struct tree *t)
{
	const struct part *c = find(t, CALL_COLUMNS, NULL);

	for (unsigned i = 0; c && i < c->n; i++) {
		if (has_aggregate_in(c->list[i]))
			return true;
	}
	return false;
}

static void draw_order(struct gen *g, struct gscope *s, struct tree *t)
{
	unsigned n = 1 + below(g, 2);
	struct part *c = add(g, t, CALL_ORDER_BY);

	struct gscope *outer = s->outer;

	s->aggregates = s->grouped && (s->groups || has_aggregates(t));
	/* SQLite knows no outer columns there; in one of many both are tried. */
	s->outer = chance(g, 3) ? outer : NULL;
	c->list = keep(g, n * sizeof(struct node *));
	for (unsigned i = 0; i < n; i++) {
		struct node *e = expr(g, s, order_type(g), 2);

		if (e->op == ORM_OP_VALUE || e->op == ORM_OP_LITERAL)
			continue;
		if (chance(g, 50))
			e = node(g, chance(g, 60) ? ORM_OP_DESC : ORM_OP_ASC, 1, e);
		c->list[c->n++] = e;
	}
	if (!c->n)
		t->n--;
	s->aggregates = false;
	s->outer = outer;
}

static void draw_tail(struct gen *g, struct gscope *s, struct tree *t, bool by_outputs,
		      unsigned flags)
{
	bool total = false;

	if (flags & SEL_ONE && g->execute) {
		total = order_by_outputs(g, t, true);
	} else if (chance(g, 45)) {
		if (by_outputs || chance(g, 50))
			total = order_by_outputs(g, t, chance(g, 60));
		else
			draw_order(g, s, t);
	}
	if (flags & SEL_ONE || chance(g, 15)) {
		bool limit = flags & SEL_ONE || chance(g, 80), offset = chance(g, 40);

		if (limit)
			add(g, t, CALL_LIMIT)->mask = flags & SEL_ONE ? 1 : below(g, 12);
		if (offset)
			add(g, t, CALL_OFFSET)->mask = below(g, 5);
		if (!total && flags & SEL_TOP)
			g->dotted_rows = true;
		else if (!total && !(flags & SEL_ONE && s->grouped && !s->groups))
			g->unsure = true;
	}
}

static void draw_sets(struct gen *g, struct gscope *s, struct tree *t, const uint8_t *types)
{
	unsigned n = 1 + below(g, 2);

	for (unsigned i = 0; i < n; i++) {
		struct part *c;
		struct tree *sub;
		uint8_t want[OUTS_MAX];

		for (unsigned k = 0; k < t->outs; k++) {
			want[k] = types ? types[k] : (uint8_t)out_type(t, k);
			if (t->outs > 8)
				return;
		}
		sub = draw_select(g, s->outer, want, t->outs,
				  chance(g, 80) ? SEL_BARE : SEL_BARE | SEL_NAMED);
		c = add(g, t, CALL_SET_OPERATION);
		c->flag = (uint8_t)below(g, 4);
		c->sub = sub;
	}
}

/* Calls come in any order but for those of one kind, and for what begins the query. */
static void shuffle(struct gen *g, struct tree *t)
{
	for (unsigned n = 0; n < 6 && t->n > 2; n++) {
		unsigned i = 1 + below(g, t->n - 2);
		struct part *a = &t->clause[i], *b = a + 1, was = *a;
		bool joins = a->call >= CALL_JOIN && a->call <= CALL_JOIN_CTE &&
			     b->call >= CALL_JOIN && b->call <= CALL_JOIN_CTE;
		bool withs = a->call >= CALL_WITH && a->call <= CALL_WITH_RECURSIVE &&
			     b->call >= CALL_WITH && b->call <= CALL_WITH_RECURSIVE;

		if (a->call == b->call || joins || withs)
			continue;
		*a = *b;
		*b = was;
	}
}

static bool outs_are_equal_types(const struct tree *t)
{
	for (unsigned i = 0; i < t->outs; i++) {
		enum orm_type type = out_type(t, i);

		if (type == ORM_T_JSON || type == ORM_T_JSONB || type == ORM_T_VECTOR)
			return false;
	}
	return true;
}

static bool has_window(const struct tree *t)
{
	const struct part *c = find(t, CALL_COLUMNS, NULL);

	for (unsigned i = 0; c && i < c->n; i++) {
		if (window_in(c->list[i]))
			return true;
	}
	return false;
}

static void draw_rest(struct gen *g, struct gscope *s, struct tree *t, const uint8_t *types,
		      unsigned flags)
{
	bool distinct = find(t, CALL_DISTINCT, NULL) != NULL, set = false;

	for (unsigned n = chance(g, 55) ? 1 + chance(g, 15) : 0; n; n--) {
		struct gscope plain = *s;

		plain.grouped = plain.aggregates = plain.windows = false;
		one_clause(g, t, CALL_WHERE, condition(g, &plain, 3));
	}
	if (s->grouped && (s->groups || has_aggregates(t)) && chance(g, 40)) {
		s->aggregates = true;
		one_clause(g, t, CALL_HAVING, condition(g, s, 2));
		s->aggregates = false;
	}
	if (!(flags & (SEL_BARE | SEL_ONE)) && chance(g, 14) && g->queries < 5 &&
	    outs_are_equal_types(t)) {
		draw_sets(g, s, t, types);
		set = find(t, CALL_SET_OPERATION, NULL);
	}
	if (!(flags & SEL_BARE))
		draw_tail(g, s, t, set || distinct, flags);
	if (flags & SEL_TOP && !set && !distinct && !s->grouped && s->n == 1 &&
	    s->source[0].table >= 0 && !has_window(t) && chance(g, 12))
		add(g, t, CALL_FOR_UPDATE);
}

struct tree *draw_select(struct gen *g, struct gscope *outer, const uint8_t *types, unsigned n,
			 unsigned flags)
{
	struct gscope *s = keep(g, sizeof(*s));
	struct tree *t = keep(g, sizeof(*t));
	bool distinct = chance(g, 10);

	g->queries++;
	s->outer = outer;
	draw_from(g, s, t);
	draw_groups(g, s, t);
	if (distinct)
		add(g, t, CALL_DISTINCT);
	for (unsigned i = 0; types && i < n; i++)
		distinct &= types[i] != ORM_T_JSON && types[i] != ORM_T_JSONB &&
			    types[i] != ORM_T_VECTOR;
	if (!distinct && find(t, CALL_DISTINCT, NULL))
		t->n--;
	draw_columns(g, s, t, types, n, flags, distinct);
	draw_rest(g, s, t, types, flags);
	shuffle(g, t);
	return t;
}

/* ---- WITH ---- */

/* WITH RECURSIVE w(v) AS (SELECT a start UNION [ALL] SELECT v + 1 FROM w WHERE v < limit) */
static struct tree *draw_recursion(struct gen *g, const char *name)
{
	struct gscope s = {0};
	struct tree *base = keep(g, sizeof(*base)), *step = keep(g, sizeof(*step));
	struct gsource self = {.name = name, .table = -1, .outs = 1, .fixed = true};
	struct part *c;
	struct node *e;

	add(g, base, CALL_SELECT_NOTHING);
	e = node(g, ORM_OP_AS, 1, value_of(g, ORM_T_BIGINT, false));
	e->arg[0]->value = orm_value_i64((int64_t)below(g, 5));
	e->arg[0]->bare = true;
	e->name = "v";
	one_clause(g, base, CALL_COLUMNS, e);
	push_out(base, "v", e, ORM_T_NONE);
	self.out[0] = (struct out){.name = "v", .type = ORM_T_BIGINT};
	add(g, step, CALL_SELECT_CTE)->name = name;
	s.source[s.n++] = self;
	if (chance(g, 30)) {
		struct part *join = add(g, step, CALL_JOIN);

		join->flag = ORM_INNER;
		join->table = T_TAG;
		source_of_table(&s, T_TAG, NULL);
		join->list = keep(g, sizeof(struct node *));
		join->list[join->n++] = node(g, ORM_OP_EQ, 2, column_of(g, &s.source[1], 0),
					     column_of(g, &s.source[0], 0));
	}
	e = value_of(g, ORM_T_BIGINT, true);
	e->value = orm_value_i64(1 + (int64_t)below(g, 3));
	one_clause(g, step, CALL_COLUMNS, node(g, ORM_OP_ADD, 2, column_of(g, &s.source[0], 0), e));
	push_out(step, "", step->clause[step->n - 1].list[0], ORM_T_NONE);
	e = value_of(g, ORM_T_BIGINT, true);
	e->value = orm_value_i64((int64_t)below(g, 20));
	e->bare = true;
	one_clause(g, step, CALL_WHERE, node(g, ORM_OP_LT, 2, column_of(g, &s.source[0], 0), e));
	c = add(g, base, CALL_SET_OPERATION);
	c->flag = chance(g, 50) ? ORM_UNION : ORM_UNION_ALL;
	c->sub = step;
	return base;
}

/* CTEs are drawn before the query that reads them; the calls go in front of its others. */
void draw_with(struct gen *g, struct tree *t)
{
	unsigned n = 1 + below(g, 2);

	for (unsigned i = 0; i < n; i++) {
		const char *name = cte_names[g->ctes];
		bool recursive = chance(g, 40);
		struct tree *sub = recursive ? draw_recursion(g, name)
					     : draw_derived(g, &(struct gscope){0});
		struct part *c = add(g, t, recursive ? CALL_WITH_RECURSIVE : CALL_WITH);

		c->name = name;
		c->sub = sub;
		source_of_tree(&g->cte[g->ctes++], name, sub);
	}
}

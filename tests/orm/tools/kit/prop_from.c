/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* FROM and its joins, drawn first: everything after them needs names to use. */
#include <stdio.h>
#include <string.h>

#include "prop.h"

/* Reserved words and mixed case on purpose: every name is quoted. */
static const char *const aliases[] = {"a", "b", "Row", "select", "x_1", "d", "order", "E"};
static bool name_is_free(const struct gscope *s, const char *name)
{
	for (const struct gscope *at = s; at; at = at->outer) {
		for (unsigned i = 0; i < at->n; i++) {
			if (!strcmp(at->source[i].name, name))
				return false;
		}
	}
	return true;
}

static const char *free_alias(struct gen *g, const struct gscope *s)
{
	unsigned first = below(g, ARRAY_LEN(aliases));
	char *name;

	for (unsigned i = 0; i < ARRAY_LEN(aliases); i++) {
		const char *alias = aliases[(first + i) % ARRAY_LEN(aliases)];

		if (name_is_free(s, alias))
			return alias;
	}
	name = keep(g, 16);
	snprintf(name, 16, "z%u", (unsigned)(draw(g) % 100000));
	return name;
}

/* ---- sources ---- */

struct gsource *source_of_table(struct gscope *s, unsigned table, const char *name)
{
	struct gsource *source = &s->source[s->n++];
	const struct orm_table *t = prop_table[table];

	*source = (struct gsource){.name = name ? name : t->name, .table = (int)table};
	for (unsigned i = 0; i < t->count; i++)
		source->out[source->outs++] = (struct out){.name = t->columns[i].name,
							   .type = t->columns[i].type};
	return source;
}

void source_of_tree(struct gsource *source, const char *name, struct tree *t)
{
	*source = (struct gsource){.name = name, .table = -1, .tree = t, .outs = t->outs};
	for (unsigned i = 0; i < t->outs; i++)
		source->out[i] = (struct out){.name = t->out[i].name,
					      .type = (uint8_t)out_type(t, i)};
}

struct tree *draw_derived(struct gen *g, struct gscope *s)
{
	uint8_t types[4];
	unsigned n = 1 + below(g, 4);

	for (unsigned i = 0; i < n; i++)
		types[i] = (uint8_t)equal_type(g);
	return draw_select(g, s->outer, types, n, SEL_NAMED);
}

/* Every name that both sides have is there once on the left, and of a kind that compares. */
static bool natural_fits(const struct gscope *s)
{
	const struct gsource *right = &s->source[s->n - 1];

	for (unsigned c = 0; c < right->outs; c++) {
		unsigned found = 0;

		for (unsigned i = 0; i + 1 < s->n; i++) {
			for (unsigned k = 0; k < s->source[i].outs; k++) {
				const struct out *o = &s->source[i].out[k];

				if (strcmp(o->name, right->out[c].name) != 0)
					continue;
				found++;
				if (o->type != right->out[c].type &&
				    !(is_integer(o->type) && is_integer(right->out[c].type)))
					return false;
				if (o->type == ORM_T_JSON || o->type == ORM_T_JSONB ||
				    o->type == ORM_T_VECTOR)
					return false;
			}
		}
		if (found > 1)
			return false;
	}
	return true;
}

/* An equality of a column of the new source and one of those before it. */
static struct node *join_equality(struct gen *g, struct gscope *s)
{
	const struct gsource *right = &s->source[s->n - 1], *left = &s->source[below(g, s->n - 1)];

	for (unsigned tries = 0; tries < 40; tries++) {
		unsigned r = below(g, right->outs), l = below(g, left->outs);
		enum orm_type a = right->out[r].type, b = left->out[l].type;

		if (a == b ? a != ORM_T_JSON && a != ORM_T_VECTOR && a != ORM_T_JSONB
			   : is_integer(a) && is_integer(b))
			return node(g, ORM_OP_EQ, 2, column_of(g, left, l), column_of(g, right, r));
	}
	return NULL;
}

static void draw_on(struct gen *g, struct gscope *s, struct part *c)
{
	struct node *on = NULL, *more;

	if (c->flag == ORM_NATURAL && !natural_fits(s))
		c->flag = ORM_INNER;
	if (c->flag == ORM_CROSS || c->flag == ORM_NATURAL)
		return;
	on = join_equality(g, s);
	if (c->flag == ORM_FULL &&
	    (!on || s->source[s->n - 1].table < 0 || on->arg[0]->op != ORM_OP_COLUMN))
		c->flag = ORM_LEFT;
	if (c->flag == ORM_FULL && chance(g, 20)) {
		more = join_equality(g, s);
		if (more && more->arg[0]->op == ORM_OP_COLUMN)
			on = node(g, ORM_OP_AND, 2, on, more);
	} else if (c->flag != ORM_FULL && (!on || chance(g, 30))) {
		more = condition(g, s, 2);
		on = on ? node(g, ORM_OP_AND, 2, on, more) : more;
	}
	c->list = keep(g, sizeof(struct node *));
	c->list[c->n++] = on;
}

static void draw_join(struct gen *g, struct gscope *s, struct tree *t)
{
	unsigned how = below(g, 10), table = below(g, TABLES);
	const char *alias = free_alias(g, s);
	struct tree *sub = NULL;
	struct part *c;

	if (how == 0 && g->queries < 4)
		sub = draw_derived(g, s);
	if (sub) {
		c = add(g, t, CALL_JOIN_QUERY);
		c->name = alias;
		c->sub = sub;
		source_of_tree(&s->source[s->n++], alias, sub);
	} else if (how == 1 && g->ctes && name_is_free(s, g->cte[g->ctes - 1].name)) {
		c = add(g, t, CALL_JOIN_CTE);
		s->source[s->n++] = g->cte[g->ctes - 1];
		c->name = g->cte[g->ctes - 1].name;
	} else {
		bool plain = name_is_free(s, prop_table[table]->name) && chance(g, 70);

		c = add(g, t, plain ? CALL_JOIN : CALL_JOIN_AS);
		c->table = (uint8_t)table;
		c->name = plain ? NULL : alias;
		source_of_table(s, table, c->name);
	}
	c->flag = (uint8_t)below(g, 6);
	if (c->flag == ORM_CROSS && g->execute && s->n > 2)
		c->flag = ORM_INNER;
	draw_on(g, s, c);
}

void draw_from(struct gen *g, struct gscope *s, struct tree *t)
{
	unsigned how = below(g, 100), table = below(g, TABLES);
	struct tree *sub = how < 10 && g->queries < 4 ? draw_derived(g, s) : NULL;
	const char *alias = free_alias(g, s);
	struct part *c;

	if (sub) {
		c = add(g, t, CALL_SELECT_QUERY);
		c->name = alias;
		c->sub = sub;
		source_of_tree(&s->source[s->n++], alias, sub);
	} else if (how < 25 && g->ctes) {
		unsigned i = below(g, g->ctes);

		c = add(g, t, CALL_SELECT_CTE);
		c->name = g->cte[i].name;
		s->source[s->n++] = g->cte[i];
	} else if (how < 28) {
		add(g, t, CALL_SELECT_NOTHING);
		return;
	} else {
		bool plain = name_is_free(s, prop_table[table]->name) && chance(g, 80);

		c = add(g, t, plain ? CALL_SELECT : CALL_SELECT_AS);
		c->table = (uint8_t)table;
		c->name = plain ? NULL : alias;
		source_of_table(s, table, c->name);
	}
	for (unsigned n = below(g, 5) < 2 ? 1 + below(g, 2) : 0; n && s->n < 3; n--)
		draw_join(g, s, t);
}

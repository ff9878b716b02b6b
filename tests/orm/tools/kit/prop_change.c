/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* INSERT, UPDATE, DELETE; whole statements; and nonsense made of well-typed trees. */
#include <string.h>

#include "prop.h"

static struct part *one(struct gen *g, struct tree *t, enum call kind, struct node *e)
{
	struct part *c = add(g, t, kind);

	c->list = keep(g, sizeof(struct node *));
	c->list[c->n++] = e;
	return c;
}

static void scope_of(struct gscope *s, unsigned table)
{
	const struct orm_table *t = prop_table[table];

	*s = (struct gscope){.n = 1};
	s->source[0] = (struct gsource){.name = t->name, .table = (int)table};
	for (unsigned i = 0; i < t->count; i++)
		s->source[0].out[s->source[0].outs++] = (struct out){.name = t->columns[i].name,
								     .type = t->columns[i].type};
}

static struct node *target(struct gen *g, unsigned table, unsigned column)
{
	struct node *e = node(g, ORM_OP_COLUMN, 0);

	e->table = (uint8_t)table;
	e->column = (uint8_t)column;
	e->named = chance(g, 20);
	return e;
}

static bool is_needed(const struct orm_table *t, unsigned column)
{
	const struct orm_column *c = &t->columns[column];

	if (c->flags & ORM_AUTO || !(c->flags & (ORM_NN | ORM_PK)))
		return false;
	for (unsigned k = 0; k < t->key_count; k++) {
		if (t->keys[k].kind == ORM_KEY_DEFAULT && !strcmp(t->keys[k].name, c->name))
			return false;
	}
	return true;
}

/* ---- INSERT ---- */

/* As orm_row() says: AUTO columns of 0, which is what draw_row() leaves there, are left out. */
static uint64_t written(const struct orm_table *t)
{
	uint64_t mask = (1ULL << t->count) - 1;

	for (unsigned i = 0; i < t->count; i++) {
		if (t->columns[i].flags & ORM_AUTO)
			mask &= ~(1ULL << i);
	}
	return mask;
}

static void draw_rows(struct gen *g, struct tree *t, unsigned table)
{
	const struct orm_table *into = prop_table[table];
	unsigned how = below(g, 3), n = how == 2 ? 1 + below(g, 3) : 1;
	struct part *c = add(g, t, how == 0 ? CALL_ROW : how == 1 ? CALL_ROW_MASKED : CALL_ROWS);
	char *rows = keep(g, n * into->size);

	c->table = (uint8_t)table;
	c->flag = (uint8_t)n;
	c->mask = written(into);
	for (unsigned i = 0; i < n; i++)
		memcpy(rows + i * into->size, draw_row(g, table), into->size);
	c->row = rows;
	for (unsigned i = 0; how == 1 && i < into->count; i++) {
		if (!is_needed(into, i) && chance(g, 40))
			c->mask &= ~(1ULL << i);
	}
	for (; how == 0 && chance(g, 30) && t->n < 6;) {
		struct part *more = add(g, t, CALL_ROW);

		more->table = (uint8_t)table;
		more->flag = 1;
		more->mask = c->mask;
		more->row = draw_row(g, table);
	}
}

static void draw_set_insert(struct gen *g, struct tree *t, unsigned table)
{
	const struct orm_table *into = prop_table[table];
	struct gscope empty = {0};

	for (unsigned i = 0; i < into->count && t->n < 16; i++) {
		enum orm_type type = into->columns[i].type;
		struct part *c;

		if (!is_needed(into, i) && chance(g, 60))
			continue;
		c = add(g, t, CALL_SET);
		c->list = keep(g, 2 * sizeof(struct node *));
		c->list[c->n++] = target(g, table, i);
		c->list[c->n++] = chance(g, 70) ? value_of(g, type, true)
						: expr(g, &empty, type, 2);
	}
}

static void draw_insert_from(struct gen *g, struct tree *t, unsigned table)
{
	const struct orm_table *into = prop_table[table];
	struct part *c = add(g, t, CALL_INSERT_FROM);
	uint8_t types[ORM_COLUMNS_MAX];

	c->list = keep(g, into->count * sizeof(struct node *));
	for (unsigned i = 0; i < into->count; i++) {
		if (!is_needed(into, i) && chance(g, 70))
			continue;
		types[c->n] = into->columns[i].type;
		c->list[c->n++] = target(g, table, i);
	}
	if (!c->n) {
		types[0] = into->columns[0].type;
		c->list[c->n++] = target(g, table, 0);
	}
	c->sub = draw_select(g, NULL, types, c->n, 0);
}

/* The keys that ON CONFLICT may name, of each table; -1 ends a list. */
static const int8_t keys[TABLES][2][3] = {
	[T_ITEM] = {{0, -1}, {2, 7, -1}},
	[T_NET] = {{0, 1, -1}, {3, -1}},
	[T_DOC] = {{0, -1}, {9, -1}},
	[T_TAG] = {{1, 0, -1}, {0, 1, -1}},
};

static struct node *do_value(struct gen *g, struct gscope *s, unsigned table, unsigned column)
{
	struct node *e;

	if (chance(g, 50))
		return expr(g, s, prop_table[table]->columns[column].type, 2);
	e = node(g, ORM_OP_EXCLUDED, 0);
	e->table = (uint8_t)table;
	e->column = (uint8_t)column;
	return e;
}

static void draw_conflict(struct gen *g, struct tree *t, unsigned table)
{
	bool update = chance(g, 60);
	const int8_t *key = keys[table][below(g, 2)];
	struct part *c = add(g, t, update ? CALL_CONFLICT_UPDATE : CALL_CONFLICT_NOTHING);
	struct gscope s;

	c->list = keep(g, 3 * sizeof(struct node *));
	for (; update && *key >= 0; key++)
		c->list[c->n++] = target(g, table, (unsigned)*key);
	if (!update)
		return;
	scope_of(&s, table);
	for (unsigned i = 0, n = 1 + below(g, 2); i < n; i++) {
		unsigned column = (below(g, prop_table[table]->count / n) + i * 2) %
				  prop_table[table]->count;
		struct part *set;

		if (i && find(t, CALL_DO_SET, NULL)->list[0]->column == column)
			continue;
		set = add(g, t, CALL_DO_SET);
		set->list = keep(g, 2 * sizeof(struct node *));
		set->list[set->n++] = target(g, table, column);
		set->list[set->n++] = do_value(g, &s, table, column);
	}
	if (chance(g, 30))
		one(g, t, CALL_DO_WHERE, condition(g, &s, 2));
}

static void draw_insert(struct gen *g, struct tree *t, unsigned table)
{
	unsigned how = below(g, 10);

	add(g, t, CALL_INSERT)->table = (uint8_t)table;
	if (how < 4)
		draw_rows(g, t, table);
	else if (how < 7)
		draw_set_insert(g, t, table);
	else
		draw_insert_from(g, t, table);
	if (t->n > 1 && chance(g, 50))
		draw_conflict(g, t, table);
}

/* ---- UPDATE, DELETE, RETURNING ---- */

static void draw_update(struct gen *g, struct tree *t, unsigned table)
{
	const struct orm_table *into = prop_table[table];
	unsigned first = below(g, into->count), n = 1 + below(g, 3);
	struct gscope s;

	scope_of(&s, table);
	add(g, t, CALL_UPDATE)->table = (uint8_t)table;
	for (unsigned i = 0; i < n; i++) {
		unsigned column = (first + i) % into->count;
		struct part *c = add(g, t, CALL_SET);

		c->list = keep(g, 2 * sizeof(struct node *));
		c->list[c->n++] = target(g, table, column);
		c->list[c->n++] = expr(g, &s, into->columns[column].type, 3);
	}
}

static void draw_which(struct gen *g, struct tree *t, unsigned table)
{
	struct gscope s;

	scope_of(&s, table);
	for (unsigned n = chance(g, 80) ? 1 + chance(g, 10) : 0; n; n--)
		one(g, t, CALL_WHERE, condition(g, &s, 3));
	if (!find(t, CALL_WHERE, NULL))
		add(g, t, CALL_EVERY_ROW);
}

static void draw_returning(struct gen *g, struct tree *t, unsigned table)
{
	struct part *c = add(g, t, CALL_RETURNING);
	unsigned n = 1 + below(g, 3);
	struct gscope s;

	scope_of(&s, table);
	c->list = keep(g, n * sizeof(struct node *));
	if (chance(g, 30)) {
		struct node *e = node(g, ORM_OP_ALL, 0);

		e->table = (uint8_t)table;
		c->list[c->n++] = e;
		for (unsigned i = 0; i < s.source[0].outs; i++)
			t->out[t->outs++] = s.source[0].out[i];
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		struct node *e = expr(g, &s, any_type(g), 2);

		if (chance(g, 30)) {
			e = node(g, ORM_OP_AS, 1, e);
			e->name = i ? "r1" : "select";
		}
		c->list[c->n++] = e;
		t->out[t->outs++] = (struct out){.name = "", .expr = e};
	}
}

struct tree *draw_change(struct gen *g)
{
	struct tree *t = keep(g, sizeof(*t));
	unsigned kind = below(g, 3), table = below(g, TABLES);

	if (kind == 0) {
		draw_insert(g, t, table);
	} else {
		if (kind == 1)
			draw_update(g, t, table);
		else
			add(g, t, CALL_DELETE)->table = (uint8_t)table;
		draw_which(g, t, table);
	}
	if (chance(g, 50))
		draw_returning(g, t, table);
	return t;
}

struct tree *draw_tree(struct gen *g)
{
	struct tree with = {0}, *t;

	if (chance(g, 12))
		draw_with(g, &with);
	t = g->execute || chance(g, 75) ? draw_select(g, NULL, NULL, 0, SEL_TOP) : draw_change(g);
	for (unsigned i = 0; i < with.n; i++)
		*add(g, t, with.clause[i].call) = with.clause[i];
	return t;
}

/* ---- nonsense ---- */

static void spoil_node(struct gen *g, struct node *e)
{
	static const uint8_t swaps[] = {ORM_OP_EQ,	 ORM_OP_LT,    ORM_OP_ADD,    ORM_OP_MOD,
					ORM_OP_AND,	 ORM_OP_LIKE,  ORM_OP_CONCAT, ORM_OP_IN,
					ORM_OP_IN_QUERY, ORM_OP_FILTER};
	struct node *other;

	switch (below(g, 6)) {
	case 0: /* an operand of another type */
		if (e->n)
			e->arg[below(g, e->n)] = value_of(g, any_type(g), chance(g, 50));
		break;
	case 1: /* an operand that is some column of some table */
		if (!e->n)
			break;
		other = node(g, ORM_OP_COLUMN, 0);
		other->table = (uint8_t)below(g, TABLES);
		other->column = (uint8_t)below(g, prop_table[other->table]->count);
		e->arg[below(g, e->n)] = other;
		break;
	case 2: /* another operator of two operands */
		if (e->n == 2 && e->op != ORM_OP_CALL)
			e->op = swaps[below(g, ARRAY_LEN(swaps))];
		break;
	case 3: /* another function */
		if (e->op == ORM_OP_CALL || e->op == ORM_OP_CAST)
			e->func = (uint8_t)below(g,
						 e->op == ORM_OP_CALL ? ORM_F_COUNT_ : ORM_T_COUNT);
		break;
	case 4: /* one operand less */
		if (e->n && e->op != ORM_OP_OVER)
			e->n--;
		break;
	default: /* another column, or another name */
		if (e->op == ORM_OP_COLUMN)
			e->column = (uint8_t)below(g, prop_table[e->table]->count);
		if (e->op == ORM_OP_SOURCE_COLUMN || e->op == ORM_OP_OUTPUT)
			e->name = chance(g, 50) ? "v0" : "id";
		if (e->op == ORM_OP_COLUMN && chance(g, 30))
			e->source = chance(g, 50) ? "a" : "ROW";
		break;
	}
}

/* Without a select list the columns are those of the FROM table. */
static bool all_columns(struct tree *t)
{
	const struct part *from = &t->clause[0];
	const struct orm_table *table = prop_table[from->table];

	if (from->call != CALL_SELECT && from->call != CALL_SELECT_AS)
		return false;
	t->outs = 0;
	for (unsigned i = 0; i < table->count; i++)
		t->out[t->outs++] = (struct out){.name = table->columns[i].name,
						 .type = table->columns[i].type};
	return true;
}

static void spoil_clause(struct gen *g, struct tree *t)
{
	unsigned i = 1 + below(g, t->n > 1 ? t->n - 1 : 1);
	struct part *c = &t->clause[i];

	if (i >= t->n)
		return;
	switch (below(g, 4)) {
	case 0: /* gone */
		if (c->call == CALL_COLUMNS && !all_columns(t))
			break;
		memmove(c, c + 1, (t->n - i - 1) * sizeof(*c));
		t->n--;
		break;
	case 1: /* twice, when it holds no values that would be numbered twice */
		if (!c->list && !c->sub)
			*add(g, t, c->call) = *c;
		break;
	case 2: /* another kind of join or set operation */
		if (c->call >= CALL_JOIN && c->call <= CALL_JOIN_CTE) {
			c->flag = (uint8_t)below(g, 6);
			if (c->flag == ORM_CROSS || c->flag == ORM_NATURAL)
				c->n = 0;
		} else if (c->call == CALL_SET_OPERATION)
			c->flag = (uint8_t)below(g, 4);
		break;
	default:
		add(g, t, chance(g, 50) ? CALL_FOR_UPDATE : CALL_DISTINCT);
		break;
	}
}

void spoil(struct gen *g, struct tree *t)
{
	for (unsigned n = 1 + below(g, 2); n; n--) {
		if (chance(g, 30) || !g->n_nodes)
			spoil_clause(g, t);
		else
			spoil_node(g, g->nodes[below(g, g->n_nodes)]);
	}
}

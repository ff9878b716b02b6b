/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The second renderer's statements: clauses in the order of SQL, whatever the order of the calls.
 */
#include <stdlib.h>
#include <string.h>

#include "prop.h"

static const char *const joins[] = {
	[ORM_INNER] = "INNER JOIN",	  [ORM_LEFT] = "LEFT OUTER JOIN",
	[ORM_RIGHT] = "RIGHT OUTER JOIN", [ORM_FULL] = "FULL OUTER JOIN",
	[ORM_CROSS] = "CROSS JOIN",	  [ORM_NATURAL] = "NATURAL INNER JOIN",
};
static const char *const sets[] = {"UNION", "UNION ALL", "INTERSECT", "EXCEPT"};

static void text_table(struct text *t, unsigned table, const char *alias)
{
	say(t, "\"%s\"", prop_table[table]->name);
	if (alias && strcmp(alias, prop_table[table]->name) != 0)
		say(t, " AS \"%s\"", alias);
}

static void text_source(struct text *t, const struct part *c, uint32_t base)
{
	if (c->sub) {
		say(t, "(");
		text_select(t, c->sub, base + c->base, false);
		say(t, ") AS \"%s\"", c->name);
	} else if (c->call == CALL_SELECT_CTE || c->call == CALL_JOIN_CTE) {
		say(t, "\"%s\"", c->name);
	} else {
		text_table(t, c->table, c->name);
	}
}

static bool is_join(const struct part *c)
{
	return c->call >= CALL_JOIN && c->call <= CALL_JOIN_CTE;
}

static void text_from(struct text *t, const struct tree *q, uint32_t base)
{
	const struct part *c = q->clause, *end = q->clause + q->n;
	unsigned n = 0;

	if (c->call == CALL_SELECT_NOTHING)
		return;
	for (const struct part *at = c; at < end; at++)
		n += is_join(at);
	say(t, " FROM ");
	while (n--)
		say(t, "(");
	text_source(t, c, base);
	for (c++; c < end; c++) {
		if (!is_join(c))
			continue;
		say(t, " %s ", joins[c->flag]);
		text_source(t, c, base);
		if (c->n && c->flag != ORM_CROSS && c->flag != ORM_NATURAL) {
			say(t, " ON (");
			text_expr(t, c->list[0], base);
			say(t, ")");
		}
		say(t, ")");
	}
}

/* How the client reads it. */
static bool as_text(enum orm_type type, bool top)
{
	return top && (type == ORM_T_NUMERIC || type == ORM_T_VECTOR);
}

static void text_all(struct text *t, const struct node *e, bool top)
{
	const struct orm_table *table = prop_table[e->table];

	for (unsigned i = 0; i < table->count; i++)
		say(t, "%s\"%s\".\"%s\"%s", i ? ", " : "", e->source ? e->source : table->name,
		    table->columns[i].name, as_text(table->columns[i].type, top) ? "::text" : "");
}

static void text_outputs(struct text *t, const struct part *c, uint32_t base, bool top)
{
	for (unsigned i = 0; i < c->n; i++) {
		const struct node *e = c->list[i];
		bool as = e->op == ORM_OP_AS;

		say(t, i ? ", " : " ");
		if (e->op == ORM_OP_ALL) {
			text_all(t, e, top);
			continue;
		}
		e = as ? e->arg[0] : e;
		say(t, as_text(node_type(e), top) ? "CAST((" : "(");
		text_expr(t, e, base);
		say(t, as_text(node_type(e), top) ? ") AS text)" : ")");
		if (as)
			say(t, " AS \"%s\"", c->list[i]->name);
	}
}

/* Of a derived table or CTE its columns; out[] was filled with them when the query was drawn. */
static void text_default(struct text *t, const struct tree *q, bool top)
{
	const struct part *c = q->clause;
	const char *name = c->name ? c->name : prop_table[c->table]->name;

	for (unsigned i = 0; i < q->outs; i++)
		say(t, "%s\"%s\".\"%s\"%s", i ? ", " : " ", name, q->out[i].name,
		    as_text(q->out[i].type, top) ? "::text" : "");
}

static void text_conditions(struct text *t, const struct tree *q, enum call call, const char *word,
			    uint32_t base)
{
	const struct part *c = NULL;

	for (bool first = true; (c = find(q, call, c)); first = false) {
		say(t, " %s (", first ? word : "AND");
		text_expr(t, c->list[0], base);
		say(t, ")");
	}
}

static void text_core(struct text *t, const struct tree *q, uint32_t base, bool top)
{
	const struct part *c;

	say(t, find(q, CALL_DISTINCT, NULL) ? "SELECT DISTINCT" : "SELECT");
	c = find(q, CALL_COLUMNS, NULL);
	if (c)
		text_outputs(t, c, base, top);
	else
		text_default(t, q, top);
	text_from(t, q, base);
	text_conditions(t, q, CALL_WHERE, "WHERE", base);
	c = NULL;
	for (bool first = true; (c = find(q, CALL_GROUP_BY, c));) {
		for (unsigned i = 0; i < c->n; i++) {
			say(t, first ? " GROUP BY (" : ", (");
			text_expr(t, c->list[i], base);
			say(t, ")");
			first = false;
		}
	}
	text_conditions(t, q, CALL_HAVING, "HAVING", base);
}

/* An output column, as ORDER BY names it: by its place. */
static unsigned place_of(const struct tree *q, const char *name)
{
	for (unsigned i = 0; i < q->outs; i++) {
		if (!strcmp(out_name(q, i), name))
			return i + 1;
	}
	return 0;
}

static void text_order(struct text *t, const struct tree *q, uint32_t base)
{
	const struct part *c = NULL;

	for (bool first = true; (c = find(q, CALL_ORDER_BY, c));) {
		for (unsigned i = 0; i < c->n; i++) {
			const struct node *e = c->list[i];
			bool down = e->op == ORM_OP_DESC, up = e->op == ORM_OP_ASC;

			say(t, first ? " ORDER BY (" : ", (");
			e = down || up ? e->arg[0] : e;
			if (e->op == ORM_OP_OUTPUT)
				say(t, "%u", place_of(q, e->name));
			else
				text_expr(t, e, base);
			say(t, down ? ") DESC" : ")");
			first = false;
		}
	}
}

/* An INTERSECT that comes second has what is before it in a derived table, which SQLite needs. */
static void text_sets(struct text *t, const struct tree *q, uint32_t base)
{
	const struct part *c = NULL;
	struct text left = {0};

	text_core(&left, q, base, false);
	for (bool first = true; (c = find(q, CALL_SET_OPERATION, c)); first = false) {
		bool wrap = !first && c->flag == ORM_INTERSECT;
		bool nested = find(c->sub, CALL_SET_OPERATION, NULL) != NULL;
		struct text next = {0};

		say(&next, wrap ? "(SELECT * FROM (%s) AS orm_set)" : "(%s)", left.at);
		say(&next, " %s (%s", sets[c->flag], nested ? "SELECT * FROM (" : "");
		text_select(&next, c->sub, base + c->base, false);
		say(&next, nested ? ") AS orm_set)" : ")");
		free(left.at);
		left = next;
	}
	say(t, "%s", left.at);
	free(left.at);
}

void text_select(struct text *t, const struct tree *q, uint32_t base, bool top)
{
	const struct part *c;

	if (find(q, CALL_SET_OPERATION, NULL))
		text_sets(t, q, base);
	else
		text_core(t, q, base, top);
	text_order(t, q, base);
	c = find(q, CALL_LIMIT, NULL);
	if (c)
		say(t, " LIMIT $%u", base + c->base + 1);
	c = find(q, CALL_OFFSET, NULL);
	if (c)
		say(t, " OFFSET $%u", base + c->base + 1);
	if (find(q, CALL_FOR_UPDATE, NULL))
		say(t, " FOR UPDATE");
}

/* ---- INSERT, UPDATE, DELETE ---- */

static bool is_row(const struct part *c)
{
	return c->call >= CALL_ROW && c->call <= CALL_ROWS;
}

static void text_rows(struct text *t, const struct tree *q, const struct part *first)
{
	const struct orm_table *table = prop_table[first->table];
	unsigned n = 0, columns = 0;

	for (unsigned i = 0; i < table->count; i++) {
		if (first->mask >> i & 1)
			say(t, "%s\"%s\"", columns++ ? ", " : " (", table->columns[i].name);
	}
	if (!columns) {
		say(t, " DEFAULT VALUES");
		return;
	}
	say(t, ") VALUES");
	for (const struct part *c = q->clause; c < q->clause + q->n; c++) {
		if (!is_row(c))
			continue;
		for (unsigned k = 0; k < c->flag * columns; k++)
			say(t, "%s$%u%s",
			    k % columns ? ", "
			    : n++	? ", ("
					: " (",
			    c->base + k + 1, k % columns == columns - 1 ? ")" : "");
	}
}

static void text_targets(struct text *t, const struct part *c)
{
	for (unsigned i = 0; i < c->n; i++)
		say(t, "%s\"%s\"", i ? ", " : " (",
		    prop_table[c->list[i]->table]->columns[c->list[i]->column].name);
	say(t, c->n ? ")" : "");
}

static void text_set_values(struct text *t, const struct tree *q)
{
	const struct part *c = NULL;

	for (bool first = true; (c = find(q, CALL_SET, c)); first = false)
		say(t, "%s\"%s\"", first ? " (" : ", ",
		    prop_table[c->list[0]->table]->columns[c->list[0]->column].name);
	say(t, ") VALUES");
	for (bool first = true; (c = find(q, CALL_SET, c)); first = false) {
		say(t, first ? " ((" : ", (");
		text_expr(t, c->list[1], 0);
		say(t, ")");
	}
	say(t, ")");
}

static void text_assign(struct text *t, const struct tree *q, enum call call)
{
	const struct part *c = NULL;

	for (bool first = true; (c = find(q, call, c)); first = false) {
		say(t, "%s\"%s\" = (", first ? " SET " : ", ",
		    prop_table[c->list[0]->table]->columns[c->list[0]->column].name);
		text_expr(t, c->list[1], 0);
		say(t, ")");
	}
}

static void text_insert(struct text *t, const struct tree *q)
{
	const struct part *c, *rows = NULL;

	say(t, "INSERT INTO \"%s\"", prop_table[q->clause[0].table]->name);
	for (c = q->clause; c < q->clause + q->n && !rows; c++)
		rows = is_row(c) ? c : NULL;
	c = find(q, CALL_INSERT_FROM, NULL);
	if (rows) {
		text_rows(t, q, rows);
	} else if (c) {
		text_targets(t, c);
		say(t, " (");
		text_select(t, c->sub, c->base, false);
		say(t, ")");
	} else if (find(q, CALL_SET, NULL)) {
		text_set_values(t, q);
	} else {
		say(t, " DEFAULT VALUES");
	}
	if (find(q, CALL_CONFLICT_NOTHING, NULL))
		say(t, " ON CONFLICT DO NOTHING");
	c = find(q, CALL_CONFLICT_UPDATE, NULL);
	if (c) {
		say(t, " ON CONFLICT");
		text_targets(t, c);
		say(t, " DO UPDATE");
		text_assign(t, q, CALL_DO_SET);
		text_conditions(t, q, CALL_DO_WHERE, "WHERE", 0);
	}
}

static void text_with(struct text *t, const struct tree *q)
{
	bool recursive = find(q, CALL_WITH_RECURSIVE, NULL) != NULL, any = false;

	for (const struct part *c = q->clause; c < q->clause + q->n; c++) {
		if (c->call != CALL_WITH && c->call != CALL_WITH_RECURSIVE)
			continue;
		say(t, "%s\"%s\"", any ? ", " : recursive ? "WITH RECURSIVE " : "WITH ", c->name);
		any = true;
		for (unsigned i = 0; i < c->sub->outs; i++)
			say(t, "%s\"%s\"", i ? ", " : " (", out_name(c->sub, i));
		say(t, ") AS (");
		text_select(t, c->sub, c->base, false);
		say(t, ")");
	}
	say(t, any ? " " : "");
}

void text_tree(struct text *t, const struct tree *q)
{
	const struct part *first = &q->clause[0], *c;

	text_with(t, q);
	if (first->call <= CALL_SELECT_NOTHING) {
		text_select(t, q, 0, true);
		return;
	}
	if (first->call == CALL_INSERT) {
		text_insert(t, q);
	} else {
		say(t, first->call == CALL_UPDATE ? "UPDATE \"%s\"" : "DELETE FROM \"%s\"",
		    prop_table[first->table]->name);
		if (first->call == CALL_UPDATE)
			text_assign(t, q, CALL_SET);
		text_conditions(t, q, CALL_WHERE, "WHERE", 0);
	}
	c = find(q, CALL_RETURNING, NULL);
	if (c) {
		say(t, " RETURNING");
		text_outputs(t, c, 0, true);
	}
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A second renderer, for PostgreSQL only and for its parser's eyes: every operand has parentheses,
 * nothing is checked. What both write on purpose is said here in its own words: sums and averages
 * are cast to what both databases have, NUMERIC and vectors go to the client as text.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prop.h"

void say(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	for (;;) {
		size_t left = t->room - t->len;

		va_start(args, format);
		n = vsnprintf(left ? t->at + t->len : NULL, left, format, args);
		va_end(args);
		if (n < 0)
			abort();
		if ((size_t)n < left)
			break;
		t->room = t->room ? t->room * 2 : 4096;
		t->at = realloc(t->at, t->room);
		if (!t->at)
			abort();
	}
	t->len += (size_t)n;
}

static const char *const symbols[ORM_OP_COUNT] = {
	[ORM_OP_EQ] = "=",    [ORM_OP_NE] = "<>", [ORM_OP_LT] = "<",	  [ORM_OP_LE] = "<=",
	[ORM_OP_GT] = ">",    [ORM_OP_GE] = ">=", [ORM_OP_ADD] = "+",	  [ORM_OP_SUB] = "-",
	[ORM_OP_MUL] = "*",   [ORM_OP_DIV] = "/", [ORM_OP_MOD] = "%",	  [ORM_OP_CONCAT] = "||",
	[ORM_OP_AND] = "AND", [ORM_OP_OR] = "OR", [ORM_OP_LIKE] = "LIKE", [ORM_OP_ILIKE] = "ILIKE",
};
static const char *const calls[ORM_F_COUNT_] = {
	[ORM_F_COUNT] = "count",
	[ORM_F_SUM] = "sum",
	[ORM_F_AVG] = "avg",
	[ORM_F_MIN] = "min",
	[ORM_F_MAX] = "max",
	[ORM_F_LOWER] = "lower",
	[ORM_F_UPPER] = "upper",
	[ORM_F_LENGTH] = "length",
	[ORM_F_TRIM] = "btrim",
	[ORM_F_REPLACE] = "replace",
	[ORM_F_ABS] = "abs",
	[ORM_F_COALESCE] = "coalesce",
	[ORM_F_NULLIF] = "nullif",
	[ORM_F_ROW_NUMBER] = "row_number",
	[ORM_F_RANK] = "rank",
	[ORM_F_DENSE_RANK] = "dense_rank",
	[ORM_F_LAG] = "lag",
	[ORM_F_LEAD] = "lead",
	[ORM_F_FIRST_VALUE] = "first_value",
	[ORM_F_LAST_VALUE] = "last_value",
	[ORM_F_NOW_MS] = "now",
	[ORM_F_ARRAY_LEN] = "cardinality",
};
static const char *const pg_types[ORM_T_COUNT] = {
	[ORM_T_BIGINT] = "bigint", [ORM_T_DOUBLE] = "double precision",
	[ORM_T_TEXT] = "text",	   [ORM_T_UUID] = "uuid",
	[ORM_T_INET] = "inet",	   [ORM_T_CIDR] = "cidr",
};

static void text_args(struct text *t, const struct node *e, uint32_t base, const char *between)
{
	for (unsigned i = 0; i < e->n; i++) {
		say(t, i ? " %s (" : "(", between);
		text_expr(t, e->arg[i], base);
		say(t, ")");
	}
}

static void text_one(struct text *t, const char *before, const struct node *e, uint32_t base,
		     const char *after)
{
	say(t, "%s(", before);
	text_expr(t, e, base);
	say(t, ")%s", after);
}

static const struct node *sum_of(const struct node *e)
{
	return e->arg[0]->op == ORM_OP_DISTINCT ? e->arg[0]->arg[0] : e->arg[0];
}

/* Half away from zero, as SQLite does; whole numbers are round. */
static void text_round(struct text *t, const struct node *e, uint32_t base)
{
	if (!is_float(node_type(e))) {
		text_one(t, "round(", e, base, ")");
		return;
	}
	text_one(t, "CASE WHEN abs(", e, base, ") < 4503599627370496 THEN trunc(");
	text_one(t, "", e, base, " + ");
	text_one(t, "sign(", e, base, ") * 0.5) ELSE ");
	text_one(t, "", e, base, " END");
}

static void text_call(struct text *t, const struct node *e, uint32_t base)
{
	switch ((unsigned)e->func) {
	case ORM_F_JSON_TEXT:
		text_one(t, "", e->arg[0], base, " ->> ");
		text_one(t, "", e->arg[1], base, "");
		return;
	case ORM_F_JSON_HAS:
		text_one(t, "jsonb_typeof(CAST(", e->arg[0], base, " AS jsonb)) = 'object' AND ");
		text_one(t, "(CAST(", e->arg[0], base, " AS jsonb) ? ");
		text_one(t, "", e->arg[1], base, ")");
		return;
	case ORM_F_ARRAY_HAS:
		text_one(t, "", e->arg[1], base, " = ANY ");
		text_one(t, "", e->arg[0], base, "");
		return;
	case ORM_F_NET_HAS:
		text_args(t, e, base, ">>=");
		return;
	case ORM_F_VECTOR_L2:
		text_args(t, e, base, "<->");
		return;
	case ORM_F_VECTOR_COSINE:
		text_args(t, e, base, "<=>");
		return;
	case ORM_F_TEXT_MATCH:
		text_one(t, "to_tsvector('simple', ", e->arg[0], base, ") @@ ");
		text_one(t, "plainto_tsquery('simple', ", e->arg[1], base, ")");
		return;
	case ORM_F_SUBSTR:
		text_one(t, "substr(", e->arg[0], base, "");
		for (unsigned i = 1; i < e->n; i++)
			text_one(t, ", ", e->arg[i], base, "::integer");
		say(t, ")");
		return;
	case ORM_F_NTILE:
		text_one(t, "ntile(", e->arg[0], base, "::integer)");
		return;
	case ORM_F_ROUND:
		text_round(t, e->arg[0], base);
		return;
	default:
		break;
	}
	if (e->func == ORM_F_NULLIF && node_type(e) == ORM_T_CIDR) {
		text_one(t, "CAST(nullif(", e->arg[0], base, ", ");
		text_one(t, "", e->arg[1], base, ") AS cidr)");
		return;
	}
	say(t, "%s(%s", calls[e->func], !e->n && e->func == ORM_F_COUNT ? "*" : "");
	if (e->func == ORM_F_SUM && node_type(sum_of(e)) == ORM_T_REAL)
		text_one(t, e->arg[0]->op == ORM_OP_DISTINCT ? "DISTINCT CAST(" : "CAST(",
			 sum_of(e), base, " AS double precision)");
	else if (e->n == 1 && e->arg[0]->op == ORM_OP_DISTINCT)
		text_one(t, "DISTINCT ", e->arg[0]->arg[0], base, "");
	else
		text_args(t, e, base, ",");
	say(t, ")");
}

/* SUM and AVG, and all that stands around them, in the type that both databases have. */
static const char *cast_of(const struct node *e)
{
	while (e->op == ORM_OP_OVER || e->op == ORM_OP_FILTER)
		e = e->arg[0];
	if (e->op != ORM_OP_CALL || (e->func != ORM_F_SUM && e->func != ORM_F_AVG))
		return NULL;
	return node_type(e) == ORM_T_NUMERIC ? NULL : pg_types[node_type(e)];
}

static void text_list(struct text *t, const char *before, const struct node *e, uint32_t base)
{
	for (unsigned i = 0; i < e->n; i++) {
		const struct node *item = e->arg[i];
		bool down = item->op == ORM_OP_DESC, up = item->op == ORM_OP_ASC;

		text_one(t, i ? ", " : before, down || up ? item->arg[0] : item, base,
			 down ? " DESC" : "");
	}
}

/* A call, its FILTER, its OVER: without the cast. */
static void text_aggregate(struct text *t, const struct node *e, uint32_t base)
{
	if (e->op == ORM_OP_OVER) {
		text_aggregate(t, e->arg[0], base);
		say(t, " OVER (");
		text_list(t, "PARTITION BY ", e->arg[1], base);
		text_list(t, " ORDER BY ", e->arg[2], base);
		say(t, ")");
	} else if (e->op == ORM_OP_FILTER) {
		text_aggregate(t, e->arg[0], base);
		text_one(t, " FILTER (WHERE ", e->arg[1], base, ")");
	} else {
		text_call(t, e, base);
	}
}

static void text_case(struct text *t, const struct node *e, uint32_t base)
{
	say(t, "CASE");
	for (unsigned i = 0; i + 2 < e->n; i += 2) {
		text_one(t, " WHEN ", e->arg[i], base, "");
		text_one(t, " THEN ", e->arg[i + 1], base, "");
	}
	text_one(t, " ELSE ", e->arg[e->n - 1], base, " END");
}

static void text_in(struct text *t, const struct node *e, uint32_t base)
{
	enum orm_type type = node_type(e->arg[0]);
	bool cast = type != ORM_T_TEXT && node_type(e->arg[1]) == ORM_T_TEXTS;

	text_one(t, "", e->arg[0], base, " = ANY (");
	text_one(t, "", e->arg[1], base, cast ? "::" : "");
	say(t, cast ? "%s[])" : ")", cast ? pg_types[type] : "");
}

static void text_leaf(struct text *t, const struct node *e, uint32_t base)
{
	const struct orm_table *table = prop_table[e->table];

	switch ((unsigned)e->op) {
	case ORM_OP_COLUMN:
		say(t, "\"%s\".\"%s\"", e->source ? e->source : table->name,
		    table->columns[e->column].name);
		break;
	case ORM_OP_EXCLUDED:
		say(t, "excluded.\"%s\"", table->columns[e->column].name);
		break;
	case ORM_OP_SOURCE_COLUMN:
		say(t, "\"%s\".\"%s\"", e->source, e->name);
		break;
	case ORM_OP_LITERAL:
		say(t, "CAST((%s) AS %s)", e->name, e->func == ORM_T_TEXT ? "text" : "integer");
		break;
	case ORM_OP_VALUE:
		say(t, e->value.type == ORM_T_VECTOR ? "$%u::vector" : "$%u", base + e->index + 1);
		break;
	default:
		text_select(t, e->query, base + e->index, false);
	}
}

void text_expr(struct text *t, const struct node *e, uint32_t base)
{
	const char *cast = cast_of(e);

	switch ((unsigned)e->op) {
	case ORM_OP_COLUMN:
	case ORM_OP_EXCLUDED:
	case ORM_OP_SOURCE_COLUMN:
	case ORM_OP_LITERAL:
	case ORM_OP_VALUE:
	case ORM_OP_QUERY:
		text_leaf(t, e, base);
		break;
	case ORM_OP_LIKE:
	case ORM_OP_ILIKE:
		text_args(t, e, base, symbols[e->op]);
		say(t, " ESCAPE '\\'");
		break;
	case ORM_OP_BETWEEN:
		text_one(t, "", e->arg[0], base, " BETWEEN ");
		text_one(t, "", e->arg[1], base, " AND ");
		text_one(t, "", e->arg[2], base, "");
		break;
	case ORM_OP_IN:
		text_in(t, e, base);
		break;
	case ORM_OP_IN_QUERY:
		text_one(t, "", e->arg[0], base, " IN ");
		text_one(t, "", e->arg[1], base, "");
		break;
	case ORM_OP_EXISTS:
		text_one(t, "EXISTS ", e->arg[0], base, "");
		break;
	case ORM_OP_IS_NULL:
		text_one(t, "", e->arg[0], base, " IS NULL");
		break;
	case ORM_OP_IS_NOT_NULL:
		text_one(t, "", e->arg[0], base, " IS NOT NULL");
		break;
	case ORM_OP_NOT:
		text_one(t, "NOT ", e->arg[0], base, "");
		break;
	case ORM_OP_CAST:
		text_one(t, "CAST(", e->arg[0], base, " AS ");
		say(t, "%s)", pg_types[e->func] ? pg_types[e->func] : "?");
		break;
	case ORM_OP_CASE:
		text_case(t, e, base);
		break;
	case ORM_OP_CALL:
	case ORM_OP_FILTER:
	case ORM_OP_OVER:
		say(t, cast ? "CAST(" : "");
		text_aggregate(t, e, base);
		if (cast)
			say(t, " AS %s)", cast);
		break;
	case ORM_OP_ADD:
	case ORM_OP_SUB:
	case ORM_OP_MUL:
	case ORM_OP_DIV:
		if (node_type(e->arg[0]) == ORM_T_REAL && node_type(e->arg[1]) == ORM_T_REAL) {
			text_one(t, "CAST(", e->arg[0], base, " AS double precision) ");
			text_one(t, symbols[e->op], e->arg[1], base, "");
			break;
		}
		text_args(t, e, base, symbols[e->op]);
		break;
	default:
		text_args(t, e, base, symbols[e->op] ? symbols[e->op] : "?");
	}
}

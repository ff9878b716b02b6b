/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Expressions drawn by type. What is drawn is well typed: what may be refused all the same is what
 * one of the databases does not have (addresses, full text, vectors on SQLite), at a low rate.
 */
#include <string.h>

#include "prop.h"

static const uint8_t ordered[] = {ORM_T_SMALLINT, ORM_T_INTEGER, ORM_T_INTEGER,	     ORM_T_BIGINT,
				  ORM_T_BIGINT,	  ORM_T_REAL,	 ORM_T_DOUBLE,	     ORM_T_DOUBLE,
				  ORM_T_TEXT,	  ORM_T_TEXT,	 ORM_T_TIMESTAMP_MS, ORM_T_UUID,
				  ORM_T_BYTES,	  ORM_T_BOOLEAN};
static const uint8_t equal[] = {ORM_T_NUMERIC, ORM_T_INET,    ORM_T_CIDR,
				ORM_T_BIGINTS, ORM_T_DOUBLES, ORM_T_TEXTS};
static const uint8_t odd[] = {ORM_T_JSON, ORM_T_JSONB, ORM_T_VECTOR};

#define PICK(g, list) (list)[below(g, ARRAY_LEN(list))]

enum orm_type order_type(struct gen *g)
{
	return chance(g, 1) ? ORM_T_NUMERIC : PICK(g, ordered);
}

enum orm_type equal_type(struct gen *g)
{
	return chance(g, 15) ? PICK(g, equal) : PICK(g, ordered);
}

enum orm_type any_type(struct gen *g)
{
	return chance(g, 7) ? PICK(g, odd) : equal_type(g);
}

static enum orm_type number_type(struct gen *g)
{
	return ordered[below(g, 8)];
}

static enum orm_type integer_type(struct gen *g)
{
	return ordered[below(g, 5)];
}

/* ---- columns ---- */

static struct node *column_in(struct gen *g, const struct gscope *s, enum orm_type type)
{
	unsigned found = 0;
	struct node *e = NULL;
	const struct gsource *at = NULL;
	unsigned column = 0;

	if (s->grouped && !s->in_aggregate) {
		for (unsigned i = 0; i < s->groups; i++) {
			if (node_type(s->group[i]) == type && !below(g, ++found))
				e = s->group[i];
		}
		return e;
	}
	for (unsigned i = 0; i < s->n; i++) {
		const struct gsource *source = &s->source[i];

		for (unsigned c = 0; c < source->outs; c++) {
			if (source->out[c].type != type || !source->out[c].name[0] ||
			    below(g, ++found))
				continue;
			at = source;
			column = c;
		}
	}
	return at ? column_of(g, at, column) : NULL;
}

/* A column of this query, or with some luck of the one around it. NULL when there is none. */
struct node *plain_column(struct gen *g, struct gscope *s, enum orm_type type)
{
	struct node *e = NULL;

	if (s->outer && chance(g, 25))
		e = plain_column(g, s->outer, type);
	/* An aggregate of outer columns alone would be the outer query's. */
	if (e && s->in_aggregate)
		e = NULL;
	return e ? e : column_in(g, s, type);
}

static struct node *leaf(struct gen *g, struct gscope *s, enum orm_type type)
{
	struct node *e = chance(g, 85) ? plain_column(g, s, type) : NULL;

	if (!e && chance(g, 4) && (type == ORM_T_INTEGER || type == ORM_T_TEXT)) {
		e = node(g, ORM_OP_LITERAL, 0);
		e->func = (uint8_t)type;
		e->name = type == ORM_T_TEXT ? "'12'" : "1 + 1";
	}
	return e ? e : value_of(g, type, false);
}

/* For the side of an operator: a value may take the other's type. */
static struct node *side(struct gen *g, struct gscope *s, const struct node *other,
			 enum orm_type type, int depth)
{
	if (!other->bare && chance(g, 40))
		return value_of(g, type, true);
	return expr(g, s, type, depth);
}

static bool bare_pair(const struct node *a, const struct node *b)
{
	return a->bare && b->bare && a->value.kind != b->value.kind;
}

/* ---- what every type has ---- */

static struct node *inner_value(struct gen *g, struct gscope *s, enum orm_type type)
{
	uint8_t types[] = {(uint8_t)type};
	struct node *e = node(g, ORM_OP_QUERY, 0);
	struct gscope *outer = s;

	e->query = draw_select(g, outer, types, 1, SEL_ONE);
	return e;
}

static struct node *null_value(struct gen *g)
{
	struct node *e = node(g, ORM_OP_VALUE, 0);

	e->bare = true;
	return e;
}

static struct node *branches(struct gen *g, struct gscope *s, enum orm_type type, int depth)
{
	unsigned whens = 1 + below(g, 2), n = 0;
	struct node *e = node(g, ORM_OP_CASE, 0);

	e->n = (uint8_t)(2 * whens + 1);
	e->arg = keep(g, e->n * sizeof(struct node *));
	for (unsigned i = 0; i < whens; i++) {
		e->arg[n++] = condition(g, s, depth - 1);
		e->arg[n++] = expr(g, s, type, depth - 1);
	}
	e->arg[n] = chance(g, 20) ? null_value(g) : expr(g, s, type, depth - 1);
	return e;
}

static struct node *coalesce(struct gen *g, struct gscope *s, enum orm_type type, int depth)
{
	struct node *a = expr(g, s, type, depth - 1), *b = expr(g, s, type, depth - 1);

	if (chance(g, 30))
		return call(g, ORM_F_COALESCE, 3,
			    chance(g, 50) ? null_value(g) : expr(g, s, type, 0), a, b);
	return call(g, ORM_F_COALESCE, 2, a, b);
}

static bool has_min(enum orm_type type)
{
	return is_number(type) || type == ORM_T_TEXT || type == ORM_T_TIMESTAMP_MS;
}

/* An operand of an aggregate: it must have a column of its own query in it. */
static struct node *aggregated(struct gen *g, struct gscope *s, enum orm_type type, int depth)
{
	struct gscope inner = *s;
	struct node *own, *e;

	inner.in_aggregate = true;
	inner.aggregates = inner.windows = false;
	own = column_in(g, &inner, type);
	if (!own)
		return NULL;
	if (depth < 1 || chance(g, 60))
		return own;
	e = expr(g, &inner, type, depth - 1);
	return chance(g, 50) ? call(g, ORM_F_COALESCE, 2, own, e)
			     : node(g, ORM_OP_CASE, 3, condition(g, &inner, depth - 1), own, e);
}

static struct node *filtered(struct gen *g, struct gscope *s, struct node *e, int depth)
{
	struct gscope inner = *s;

	if (!e || chance(g, 80))
		return e;
	inner.in_aggregate = true;
	inner.aggregates = inner.windows = false;
	inner.outer = NULL;
	return node(g, ORM_OP_FILTER, 2, e, condition(g, &inner, MIN(depth - 1, 1)));
}

static struct node *aggregate(struct gen *g, struct gscope *s, enum orm_type type, int depth)
{
	struct node *e = NULL;

	if (type == ORM_T_BIGINT && chance(g, 50)) {
		e = chance(g, 40) ? NULL : aggregated(g, s, equal_type(g), depth);
		if (e && chance(g, 30))
			e = node(g, ORM_OP_DISTINCT, 1, e);
		e = e ? call(g, ORM_F_COUNT, 1, e) : call(g, ORM_F_COUNT, 0);
	} else if (type == ORM_T_BIGINT && chance(g, 60)) {
		e = aggregated(g, s, integer_type(g), depth);
		e = e ? call(g, ORM_F_SUM, 1, e) : NULL;
	} else if (type == ORM_T_DOUBLE && chance(g, 70)) {
		bool avg = chance(g, 50);

		e = aggregated(g, s,
			       avg	       ? number_type(g)
			       : chance(g, 30) ? ORM_T_REAL
					       : ORM_T_DOUBLE,
			       depth);
		e = e ? call(g, avg ? ORM_F_AVG : ORM_F_SUM, 1, e) : NULL;
	} else if (has_min(type)) {
		e = aggregated(g, s, type, depth);
		e = e ? call(g, chance(g, 50) ? ORM_F_MIN : ORM_F_MAX, 1, e) : NULL;
	}
	return filtered(g, s, e, depth);
}

/* ---- windows ---- */

/* What orders rows completely is the key of every table in FROM, where all are tables. */
static struct node *window_order(struct gen *g, struct gscope *s, bool total)
{
	struct node *list[12], *e = node(g, ORM_OP_ORDER, 0);
	unsigned n = 0;

	if (!total && chance(g, 30))
		return e;
	list[n] = column_in(g, s, order_type(g));
	n += list[n] != NULL;
	for (unsigned i = 0; total && i < s->n; i++) {
		const struct gsource *source = &s->source[i];

		if (source->table < 0)
			g->unsure = true;
		for (unsigned c = 0; source->table >= 0 && c < source->outs && n < 12; c++) {
			if (prop_table[source->table]->columns[c].flags & ORM_PK &&
			    source->out[c].type != ORM_T_CIDR)
				list[n++] = column_of(g, source, c);
			else if (source->table == T_NET && !strcmp(source->out[c].name, "ref"))
				list[n++] = column_of(g, source, c);
		}
	}
	e->arg = keep(g, n * sizeof(struct node *));
	for (unsigned i = 0; i < n; i++)
		e->arg[e->n++] = chance(g, 50) ? node(g, chance(g, 50) ? ORM_OP_ASC : ORM_OP_DESC,
						      1, list[i])
					       : list[i];
	return e;
}

static struct node *over(struct gen *g, struct gscope *s, struct node *e, bool total)
{
	struct node *partition = node(g, ORM_OP_PARTITION, 0), *by;

	if (chance(g, 50)) {
		by = column_in(g, s, equal_type(g));
		if (by)
			partition = node(g, ORM_OP_PARTITION, 1, by);
	}
	return node(g, ORM_OP_OVER, 3, e, partition, window_order(g, s, total));
}

static struct node *window(struct gen *g, struct gscope *s, enum orm_type type, int depth)
{
	static const uint8_t ranks[] = {ORM_F_ROW_NUMBER, ORM_F_RANK, ORM_F_DENSE_RANK};
	static const uint8_t others[] = {ORM_F_LAG, ORM_F_LEAD, ORM_F_FIRST_VALUE,
					 ORM_F_LAST_VALUE};
	struct gscope inner = *s;
	struct node *e;
	enum orm_func f;

	inner.aggregates = inner.windows = false;
	if (type == ORM_T_BIGINT && chance(g, 40)) {
		f = PICK(g, ranks);
		return over(g, &inner, call(g, f, 0), f == ORM_F_ROW_NUMBER);
	}
	if (type == ORM_T_INTEGER && chance(g, 40)) {
		e = value_of(g, ORM_T_BIGINT, true);
		e->value = orm_value_i64(1 + below(g, 4));
		e->bare = true;
		return over(g, &inner, call(g, ORM_F_NTILE, 1, e), true);
	}
	if (chance(g, 40)) {
		f = PICK(g, others);
		return over(g, &inner, call(g, f, 1, expr(g, &inner, type, depth - 1)), true);
	}
	e = aggregate(g, &inner, type, depth);
	if (!e || (e->op == ORM_OP_FILTER ? e->arg[0] : e)->n == 0)
		return e ? over(g, &inner, e, false) : NULL;
	if ((e->op == ORM_OP_FILTER ? e->arg[0] : e)->arg[0]->op == ORM_OP_DISTINCT)
		return NULL;
	return over(g, &inner, e, false);
}

/* ---- by type ---- */

static struct node *whole(struct gen *g, struct gscope *s, enum orm_type type, int depth)
{
	static const uint8_t ops[] = {ORM_OP_ADD, ORM_OP_SUB, ORM_OP_MUL, ORM_OP_DIV, ORM_OP_MOD};
	static const uint8_t arrays[] = {ORM_T_BIGINTS, ORM_T_DOUBLES, ORM_T_TEXTS};
	struct node *a;

	switch (below(g, 6)) {
	case 0:
		return call(g, ORM_F_ABS, 1, expr(g, s, type, depth - 1));
	case 1:
		if (type == ORM_T_INTEGER)
			return call(g, ORM_F_LENGTH, 1, expr(g, s, ORM_T_TEXT, depth - 1));
		break;
	case 2:
		if (type == ORM_T_INTEGER)
			return call(g, ORM_F_ARRAY_LEN, 1, expr(g, s, PICK(g, arrays), depth - 1));
		break;
	case 3:
		if (type != ORM_T_BIGINT)
			break;
		a = node(g, ORM_OP_CAST, 1,
			 expr(g, s, chance(g, 20) ? ORM_T_TEXT : integer_type(g), depth - 1));
		a->func = ORM_T_BIGINT;
		return a;
	default:
		break;
	}
	return node(g, PICK(g, ops), 2, expr(g, s, type, depth - 1), expr(g, s, type, depth - 1));
}

static struct node *fraction(struct gen *g, struct gscope *s, enum orm_type type, int depth)
{
	static const uint8_t ops[] = {ORM_OP_ADD, ORM_OP_SUB, ORM_OP_MUL, ORM_OP_DIV};
	struct node *a;

	if (type == ORM_T_REAL)
		return call(g, ORM_F_ABS, 1, expr(g, s, type, depth - 1));
	switch (below(g, 8)) {
	case 0:
		return call(g, ORM_F_ROUND, 1, expr(g, s, number_type(g), depth - 1));
	case 1:
		return call(g, ORM_F_ABS, 1, expr(g, s, type, depth - 1));
	case 2:
		a = node(g, ORM_OP_CAST, 1,
			 expr(g, s, chance(g, 20) ? ORM_T_TEXT : number_type(g), depth - 1));
		a->func = ORM_T_DOUBLE;
		return a;
	case 3:
		if (!chance(g, 20))
			break;
		return call(g, chance(g, 50) ? ORM_F_VECTOR_L2 : ORM_F_VECTOR_COSINE, 2,
			    expr(g, s, ORM_T_VECTOR, 0), expr(g, s, ORM_T_VECTOR, 0));
	case 4:
		return node(g, PICK(g, ops), 2, expr(g, s, ORM_T_REAL, depth - 1),
			    expr(g, s, ORM_T_REAL, depth - 1));
	default:
		break;
	}
	return node(g, PICK(g, ops), 2, expr(g, s, number_type(g), depth - 1),
		    expr(g, s, ORM_T_DOUBLE, depth - 1));
}

static struct node *text(struct gen *g, struct gscope *s, int depth)
{
	struct node *a = NULL, *b;

	if (!chance(g, 15))
		a = expr(g, s, ORM_T_TEXT, depth - 1);
	switch (below(g, 9)) {
	case 0:
		a = node(g, ORM_OP_CAST, 1,
			 expr(g, s,
			      chance(g, 20)   ? ORM_T_NUMERIC
			      : chance(g, 40) ? ORM_T_UUID
					      : integer_type(g),
			      depth - 1));
		a->func = ORM_T_TEXT;
		return a;
	case 1:
		return call(g, ORM_F_LOWER, 1, a ? a : leaf(g, s, ORM_T_TEXT));
	case 2:
		return call(g, ORM_F_UPPER, 1, a ? a : leaf(g, s, ORM_T_TEXT));
	case 3:
		return call(g, ORM_F_TRIM, 1, a ? a : leaf(g, s, ORM_T_TEXT));
	case 4:
		b = expr(g, s, integer_type(g), depth - 2);
		return call(g, ORM_F_SUBSTR, 3, a ? a : leaf(g, s, ORM_T_TEXT), b,
			    expr(g, s, integer_type(g), depth - 2));
	case 5:
		return call(g, ORM_F_REPLACE, 3, a ? a : leaf(g, s, ORM_T_TEXT),
			    leaf(g, s, ORM_T_TEXT), leaf(g, s, ORM_T_TEXT));
	case 6:
	case 7:
		return call(g, ORM_F_JSON_TEXT, 2,
			    expr(g, s, chance(g, 50) ? ORM_T_JSON : ORM_T_JSONB, depth - 1),
			    value_of(g, ORM_T_TEXT, true));
	default:
		return node(g, ORM_OP_CONCAT, 2, a ? a : leaf(g, s, ORM_T_TEXT),
			    leaf(g, s, ORM_T_TEXT));
	}
}

static struct node *compared(struct gen *g, struct gscope *s, int depth)
{
	static const uint8_t ops[] = {ORM_OP_EQ, ORM_OP_NE, ORM_OP_LT,
				      ORM_OP_LE, ORM_OP_GT, ORM_OP_GE};
	unsigned op = below(g, 6);
	enum orm_type type = op < 2 ? equal_type(g) : order_type(g), other;
	struct node *a, *b;

	other = is_number(type) && chance(g, 25) ? number_type(g) : type;
	a = expr(g, s, type, depth - 1);
	b = side(g, s, a, other, depth - 1);
	if (bare_pair(a, b))
		b = expr(g, s, type, 0);
	if (b->op == ORM_OP_VALUE && chance(g, 30))
		return node(g, ops[op], 2, b, a);
	return node(g, ops[op], 2, a, b);
}

static struct node *in_list(struct gen *g, struct gscope *s, int depth)
{
	static const uint8_t types[][2] = {
		{ORM_T_BIGINT, ORM_T_BIGINTS},	 {ORM_T_INTEGER, ORM_T_BIGINTS},
		{ORM_T_SMALLINT, ORM_T_BIGINTS}, {ORM_T_DOUBLE, ORM_T_DOUBLES},
		{ORM_T_REAL, ORM_T_DOUBLES},	 {ORM_T_TEXT, ORM_T_TEXTS},
		{ORM_T_UUID, ORM_T_TEXTS},	 {ORM_T_INET, ORM_T_TEXTS}};
	static const char *const uuids[] = {"12345678-9abc-def0-1234-56789abcdef0"};
	static const char *const inets[] = {"10.0.0.1", "::1"};
	const uint8_t *type = types[below(g, ARRAY_LEN(types))];
	struct node *list = value_of(g, type[1], true);

	if (type[0] == ORM_T_UUID)
		list->value = orm_value_texts((struct orm_strs){uuids, 1});
	if (type[0] == ORM_T_INET)
		list->value = orm_value_texts((struct orm_strs){inets, 2});
	return node(g, ORM_OP_IN, 2, expr(g, s, type[0], depth - 1), list);
}

static struct node *asked(struct gen *g, struct gscope *s, int depth)
{
	struct node *q = node(g, ORM_OP_QUERY, 0), *a;
	uint8_t type = (uint8_t)equal_type(g);

	if (chance(g, 50)) {
		type = ORM_T_INTEGER;
		q->query = draw_select(g, s, chance(g, 50) ? &type : NULL, 1, 0);
		return node(g, ORM_OP_EXISTS, 1, q);
	}
	a = expr(g, s, type, depth - 1);
	q->query = draw_select(g, s, &type, 1, 0);
	return node(g, ORM_OP_IN_QUERY, 2, a, q);
}

static struct node *array_has(struct gen *g, struct gscope *s, int depth)
{
	static const uint8_t types[][2] = {{ORM_T_BIGINTS, ORM_T_BIGINT},
					   {ORM_T_DOUBLES, ORM_T_DOUBLE},
					   {ORM_T_TEXTS, ORM_T_TEXT}};
	const uint8_t *type = types[below(g, 3)];

	return call(g, ORM_F_ARRAY_HAS, 2, expr(g, s, type[0], 0), expr(g, s, type[1], depth - 1));
}

static struct node *special(struct gen *g, struct gscope *s, int depth)
{
	switch (below(g, 12)) {
	case 0:
		return call(g, ORM_F_NET_HAS, 2, expr(g, s, ORM_T_CIDR, 0),
			    expr(g, s, ORM_T_INET, 0));
	case 1:
		return call(g, ORM_F_TEXT_MATCH, 2, expr(g, s, ORM_T_TEXT, 0),
			    value_of(g, ORM_T_TEXT, true));
	case 2:
	case 3:
	case 4:
	case 5:
		return array_has(g, s, depth);
	default:
		return call(g, ORM_F_JSON_HAS, 2,
			    expr(g, s, chance(g, 50) ? ORM_T_JSON : ORM_T_JSONB, 0),
			    value_of(g, ORM_T_TEXT, true));
	}
}

struct node *condition(struct gen *g, struct gscope *s, int depth)
{
	enum orm_type type;
	struct node *a;

	if (depth <= 0 || g->budget < 0)
		return compared(g, s, 0);
	switch (below(g, 14)) {
	case 0:
	case 1:
		return node(g, chance(g, 50) ? ORM_OP_AND : ORM_OP_OR, 2,
			    condition(g, s, depth - 1), condition(g, s, depth - 1));
	case 2:
		return node(g, ORM_OP_AND, 3, condition(g, s, depth - 1),
			    condition(g, s, depth - 1), condition(g, s, depth - 2));
	case 3:
		return node(g, ORM_OP_NOT, 1, condition(g, s, depth - 1));
	case 4:
		return node(g, chance(g, 50) ? ORM_OP_IS_NULL : ORM_OP_IS_NOT_NULL, 1,
			    expr(g, s, any_type(g), depth - 1));
	case 5:
		return node(g, chance(g, 50) ? ORM_OP_LIKE : ORM_OP_ILIKE, 2,
			    expr(g, s, ORM_T_TEXT, depth - 1), leaf(g, s, ORM_T_TEXT));
	case 6:
		type = order_type(g);
		a = plain_column(g, s, type);
		a = a ? a : expr(g, s, type, 0);
		return node(g, ORM_OP_BETWEEN, 3, a, side(g, s, a, type, depth - 1),
			    side(g, s, a, type, depth - 1));
	case 7:
		return in_list(g, s, depth);
	case 8:
		if (g->queries < 5)
			return asked(g, s, depth);
		break;
	case 9:
		return special(g, s, depth);
	default:
		break;
	}
	return compared(g, s, depth);
}

struct node *expr(struct gen *g, struct gscope *s, enum orm_type type, int depth)
{
	struct node *e = NULL;

	if (depth <= 0 || g->budget < 0 || chance(g, 30))
		return leaf(g, s, type);
	if (s->aggregates && chance(g, 50))
		e = aggregate(g, s, type, depth);
	if (!e && s->windows && !s->grouped && s->n && chance(g, 40))
		e = window(g, s, type, depth);
	if (e)
		return e;
	switch (below(g, 12)) {
	case 0:
		return branches(g, s, type, depth);
	case 1:
		return coalesce(g, s, type, depth);
	case 2:
		if (type == ORM_T_JSON || type == ORM_T_JSONB || type == ORM_T_VECTOR)
			break;
		e = expr(g, s, type, depth - 1);
		return call(g, ORM_F_NULLIF, 2, e, expr(g, s, type, depth - 1));
	case 3:
		if (g->queries < 5)
			return inner_value(g, s, type);
		break;
	default:
		break;
	}
	if (type == ORM_T_BOOLEAN)
		return condition(g, s, depth - 1);
	if (is_integer(type))
		return whole(g, s, type, depth);
	if (is_float(type))
		return fraction(g, s, type, depth);
	if (type == ORM_T_TEXT)
		return text(g, s, depth);
	if (type == ORM_T_TIMESTAMP_MS && !g->execute && chance(g, 10))
		return call(g, ORM_F_NOW_MS, 0);
	return leaf(g, s, type);
}

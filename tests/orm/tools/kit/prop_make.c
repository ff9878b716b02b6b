/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Drawing and keeping: the generator's memory, nodes, clauses, types, and the values' numbers. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prop.h"

/* splitmix64 */
uint64_t draw(struct gen *g)
{
	uint64_t z = g->rng += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

unsigned below(struct gen *g, unsigned n)
{
	return (unsigned)(draw(g) % n);
}

bool chance(struct gen *g, unsigned percent)
{
	return below(g, 100) < percent;
}

void *keep(struct gen *g, size_t size)
{
	void *at = g->memory + g->used;

	size = (size + 15) & ~(size_t)15;
	if (size > g->room - g->used) {
		fprintf(stderr, "a tree needs more than %zu bytes\n", g->room);
		abort();
	}
	g->used += size;
	return memset(at, 0, size);
}

struct node *node(struct gen *g, enum orm_op op, unsigned n, ...)
{
	struct node *e = keep(g, sizeof(*e));
	va_list args;

	e->op = (uint8_t)op;
	e->n = (uint8_t)n;
	e->arg = keep(g, n * sizeof(struct node *));
	va_start(args, n);
	for (unsigned i = 0; i < n; i++)
		e->arg[i] = va_arg(args, struct node *);
	va_end(args);
	g->budget--;
	if (g->n_nodes < NODES_MAX)
		g->nodes[g->n_nodes++] = e;
	return e;
}

struct node *call(struct gen *g, enum orm_func f, unsigned n, ...)
{
	struct node *e = node(g, ORM_OP_CALL, 0);
	va_list args;

	e->func = (uint8_t)f;
	e->n = (uint8_t)n;
	e->arg = keep(g, n * sizeof(struct node *));
	va_start(args, n);
	for (unsigned i = 0; i < n; i++)
		e->arg[i] = va_arg(args, struct node *);
	va_end(args);
	return e;
}

struct node *column_of(struct gen *g, const struct gsource *source, unsigned column)
{
	struct node *e;

	if (source->table >= 0) {
		e = node(g, ORM_OP_COLUMN, 0);
		e->table = (uint8_t)source->table;
		e->column = (uint8_t)column;
		e->source = strcmp(source->name, prop_table[source->table]->name) != 0
				    ? source->name
				    : NULL;
		e->named = !e->source && chance(g, 10);
		return e;
	}
	e = node(g, ORM_OP_SOURCE_COLUMN, 0);
	e->source = source->name;
	e->name = source->out[column].name;
	e->type = source->out[column].type;
	e->query = source->fixed ? NULL : source->tree;
	e->column = (uint8_t)column;
	return e;
}

struct part *add(struct gen *g, struct tree *t, enum call c)
{
	struct part *clause = &t->clause[t->n];

	(void)g;
	if (t->n + 1 < CLAUSES_MAX)
		t->n++;
	*clause = (struct part){.call = (uint8_t)c};
	return clause;
}

const struct part *find(const struct tree *t, enum call c, const struct part *after)
{
	for (const struct part *at = after ? after + 1 : t->clause; at < t->clause + t->n; at++) {
		if (at->call == c)
			return at;
	}
	return NULL;
}

/* ---- types ---- */

bool is_integer(enum orm_type type)
{
	return type >= ORM_T_SMALLINT && type <= ORM_T_BIGINT;
}

bool is_float(enum orm_type type)
{
	return type == ORM_T_REAL || type == ORM_T_DOUBLE;
}

bool is_number(enum orm_type type)
{
	return is_integer(type) || is_float(type);
}

static enum orm_type value_type(const struct orm_value *v)
{
	static const uint8_t own[] = {ORM_T_TEXT,    ORM_T_BOOLEAN, ORM_T_BIGINT, ORM_T_DOUBLE,
				      ORM_T_TEXT,    ORM_T_BYTES,   ORM_T_UUID,	  ORM_T_BIGINTS,
				      ORM_T_DOUBLES, ORM_T_TEXTS};

	return v->type ? v->type : own[v->kind];
}

static enum orm_type wider(enum orm_type a, enum orm_type b)
{
	if (is_integer(a) && is_integer(b))
		return MAX(a, b);
	if (is_number(a) && is_number(b))
		return ORM_T_DOUBLE;
	return a;
}

static enum orm_type either(enum orm_type a, enum orm_type b)
{
	if (is_float(a) && is_float(b))
		return MAX(a, b);
	return wider(a, b);
}

/* Of branches: values without a type of their own follow what is not. */
static enum orm_type branch_type(const struct node *e, unsigned first, unsigned step)
{
	enum orm_type type = ORM_T_NONE;

	for (unsigned i = first; i < e->n; i += step) {
		if (e->arg[i]->bare && !is_number(value_type(&e->arg[i]->value)))
			continue;
		type = type ? either(type, node_type(e->arg[i])) : node_type(e->arg[i]);
	}
	if (e->op == ORM_OP_CASE &&
	    (!e->arg[e->n - 1]->bare || is_number(value_type(&e->arg[e->n - 1]->value))))
		type = type ? either(type, node_type(e->arg[e->n - 1]))
			    : node_type(e->arg[e->n - 1]);
	for (unsigned i = first; !type && i < e->n; i += step) {
		if (e->arg[i]->value.kind != ORM_K_NULL)
			type = node_type(e->arg[i]);
	}
	return type ? type : node_type(e->arg[e->n - 1]);
}

static enum orm_type call_type(const struct node *e)
{
	enum orm_type type = e->n ? node_type(e->arg[0]) : ORM_T_BIGINT;

	switch ((unsigned)e->func) {
	case ORM_F_SUM:
		return is_integer(type) ? ORM_T_BIGINT : is_float(type) ? ORM_T_DOUBLE : type;
	case ORM_F_AVG:
	case ORM_F_ROUND:
	case ORM_F_VECTOR_L2:
	case ORM_F_VECTOR_COSINE:
		return ORM_T_DOUBLE;
	case ORM_F_LENGTH:
	case ORM_F_NTILE:
	case ORM_F_ARRAY_LEN:
		return ORM_T_INTEGER;
	case ORM_F_COALESCE:
		return branch_type(e, 0, 1);
	case ORM_F_NULLIF:
		if (e->arg[0]->bare && !is_number(type))
			return node_type(e->arg[1]);
		return is_integer(type) == is_integer(node_type(e->arg[1])) || !is_number(type)
			       ? type
			       : ORM_T_DOUBLE;
	case ORM_F_JSON_HAS:
	case ORM_F_ARRAY_HAS:
	case ORM_F_NET_HAS:
	case ORM_F_TEXT_MATCH:
		return ORM_T_BOOLEAN;
	case ORM_F_NOW_MS:
		return ORM_T_TIMESTAMP_MS;
	case ORM_F_COUNT:
	case ORM_F_ROW_NUMBER:
	case ORM_F_RANK:
	case ORM_F_DENSE_RANK:
		return ORM_T_BIGINT;
	case ORM_F_LOWER:
	case ORM_F_UPPER:
	case ORM_F_TRIM:
	case ORM_F_SUBSTR:
	case ORM_F_REPLACE:
	case ORM_F_JSON_TEXT:
		return ORM_T_TEXT;
	case ORM_F_MIN:
	case ORM_F_MAX:
	case ORM_F_ABS:
	case ORM_F_LAG:
	case ORM_F_LEAD:
	case ORM_F_FIRST_VALUE:
	case ORM_F_LAST_VALUE:
	case ORM_F_COUNT_:
		break;
	}
	return type;
}

enum orm_type node_type(const struct node *e)
{
	switch ((unsigned)e->op) {
	case ORM_OP_COLUMN:
	case ORM_OP_EXCLUDED:
		return prop_table[e->table]->columns[e->column].type;
	case ORM_OP_SOURCE_COLUMN:
		return e->query ? out_type(e->query, e->column) : e->type;
	case ORM_OP_VALUE:
		return value_type(&e->value);
	case ORM_OP_LITERAL:
	case ORM_OP_CAST:
		return e->func;
	case ORM_OP_QUERY:
		return out_type(e->query, 0);
	case ORM_OP_ADD:
	case ORM_OP_SUB:
	case ORM_OP_MUL:
	case ORM_OP_DIV:
	case ORM_OP_MOD:
		return wider(node_type(e->arg[0]), node_type(e->arg[1]));
	case ORM_OP_CONCAT:
		return ORM_T_TEXT;
	case ORM_OP_CALL:
		return call_type(e);
	case ORM_OP_CASE:
		return branch_type(e, 1, 2);
	case ORM_OP_DISTINCT:
	case ORM_OP_FILTER:
	case ORM_OP_OVER:
	case ORM_OP_AS:
	case ORM_OP_ASC:
	case ORM_OP_DESC:
		return node_type(e->arg[0]);
	default:
		return ORM_T_BOOLEAN;
	}
}

enum orm_type out_type(const struct tree *t, unsigned i)
{
	const struct part *set = NULL;
	enum orm_type type;

	if (i >= t->outs)
		return ORM_T_NONE;
	type = t->out[i].expr ? node_type(t->out[i].expr) : t->out[i].type;
	while ((set = find(t, CALL_SET_OPERATION, set)))
		type = either(type, out_type(set->sub, i));
	return type;
}

const char *out_name(const struct tree *t, unsigned i)
{
	const struct node *e = t->out[i].expr;

	if (!e)
		return t->out[i].name;
	if (e->op == ORM_OP_COLUMN)
		return prop_table[e->table]->columns[e->column].name;
	return e->op == ORM_OP_AS || e->op == ORM_OP_SOURCE_COLUMN ? e->name : "";
}

/* ---- numbers of values ---- */

static void number_expr(struct tree *t, struct node *e)
{
	if (e->op == ORM_OP_VALUE)
		e->index = t->values++;
	if (e->op == ORM_OP_QUERY) {
		number_values(e->query);
		e->index = t->values;
		t->values += e->query->values;
	}
	for (unsigned i = 0; i < e->n; i++)
		number_expr(t, e->arg[i]);
}

static unsigned row_values(const struct part *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < prop_table[c->table]->count; i++)
		n += c->mask >> i & 1;
	return n * c->flag;
}

/* The inner query comes before the conditions of a join, behind the columns of an INSERT. */
void number_values(struct tree *t)
{
	if (t->numbered)
		return;
	t->numbered = true;
	for (struct part *c = t->clause; c < t->clause + t->n; c++) {
		bool last = c->call == CALL_INSERT_FROM;

		c->base = t->values;
		for (unsigned i = 0; last && i < c->n; i++)
			number_expr(t, c->list[i]);
		if (c->sub) {
			number_values(c->sub);
			c->base = t->values;
			t->values += c->sub->values;
		}
		for (unsigned i = 0; !last && i < c->n; i++)
			number_expr(t, c->list[i]);
		if (c->call == CALL_LIMIT || c->call == CALL_OFFSET)
			t->values++;
		if (c->call == CALL_ROW || c->call == CALL_ROW_MASKED || c->call == CALL_ROWS)
			t->values += row_values(c);
	}
}

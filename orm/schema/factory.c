/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Factories. A value is a function of (seed, table, column, row), mixed by SplitMix64
 * (https://prng.di.unimi.it/splitmix64.c), so that one column more does not change the others.
 * A column that must differ has the row's number in it.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <strazh/orm/seed.h>

#include <orm/base/arena.h>
#include <orm/base/fault.h>
#include <orm/table/constraint.h>
#include <orm/table/item.h>
#include <orm/table/row.h>

#define FACTORY_BYTES_MAX (64U << 20)
#define TEXT_MAX 48
#define NULL_ONE_IN 8

struct orm_factory {
	const struct orm_table *table;
	uint64_t seed;
	uint64_t row;
	uint64_t unique;  /* columns whose values differ */
	uint64_t foreign; /* columns that name a row elsewhere */
	uint64_t set;	  /* columns that were given */
	struct orm_value given[ORM_COLUMNS_MAX];
	struct arena arena;
};

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/* The table's name is part of the seed: two tables of one seed do not go in step. */
static uint64_t seed_of(const struct orm_table *table, uint64_t seed)
{
	for (const char *c = table->name; *c; c++)
		seed = mix(seed ^ (uint8_t)*c);
	return seed;
}

static uint64_t draw(const struct orm_factory *f, unsigned column, unsigned salt)
{
	return mix(mix(f->seed ^ mix(f->row)) ^ ((uint64_t)column << 8 | salt));
}

int orm_factory_new(const struct orm_table *table, uint64_t seed, struct orm_factory **ret_factory,
		    struct orm_error *ret_error)
{
	struct orm_factory *f;
	int r = orm_table_check(table, ret_error);

	if (r)
		return r;
	f = calloc(1, sizeof(*f));
	if (!f)
		return orm_fail(ret_error, -ENOMEM, "no memory for a factory");
	arena_init(&f->arena, FACTORY_BYTES_MAX);
	f->table = table;
	f->seed = seed_of(table, seed);
	f->unique = orm_primary_mask(table);
	for (unsigned i = 0; i < table->count; i++)
		if (table->columns[i].flags & ORM_UNIQUE)
			f->unique |= 1ULL << i;
	for (unsigned i = 0; i < table->key_count; i++) {
		const struct orm_key *key = &table->keys[i];

		if (key->kind == ORM_KEY_UNIQUE)
			f->unique |= orm_names_mask(table, key->a);
		if (key->kind == ORM_KEY_FOREIGN)
			f->foreign |= orm_names_mask(table, key->name);
	}
	*ret_factory = f;
	return 0;
}

void orm_factory_free(struct orm_factory *factory)
{
	if (!factory)
		return;
	arena_deinit(&factory->arena);
	free(factory);
}

int orm_factory_set(struct orm_factory *factory, const char *column, struct orm_value value)
{
	const struct orm_table *table = factory->table;
	int i = orm_table_find(table, column, strlen(column));
	own_free void *scratch = NULL;
	int r;

	if (i < 0)
		return ORM_E_QUERY;
	scratch = calloc(1, table->size);
	if (!scratch)
		return -ENOMEM;
	r = orm_row_put(table, (unsigned)i, scratch, &value);
	if (r)
		return r;
	if (value.kind == ORM_K_NULL && table->columns[i].flags & (ORM_NN | ORM_PK))
		return ORM_E_VALUE;
	factory->given[i] = value;
	factory->set |= 1ULL << i;
	return 0;
}

/* ---- values: 0, or the class of a failure ---- */

struct maker {
	struct orm_factory *f;
	unsigned column;
	bool unique;
	struct orm_value *value;
};

static int64_t type_max(enum orm_type type)
{
	if (type == ORM_T_SMALLINT)
		return INT16_MAX;
	return type == ORM_T_INTEGER ? INT32_MAX : INT64_MAX;
}

static int make_int(const struct maker *m, enum orm_type type)
{
	uint64_t random = draw(m->f, m->column, 0);
	int64_t i = (int64_t)(random % 1000);

	if (type == ORM_T_TIMESTAMP_MS)
		/* 2020-01-01, and up to four years; a second apart where they must differ. */
		i = 1577836800000 +
		    (m->unique ? (int64_t)m->f->row * 1000 : (int64_t)(random % 126230400) * 1000);
	else if (m->unique)
		i = (int64_t)m->f->row + 1;
	*m->value = orm_value_i64(i);
	return i > type_max(type) ? ORM_E_VALUE : 0;
}

static int make_float(const struct maker *m, enum orm_type type)
{
	double f = (double)(draw(m->f, m->column, 0) % 1024) / 1024;

	/* A float tells 24 bits apart. */
	if (m->unique && type == ORM_T_REAL && m->f->row >= 1U << 24)
		return ORM_E_VALUE;
	*m->value = orm_value_f64(m->unique ? (double)m->f->row : f);
	return 0;
}

/* Letters, and now and then what breaks code that takes texts for ASCII or for SQL. */
static void make_word(uint64_t random, char *to, size_t size)
{
	static const char *const odd[] = {"\xc3\xa4", "\xe2\x82\xac", "'", "\"", "\\", "%"};
	size_t len = 0, want = 3 + random % 8;

	for (; len < want; len++, random = mix(random))
		to[len] = (char)('a' + random % 26);
	to[len] = '\0';
	if (random % 4 == 0)
		snprintf(to + len, size - len, "%s", odd[mix(random) % ARRAY_LEN(odd)]);
}

static int make_text(const struct maker *m, enum orm_type type)
{
	uint64_t random = draw(m->f, m->column, 0);
	uint64_t n = m->unique ? m->f->row : random % 0xffffff;
	char text[TEXT_MAX], word[24];
	const char *copy;

	if (type == ORM_T_NUMERIC) {
		snprintf(text, sizeof(text), "%llu.%02u", (unsigned long long)n,
			 (unsigned)(random >> 32) % 100);
	} else if (type == ORM_T_INET || type == ORM_T_CIDR) {
		if (n > 0xffffff)
			return ORM_E_VALUE;
		snprintf(text, sizeof(text), "10.%u.%u.%u%s", (unsigned)(n >> 16),
			 (unsigned)(n >> 8 & 255), (unsigned)(n & 255),
			 type == ORM_T_CIDR ? "/32" : "");
	} else if (type == ORM_T_JSON || type == ORM_T_JSONB) {
		snprintf(text, sizeof(text), "{\"n\":%llu}", (unsigned long long)n);
	} else {
		make_word(random, word, sizeof(word));
		if (m->unique)
			snprintf(text, sizeof(text), "%s-%llu", word, (unsigned long long)n);
		else
			snprintf(text, sizeof(text), "%s", word);
	}
	copy = arena_copy(&m->f->arena, text, strlen(text));
	*m->value = orm_value_text(copy);
	return copy ? 0 : -ENOMEM;
}

/* Sixteen bytes that hold the row's number; of a UUID, version 8 (RFC 9562). */
static int make_bytes(const struct maker *m, enum orm_type type)
{
	uint64_t halves[2] = {m->f->row, draw(m->f, m->column, 0)};
	char *copy = arena_copy(&m->f->arena, halves, sizeof(halves));

	if (!copy)
		return -ENOMEM;
	if (type != ORM_T_UUID) {
		size_t len = m->unique ? 16 : halves[1] % 17;

		*m->value = orm_value_bytes((struct orm_bytes){copy, len});
		return 0;
	}
	/* The number stays whole: the two fields lie in bytes 6 and 8. */
	copy[6] = (char)0x80;
	copy[8] = (char)((copy[8] & 0x3f) | 0x80);
	*m->value = (struct orm_value){.kind = ORM_K_UUID, .p = copy, .len = 16};
	return 0;
}

static int make_array(const struct maker *m, enum orm_kind kind, enum orm_type type)
{
	size_t n = type == ORM_T_VECTOR ? 3 : (draw(m->f, m->column, 1) & 3) + m->unique;
	uint64_t *to = arena_alloc(&m->f->arena, (n + 1) * sizeof(*to));

	if (!to)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		uint64_t x = m->unique && !i ? m->f->row : draw(m->f, m->column, 2 + (unsigned)i);
		double d = m->unique && !i ? (double)x : (double)(x % 1024) / 1024;
		int64_t integer = (int64_t)(m->unique && !i ? x : x % 1000);
		struct orm_value text = {0};
		struct maker one = {m->f, m->column, m->unique, &text};
		int r;

		if (kind == ORM_K_F64S) {
			memcpy(&to[i], &d, sizeof(d));
		} else if (kind == ORM_K_I64S) {
			memcpy(&to[i], &integer, sizeof(integer));
		} else {
			r = make_text(&one, ORM_T_TEXT);
			if (r)
				return r;
			memcpy(&to[i], &text.p, sizeof(text.p));
		}
	}
	*m->value = (struct orm_value){.kind = (uint8_t)kind, .p = to, .len = n};
	return 0;
}

static int make_value(const struct maker *m)
{
	const struct orm_column *c = &m->f->table->columns[m->column];

	switch ((enum orm_kind)c->kind) {
	case ORM_K_BOOL:
		if (m->unique && m->f->row > 1)
			return ORM_E_VALUE;
		*m->value = orm_value_bool(m->unique ? m->f->row : draw(m->f, m->column, 0) & 1);
		return 0;
	case ORM_K_I64:
		return make_int(m, c->type);
	case ORM_K_F64:
		return make_float(m, c->type);
	case ORM_K_TEXT:
		return make_text(m, c->type);
	case ORM_K_BYTES:
	case ORM_K_UUID:
		return make_bytes(m, c->type);
	case ORM_K_I64S:
	case ORM_K_F64S:
	case ORM_K_TEXTS:
		return make_array(m, c->kind, c->type);
	case ORM_K_NULL:
		break;
	}
	return -EINVAL;
}

/* ---- rows ---- */

static int refuse(struct orm_factory *f, unsigned column, const char *why, struct orm_error *err)
{
	orm_fail(err, ORM_E_VALUE, "column '%s' of '%s': %s", f->table->columns[column].name,
		 f->table->name, why);
	if (err)
		orm_fault_name(err->column, f->table->columns[column].name);
	return ORM_E_VALUE;
}

static int make_column(struct orm_factory *f, unsigned i, void *row, struct orm_error *err)
{
	const struct orm_column *c = &f->table->columns[i];
	bool may_be_null = !(c->flags & (ORM_NN | ORM_PK));
	struct orm_value value = orm_value_null();
	struct maker m = {f, i, f->unique >> i & 1, &value};
	int r = 0;

	if (f->set >> i & 1)
		value = f->given[i];
	else if (c->flags & ORM_AUTO)
		value = orm_value_i64(0);
	else if (f->foreign >> i & 1 && !may_be_null)
		return refuse(f, i, "it names a row of another table: set it", err);
	else if (!(f->foreign >> i & 1) && !(may_be_null && draw(f, i, 255) % NULL_ONE_IN == 0))
		r = make_value(&m);
	if (r == -ENOMEM && f->arena.total > f->arena.max / 2)
		return orm_fail(err, ORM_E_TOO_BIG, "the factory has made %llu rows",
				(unsigned long long)f->row);
	if (r == -ENOMEM)
		return orm_fail(err, -ENOMEM, "no memory for a row");
	if (!r)
		r = orm_row_put(f->table, i, row, &value);
	return r ? refuse(f, i, "there are no more values that differ", err) : 0;
}

int orm_factory_make(struct orm_factory *factory, void *ret_row, struct orm_error *ret_error)
{
	own_free void *row = calloc(1, factory->table->size);

	if (!row)
		return orm_fail(ret_error, -ENOMEM, "no memory for a row");
	for (unsigned i = 0; i < factory->table->count; i++) {
		int r = make_column(factory, i, row, ret_error);

		if (r)
			return r;
	}
	factory->row++;
	memcpy(ret_row, row, factory->table->size);
	return 0;
}

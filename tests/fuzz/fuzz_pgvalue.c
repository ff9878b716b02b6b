// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Fields as PostgreSQL sends them, binary and text: any bytes give a value or a fault, the value
 * lies in memory that may be read, and what is sent back of it is read as the same value again.
 * First byte: type of the server; second: type that is wanted, and the format.
 */
#include "must.h"

#include <math.h>

#include <strazh/base/own.h>
#include <strazh/orm/error.h>

#include <orm/drivers/pg/codec.h>
#include <orm/drivers/pg/oid.h>

#define MEMORY_MAX (8U << 20)

static const uint32_t oids[] = {
	PG_BOOL,    PG_BYTEA,	    PG_CHAR,
	PG_NAME,    PG_INT8,	    PG_INT2,
	PG_INT4,    PG_TEXT,	    PG_OID,
	PG_XID,	    PG_JSON,	    PG_XML,
	PG_CIDR,    PG_CIDRS,	    PG_FLOAT4,
	PG_FLOAT8,  PG_UNKNOWN,	    PG_INET,
	PG_INT2S,   PG_INT4S,	    PG_TEXTS,
	PG_BPCHARS, PG_VARCHARS,    PG_INT8S,
	PG_FLOAT4S, PG_FLOAT8S,	    PG_OIDS,
	PG_INETS,   PG_BPCHAR,	    PG_VARCHAR,
	PG_DATE,    PG_TIMESTAMP,   PG_NUMERIC,
	PG_UUID,    PG_VOID,	    PG_JSONB,
	PG_UUIDS,   PG_TIMESTAMPTZ, PG_TIMESTAMPTZS,
	PG_NAMES,   PG_NUMERICS,    600 /* point: nothing here knows it */,
};

static unsigned sum(const void *p, size_t len)
{
	const uint8_t *at = p;
	unsigned n = 0;

	for (size_t i = 0; i < len; i++)
		n += at[i];
	return n;
}

/* Reads all of it; under a sanitizer what lies outside is found. */
static unsigned touch(const struct orm_value *v)
{
	const char *const *texts = v->p;
	unsigned n = 0;

	switch ((enum orm_kind)v->kind) {
	case ORM_K_NULL:
	case ORM_K_BOOL:
	case ORM_K_I64:
	case ORM_K_F64:
		return v->kind;
	case ORM_K_TEXT:
		MUST(!(((const char *)v->p)[v->len])); /* TEXT ends in NUL */
		return sum(v->p, v->len);
	case ORM_K_BYTES:
	case ORM_K_UUID:
		return sum(v->p, v->len);
	case ORM_K_I64S:
	case ORM_K_F64S:
		return sum(v->p, v->len * 8);
	case ORM_K_TEXTS:
		for (size_t i = 0; i < v->len; i++)
			n += sum(texts[i], strlen(texts[i]));
		return n;
	}
	abort();
}

static bool same_double(double a, double b)
{
	uint64_t x, y;

	memcpy(&x, &a, sizeof(x));
	memcpy(&y, &b, sizeof(y));
	return x == y || (isnan(a) && isnan(b));
}

static bool same(const struct orm_value *a, const struct orm_value *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == ORM_K_NULL)
		return true;
	if (a->kind == ORM_K_BOOL)
		return a->b == b->b;
	if (a->kind == ORM_K_I64)
		return a->i == b->i;
	if (a->kind == ORM_K_F64)
		return same_double(a->f, b->f);
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len && a->kind == ORM_K_TEXTS; i++)
		if (strcmp(((const char *const *)a->p)[i], ((const char *const *)b->p)[i]) != 0)
			return false;
	for (size_t i = 0; i < a->len && a->kind == ORM_K_F64S; i++)
		if (!same_double(((const double *)a->p)[i], ((const double *)b->p)[i]))
			return false;
	if (a->kind == ORM_K_I64S)
		return !a->len || !memcmp(a->p, b->p, a->len * 8);
	return a->kind == ORM_K_TEXTS || a->kind == ORM_K_F64S || !a->len ||
	       !memcmp(a->p, b->p, a->len);
}

/* As a field of COPY, and back; false: it cannot be sent. */
static bool return_trip(struct arena *arena, const struct orm_value *v, enum orm_type type,
			struct orm_value *ret_value)
{
	const char *why = NULL;
	struct pg_cell cell;
	char *field;
	int r = pg_encode(arena, v, type, PG_FIELD, &cell, &why);

	MUST(r != ORM_E_VALUE || why);
	if (r || !cell.data || !cell.oid)
		return false;
	field = arena_copy(arena, cell.data, cell.len);
	if (!field)
		return false;
	r = pg_decode(arena, cell.oid, type, field, cell.len, ret_value, &why);
	MUST(!r || r == ORM_E_TOO_BIG);
	return !r;
}

/* Texts in one form, whatever was read: a server sends them so, but a text column need not. */
static bool is_normalized(enum orm_type type)
{
	return type == ORM_T_NUMERIC || type == ORM_T_INET || type == ORM_T_CIDR ||
	       type == ORM_T_REAL;
}

static void check(struct arena *arena, const struct orm_value *v, enum orm_type want)
{
	struct orm_value once, twice;

	touch(v);
	if (want == ORM_T_NONE || v->kind == ORM_K_NULL)
		return;
	MUST(v->type == want);
	if (!return_trip(arena, v, want, &once))
		return;
	touch(&once);
	MUST(is_normalized(want) || same(v, &once));
	MUST(return_trip(arena, &once, want, &twice));
	MUST(same(&once, &twice));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum orm_type want;
	struct orm_value value;
	const char *why = NULL;
	struct arena arena;
	own_free char *field = NULL;
	int r;

	if (size < 2)
		return 0;
	size -= 2;
	field = malloc(size + 1);
	if (!field)
		return 0;
	memcpy(field, data + 2, size);
	field[size] = '\0';
	want = (enum orm_type)(data[1] % ORM_T_COUNT);
	arena_init(&arena, MEMORY_MAX);
	r = (data[1] & 128 ? pg_decode_text : pg_decode)(&arena, oids[data[0] % ARRAY_LEN(oids)],
							 want, field, size, &value, &why);
	if (!r)
		check(&arena, &value, want);
	else
		MUST(r == ORM_E_TOO_BIG || (r == ORM_E_VALUE && why));
	arena_deinit(&arena);
	return 0;
}

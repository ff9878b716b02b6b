/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values to the wire. The value's kind says what there is, the declared type what it should be;
 * encode_as() picks the format for the two. An array is its elements encoded one by one, but for
 * int8 and float8, which are written at once.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <strazh/orm/error.h>

#include <orm/base/uuid.h>
#include <orm/drivers/pg/codec.h>
#include <orm/drivers/pg/number.h>
#include <orm/drivers/pg/oid.h>
#include <orm/drivers/pg/wire.h>

#define EPOCH_2000_MS 946684800000LL
#define ARRAY_HEAD 20U		 /* dimensions, flag, element's OID, length, lower bound */
#define EXACT_DOUBLE (1LL << 53) /* integers up to here are exact in a double */

static const struct {
	uint32_t element, array;
} arrays[] = {
	{PG_INT8, PG_INT8S},	   {PG_FLOAT8, PG_FLOAT8S},
	{PG_TEXT, PG_TEXTS},	   {PG_UUID, PG_UUIDS},
	{PG_INET, PG_INETS},	   {PG_CIDR, PG_CIDRS},
	{PG_NUMERIC, PG_NUMERICS}, {PG_TIMESTAMPTZ, PG_TIMESTAMPTZS},
};

int pg_no_room(const struct arena *arena, size_t size)
{
	return arena_is_full(arena, size) ? ORM_E_TOO_BIG : -ENOMEM;
}

static int refuse(const char **ret_why, const char *why)
{
	*ret_why = why;
	return ORM_E_VALUE;
}

/* Room for `len` bytes in the arena, as the cell's. */
static char *make(struct arena *arena, struct pg_cell *cell, uint32_t oid, size_t len)
{
	char *at = arena_alloc(arena, len ? len : 1);

	*cell = (struct pg_cell){.data = at, .len = (uint32_t)len, .oid = oid, .binary = true};
	return at;
}

static int put_int(struct arena *arena, struct pg_cell *cell, uint32_t oid, int64_t i)
{
	char *at = make(arena, cell, oid, 8);

	if (!at)
		return pg_no_room(arena, 8);
	wire_put64(at, (uint64_t)i);
	return 0;
}

static int put_double(struct arena *arena, struct pg_cell *cell, double f)
{
	char *at = make(arena, cell, PG_FLOAT8, 8);

	if (!at)
		return pg_no_room(arena, 8);
	wire_put_double(at, f);
	return 0;
}

static int put_bool(struct arena *arena, struct pg_cell *cell, bool b)
{
	char *at = make(arena, cell, PG_BOOL, 1);

	if (!at)
		return pg_no_room(arena, 1);
	*at = b;
	return 0;
}

/* INT32_MAX bytes are what a length on the wire can say; the server takes 1 GiB less a little. */
static int borrow(const struct orm_value *v, struct pg_cell *cell, uint32_t oid,
		  const char **ret_why)
{
	if (v->len > INT32_MAX)
		return refuse(ret_why, "it is longer than 2 GiB");
	*cell = (struct pg_cell){
		.data = v->len ? v->p : "", .len = (uint32_t)v->len, .oid = oid, .binary = true};
	return 0;
}

static int put_numeric(struct arena *arena, struct pg_cell *cell, const char *text, size_t len,
		       const char **ret_why)
{
	size_t n;
	int r;

	*cell = (struct pg_cell){.oid = PG_NUMERIC, .binary = true};
	r = pg_numeric_parse(arena, text, len, &cell->data, &n, ret_why);
	cell->len = r ? 0 : (uint32_t)n;
	return r;
}

static int put_time(struct arena *arena, struct pg_cell *cell, int64_t ms, const char **ret_why)
{
	int64_t us;

	if (__builtin_sub_overflow(ms, EPOCH_2000_MS, &us) || __builtin_mul_overflow(us, 1000, &us))
		return refuse(ret_why, "the time is out of range");
	return put_int(arena, cell, PG_TIMESTAMPTZ, us);
}

/* A field of COPY is as wide as its column. */
static int put_narrow(struct arena *arena, struct pg_cell *cell, int64_t i, enum orm_type type,
		      const char **ret_why)
{
	bool small = type == ORM_T_SMALLINT;
	char *at;

	if (small ? i != (int16_t)i : i != (int32_t)i)
		return refuse(ret_why, "the number is out of range for the column");
	at = make(arena, cell, 0, small ? 2 : 4);
	if (!at)
		return pg_no_room(arena, 4);
	if (small)
		wire_put16(at, (uint16_t)i);
	else
		wire_put32(at, (uint32_t)i);
	return 0;
}

static bool beyond_real(double f)
{
	return isfinite(f) && isinf((float)f);
}

static int put_float(struct arena *arena, struct pg_cell *cell, double f, const char **ret_why)
{
	char *at;

	if (beyond_real(f))
		return refuse(ret_why, "the number is out of range for the column");
	at = make(arena, cell, 0, 4);
	if (!at)
		return pg_no_room(arena, 4);
	wire_put_float(at, (float)f);
	return 0;
}

static int encode_double(struct arena *arena, double f, enum orm_type type, enum pg_way way,
			 struct pg_cell *cell, const char **ret_why);

static int encode_int(struct arena *arena, int64_t i, enum orm_type type, enum pg_way way,
		      struct pg_cell *cell, const char **ret_why)
{
	char text[24];

	switch (type) {
	case ORM_T_NONE:
	case ORM_T_BIGINT:
		return put_int(arena, cell, PG_INT8, i);
	case ORM_T_SMALLINT:
	case ORM_T_INTEGER:
		return way == PG_FIELD ? put_narrow(arena, cell, i, type, ret_why)
				       : put_int(arena, cell, PG_INT8, i);
	case ORM_T_BOOLEAN:
		if (i != 0 && i != 1)
			return refuse(ret_why, "a BOOLEAN is 0 or 1");
		return put_bool(arena, cell, i);
	case ORM_T_REAL:
	case ORM_T_DOUBLE:
		/* One type for all values of a parameter, so that one prepared statement does. */
		if (way == PG_FIELD || (i >= -EXACT_DOUBLE && i <= EXACT_DOUBLE))
			return encode_double(arena, (double)i, type, way, cell, ret_why);
		return put_int(arena, cell, PG_INT8, i);
	case ORM_T_NUMERIC:
		return put_numeric(arena, cell, text,
				   (size_t)snprintf(text, sizeof(text), "%lld", (long long)i),
				   ret_why);
	case ORM_T_TIMESTAMP_MS:
		return put_time(arena, cell, i, ret_why);
	case ORM_T_TEXT:
	case ORM_T_BYTES:
	case ORM_T_UUID:
	case ORM_T_INET:
	case ORM_T_CIDR:
	case ORM_T_JSON:
	case ORM_T_JSONB:
	case ORM_T_BIGINTS:
	case ORM_T_DOUBLES:
	case ORM_T_TEXTS:
	case ORM_T_VECTOR:
	case ORM_T_COUNT:
		break;
	}
	return refuse(ret_why, "an integer is not of the column's type");
}

static bool is_integer(double f)
{
	return f >= -9223372036854775808.0 && f < 9223372036854775808.0 && f == trunc(f);
}

static int encode_double(struct arena *arena, double f, enum orm_type type, enum pg_way way,
			 struct pg_cell *cell, const char **ret_why)
{
	char text[NUMBER_TEXT_MAX];

	switch ((unsigned)type) {
	case ORM_T_SMALLINT:
	case ORM_T_INTEGER:
	case ORM_T_BIGINT:
		if (is_integer(f))
			return encode_int(arena, (int64_t)f, type, way, cell, ret_why);
		if (way == PG_FIELD)
			return refuse(ret_why, "a fraction in a column of integers");
		return put_double(arena, cell, f); /* WHERE id < 1.5 */
	case ORM_T_REAL:
		if (way == PG_FIELD)
			return put_float(arena, cell, f, ret_why);
		if (beyond_real(f))
			return refuse(ret_why, "the number is out of range for the column");
		return put_double(arena, cell, (double)(float)f); /* as a REAL holds it */
	case ORM_T_NONE:
	case ORM_T_DOUBLE:
		return put_double(arena, cell, f);
	case ORM_T_NUMERIC:
		if (way == PG_PARAM)
			return put_double(arena, cell, f);
		return put_numeric(arena, cell, text, number_format(f, 15, text), ret_why);
	default:
		return refuse(ret_why, "a number is not of the column's type");
	}
}

/* The server would take the text up to the NUL only in text format, and refuse it in binary. */
static int encode_bare_text(struct arena *arena, const struct orm_value *v, struct pg_cell *cell)
{
	char *copy = arena_copy(arena, v->p, v->len);

	if (!copy)
		return pg_no_room(arena, v->len);
	*cell = (struct pg_cell){.data = copy, .len = (uint32_t)v->len, .oid = PG_UNKNOWN_PARAM};
	return 0;
}

static int encode_jsonb(struct arena *arena, const struct orm_value *v, struct pg_cell *cell)
{
	char *at = make(arena, cell, PG_JSONB, v->len + 1);

	if (!at)
		return pg_no_room(arena, v->len + 1);
	at[0] = 1; /* the version of the format */
	memcpy(at + 1, v->p, v->len);
	return 0;
}

static int encode_inet(struct arena *arena, const struct orm_value *v, bool cidr,
		       struct pg_cell *cell, const char **ret_why)
{
	char *at = make(arena, cell, cidr ? PG_CIDR : PG_INET, PG_INET_WIRE_MAX);
	size_t len;
	int r;

	if (!at)
		return pg_no_room(arena, PG_INET_WIRE_MAX);
	r = pg_inet_parse(v->p, v->len, cidr, (uint8_t *)at, &len, ret_why);
	if (!r)
		cell->len = (uint32_t)len;
	return r;
}

static int encode_uuid_text(struct arena *arena, const struct orm_value *v, struct pg_cell *cell,
			    const char **ret_why)
{
	char *at = make(arena, cell, PG_UUID, 16);

	if (!at)
		return pg_no_room(arena, 16);
	return orm_uuid_parse(v->p, v->len, (uint8_t *)at) ? 0 : refuse(ret_why, "it is no UUID");
}

static int encode_text(struct arena *arena, const struct orm_value *v, enum orm_type type,
		       enum pg_way way, struct pg_cell *cell, const char **ret_why)
{
	if (v->len && memchr(v->p, '\0', v->len))
		return refuse(ret_why, "a text has a NUL inside");
	if (v->len > INT32_MAX - 1)
		return refuse(ret_why, "it is longer than 2 GiB");
	switch ((unsigned)type) {
	case ORM_T_NONE:
		return way == PG_PARAM ? encode_bare_text(arena, v, cell)
				       : borrow(v, cell, PG_TEXT, ret_why);
	case ORM_T_TEXT:
		return borrow(v, cell, PG_TEXT, ret_why);
	case ORM_T_JSON:
		return borrow(v, cell, PG_JSON, ret_why);
	case ORM_T_JSONB:
		return encode_jsonb(arena, v, cell);
	case ORM_T_NUMERIC:
		return put_numeric(arena, cell, v->p, v->len, ret_why);
	case ORM_T_INET:
	case ORM_T_CIDR:
		return encode_inet(arena, v, type == ORM_T_CIDR, cell, ret_why);
	case ORM_T_UUID:
		return encode_uuid_text(arena, v, cell, ret_why);
	default:
		return refuse(ret_why, "a text is not of the column's type");
	}
}

static void put_array_head(char *at, uint32_t oid, size_t n)
{
	wire_put32(at, 1);
	wire_put32(at + 4, 0);
	wire_put32(at + 8, oid);
	wire_put32(at + 12, (uint32_t)n);
	wire_put32(at + 16, 1);
}

/* Elements of 8 bytes: int8 and float8 have the same shape. */
static int encode_words(struct arena *arena, const struct orm_value *v, uint32_t oid,
			struct pg_cell *cell)
{
	size_t size = ARRAY_HEAD + v->len * 12;
	const char *from = v->p;
	char *at = make(arena, cell, oid == PG_INT8 ? PG_INT8S : PG_FLOAT8S, size);

	if (!at)
		return pg_no_room(arena, size);
	put_array_head(at, oid, v->len);
	at += ARRAY_HEAD;
	for (size_t i = 0; i < v->len; i++, at += 12) {
		uint64_t word;

		memcpy(&word, from + i * 8, 8);
		wire_put32(at, 8);
		wire_put64(at + 4, word);
	}
	return 0;
}

/* The i-th element as a value of its own. */
static struct orm_value element(const struct orm_value *v, size_t i)
{
	if (v->kind == ORM_K_I64S)
		return orm_value_i64(((const int64_t *)v->p)[i]);
	if (v->kind == ORM_K_F64S)
		return orm_value_f64(((const double *)v->p)[i]);
	return orm_value_text(((const char *const *)v->p)[i]);
}

static uint32_t array_oid(uint32_t oid)
{
	for (size_t i = 0; i < ARRAY_LEN(arrays); i++)
		if (arrays[i].element == oid)
			return arrays[i].array;
	return 0;
}

/* What an element of a list for this column is, when the list is empty too. */
static uint32_t element_oid(enum orm_type type)
{
	switch ((unsigned)type) {
	case ORM_T_TIMESTAMP_MS:
		return PG_TIMESTAMPTZ;
	case ORM_T_NUMERIC:
		return PG_NUMERIC;
	case ORM_T_UUID:
		return PG_UUID;
	case ORM_T_INET:
		return PG_INET;
	case ORM_T_CIDR:
		return PG_CIDR;
	case ORM_T_TEXT:
		return PG_TEXT;
	case ORM_T_REAL:
	case ORM_T_DOUBLE:
		return PG_FLOAT8;
	case ORM_T_SMALLINT:
	case ORM_T_INTEGER:
	case ORM_T_BIGINT:
		return PG_INT8;
	default:
		return 0;
	}
}

/* Elements first, each in the arena or borrowed; then all in one piece. */
static int encode_elements(struct arena *arena, const struct orm_value *v, enum orm_type type,
			   struct pg_cell *cell, const char **ret_why)
{
	uint32_t oid = element_oid(type);
	size_t size = ARRAY_HEAD, room = v->len * sizeof(struct pg_cell);
	struct pg_cell *cells = arena_alloc(arena, room ? room : 1);
	char *at;

	if (!oid)
		return refuse(ret_why, "a list is not of the column's type");
	if (!cells)
		return pg_no_room(arena, room);
	for (size_t i = 0; i < v->len; i++) {
		struct orm_value one = element(v, i);
		int r = one.kind == ORM_K_NULL
				? refuse(ret_why, "an element of a list is NULL")
				: pg_encode(arena, &one, type, PG_PARAM, &cells[i], ret_why);

		if (!r && cells[i].oid != oid)
			r = refuse(ret_why, "elements of a list are not of the column's type");
		if (r)
			return r;
		size += 4 + cells[i].len;
	}
	if (size > INT32_MAX)
		return refuse(ret_why, "it is longer than 2 GiB");
	at = make(arena, cell, array_oid(oid), size);
	if (!at)
		return pg_no_room(arena, size);
	put_array_head(at, oid, v->len);
	at += ARRAY_HEAD;
	for (size_t i = 0; i < v->len; i++) {
		wire_put32(at, cells[i].len);
		memcpy(at + 4, cells[i].data, cells[i].len);
		at += 4 + cells[i].len;
	}
	return 0;
}

/* pgvector's binary format is of COPY only: a parameter's OID would have to be asked for. */
static int encode_vector(struct arena *arena, const struct orm_value *v, enum pg_way way,
			 struct pg_cell *cell, const char **ret_why)
{
	size_t size = way == PG_FIELD ? 4 + v->len * 4 : v->len * 26 + 3, len = 1;
	char *at;

	if (v->len > 16000)
		return refuse(ret_why, "a vector has at most 16000 elements");
	at = make(arena, cell, 0, size);
	if (!at)
		return pg_no_room(arena, size);
	if (way == PG_FIELD) {
		wire_put16(at, (uint16_t)v->len);
		wire_put16(at + 2, 0);
		for (size_t i = 0; i < v->len; i++)
			wire_put_float(at + 4 + i * 4, (float)((const double *)v->p)[i]);
		return 0;
	}
	at[0] = '[';
	for (size_t i = 0; i < v->len; i++) {
		char text[NUMBER_TEXT_MAX];
		size_t n = number_format(((const double *)v->p)[i], 9, text);

		if (i)
			at[len++] = ',';
		memcpy(at + len, text, n);
		len += n;
	}
	memcpy(at + len, "]", 2);
	cell->binary = false;
	cell->len = (uint32_t)len + 1;
	return 0;
}

static int encode_array(struct arena *arena, const struct orm_value *v, enum orm_type type,
			enum pg_way way, struct pg_cell *cell, const char **ret_why)
{
	bool ints = v->kind == ORM_K_I64S, doubles = v->kind == ORM_K_F64S;

	if (v->len > (INT32_MAX - ARRAY_HEAD) / 12)
		return refuse(ret_why, "it is longer than 2 GiB");
	if (doubles && type == ORM_T_VECTOR)
		return encode_vector(arena, v, way, cell, ret_why);
	if (ints && (type == ORM_T_NONE || type == ORM_T_BIGINTS || element_oid(type) == PG_INT8))
		return encode_words(arena, v, PG_INT8, cell);
	if (doubles &&
	    (type == ORM_T_NONE || type == ORM_T_DOUBLES || element_oid(type) == PG_FLOAT8))
		return encode_words(arena, v, PG_FLOAT8, cell);
	if (type == ORM_T_NONE || (type == ORM_T_TEXTS && v->kind == ORM_K_TEXTS))
		type = ORM_T_TEXT;
	return encode_elements(arena, v, type, cell, ret_why);
}

/* The type is that of the values which will come, so that they meet the same statement. */
static uint32_t null_oid(enum orm_type type)
{
	static const uint32_t oids[ORM_T_COUNT] = {
		[ORM_T_BOOLEAN] = PG_BOOL,    [ORM_T_SMALLINT] = PG_INT8,
		[ORM_T_INTEGER] = PG_INT8,    [ORM_T_BIGINT] = PG_INT8,
		[ORM_T_REAL] = PG_FLOAT8,     [ORM_T_DOUBLE] = PG_FLOAT8,
		[ORM_T_NUMERIC] = PG_NUMERIC, [ORM_T_TEXT] = PG_TEXT,
		[ORM_T_BYTES] = PG_BYTEA,     [ORM_T_TIMESTAMP_MS] = PG_TIMESTAMPTZ,
		[ORM_T_UUID] = PG_UUID,	      [ORM_T_INET] = PG_INET,
		[ORM_T_CIDR] = PG_CIDR,	      [ORM_T_JSON] = PG_JSON,
		[ORM_T_JSONB] = PG_JSONB,     [ORM_T_BIGINTS] = PG_INT8S,
		[ORM_T_DOUBLES] = PG_FLOAT8S, [ORM_T_TEXTS] = PG_TEXTS,
	};

	return type < ORM_T_COUNT ? oids[type] : 0;
}

static int encode_plain(struct arena *arena, const struct orm_value *v, enum orm_type type,
			struct pg_cell *cell, const char **ret_why)
{
	enum orm_type own = v->kind == ORM_K_BOOL    ? ORM_T_BOOLEAN
			    : v->kind == ORM_K_BYTES ? ORM_T_BYTES
						     : ORM_T_UUID;

	if (type != ORM_T_NONE && type != own)
		return refuse(ret_why, "the value is not of the column's type");
	if (own == ORM_T_BOOLEAN)
		return put_bool(arena, cell, v->b);
	return borrow(v, cell, own == ORM_T_BYTES ? PG_BYTEA : PG_UUID, ret_why);
}

int pg_encode(struct arena *arena, const struct orm_value *value, enum orm_type type,
	      enum pg_way way, struct pg_cell *ret_cell, const char **ret_why)
{
	switch ((enum orm_kind)value->kind) {
	case ORM_K_NULL:
		*ret_cell = (struct pg_cell){.oid = null_oid(type), .binary = true};
		return 0;
	case ORM_K_I64:
		return encode_int(arena, value->i, type, way, ret_cell, ret_why);
	case ORM_K_F64:
		return encode_double(arena, value->f, type, way, ret_cell, ret_why);
	case ORM_K_TEXT:
		return encode_text(arena, value, type, way, ret_cell, ret_why);
	case ORM_K_BOOL:
	case ORM_K_BYTES:
	case ORM_K_UUID:
		return encode_plain(arena, value, type, ret_cell, ret_why);
	case ORM_K_I64S:
	case ORM_K_F64S:
	case ORM_K_TEXTS:
		return encode_array(arena, value, type, way, ret_cell, ret_why);
	}
	return refuse(ret_why, "the value is of no kind there is");
}

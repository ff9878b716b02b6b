/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields in binary format to values: first as the OID says (decode_scalar(), decode_array()), then,
 * when another type is wanted, by pg_convert().
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/orm/error.h>

#include <orm/drivers/pg/codec.h>
#include <orm/drivers/pg/number.h>
#include <orm/drivers/pg/oid.h>
#include <orm/drivers/pg/wire.h>

#define EPOCH_2000_MS 946684800000LL
#define EPOCH_2000_DAYS 10957
#define DAY_MS 86400000LL
#define ARRAY_HEAD 20U

static int refuse(const char **ret_why, const char *why)
{
	*ret_why = why;
	return ORM_E_VALUE;
}

static int malformed(const char **ret_why)
{
	return refuse(ret_why, "its bytes are malformed");
}

static struct orm_value typed(struct orm_value value, enum orm_type type)
{
	value.type = (uint8_t)type;
	return value;
}

bool pg_time_ms(int64_t us, int64_t *ret_ms)
{
	if (us == INT64_MAX || us == INT64_MIN)
		return false;
	*ret_ms = us / 1000 - (us % 1000 < 0) + EPOCH_2000_MS;
	return true;
}

static int decode_time(int64_t us, struct orm_value *ret_value, const char **ret_why)
{
	int64_t ms;

	if (!pg_time_ms(us, &ms))
		return refuse(ret_why, "the time is infinity");
	*ret_value = typed(orm_value_i64(ms), ORM_T_TIMESTAMP_MS);
	return 0;
}

/* Of a day since 1970-01-01; the algorithm of Howard Hinnant's "days_from_civil", backwards. */
static void civil(int64_t day, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	int64_t z = day + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*ret_day = doy - (153 * mp + 2) / 5 + 1;
	*ret_month = mp < 10 ? mp + 3 : mp - 9;
	*ret_year = (int64_t)yoe + era * 400 + (*ret_month <= 2);
}

static int put_text(struct arena *arena, const char *text, size_t len, enum orm_type type,
		    struct orm_value *ret_value)
{
	char *copy = arena_copy(arena, text, len);

	if (!copy)
		return pg_no_room(arena, len);
	*ret_value = typed(orm_value_text_len(copy, len), type);
	return 0;
}

static int decode_date(struct arena *arena, int32_t days, struct orm_value *ret_value,
		       const char **ret_why)
{
	int64_t year;
	unsigned month, day;
	char text[32];
	int n;

	if (days == INT32_MAX || days == INT32_MIN)
		return refuse(ret_why, "the date is infinity");
	civil((int64_t)days + EPOCH_2000_DAYS, &year, &month, &day);
	n = snprintf(text, sizeof(text), "%04lld-%02u-%02u%s",
		     (long long)(year > 0 ? year : 1 - year), month, day, year > 0 ? "" : " BC");
	return put_text(arena, text, (size_t)n, ORM_T_TEXT, ret_value);
}

static int decode_inet(struct arena *arena, bool cidr, const char *data, size_t len,
		       struct orm_value *ret_value, const char **ret_why)
{
	char text[PG_INET_TEXT_MAX];
	int r = pg_inet_format((const uint8_t *)data, len, cidr, text, ret_why);

	if (r)
		return r;
	return put_text(arena, text, strlen(text), cidr ? ORM_T_CIDR : ORM_T_INET, ret_value);
}

static int decode_numeric(struct arena *arena, const char *data, size_t len,
			  struct orm_value *ret_value, const char **ret_why)
{
	const char *text;
	size_t n;
	int r = pg_numeric_format(arena, data, len, &text, &n, ret_why);

	if (!r)
		*ret_value = typed(orm_value_text_len(text, n), ORM_T_NUMERIC);
	return r;
}

/* How long the binary form of a fixed type is; 0 when it varies. */
static size_t fixed_len(uint32_t oid)
{
	switch (oid) {
	case PG_BOOL:
	case PG_CHAR:
		return 1;
	case PG_INT2:
		return 2;
	case PG_INT4:
	case PG_OID:
	case PG_XID:
	case PG_CID:
	case PG_REGCLASS:
	case PG_REGTYPE:
	case PG_FLOAT4:
	case PG_DATE:
		return 4;
	case PG_INT8:
	case PG_FLOAT8:
	case PG_TIMESTAMP:
	case PG_TIMESTAMPTZ:
		return 8;
	case PG_UUID:
		return 16;
	default:
		return 0;
	}
}

static int decode_fixed(struct arena *arena, uint32_t oid, const char *data,
			struct orm_value *ret_value, const char **ret_why)
{
	switch (oid) {
	case PG_BOOL:
		*ret_value = typed(orm_value_bool(*data), ORM_T_BOOLEAN);
		return 0;
	case PG_CHAR:
		*ret_value = typed(orm_value_text_len(data, *data ? 1 : 0), ORM_T_TEXT);
		return 0;
	case PG_INT2:
		*ret_value = typed(orm_value_i64((int16_t)wire_get16(data)), ORM_T_SMALLINT);
		return 0;
	case PG_INT4:
		*ret_value = typed(orm_value_i64((int32_t)wire_get32(data)), ORM_T_INTEGER);
		return 0;
	case PG_INT8:
		*ret_value = typed(orm_value_i64((int64_t)wire_get64(data)), ORM_T_BIGINT);
		return 0;
	case PG_FLOAT4:
		*ret_value = typed(orm_value_f64((double)wire_get_float(data)), ORM_T_REAL);
		return 0;
	case PG_FLOAT8:
		*ret_value = typed(orm_value_f64(wire_get_double(data)), ORM_T_DOUBLE);
		return 0;
	case PG_DATE:
		return decode_date(arena, (int32_t)wire_get32(data), ret_value, ret_why);
	case PG_TIMESTAMP:
	case PG_TIMESTAMPTZ:
		return decode_time((int64_t)wire_get64(data), ret_value, ret_why);
	case PG_UUID:
		*ret_value = (struct orm_value){
			.kind = ORM_K_UUID, .type = ORM_T_UUID, .p = data, .len = 16};
		return 0;
	default: /* oid and its kin, never negative */
		*ret_value = typed(orm_value_i64(wire_get32(data)), ORM_T_BIGINT);
		return 0;
	}
}

static int decode_scalar(struct arena *arena, uint32_t oid, const char *data, size_t len,
			 struct orm_value *ret_value, const char **ret_why)
{
	size_t fixed = fixed_len(oid);

	if (fixed)
		return len == fixed ? decode_fixed(arena, oid, data, ret_value, ret_why)
				    : malformed(ret_why);
	switch (oid) {
	case PG_TEXT:
	case PG_VARCHAR:
	case PG_BPCHAR:
	case PG_NAME:
	case PG_UNKNOWN:
	case PG_XML:
		*ret_value = typed(orm_value_text_len(data, len), ORM_T_TEXT);
		return 0;
	case PG_JSON:
		*ret_value = typed(orm_value_text_len(data, len), ORM_T_JSON);
		return 0;
	case PG_JSONB:
		if (!len || *data != 1)
			return malformed(ret_why);
		*ret_value = typed(orm_value_text_len(data + 1, len - 1), ORM_T_JSONB);
		return 0;
	case PG_BYTEA:
		*ret_value = (struct orm_value){
			.kind = ORM_K_BYTES, .type = ORM_T_BYTES, .p = data, .len = len};
		return 0;
	case PG_INET:
	case PG_CIDR:
		return decode_inet(arena, oid == PG_CIDR, data, len, ret_value, ret_why);
	case PG_NUMERIC:
		return decode_numeric(arena, data, len, ret_value, ret_why);
	case PG_VOID:
		*ret_value = orm_value_null();
		return 0;
	default:
		return refuse(ret_why, "its type has no counterpart here; cast it to text");
	}
}

/* What an array of these elements is read as; NULL kind when it cannot be. */
static enum orm_kind array_kind(uint32_t element)
{
	switch (element) {
	case PG_INT2:
	case PG_INT4:
	case PG_INT8:
	case PG_OID:
	case PG_TIMESTAMP:
	case PG_TIMESTAMPTZ:
		return ORM_K_I64S;
	case PG_FLOAT4:
	case PG_FLOAT8:
		return ORM_K_F64S;
	case PG_TEXT:
	case PG_VARCHAR:
	case PG_BPCHAR:
	case PG_NAME:
	case PG_INET:
	case PG_CIDR:
	case PG_NUMERIC:
	case PG_UUID:
	case PG_DATE:
		return ORM_K_TEXTS;
	default:
		return ORM_K_NULL;
	}
}

static bool is_array(uint32_t oid)
{
	switch (oid) {
	case PG_INT2S:
	case PG_INT4S:
	case PG_INT8S:
	case PG_OIDS:
	case PG_FLOAT4S:
	case PG_FLOAT8S:
	case PG_TEXTS:
	case PG_NAMES:
	case PG_BPCHARS:
	case PG_VARCHARS:
	case PG_UUIDS:
	case PG_INETS:
	case PG_CIDRS:
	case PG_NUMERICS:
	case PG_TIMESTAMPTZS:
		return true;
	default:
		return false;
	}
}

/* One element into the i-th place of the array's memory. */
static int put_element(struct arena *arena, enum orm_kind kind, const struct orm_value *one,
		       void *to, size_t i, const char **ret_why)
{
	struct orm_value text = *one;
	char *copy;
	int r;

	if (kind == ORM_K_I64S) {
		((int64_t *)to)[i] = one->i;
		return 0;
	}
	if (kind == ORM_K_F64S) {
		((double *)to)[i] = one->f;
		return 0;
	}
	r = pg_convert(arena, ORM_T_TEXT, &text, ret_why);
	if (r)
		return r;
	if (text.len && memchr(text.p, '\0', text.len))
		return malformed(ret_why);
	copy = arena_copy(arena, text.p, text.len);
	if (!copy)
		return pg_no_room(arena, text.len);
	((const char **)to)[i] = copy;
	return 0;
}

static int decode_array(struct arena *arena, const char *data, size_t len,
			struct orm_value *ret_value, const char **ret_why)
{
	const char *end = data + len;
	enum orm_kind kind;
	uint32_t n = 0, element, dimensions;
	void *to;

	if (len < 12)
		return malformed(ret_why);
	dimensions = wire_get32(data);
	element = wire_get32(data + 8);
	kind = array_kind(element);
	if (dimensions > 1)
		return refuse(ret_why, "the array has more than one dimension");
	if (kind == ORM_K_NULL || (dimensions && len < ARRAY_HEAD))
		return malformed(ret_why);
	if (dimensions)
		n = wire_get32(data + 12);
	data += dimensions ? ARRAY_HEAD : len;
	if (n > (size_t)(end - data) / 4)
		return malformed(ret_why);
	to = arena_alloc(arena, n ? n * 8 : 1);
	if (!to)
		return pg_no_room(arena, n * 8);
	for (uint32_t i = 0; i < n; i++) {
		struct orm_value one;
		uint32_t size;
		int r;

		if (end - data < 4)
			return malformed(ret_why);
		size = wire_get32(data);
		data += 4;
		if (size == UINT32_MAX)
			return refuse(ret_why, "an element of the array is NULL");
		if (size > (size_t)(end - data))
			return malformed(ret_why);
		r = decode_scalar(arena, element, data, size, &one, ret_why);
		if (!r)
			r = put_element(arena, kind, &one, to, i, ret_why);
		if (r)
			return r;
		data += size;
	}
	if (data != end)
		return malformed(ret_why);
	*ret_value = (struct orm_value){.kind = (uint8_t)kind, .p = to, .len = n};
	ret_value->type = kind == ORM_K_I64S   ? ORM_T_BIGINTS
			  : kind == ORM_K_F64S ? ORM_T_DOUBLES
					       : ORM_T_TEXTS;
	return 0;
}

int pg_decode(struct arena *arena, uint32_t oid, enum orm_type want, const char *data, size_t len,
	      struct orm_value *ret_value, const char **ret_why)
{
	struct orm_value value;
	int r = is_array(oid) ? decode_array(arena, data, len, &value, ret_why)
			      : decode_scalar(arena, oid, data, len, &value, ret_why);

	if (!r)
		r = pg_convert(arena, want, &value, ret_why);
	if (!r)
		*ret_value = value;
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A value as the type that was declared. Allowed is what loses nothing, and integers or decimals
 * where a float is wanted: an aggregate's type is wider than its column's (sum, avg).
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <strazh/orm/error.h>

#include <orm/base/uuid.h>
#include <orm/drivers/pg/codec.h>
#include <orm/drivers/pg/number.h>

static int refuse(const char **ret_why, const char *why)
{
	*ret_why = why;
	return ORM_E_VALUE;
}

static int mismatch(const char **ret_why)
{
	return refuse(ret_why, "what is stored is not of the declared type");
}

/* "12" and "12.00", not "12.5". */
static bool whole_number(const struct orm_value *v, int64_t *ret_i)
{
	const char *text = v->p, *point = v->len ? memchr(text, '.', v->len) : NULL;
	size_t len = point ? (size_t)(point - text) : v->len;

	for (size_t i = len + 1; i < v->len; i++)
		if (text[i] != '0')
			return false;
	return number_parse_int(text, len, ret_i);
}

static int to_int(enum orm_type want, struct orm_value *v, const char **ret_why)
{
	int64_t i;

	if (v->kind == ORM_K_I64)
		i = v->i;
	else if (v->kind != ORM_K_TEXT || v->type != ORM_T_NUMERIC)
		return mismatch(ret_why);
	else if (!whole_number(v, &i))
		return refuse(ret_why, "the number does not fit an integer");
	if ((want == ORM_T_SMALLINT && i != (int16_t)i) ||
	    (want == ORM_T_INTEGER && i != (int32_t)i))
		return refuse(ret_why, "the number does not fit the declared type");
	*v = orm_value_i64(i);
	return 0;
}

static int to_double(struct orm_value *v, const char **ret_why)
{
	double f;

	if (v->kind == ORM_K_F64)
		return 0;
	if (v->kind == ORM_K_I64 && v->type != ORM_T_TIMESTAMP_MS)
		f = (double)v->i;
	else if (v->kind != ORM_K_TEXT || v->type != ORM_T_NUMERIC ||
		 !number_parse_double(v->p, v->len, &f))
		return mismatch(ret_why);
	*v = orm_value_f64(f);
	return 0;
}

static int keep_text(struct arena *arena, const char *text, size_t len, struct orm_value *v)
{
	char *copy = arena_copy(arena, text, len);

	if (!copy)
		return pg_no_room(arena, len);
	*v = orm_value_text_len(copy, len);
	return 0;
}

static int to_text(struct arena *arena, enum orm_type want, struct orm_value *v,
		   const char **ret_why)
{
	char text[40];

	if (v->kind == ORM_K_TEXT)
		return 0;
	if (v->kind == ORM_K_UUID && want == ORM_T_TEXT) {
		orm_uuid_emit(v->p, text);
		return keep_text(arena, text, ORM_UUID_LEN, v);
	}
	if (v->kind == ORM_K_I64 && v->type != ORM_T_TIMESTAMP_MS && want == ORM_T_NUMERIC)
		return keep_text(arena, text,
				 (size_t)snprintf(text, sizeof(text), "%lld", (long long)v->i), v);
	return mismatch(ret_why);
}

static int to_uuid(struct arena *arena, struct orm_value *v, const char **ret_why)
{
	struct orm_uuid *uuid;

	if (v->kind == ORM_K_UUID)
		return 0;
	if (v->kind != ORM_K_TEXT)
		return mismatch(ret_why);
	uuid = arena_alloc(arena, sizeof(*uuid));
	if (!uuid)
		return pg_no_room(arena, sizeof(*uuid));
	if (!orm_uuid_parse(v->p, v->len, uuid->b))
		return mismatch(ret_why);
	*v = orm_value_uuid(uuid);
	return 0;
}

static int to_doubles(struct arena *arena, enum orm_type want, struct orm_value *v,
		      const char **ret_why)
{
	double *to;

	if (v->kind == ORM_K_F64S)
		return 0;
	if (v->kind == ORM_K_TEXT && want == ORM_T_VECTOR)
		return pg_numbers_parse(arena, v->p, v->len, false, v, ret_why);
	if (v->kind != ORM_K_I64S)
		return mismatch(ret_why);
	to = arena_alloc(arena, v->len * sizeof(*to));
	if (!to)
		return pg_no_room(arena, v->len * sizeof(*to));
	for (size_t i = 0; i < v->len; i++)
		to[i] = (double)((const int64_t *)v->p)[i];
	v->kind = ORM_K_F64S;
	v->p = to;
	return 0;
}

static int keep(const struct orm_value *v, enum orm_kind kind, const char **ret_why)
{
	return v->kind == kind ? 0 : mismatch(ret_why);
}

int pg_convert(struct arena *arena, enum orm_type want, struct orm_value *value,
	       const char **ret_why)
{
	int r = 0;

	if (want == ORM_T_NONE || want == (enum orm_type)value->type || value->kind == ORM_K_NULL)
		return 0;
	switch (want) {
	case ORM_T_SMALLINT:
	case ORM_T_INTEGER:
	case ORM_T_BIGINT:
	case ORM_T_TIMESTAMP_MS:
		r = to_int(want, value, ret_why);
		break;
	case ORM_T_REAL:
	case ORM_T_DOUBLE:
		r = to_double(value, ret_why);
		break;
	case ORM_T_NUMERIC:
	case ORM_T_TEXT:
	case ORM_T_INET:
	case ORM_T_CIDR:
	case ORM_T_JSON:
	case ORM_T_JSONB:
		r = to_text(arena, want, value, ret_why);
		break;
	case ORM_T_UUID:
		r = to_uuid(arena, value, ret_why);
		break;
	case ORM_T_DOUBLES:
	case ORM_T_VECTOR:
		r = to_doubles(arena, want, value, ret_why);
		break;
	case ORM_T_BOOLEAN:
		r = keep(value, ORM_K_BOOL, ret_why);
		break;
	case ORM_T_BYTES:
		r = keep(value, ORM_K_BYTES, ret_why);
		break;
	case ORM_T_BIGINTS:
		r = keep(value, ORM_K_I64S, ret_why);
		break;
	case ORM_T_TEXTS:
		r = keep(value, ORM_K_TEXTS, ret_why);
		break;
	case ORM_T_NONE:
	case ORM_T_COUNT:
		return mismatch(ret_why);
	}
	if (!r)
		value->type = (uint8_t)want;
	return r;
}

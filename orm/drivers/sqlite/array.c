/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays as JSON text: written by hand, for they are parameters of hot queries; read by jansson. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <strazh/orm/error.h>

#include <orm/base/utf8.h>
#include <orm/drivers/sqlite/lite.h>
#include <orm/table/json.h>

#define INT_MOST 21    /* "-9223372036854775808," */
#define DOUBLE_MOST 28 /* 17 digits, sign, point, exponent, ".0", comma */
#define CHAR_MOST 6    /* "\u001f" */

static size_t emit_int(char *to, int64_t i)
{
	char reversed[INT_MOST];
	uint64_t left = i < 0 ? -(uint64_t)i : (uint64_t)i;
	size_t n = 0, len = 0;

	do
		reversed[n++] = (char)('0' + left % 10);
	while (left /= 10);
	if (i < 0)
		to[len++] = '-';
	while (n)
		to[len++] = reversed[--n];
	return len;
}

/* Always with a point or an exponent: json_each() shall give REAL, and -0.0 stay what it is. */
static size_t emit_double(char *to, double f)
{
	char text[LITE_DOUBLE_TEXT];
	size_t len = lite_double_emit(text, f);

	memcpy(to, text, len);
	if (!memchr(text, '.', len) && !memchr(text, 'e', len)) {
		to[len++] = '.';
		to[len++] = '0';
	}
	return len;
}

static size_t emit_text(char *to, const char *text)
{
	char *p = to;

	*p++ = '"';
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20) {
			p += snprintf(p, CHAR_MOST + 1, "\\u%04x", c);
			continue;
		}
		if (c == '"' || c == '\\')
			*p++ = '\\';
		*p++ = (char)c;
	}
	*p++ = '"';
	return (size_t)(p - to);
}

/* Each element's text in the form of its type. */
static int find_forms(struct arena *arena, enum orm_type type, const struct orm_value *v,
		      const char *const **ret_texts, size_t *ret_room, const char **ret_why)
{
	const char *const *from = v->p;
	const char **to = arena_alloc(arena, v->len * sizeof(*to) + 1);
	bool plain = type == ORM_T_NONE || type == ORM_T_TEXT || type == ORM_T_TEXTS ||
		     type == ORM_T_JSON || type == ORM_T_JSONB;

	if (!to)
		return -ENOMEM;
	for (size_t i = 0; i < v->len; i++) {
		size_t len = strlen(from[i]);
		int r = 0;

		*ret_why = "a text that is not UTF-8";
		if (orm_utf8_check(from[i], len) != ORM_UTF8_OK)
			return ORM_E_VALUE;
		to[i] = from[i];
		if (!plain)
			r = lite_text_form(arena, type, from[i], len, &to[i], &len, ret_why);
		if (r)
			return r;
		*ret_room += len * CHAR_MOST + 3;
	}
	*ret_texts = to;
	return 0;
}

static bool fits(enum orm_type type, enum orm_kind kind)
{
	switch (type) {
	case ORM_T_NONE:
		return true;
	case ORM_T_BIGINTS:
	case ORM_T_SMALLINT:
	case ORM_T_INTEGER:
	case ORM_T_BIGINT:
	case ORM_T_TIMESTAMP_MS:
	case ORM_T_BOOLEAN:
		return kind == ORM_K_I64S;
	case ORM_T_DOUBLES:
	case ORM_T_VECTOR:
	case ORM_T_REAL:
	case ORM_T_DOUBLE:
		return kind == ORM_K_F64S;
	case ORM_T_TEXTS:
	case ORM_T_TEXT:
	case ORM_T_NUMERIC:
	case ORM_T_UUID:
	case ORM_T_INET:
	case ORM_T_CIDR:
	case ORM_T_JSON:
	case ORM_T_JSONB:
		return kind == ORM_K_TEXTS;
	case ORM_T_BYTES:
	case ORM_T_COUNT:
		break;
	}
	return false;
}

static size_t emit_one(char *to, const struct orm_value *v, enum orm_type type,
		       const char *const *texts, size_t i)
{
	double f;

	if (v->kind == ORM_K_TEXTS)
		return emit_text(to, texts[i]);
	if (v->kind == ORM_K_I64S)
		return emit_int(to, ((const int64_t *)v->p)[i]);
	f = ((const double *)v->p)[i];
	return emit_double(to, type == ORM_T_REAL ? (double)(float)f : f);
}

int lite_array_emit(struct arena *arena, enum orm_type type, const struct orm_value *v,
		    const char **ret_text, size_t *ret_len, const char **ret_why)
{
	const char *const *texts = NULL;
	size_t room = 3, len = 0;
	char *to;
	int r;

	*ret_why = "an array of another type was given";
	if (!fits(type, (enum orm_kind)v->kind))
		return ORM_E_VALUE;
	*ret_why = "NaN or an infinite number, which JSON cannot hold";
	for (size_t i = 0; v->kind == ORM_K_F64S && i < v->len; i++)
		if (!isfinite(((const double *)v->p)[i]))
			return ORM_E_VALUE;
	if (v->kind == ORM_K_TEXTS) {
		r = find_forms(arena, type, v, &texts, &room, ret_why);
		if (r)
			return r;
	} else {
		room += v->len * (v->kind == ORM_K_I64S ? INT_MOST : DOUBLE_MOST);
	}
	to = arena_alloc(arena, room);
	if (!to)
		return -ENOMEM;
	to[len++] = '[';
	for (size_t i = 0; i < v->len; i++) {
		if (i)
			to[len++] = ',';
		len += emit_one(to + len, v, type, texts, i);
	}
	to[len++] = ']';
	to[len] = '\0';
	*ret_text = to;
	*ret_len = len;
	return 0;
}

/* ---- reading ---- */

static bool read_int(const json_t *json, int64_t *ret_i)
{
	*ret_i = json_integer_value(json);
	return json_is_integer(json);
}

static bool read_double(const json_t *json, double *ret_f)
{
	*ret_f = json_number_value(json);
	return json_is_number(json);
}

static int read_text(struct arena *arena, const json_t *json, const char **ret_text)
{
	if (!json_is_string(json))
		return ORM_E_VALUE;
	*ret_text = arena_copy(arena, json_string_value(json), json_string_length(json));
	return *ret_text ? 0 : -ENOMEM;
}

static int read_elements(struct arena *arena, enum orm_kind kind, const json_t *json,
			 struct orm_value *ret_value)
{
	size_t n = json_array_size(json);
	void *to = arena_alloc(arena, n * sizeof(int64_t) + 1);

	if (!to)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const json_t *one = json_array_get(json, i);
		int r = 0;

		if (kind == ORM_K_TEXTS)
			r = read_text(arena, one, (const char **)to + i);
		else if (kind == ORM_K_I64S ? !read_int(one, (int64_t *)to + i)
					    : !read_double(one, (double *)to + i))
			r = ORM_E_VALUE;
		if (r)
			return r;
	}
	*ret_value = (struct orm_value){.kind = (uint8_t)kind, .p = to, .len = n};
	return 0;
}

int lite_array_parse(struct arena *arena, enum orm_type type, const char *text, size_t len,
		     struct orm_value *ret_value, const char **ret_why)
{
	own_json json_t *json = NULL;
	json_error_t error;
	int r;

	*ret_why = "more than the limit allows";
	if (arena_is_full(arena, len))
		return ORM_E_VALUE;
	*ret_why = "no JSON array of such elements";
	r = orm_json_load(text, len, 0, &json, &error);
	if (r)
		return r;
	return json_is_array(json) ? read_elements(arena, orm_type_kind(type), json, ret_value)
				   : ORM_E_VALUE;
}

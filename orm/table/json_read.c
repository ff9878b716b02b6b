/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON to rows. The document is parsed whole; the structs and all they point to lie in one arena
 * of the result, so that the document can go. Nothing is converted but what json.h says.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include <strazh/base/own.h>

#include <orm/base/arena.h>
#include <orm/base/fault.h>
#include <orm/base/uuid.h>
#include <orm/table/codec.h>
#include <orm/table/json.h>
#include <orm/table/keys.h>
#include <orm/table/row.h>

#define ARENA_MAX (256U << 20)

struct orm_json {
	struct arena arena;
	size_t count;
	char *structs;
	uint64_t *given;
};

/* One member on its way into its field. */
struct member {
	const struct orm_table *table;
	unsigned column;
	size_t row;
	const json_t *json;
	struct arena *arena;
	struct orm_error *err;
};

static int refuse(const struct member *m, int class, const char *why)
{
	const char *name = m->table->columns[m->column].name;

	orm_fail(m->err, class, "member '%s' of object %zu: %s", name, m->row, why);
	if (m->err) {
		m->err->row = m->row;
		orm_fault_name(m->err->table, m->table->name);
		orm_fault_name(m->err->column, name);
	}
	return class;
}

static int no_room(const struct member *m, size_t size)
{
	return arena_is_full(m->arena, size) ? refuse(m, ORM_E_TOO_BIG, "too big")
					     : refuse(m, -ENOMEM, "no memory");
}

static int wrong_type(const struct member *m, const char *want)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array",
		[JSON_STRING] = "a string",  [JSON_INTEGER] = "an integer",
		[JSON_REAL] = "a number",    [JSON_TRUE] = "true",
		[JSON_FALSE] = "false",	     [JSON_NULL] = "null",
	};
	char why[96];

	snprintf(why, sizeof(why), "%s is wanted, it is %s", want, names[json_typeof(m->json)]);
	return refuse(m, ORM_E_VALUE, why);
}

/* -?[0-9]+(\.[0-9]+)?, or NaN: what both databases keep exactly. */
static bool is_decimal(const char *text)
{
	size_t n;

	if (!strcmp(text, "NaN"))
		return true;
	text += *text == '-';
	n = strspn(text, "0123456789");
	text += n;
	if (!n || !*text)
		return n;
	n = *text == '.' ? strspn(text + 1, "0123456789") : 0;
	return n && !text[1 + n];
}

static int read_text(const struct member *m, struct orm_value *v)
{
	size_t len = json_string_length(m->json);
	char *copy;

	if (!json_is_string(m->json))
		return wrong_type(m, "a string");
	if (m->table->columns[m->column].type == ORM_T_NUMERIC &&
	    !is_decimal(json_string_value(m->json)))
		return refuse(m, ORM_E_VALUE, "a number as text is wanted, such as \"-12.50\"");
	copy = arena_copy(m->arena, json_string_value(m->json), len);
	if (!copy)
		return no_room(m, len + 1);
	*v = orm_value_text_len(copy, len);
	return 0;
}

/* A document of a JSON column: written down again, without spaces. */
static int read_document(const struct member *m, struct orm_value *v)
{
	size_t len = json_dumpb(m->json, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
	char *copy = len ? arena_alloc(m->arena, len + 1) : NULL;

	if (!copy)
		return no_room(m, len + 1);
	if (json_dumpb(m->json, copy, len, JSON_COMPACT | JSON_ENCODE_ANY) != len)
		return refuse(m, -ENOMEM, "no memory");
	copy[len] = '\0';
	*v = orm_value_text_len(copy, len);
	return 0;
}

static int read_bytes(const struct member *m, struct orm_value *v)
{
	size_t len = json_string_length(m->json), got = 0;
	char *data;

	if (!json_is_string(m->json))
		return wrong_type(m, "a string of base64");
	data = arena_alloc(m->arena, len / 4 * 3 + 1);
	if (!data)
		return no_room(m, len);
	if (!base64_decode(json_string_value(m->json), len, data, &got))
		return refuse(m, ORM_E_VALUE, "not base64 with padding");
	*v = orm_value_bytes((struct orm_bytes){data, got});
	return 0;
}

static int read_uuid(const struct member *m, struct orm_value *v)
{
	struct orm_uuid *uuid = arena_alloc(m->arena, sizeof(*uuid));

	if (!uuid)
		return no_room(m, sizeof(*uuid));
	if (!json_is_string(m->json))
		return wrong_type(m, "a UUID");
	if (!orm_uuid_parse_plain(json_string_value(m->json), json_string_length(m->json), uuid->b))
		return refuse(m, ORM_E_VALUE, "not a UUID of 36 characters");
	*v = orm_value_uuid(uuid);
	return 0;
}

static int put_element(const struct member *m, enum orm_kind kind, const json_t *json, void *to,
		       size_t i)
{
	switch (kind) {
	case ORM_K_I64S:
		if (!json_is_integer(json))
			return refuse(m, ORM_E_VALUE, "each element should be an integer");
		((int64_t *)to)[i] = json_integer_value(json);
		return 0;
	case ORM_K_F64S:
		if (!json_is_number(json))
			return refuse(m, ORM_E_VALUE, "each element should be a number");
		((double *)to)[i] = json_number_value(json);
		return 0;
	case ORM_K_TEXTS:
		if (!json_is_string(json))
			return refuse(m, ORM_E_VALUE, "each element should be a string");
		((char **)to)[i] = arena_copy(m->arena, json_string_value(json),
					      json_string_length(json));
		return ((char **)to)[i] ? 0 : no_room(m, json_string_length(json) + 1);
	case ORM_K_NULL:
	case ORM_K_BOOL:
	case ORM_K_I64:
	case ORM_K_F64:
	case ORM_K_TEXT:
	case ORM_K_BYTES:
	case ORM_K_UUID:
		break;
	}
	return -EINVAL;
}

static int read_array(const struct member *m, enum orm_kind kind, struct orm_value *v)
{
	size_t n = json_array_size(m->json);
	void *to;

	if (!json_is_array(m->json))
		return wrong_type(m, "an array");
	to = arena_alloc(m->arena, (n ? n : 1) * sizeof(int64_t));
	if (!to)
		return no_room(m, n * sizeof(int64_t));
	for (size_t i = 0; i < n; i++) {
		int r = put_element(m, kind, json_array_get(m->json, i), to, i);

		if (r)
			return r;
	}
	*v = (struct orm_value){.kind = kind, .p = to, .len = n};
	return 0;
}

static int read_value(const struct member *m, struct orm_value *v)
{
	const struct orm_column *c = &m->table->columns[m->column];

	switch ((enum orm_kind)c->kind) {
	case ORM_K_BOOL:
		*v = orm_value_bool(json_is_true(m->json));
		return json_is_boolean(m->json) ? 0 : wrong_type(m, "true or false");
	case ORM_K_I64:
		*v = orm_value_i64(json_integer_value(m->json));
		return json_is_integer(m->json) ? 0 : wrong_type(m, "an integer");
	case ORM_K_F64:
		*v = orm_value_f64(json_number_value(m->json));
		return json_is_number(m->json) ? 0 : wrong_type(m, "a number");
	case ORM_K_TEXT:
		if (c->type == ORM_T_JSON || c->type == ORM_T_JSONB)
			return read_document(m, v);
		return read_text(m, v);
	case ORM_K_BYTES:
		return read_bytes(m, v);
	case ORM_K_UUID:
		return read_uuid(m, v);
	case ORM_K_I64S:
	case ORM_K_F64S:
	case ORM_K_TEXTS:
		return read_array(m, c->kind, v);
	case ORM_K_NULL:
		break;
	}
	return -EINVAL;
}

/* Bits of the integer types; a field may be wider than its type. */
static bool in_range(enum orm_type type, int64_t i)
{
	if (type == ORM_T_SMALLINT)
		return i == (int16_t)i;
	return type != ORM_T_INTEGER || i == (int32_t)i;
}

static int read_member(const struct member *m, void *row)
{
	const struct orm_column *c = &m->table->columns[m->column];
	struct orm_value v = orm_value_null();
	int r;

	if (json_is_null(m->json)) {
		if (c->flags & (ORM_NN | ORM_PK))
			return refuse(m, ORM_E_VALUE, "it may not be null");
	} else {
		r = read_value(m, &v);
		if (r)
			return r;
		if (v.kind == ORM_K_I64 && !in_range(c->type, v.i))
			return refuse(m, ORM_E_VALUE, "the number is out of range");
		if (v.kind == ORM_K_F64 && c->type == ORM_T_REAL && isinf((float)v.f))
			return refuse(m, ORM_E_VALUE, "the number is out of range");
	}
	r = orm_row_put(m->table, m->column, row, &v);
	return r ? refuse(m, r, "the number is out of range") : 0;
}

static bool has_default(const struct orm_table *table, unsigned column)
{
	for (unsigned i = 0; i < table->key_count; i++)
		if (table->keys[i].kind == ORM_KEY_DEFAULT &&
		    !strcmp(table->keys[i].name, table->columns[column].name))
			return true;
	return false;
}

/* Columns without a member: NULL, or 0 where the database numbers the row. */
static int fill_rest(struct member *m, uint64_t given, unsigned flags, void *row)
{
	const struct orm_value null = orm_value_null(), zero = orm_value_i64(0);

	for (unsigned i = 0; i < m->table->count; i++) {
		unsigned of = m->table->columns[i].flags;
		int r;

		if (given >> i & 1)
			continue;
		m->column = i;
		if (of & (ORM_NN | ORM_PK) && !(of & ORM_AUTO) && !(flags & ORM_JSON_PARTIAL) &&
		    !has_default(m->table, i))
			return refuse(m, ORM_E_VALUE, "it is missing");
		r = orm_row_put(m->table, i, row, of & ORM_AUTO ? &zero : &null);
		if (r)
			return r;
	}
	return 0;
}

static int unknown(const struct member *m, const char *name)
{
	orm_fail(m->err, ORM_E_VALUE, "member '%.63s' of object %zu: table '%s' has no such column",
		 name, m->row, m->table->name);
	if (m->err) {
		m->err->row = m->row;
		orm_fault_name(m->err->table, m->table->name);
		orm_fault_name(m->err->column, name);
	}
	return ORM_E_VALUE;
}

static int read_object(struct member *m, const json_t *object, uint64_t mask, unsigned flags,
		       void *row, uint64_t *ret_given)
{
	uint64_t given = 0;
	const char *name;
	json_t *json;

	if (!json_is_object(object))
		return orm_fail(m->err, ORM_E_VALUE, "element %zu of the JSON is no object",
				m->row);
	/* jansson's own loop takes an object that is not const. */
	for (void *i = json_object_iter((json_t *)(uintptr_t)object); i;
	     i = json_object_iter_next((json_t *)(uintptr_t)object, i)) {
		int column, r;

		name = json_object_iter_key(i);
		json = json_object_iter_value(i);
		column = orm_table_find(m->table, name, json_object_iter_key_len(i));
		if (column < 0 || !(mask >> column & 1))
			return unknown(m, name);
		m->column = (unsigned)column;
		m->json = json;
		r = read_member(m, row);
		if (r)
			return r;
		given |= 1ULL << column;
	}
	*ret_given = given;
	return fill_rest(m, given, flags, row);
}

static int read_all(struct orm_json *j, const struct orm_table *table, const json_t *document,
		    uint64_t mask, unsigned flags, struct orm_error *err)
{
	bool array = json_is_array(document);
	size_t n = array ? json_array_size(document) : 1;
	size_t size = n * ((size_t)table->size + sizeof(uint64_t));

	j->structs = arena_alloc(&j->arena, n * (size_t)table->size);
	j->given = arena_alloc(&j->arena, n * sizeof(*j->given));
	if (!j->structs || !j->given)
		return orm_fail(err, arena_is_full(&j->arena, size) ? ORM_E_TOO_BIG : -ENOMEM,
				"%zu rows of JSON are too big", n);
	memset(j->structs, 0, n * (size_t)table->size);
	for (j->count = 0; j->count < n; j->count++) {
		struct member m = {.table = table, .row = j->count, .arena = &j->arena, .err = err};
		int r = read_object(&m, array ? json_array_get(document, j->count) : document, mask,
				    flags, j->structs + j->count * table->size,
				    &j->given[j->count]);

		if (r)
			return r;
	}
	return 0;
}

int orm_json_read(const struct orm_table *table, const char *text, size_t len, uint64_t mask,
		  unsigned flags, struct orm_json **ret_json, struct orm_error *ret_error)
{
	own_json json_t *document = NULL;
	struct orm_json *j;
	int r = orm_table_check(table, ret_error);

	if (!r)
		r = orm_json_parse(text, len, &document, ret_error);
	if (r)
		return r;
	j = calloc(1, sizeof(*j));
	if (!j)
		return orm_fail(ret_error, -ENOMEM, "no memory for JSON");
	arena_init(&j->arena, ARENA_MAX);
	r = read_all(j, table, document, mask, flags, ret_error);
	if (r) {
		orm_json_free(j);
		return r;
	}
	*ret_json = j;
	return 0;
}

void orm_json_free(struct orm_json *json)
{
	if (!json)
		return;
	arena_deinit(&json->arena);
	free(json);
}

size_t orm_json_count(const struct orm_json *json)
{
	return json->count;
}

const void *orm_json_structs(const struct orm_json *json)
{
	return json->structs;
}

uint64_t orm_json_given(const struct orm_json *json, size_t row)
{
	return json->given[row];
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Rows to JSON. What has no JSON text (NaN, text that is not UTF-8) is refused by its column. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include <strazh/base/own.h>

#include <orm/base/fault.h>
#include <orm/base/utf8.h>
#include <orm/base/uuid.h>
#include <orm/table/codec.h>
#include <orm/table/json.h>

static json_t *bytes_json(const struct orm_value *v)
{
	size_t len = base64_len(v->len);
	own_free char *text = malloc(len ? len : 1);

	if (!text)
		return NULL;
	base64_encode(v->p, v->len, text);
	return json_stringn_nocheck(text, len);
}

static json_t *uuid_json(const struct orm_value *v)
{
	char text[ORM_UUID_LEN + 1];

	orm_uuid_emit(v->p, text);
	return json_stringn_nocheck(text, ORM_UUID_LEN);
}

static json_t *element_json(const struct orm_value *v, size_t i)
{
	switch ((enum orm_kind)v->kind) {
	case ORM_K_I64S:
		return json_integer(((const int64_t *)v->p)[i]);
	case ORM_K_F64S:
		return json_real(((const double *)v->p)[i]);
	case ORM_K_TEXTS:
		return json_string(((const char *const *)v->p)[i]);
	case ORM_K_NULL:
	case ORM_K_BOOL:
	case ORM_K_I64:
	case ORM_K_F64:
	case ORM_K_TEXT:
	case ORM_K_BYTES:
	case ORM_K_UUID:
		break;
	}
	return NULL;
}

static json_t *array_json(const struct orm_value *v)
{
	own_json json_t *array = json_array();

	for (size_t i = 0; array && i < v->len; i++)
		if (json_array_append_new(array, element_json(v, i)))
			return NULL;
	return take_ptr(array);
}

/* NULL: no memory, or no JSON text (value_fault() tells). */
static json_t *value_json(const struct orm_value *v)
{
	json_t *document = NULL;

	switch ((enum orm_kind)v->kind) {
	case ORM_K_NULL:
		return json_null();
	case ORM_K_BOOL:
		return json_boolean(v->b);
	case ORM_K_I64:
		return json_integer(v->i);
	case ORM_K_F64:
		return json_real(v->f);
	case ORM_K_TEXT:
		if (v->type != ORM_T_JSON && v->type != ORM_T_JSONB)
			return json_stringn(v->p, v->len);
		return orm_json_parse(v->p, v->len, &document, NULL) ? NULL : document;
	case ORM_K_BYTES:
		return bytes_json(v);
	case ORM_K_UUID:
		return uuid_json(v);
	case ORM_K_I64S:
	case ORM_K_F64S:
	case ORM_K_TEXTS:
		return array_json(v);
	}
	return NULL;
}

static bool numbers_ok(const struct orm_value *v)
{
	if (v->kind == ORM_K_F64)
		return isfinite(v->f);
	for (size_t i = 0; v->kind == ORM_K_F64S && i < v->len; i++)
		if (!isfinite(((const double *)v->p)[i]))
			return false;
	return true;
}

/* Could it be written, if there were memory? A document may be wrong in more ways than its bytes.
 */
static bool texts_ok(const struct orm_value *v)
{
	bool document = v->type == ORM_T_JSON || v->type == ORM_T_JSONB;
	json_t *json = NULL;

	if (v->kind == ORM_K_TEXT && document) {
		int r = orm_json_parse(v->p, v->len, &json, NULL);

		json_decref(json);
		return r <= 0;
	}
	/* jansson takes a NUL inside, and so does JSON. */
	if (v->kind == ORM_K_TEXT)
		return orm_utf8_check(v->p, v->len) != ORM_UTF8_BAD;
	for (size_t i = 0; v->kind == ORM_K_TEXTS && i < v->len; i++) {
		const char *text = ((const char *const *)v->p)[i];

		if (orm_utf8_check(text, strlen(text)) != ORM_UTF8_OK)
			return false;
	}
	return true;
}

/* Why there is no JSON of this value: what it holds, or that memory ran out. */
static int value_fault(const struct orm_table *table, unsigned column, const struct orm_value *v,
		       struct orm_error *err)
{
	const char *name = table->columns[column].name;

	if (!numbers_ok(v))
		orm_fail(err, ORM_E_VALUE, "column '%s' holds a number that JSON has not", name);
	else if (!texts_ok(v))
		orm_fail(err, ORM_E_VALUE, "column '%s' holds no text that JSON can have", name);
	else
		return orm_fail(err, -ENOMEM, "no memory for JSON");
	if (err) {
		orm_fault_name(err->table, table->name);
		orm_fault_name(err->column, name);
	}
	return ORM_E_VALUE;
}

static int row_json(const struct orm_table *table, const void *row, uint64_t mask,
		    json_t **ret_json, struct orm_error *err)
{
	own_json json_t *object = json_object();

	if (!object)
		return orm_fail(err, -ENOMEM, "no memory for JSON");
	for (unsigned i = 0; i < table->count; i++) {
		struct orm_value v;
		json_t *json;

		if (!(mask >> i & 1) || table->columns[i].flags & ORM_SECRET)
			continue;
		v = orm_row_get(table, i, row);
		json = value_json(&v);
		if (!json)
			return value_fault(table, i, &v, err);
		if (json_object_set_new_nocheck(object, table->columns[i].name, json))
			return orm_fail(err, -ENOMEM, "no memory for JSON");
	}
	*ret_json = take_ptr(object);
	return 0;
}

/* jansson (do_dump() of 2.14) goes on when there was no room for a key: what was lost is noted. */
struct written {
	char *text;
	size_t len, room;
	bool no_memory;
};

static int write_part(const char *part, size_t size, void *data)
{
	struct written *w = data;

	if (w->no_memory)
		return -1;
	if (size >= w->room - w->len) {
		size_t room = MAX(w->room * 2, w->len + size + 256);
		char *text = realloc(w->text, room);

		w->no_memory = !text;
		if (!text)
			return -1;
		w->text = text;
		w->room = room;
	}
	memcpy(w->text + w->len, part, size);
	w->len += size;
	return 0;
}

int orm_json_dump(const json_t *json, size_t flags, char **ret_text)
{
	struct written w = {0};
	int r = json_dump_callback(json, write_part, &w, flags);

	if (r || w.no_memory) {
		free(w.text);
		return -ENOMEM;
	}
	w.text[w.len] = '\0';
	*ret_text = w.text;
	return 0;
}

static int dump(const json_t *json, char **ret_text, struct orm_error *err)
{
	int r = orm_json_dump(json, JSON_COMPACT, ret_text);

	return r ? orm_fail(err, r, "no memory for JSON") : 0;
}

int orm_json_row(const struct orm_table *table, const void *row, uint64_t mask, char **ret_text,
		 struct orm_error *ret_error)
{
	own_json json_t *object = NULL;
	int r = row_json(table, row, mask, &object, ret_error);

	return r ? r : dump(object, ret_text, ret_error);
}

int orm_json_rows(const struct orm_table *table, const void *rows, size_t count, uint64_t mask,
		  char **ret_text, struct orm_error *ret_error)
{
	own_json json_t *array = json_array();

	if (!array)
		return orm_fail(ret_error, -ENOMEM, "no memory for JSON");
	for (size_t i = 0; i < count; i++) {
		json_t *object = NULL;
		int r = row_json(table, (const char *)rows + i * table->size, mask, &object,
				 ret_error);

		if (r && ret_error)
			ret_error->row = i;
		if (r)
			return r;
		if (json_array_append_new(array, object))
			return orm_fail(ret_error, -ENOMEM, "no memory for JSON");
	}
	return dump(array, ret_text, ret_error);
}

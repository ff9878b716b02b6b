/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>

#include <orm/base/uuid.h>
#include <orm/table/json.h>
#include <orm/tools/kit/print.h>

#define CELL_MAX 60U /* characters */
#define MEASURED_ROWS 1000U

void print_escaped(FILE *to, const char *text, size_t len, size_t most)
{
	size_t shown = 0;

	for (size_t i = 0; i < len && shown < most; i++, shown++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\n')
			fputs("\\n", to);
		else if (c < 0x20 || c == 0x7f)
			fprintf(to, "\\x%02x", c);
		else
			putc(c, to);
	}
	if (len > most)
		fputs("...", to);
}

/* ---- one value ---- */

static char *hex_of(const struct orm_value *value)
{
	const uint8_t *bytes = value->p;
	char *text = malloc(value->len * 2 + 3);

	if (!text)
		return NULL;
	memcpy(text, "\\x", 3);
	for (size_t i = 0; i < value->len; i++)
		snprintf(text + 2 + i * 2, 3, "%02x", bytes[i]);
	return text;
}

static json_t *json_array_of(const struct orm_value *value)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < value->len; i++) {
		json_t *item = value->kind == ORM_K_I64S
				       ? json_integer(((const int64_t *)value->p)[i])
			       : value->kind == ORM_K_F64S
				       ? json_real(((const double *)value->p)[i])
				       : json_string(((const char *const *)value->p)[i]);

		if (json_array_append_new(array, item)) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

/* Numbers that JSON has no form for, as PostgreSQL writes them. */
static json_t *json_double(double f)
{
	if (isfinite(f))
		return json_real(f);
	return json_string(isnan(f) ? "NaN" : f > 0 ? "Infinity" : "-Infinity");
}

static json_t *json_text(const struct orm_value *value)
{
	json_t *text = json_stringn(value->p, value->len);

	/* Not UTF-8: SQLite keeps whatever it was given. */
	return text ? text : json_string("(not UTF-8)");
}

json_t *print_json_value(const struct orm_value *value)
{
	own_free char *hex = NULL;
	char uuid[ORM_UUID_LEN + 1];

	switch ((enum orm_kind)value->kind) {
	case ORM_K_NULL:
		return json_null();
	case ORM_K_BOOL:
		return json_boolean(value->b);
	case ORM_K_I64:
		return json_integer(value->i);
	case ORM_K_F64:
		return json_double(value->f);
	case ORM_K_TEXT:
		return json_text(value);
	case ORM_K_BYTES:
		hex = hex_of(value);
		return hex ? json_string(hex) : NULL;
	case ORM_K_UUID:
		orm_uuid_emit(value->p, uuid);
		return json_string(uuid);
	case ORM_K_I64S:
	case ORM_K_F64S:
	case ORM_K_TEXTS:
		return json_array_of(value);
	}
	return json_null();
}

/* The value as a person reads it; malloc'ed. */
static char *cell(const struct orm_value *value)
{
	json_t *json;
	char *text = NULL;

	if (value->kind == ORM_K_NULL)
		return strdup("NULL");
	if (value->kind == ORM_K_TEXT)
		return strndup(value->p, value->len);
	json = print_json_value(value);
	if (json_is_string(json))
		text = strdup(json_string_value(json));
	else if (json && orm_json_dump(json, JSON_ENCODE_ANY | JSON_COMPACT, &text))
		text = NULL;
	json_decref(json);
	return text;
}

/* ---- a table ---- */

static size_t characters(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static bool is_number(const struct orm_value *value)
{
	return value->kind == ORM_K_I64 || value->kind == ORM_K_F64;
}

/* Widths by the first rows; a longer one later only looks less straight. */
static void measure(const struct orm_result *result, size_t *widths)
{
	size_t rows = MIN(orm_result_count(result), MEASURED_ROWS);
	unsigned n = orm_result_columns(result);

	for (unsigned c = 0; c < n; c++)
		widths[c] = characters(orm_result_name(result, c));
	for (size_t r = 0; r < rows; r++) {
		for (unsigned c = 0; c < n; c++) {
			struct orm_value value = orm_result_value(result, r, c);
			own_free char *text = cell(&value);

			if (text)
				widths[c] = MAX(widths[c], MIN(characters(text), CELL_MAX + 3));
		}
	}
}

static void put_cell(FILE *to, const char *text, size_t width, bool right, bool last)
{
	size_t len = MIN(characters(text), CELL_MAX + 3);
	int gap = width > len ? (int)(width - len) : 0;

	if (right)
		fprintf(to, "%*s", gap, "");
	print_escaped(to, text, strlen(text), strlen(text) > 4 * CELL_MAX ? CELL_MAX : SIZE_MAX);
	if (!right && !last)
		fprintf(to, "%*s", gap, "");
	fputs(last ? "\n" : "  ", to);
}

void print_table(FILE *to, const struct orm_result *result)
{
	unsigned n = orm_result_columns(result);
	own_free size_t *widths = calloc(n + 1, sizeof(*widths));

	if (!widths || !n)
		return;
	measure(result, widths);
	for (unsigned c = 0; c < n; c++)
		put_cell(to, orm_result_name(result, c), widths[c], false, c + 1 == n);
	for (unsigned c = 0; c < n; c++) {
		for (size_t i = 0; i < widths[c]; i++)
			putc('-', to);
		fputs(c + 1 == n ? "\n" : "  ", to);
	}
	for (size_t r = 0; r < orm_result_count(result); r++) {
		for (unsigned c = 0; c < n; c++) {
			struct orm_value value = orm_result_value(result, r, c);
			own_free char *text = cell(&value);

			put_cell(to, text ? text : "?", widths[c], is_number(&value), c + 1 == n);
		}
	}
}

/* ---- JSON ---- */

int print_json_line(FILE *to, json_t *json)
{
	own_free char *text = NULL;
	int r = json ? orm_json_dump(json, JSON_COMPACT, &text) : -ENOMEM;

	json_decref(json);
	if (r)
		return r;
	fputs(text, to);
	putc('\n', to);
	return 0;
}

int print_json_rows(FILE *to, const struct orm_result *result)
{
	unsigned n = orm_result_columns(result);

	for (size_t r = 0; r < orm_result_count(result); r++) {
		json_t *row = json_object();
		int failed = !row;

		for (unsigned c = 0; c < n && !failed; c++) {
			struct orm_value value = orm_result_value(result, r, c);
			const char *name = orm_result_name(result, c);

			failed = json_object_set_new_nocheck(row, name, print_json_value(&value));
		}
		if (failed) {
			json_decref(row);
			return -ENOMEM;
		}
		if (print_json_line(to, row))
			return -ENOMEM;
	}
	return 0;
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One form for each value: what PostgreSQL says in text, and what SQLite has stored, are brought to
 * the same text, and parameters from values to what each database takes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "check.h"

static char *copy(const char *text, size_t len)
{
	char *to = malloc(len + 1);

	if (!to)
		abort();
	memcpy(to, text, len);
	to[len] = '\0';
	return to;
}

static char *number_text(double f)
{
	char text[40];

	return copy(text, (size_t)snprintf(text, sizeof(text), "%.17g", f));
}

static char *int_text(int64_t i)
{
	char text[24];

	return copy(text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)i));
}

/* ---- JSON and arrays ---- */

static char *json_form(const char *text)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
	char *form = json ? json_dumps(json, JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_COMPACT)
			  : copy(text, strlen(text));

	json_decref(json);
	return form;
}

/* A JSON array as PostgreSQL's array literal holds it: elements one after the other. */
static char *array_form(const char *text, bool pg)
{
	json_t *array = json_array();
	char *element = copy(text, strlen(text)), *form;
	const char *at = text + 1;

	if (!pg) {
		free(element);
		json_decref(array);
		return json_form(text);
	}
	while (*at && *at != '}') {
		size_t len = 0;
		bool quoted = *at == '"';

		for (at += quoted; *at && (quoted ? *at != '"' : *at != ',' && *at != '}'); at++) {
			at += *at == '\\';
			element[len++] = *at;
		}
		element[len] = '\0';
		json_array_append_new(array, json_string(element));
		at += quoted;
		at += *at == ',';
	}
	form = json_dumps(array, JSON_COMPACT);
	json_decref(array);
	free(element);
	return form;
}

/* Elements as numbers, so that 1, 1.0 and "1" are one. */
static char *numbers_form(char *json, bool floats)
{
	json_t *array = json_loads(json, 0, NULL), *item;
	struct text t = {0};
	size_t i;

	say(&t, "[");
	json_array_foreach(array, i, item)
	{
		const char *s = json_string_value(item);

		if (floats)
			say(&t, "%s%.17g", i ? "," : "",
			    s ? strtod(s, NULL) : json_number_value(item));
		else
			say(&t, "%s%lld", i ? "," : "",
			    s ? strtoll(s, NULL, 10) : (long long)json_integer_value(item));
	}
	say(&t, "]");
	json_decref(array);
	free(json);
	return t.at;
}

static char *list_form(const char *text, enum orm_type type, bool pg)
{
	char *json = array_form(text, pg);

	if (type == ORM_T_TEXTS)
		return json;
	return numbers_form(json, type != ORM_T_BIGINTS);
}

/* ---- answers ---- */

static char *time_form(const char *text)
{
	struct tm tm = {0};
	const char *at = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);
	double fraction = at && *at == '.' ? strtod(at, NULL) : 0;

	return int_text((int64_t)timegm(&tm) * 1000 + (int64_t)(fraction * 1000 + 0.5));
}

char *cell_of_pg(const char *text, enum orm_type type)
{
	switch ((unsigned)type) {
	case ORM_T_BOOLEAN:
		return copy(*text == 't' ? "1" : "0", 1);
	case ORM_T_REAL:
		return number_text((double)strtof(text, NULL));
	case ORM_T_DOUBLE:
		return number_text(strtod(text, NULL));
	case ORM_T_TIMESTAMP_MS:
		return time_form(text);
	case ORM_T_JSON:
	case ORM_T_JSONB:
		return json_form(text);
	case ORM_T_BIGINTS:
	case ORM_T_DOUBLES:
	case ORM_T_TEXTS:
		return list_form(text, type, true);
	case ORM_T_VECTOR:
		return list_form(text, type, false);
	default:
		return copy(text, strlen(text));
	}
}

char *cell_of_sqlite(sqlite3_stmt *st, int column, enum orm_type type)
{
	int kind = sqlite3_column_type(st, column);
	const char *text;
	struct text hex = {0};

	if (kind == SQLITE_NULL)
		return NULL;
	if (is_float(type) && (kind == SQLITE_INTEGER || kind == SQLITE_FLOAT))
		return number_text(type == ORM_T_REAL
					   ? (double)(float)sqlite3_column_double(st, column)
					   : sqlite3_column_double(st, column));
	if (type == ORM_T_BYTES && kind == SQLITE_BLOB) {
		const unsigned char *p = sqlite3_column_blob(st, column);

		say(&hex, "\\x");
		for (int i = 0; i < sqlite3_column_bytes(st, column); i++)
			say(&hex, "%02x", p[i]);
		return hex.at;
	}
	text = (const char *)sqlite3_column_text(st, column);
	/* A kind that the driver would refuse must not look like the right answer. */
	if ((is_integer(type) || type == ORM_T_BOOLEAN || type == ORM_T_TIMESTAMP_MS) !=
	    (kind == SQLITE_INTEGER)) {
		say(&hex, "(kind %d) %s", kind, text ? text : "");
		return hex.at;
	}
	if (type == ORM_T_JSON || type == ORM_T_JSONB)
		return json_form(text);
	if (type >= ORM_T_BIGINTS && type <= ORM_T_VECTOR)
		return list_form(text, type, false);
	return copy(text, strlen(text));
}

/* ---- parameters ---- */

static void say_uuid(struct text *t, const uint8_t *u)
{
	for (unsigned i = 0; i < 16; i++)
		say(t, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", u[i]);
}

static void say_time(struct text *t, int64_t ms)
{
	int64_t s = ms / 1000 - (ms % 1000 < 0);
	time_t seconds = (time_t)s;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	say(t, "%04d-%02d-%02d %02d:%02d:%02d.%03d+00", tm.tm_year + 1900, tm.tm_mon + 1,
	    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms - s * 1000));
}

static void say_quoted(struct text *t, const char *text)
{
	say(t, "\"");
	for (; *text; text++)
		say(t, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	say(t, "\"");
}

static void say_list(struct text *t, const struct orm_value *v, char open, char close)
{
	say(t, "%c", open);
	for (size_t i = 0; i < v->len; i++) {
		say(t, "%s", i ? "," : "");
		if (v->kind == ORM_K_I64S)
			say(t, "%lld", (long long)((const int64_t *)v->p)[i]);
		else if (v->kind == ORM_K_F64S)
			say(t, "%#.17g", ((const double *)v->p)[i]);
		else
			say_quoted(t, ((const char *const *)v->p)[i]);
	}
	say(t, "%c", close);
}

char *param_of_pg(const struct orm_value *v, enum orm_type type)
{
	struct text t = {0};

	switch ((unsigned)v->kind) {
	case ORM_K_NULL:
		return NULL;
	case ORM_K_BOOL:
		say(&t, v->b ? "t" : "f");
		break;
	case ORM_K_I64:
		if (type == ORM_T_TIMESTAMP_MS)
			say_time(&t, v->i);
		else
			say(&t, "%lld", (long long)v->i);
		break;
	case ORM_K_F64:
		say(&t, "%.17g", type == ORM_T_REAL ? (double)(float)v->f : v->f);
		break;
	case ORM_K_TEXT:
		say(&t, "%.*s", (int)v->len, (const char *)v->p);
		break;
	case ORM_K_BYTES:
		say(&t, "\\x");
		for (size_t i = 0; i < v->len; i++)
			say(&t, "%02x", ((const unsigned char *)v->p)[i]);
		break;
	case ORM_K_UUID:
		say_uuid(&t, v->p);
		break;
	case ORM_K_I64S:
	case ORM_K_F64S:
	case ORM_K_TEXTS:
		say_list(&t, v, type == ORM_T_VECTOR ? '[' : '{', type == ORM_T_VECTOR ? ']' : '}');
		break;
	}
	return t.at;
}

static int bind_text(sqlite3_stmt *st, int index, struct text *t)
{
	return sqlite3_bind_text(st, index, t->at, (int)t->len, free);
}

int bind_sqlite(sqlite3_stmt *st, int index, const struct orm_value *v, enum orm_type type)
{
	struct text t = {0};

	switch ((unsigned)v->kind) {
	case ORM_K_NULL:
		return sqlite3_bind_null(st, index);
	case ORM_K_BOOL:
		return sqlite3_bind_int(st, index, v->b);
	case ORM_K_I64:
		return is_float(type) ? sqlite3_bind_double(st, index, (double)v->i)
				      : sqlite3_bind_int64(st, index, v->i);
	case ORM_K_F64:
		return sqlite3_bind_double(st, index,
					   type == ORM_T_REAL ? (double)(float)v->f : v->f);
	case ORM_K_TEXT:
		return sqlite3_bind_text(st, index, v->p, (int)v->len, SQLITE_STATIC);
	case ORM_K_BYTES:
		return sqlite3_bind_blob(st, index, v->p, (int)v->len, SQLITE_STATIC);
	case ORM_K_UUID:
		say_uuid(&t, v->p);
		return bind_text(st, index, &t);
	case ORM_K_I64S:
	case ORM_K_F64S:
	case ORM_K_TEXTS:
		say_list(&t, v, '[', ']');
		return bind_text(st, index, &t);
	}
	return SQLITE_MISUSE;
}

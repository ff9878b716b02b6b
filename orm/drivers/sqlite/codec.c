/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values into parameters. What SQLite would take but PostgreSQL refuses is refused here, too:
 * text with a NUL or that is no UTF-8, numbers outside the column's range, addresses that are none,
 * JSON that is none; and NaN, which SQLite would store as NULL. No message holds the value.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include <orm/base/decimal.h>
#include <orm/base/fault.h>
#include <orm/base/netaddr.h>
#include <orm/base/utf8.h>
#include <orm/base/uuid.h>
#include <orm/drivers/sqlite/lite.h>

/* What a timestamptz holds: from 24 November 4714 BC to the end of AD 294276. */
#define TIME_LEAST_MS (-210866803200000)
#define TIME_MOST_MS 9224318015999999

struct binding {
	struct orm_conn *conn;
	const struct lite_slot *slot;
	enum orm_type type;
	struct orm_error *err;
};

static int refuse(const struct binding *b, const char *sqlstate, const char *why)
{
	char where[80];

	if (b->slot->column)
		snprintf(where, sizeof(where), "column '%.63s'", b->slot->column);
	else
		snprintf(where, sizeof(where), "parameter %d", b->slot->index);
	lite_refuse(b->err, ORM_E_VALUE, sqlstate, "%s%s%s: %s", where, b->type ? " of type " : "",
		    b->type ? orm_type_name(b->type) : "", why);
	if (b->err && b->slot->column)
		orm_fault_name(b->err->column, b->slot->column);
	return ORM_E_VALUE;
}

static int no_memory(const struct binding *b)
{
	return orm_fail(b->err, -ENOMEM, "out of memory for a parameter");
}

static int done(const struct binding *b, int rc)
{
	return rc == SQLITE_OK ? 0 : lite_fail(b->conn, rc, "cannot bind a value", b->err);
}

static int bind_text(const struct binding *b, const char *text, size_t len)
{
	b->conn->run.pointers = true;
	return done(b, sqlite3_bind_text64(b->slot->sql, b->slot->index, text ? text : "", len,
					   SQLITE_STATIC, SQLITE_UTF8));
}

static int bind_int(const struct binding *b, int64_t i)
{
	return done(b, sqlite3_bind_int64(b->slot->sql, b->slot->index, i));
}

static int bind_double(const struct binding *b, double f)
{
	if (isnan(f))
		return refuse(b, "22003", "NaN, which SQLite cannot hold");
	return done(b, sqlite3_bind_double(b->slot->sql, b->slot->index, f));
}

/* Text in the form in which its type is stored. */
static int bind_form(const struct binding *b, const char *text, size_t len)
{
	const char *form, *why;
	size_t form_len;
	int r = lite_text_form(&b->conn->bound, b->type, text, len, &form, &form_len, &why);

	if (r == -ENOMEM)
		return no_memory(b);
	return r ? refuse(b, "22P02", why) : bind_text(b, form, form_len);
}

/*
 * By SQLite itself, so that what is stored is what its JSON functions read. Not by json_valid(): it
 * answers 0 when there is no memory.
 */
static int check_json(const struct binding *b, const char *text, size_t len)
{
	struct orm_conn *conn = b->conn;
	int rc = SQLITE_OK, r = 0;

	if (!conn->json_type)
		rc = sqlite3_prepare_v3(conn->db, "SELECT json_type(?)", -1,
					SQLITE_PREPARE_PERSISTENT, &conn->json_type, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text64(conn->json_type, 1, text, len, SQLITE_STATIC, SQLITE_UTF8);
	if (rc != SQLITE_OK)
		return lite_fail(conn, rc, "cannot check JSON", b->err);
	rc = sqlite3_step(conn->json_type);
	if (rc == SQLITE_ERROR)
		r = refuse(b, "22032", "no JSON");
	else if (rc != SQLITE_ROW)
		r = lite_fail(conn, rc, "cannot check JSON", b->err);
	sqlite3_reset(conn->json_type);
	sqlite3_clear_bindings(conn->json_type);
	if (!r && b->type == ORM_T_JSONB && !orm_json_escapes_ok(text, len))
		r = refuse(b, "22P05", "a \\u escape in it stands for no text");
	return r;
}

static int from_text(const struct binding *b, const char *text, size_t len)
{
	int r;

	switch (orm_utf8_check(text, len)) {
	case ORM_UTF8_NUL:
		return refuse(b, "22021", "a text with a NUL in it");
	case ORM_UTF8_BAD:
		return refuse(b, "22021", "a text that is not UTF-8");
	case ORM_UTF8_OK:
		break;
	}
	switch (b->type) {
	case ORM_T_NONE:
	case ORM_T_TEXT:
		return bind_text(b, text, len);
	case ORM_T_NUMERIC:
	case ORM_T_UUID:
	case ORM_T_INET:
	case ORM_T_CIDR:
		return bind_form(b, text, len);
	case ORM_T_JSON:
	case ORM_T_JSONB:
		r = check_json(b, text ? text : "", len);
		return r ? r : bind_text(b, text, len);
	case ORM_T_BOOLEAN:
	case ORM_T_SMALLINT:
	case ORM_T_INTEGER:
	case ORM_T_BIGINT:
	case ORM_T_REAL:
	case ORM_T_DOUBLE:
	case ORM_T_BYTES:
	case ORM_T_TIMESTAMP_MS:
	case ORM_T_BIGINTS:
	case ORM_T_DOUBLES:
	case ORM_T_TEXTS:
	case ORM_T_VECTOR:
	case ORM_T_COUNT:
		break;
	}
	return refuse(b, "42804", "a text was given");
}

static int from_range(const struct binding *b, int64_t i, int64_t least, int64_t most)
{
	if (i < least || i > most)
		return refuse(b, "22003", "a number out of range");
	return bind_int(b, i);
}

/* A number written as decimal text. */
static int from_number(const struct binding *b, int64_t i, double f, bool whole)
{
	char text[LITE_DOUBLE_TEXT];
	int len;

	if (whole) {
		len = snprintf(text, sizeof(text), "%lld", (long long)i);
		return bind_form(b, text, (size_t)len);
	}
	if (isinf(f) || isnan(f))
		return refuse(b, "22003", "a number that is not finite");
	return bind_form(b, text, lite_double_emit(text, f));
}

static int from_i64(const struct binding *b, int64_t i)
{
	switch (b->type) {
	case ORM_T_NONE:
	case ORM_T_BIGINT:
		return bind_int(b, i);
	case ORM_T_TIMESTAMP_MS:
		return from_range(b, i, TIME_LEAST_MS, TIME_MOST_MS);
	case ORM_T_BOOLEAN:
		return from_range(b, i, 0, 1);
	case ORM_T_SMALLINT:
		return from_range(b, i, INT16_MIN, INT16_MAX);
	case ORM_T_INTEGER:
		return from_range(b, i, INT32_MIN, INT32_MAX);
	case ORM_T_REAL:
		return bind_double(b, (double)(float)i);
	case ORM_T_DOUBLE:
		return bind_double(b, (double)i);
	case ORM_T_NUMERIC:
		return from_number(b, i, 0, true);
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
	return refuse(b, "42804", "a whole number was given");
}

static int from_f64(const struct binding *b, double f)
{
	if (b->type == ORM_T_NONE || b->type == ORM_T_DOUBLE)
		return bind_double(b, f);
	if (b->type == ORM_T_NUMERIC)
		return from_number(b, 0, f, false);
	if (b->type != ORM_T_REAL)
		return refuse(b, "42804", "a floating-point number was given");
	if (isfinite(f) && isinf((float)f))
		return refuse(b, "22003", "a number out of range");
	return bind_double(b, (double)(float)f); /* as a real of PostgreSQL holds it */
}

static int from_bytes(const struct binding *b, const struct orm_value *v)
{
	if (b->type != ORM_T_NONE && b->type != ORM_T_BYTES)
		return refuse(b, "42804", "bytes were given");
	b->conn->run.pointers = true;
	return done(b, sqlite3_bind_blob64(b->slot->sql, b->slot->index, v->p ? v->p : "", v->len,
					   SQLITE_STATIC));
}

static int from_uuid(const struct binding *b, const struct orm_value *v)
{
	char *text;

	if (b->type != ORM_T_NONE && b->type != ORM_T_UUID)
		return refuse(b, "42804", "a UUID was given");
	text = arena_alloc(&b->conn->bound, ORM_UUID_LEN + 1);
	if (!text)
		return no_memory(b);
	orm_uuid_emit(v->p, text);
	return bind_text(b, text, ORM_UUID_LEN);
}

/* For an array column, or for json_each() over values of a column: `type` may be either's. */
static int from_array(const struct binding *b, const struct orm_value *v)
{
	const char *text, *why;
	size_t len;
	int r = lite_array_emit(&b->conn->bound, b->type, v, &text, &len, &why);

	if (r == -ENOMEM)
		return no_memory(b);
	return r ? refuse(b, "22P02", why) : bind_text(b, text, len);
}

int lite_bind(struct orm_conn *conn, const struct lite_slot *slot, enum orm_type type,
	      const struct orm_value *v, struct orm_error *err)
{
	const struct binding b = {.conn = conn, .slot = slot, .type = type, .err = err};

	switch ((enum orm_kind)v->kind) {
	case ORM_K_NULL:
		return done(&b, sqlite3_bind_null(slot->sql, slot->index));
	case ORM_K_I64:
		return from_i64(&b, v->i);
	case ORM_K_TEXT:
		return from_text(&b, v->p, v->len);
	case ORM_K_F64:
		return from_f64(&b, v->f);
	case ORM_K_BOOL:
		if (type != ORM_T_NONE && type != ORM_T_BOOLEAN)
			return refuse(&b, "42804", "a boolean was given");
		return bind_int(&b, v->b);
	case ORM_K_BYTES:
		return from_bytes(&b, v);
	case ORM_K_UUID:
		return from_uuid(&b, v);
	case ORM_K_I64S:
	case ORM_K_F64S:
	case ORM_K_TEXTS:
		return from_array(&b, v);
	}
	return refuse(&b, "42804", "a value of no kind");
}

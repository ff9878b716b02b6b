/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Columns into values. STRICT tables hold what was declared; other tables, expressions and other
 * programs may not, so that storage class, range and form are checked here.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include <orm/base/fault.h>
#include <orm/base/utf8.h>
#include <orm/base/uuid.h>
#include <orm/drivers/sqlite/lite.h>
#include <orm/table/fill.h>

struct cell {
	struct orm_conn *conn;
	sqlite3_stmt *sql;
	int column;
	enum orm_type type;
	int found; /* storage class */
	struct orm_error *err;
};

static const char *found_name(int found)
{
	static const char *const names[] = {
		[SQLITE_INTEGER] = "INTEGER", [SQLITE_FLOAT] = "REAL", [SQLITE_TEXT] = "TEXT",
		[SQLITE_BLOB] = "BLOB",	      [SQLITE_NULL] = "NULL",
	};

	return found > 0 && found < (int)ARRAY_LEN(names) ? names[found] : "?";
}

static int refuse(const struct cell *c, const char *sqlstate, const char *why)
{
	const char *name = sqlite3_column_name(c->sql, c->column);

	lite_refuse(c->err, ORM_E_VALUE, sqlstate, "column '%.63s' of type %s holds %s%s%s",
		    name ? name : "?", orm_type_name(c->type), found_name(c->found),
		    why ? ": " : "", why ? why : "");
	if (c->err)
		orm_fault_name(c->err->column, name);
	return ORM_E_VALUE;
}

static int no_memory(const struct cell *c)
{
	return orm_fail(c->err, -ENOMEM, "out of memory for a column");
}

static int get_int(const struct cell *c, int64_t least, int64_t most, struct orm_value *ret_value)
{
	int64_t i;

	if (c->found != SQLITE_INTEGER)
		return refuse(c, "42804", NULL);
	i = sqlite3_column_int64(c->sql, c->column);
	if (i < least || i > most)
		return refuse(c, "22003", "out of range");
	*ret_value = (struct orm_value){.kind = ORM_K_I64, .type = c->type, .i = i};
	return 0;
}

static int get_bool(const struct cell *c, struct orm_value *ret_value)
{
	int r = get_int(c, 0, 1, ret_value);

	if (!r)
		*ret_value = (struct orm_value){
			.kind = ORM_K_BOOL, .type = c->type, .b = ret_value->i == 1};
	return r;
}

/* INTEGER is taken: sums and literals of whole numbers have it. */
static int get_double(const struct cell *c, struct orm_value *ret_value)
{
	double f;

	if (c->found != SQLITE_FLOAT && c->found != SQLITE_INTEGER)
		return refuse(c, "42804", NULL);
	f = sqlite3_column_double(c->sql, c->column);
	if (c->type == ORM_T_REAL && isfinite(f) && isinf((float)f))
		return refuse(c, "22003", "out of range");
	*ret_value = (struct orm_value){.kind = ORM_K_F64, .type = c->type, .f = f};
	return 0;
}

/* Borrowed from SQLite; with a NUL behind it. */
static int get_text(const struct cell *c, struct orm_value *ret_value)
{
	const char *text = (const char *)sqlite3_column_text(c->sql, c->column);
	size_t len = (size_t)sqlite3_column_bytes(c->sql, c->column);

	if (!text)
		return no_memory(c);
	switch (orm_utf8_check(text, len)) {
	case ORM_UTF8_NUL:
		return refuse(c, "22021", "a NUL is in it");
	case ORM_UTF8_BAD:
		return refuse(c, "22021", "it is not UTF-8");
	case ORM_UTF8_OK:
		break;
	}
	*ret_value = (struct orm_value){.kind = ORM_K_TEXT, .type = c->type, .p = text, .len = len};
	return 0;
}

static int get_bytes(const struct cell *c, struct orm_value *ret_value)
{
	const void *data = sqlite3_column_blob(c->sql, c->column);
	size_t len = (size_t)sqlite3_column_bytes(c->sql, c->column);

	if (!data && len)
		return no_memory(c);
	*ret_value = (struct orm_value){
		.kind = ORM_K_BYTES, .type = c->type, .p = data ? data : "", .len = len};
	return 0;
}

static int get_uuid(const struct cell *c, struct orm_value *ret_value)
{
	const char *text = (const char *)sqlite3_column_text(c->sql, c->column);
	size_t len = (size_t)sqlite3_column_bytes(c->sql, c->column);
	uint8_t *uuid = arena_alloc(&c->conn->fetched, 16);

	if (!text || !uuid)
		return no_memory(c);
	if (!orm_uuid_parse(text, len, uuid))
		return refuse(c, "22P02", "it is no UUID");
	*ret_value = (struct orm_value){.kind = ORM_K_UUID, .type = c->type, .p = uuid, .len = 16};
	return 0;
}

static int get_array(const struct cell *c, struct orm_value *ret_value)
{
	const char *text = (const char *)sqlite3_column_text(c->sql, c->column), *why;
	size_t len = (size_t)sqlite3_column_bytes(c->sql, c->column);
	int r = text ? lite_array_parse(&c->conn->fetched, c->type, text, len, ret_value, &why)
		     : -ENOMEM;

	if (r == -ENOMEM)
		return no_memory(c);
	if (r)
		return refuse(c, "22P02", why);
	ret_value->type = c->type;
	return 0;
}

static int get_untyped(const struct cell *c, struct orm_value *ret_value)
{
	switch (c->found) {
	case SQLITE_INTEGER:
		return get_int(c, INT64_MIN, INT64_MAX, ret_value);
	case SQLITE_FLOAT:
		return get_double(c, ret_value);
	case SQLITE_TEXT:
		return get_text(c, ret_value);
	default:
		return get_bytes(c, ret_value);
	}
}

int lite_fetch(struct orm_conn *conn, sqlite3_stmt *sql, unsigned column, enum orm_type type,
	       struct orm_value *ret_value, struct orm_error *err)
{
	const struct cell c = {conn, sql, (int)column, type, sqlite3_column_type(sql, (int)column),
			       err};

	if (c.found == SQLITE_NULL) {
		*ret_value = (struct orm_value){.kind = ORM_K_NULL, .type = type};
		return 0;
	}
	switch (type) {
	case ORM_T_BIGINT:
	case ORM_T_TIMESTAMP_MS:
		return get_int(&c, INT64_MIN, INT64_MAX, ret_value);
	case ORM_T_INTEGER:
		return get_int(&c, INT32_MIN, INT32_MAX, ret_value);
	case ORM_T_SMALLINT:
		return get_int(&c, INT16_MIN, INT16_MAX, ret_value);
	case ORM_T_BOOLEAN:
		return get_bool(&c, ret_value);
	case ORM_T_REAL:
	case ORM_T_DOUBLE:
		return get_double(&c, ret_value);
	case ORM_T_BYTES:
		return c.found == SQLITE_BLOB ? get_bytes(&c, ret_value)
					      : refuse(&c, "42804", NULL);
	case ORM_T_NUMERIC: /* sums of whole numbers are exact as well */
		if (c.found == SQLITE_INTEGER)
			return get_text(&c, ret_value);
		break;
	case ORM_T_NONE:
		return get_untyped(&c, ret_value);
	case ORM_T_TEXT:
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
	if (c.found != SQLITE_TEXT)
		return refuse(&c, "42804", NULL);
	if (type == ORM_T_UUID)
		return get_uuid(&c, ret_value);
	if (type >= ORM_T_BIGINTS && type <= ORM_T_VECTOR)
		return get_array(&c, ret_value);
	return get_text(&c, ret_value);
}

/* ---- whole rows ---- */

/*
 * The common types without the detour of a value: the storage class must be the type's own, and the
 * field as wide as the type. False: take the detour, which says what is wrong, if something is.
 *
 * The cell is asked for once, by sqlite3_column_value(); each sqlite3_column_x() would find it
 * again. On a connection without a mutex a value may be read so (sqlite.org/c3ref/value.html).
 */
static bool fill_quickly(sqlite3_value *cell, const struct orm_column *field, void *at)
{
	unsigned type = field->type;
	const char *text;
	int32_t i32;
	int64_t i;
	double f;

	switch (sqlite3_value_type(cell)) {
	case SQLITE_INTEGER:
		if (field->kind != ORM_K_I64)
			return false;
		i = sqlite3_value_int64(cell);
		if (field->size == sizeof(i)) {
			memcpy(at, &i, sizeof(i));
			return type == ORM_T_BIGINT || type == ORM_T_TIMESTAMP_MS;
		}
		i32 = (int32_t)i;
		if (field->size == sizeof(i32))
			memcpy(at, &i32, sizeof(i32));
		return field->size == sizeof(i32) && type == ORM_T_INTEGER && i32 == i;
	case SQLITE_FLOAT:
		if (type != ORM_T_DOUBLE || field->kind != ORM_K_F64 || field->size != sizeof(f))
			return false;
		f = sqlite3_value_double(cell);
		memcpy(at, &f, sizeof(f));
		return true;
	case SQLITE_TEXT:
		if (field->kind != ORM_K_TEXT || type == ORM_T_NUMERIC)
			return false;
		text = (const char *)sqlite3_value_text(cell);
		memcpy(at, &text, sizeof(text));
		return text &&
		       orm_utf8_check(text, (size_t)sqlite3_value_bytes(cell)) == ORM_UTF8_OK;
	default:
		return false;
	}
}

static int fill_slowly(struct orm_conn *conn, unsigned column, const struct orm_table *row,
		       void *ret_row, struct orm_error *err)
{
	struct orm_value value;
	int r = lite_value(conn, column, &value, err);

	return r ? r : fill_field(row, column, &value, ret_row, err);
}

int lite_fill(struct orm_conn *conn, const struct orm_table *row, void *ret_row,
	      struct orm_error *err)
{
	const uint8_t *types = conn->run.stmt->column_type;
	unsigned typed = types ? conn->run.stmt->columns : 0;
	const struct orm_column *field = row->columns;
	sqlite3_stmt *sql = conn->run.sql;
	int r = 0;

	for (unsigned i = 0; i < row->count && !r; i++, field++) {
		if (i >= typed || types[i] != field->type ||
		    !fill_quickly(sqlite3_column_value(sql, (int)i), field,
				  (char *)ret_row + field->offset))
			r = fill_slowly(conn, i, row, ret_row, err);
	}
	return r;
}

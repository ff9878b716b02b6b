/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite's result codes and messages as struct orm_error. Where SQLite has one code for many things
 * (SQLITE_ERROR) its message decides; the words looked for are those of 3.40 and stand in tests.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <orm/base/fault.h>
#include <orm/drivers/sqlite/lite.h>

struct mapping {
	int code;
	int class;
	const char *sqlstate;
};

/* Extended codes first: a primary one stands for what is left of it. */
static const struct mapping codes[] = {
	{SQLITE_CONSTRAINT_UNIQUE, ORM_E_UNIQUE, "23505"},
	{SQLITE_CONSTRAINT_PRIMARYKEY, ORM_E_UNIQUE, "23505"},
	{SQLITE_CONSTRAINT_ROWID, ORM_E_UNIQUE, "23505"},
	{SQLITE_CONSTRAINT_NOTNULL, ORM_E_NOT_NULL, "23502"},
	{SQLITE_CONSTRAINT_FOREIGNKEY, ORM_E_FOREIGN_KEY, "23503"},
	{SQLITE_CONSTRAINT_CHECK, ORM_E_CHECK, "23514"},
	{SQLITE_CONSTRAINT_DATATYPE, ORM_E_VALUE, "42804"},
	{SQLITE_CONSTRAINT, ORM_E_CONSTRAINT, "23000"},
	{SQLITE_BUSY_SNAPSHOT, ORM_E_SERIALIZATION, "40001"},
	{SQLITE_BUSY, ORM_E_LOCKED, "55P03"},
	{SQLITE_LOCKED, ORM_E_LOCKED, "55006"},
	{SQLITE_PROTOCOL, ORM_E_LOCKED, "55P03"},
	{SQLITE_FULL, ORM_E_FULL, "53100"},
	{SQLITE_CORRUPT, ORM_E_CORRUPT, "XX001"},
	{SQLITE_NOTADB, ORM_E_CORRUPT, "XX001"},
	{SQLITE_READONLY, ORM_E_READ_ONLY, "25006"},
	{SQLITE_CANTOPEN, ORM_E_IO, "58030"},
	{SQLITE_IOERR_NOMEM, -ENOMEM, "53200"},
	{SQLITE_IOERR, ORM_E_IO, "58030"},
	{SQLITE_NOLFS, ORM_E_IO, "58030"},
	{SQLITE_PERM, ORM_E_AUTH, "42501"},
	{SQLITE_AUTH, ORM_E_QUERY, "42501"},
	{SQLITE_INTERRUPT, ORM_E_CANCELLED, "57014"},
	{SQLITE_TOOBIG, ORM_E_TOO_BIG, "54000"},
	{SQLITE_MISMATCH, ORM_E_VALUE, "42804"},
	{SQLITE_RANGE, ORM_E_QUERY, "07001"},
	{SQLITE_SCHEMA, ORM_E_SCHEMA, "42804"},
	{SQLITE_ABORT, ORM_E_STATE, "25P02"},
	{SQLITE_NOMEM, -ENOMEM, "53200"},
	{SQLITE_MISUSE, -EINVAL, "42601"},
};

/* Messages of SQLITE_ERROR. */
static const struct {
	const char *part;
	int class;
	const char *sqlstate;
} messages[] = {
	{"no such table", ORM_E_SCHEMA, "42P01"},
	{"no such view", ORM_E_SCHEMA, "42P01"},
	{"no such column", ORM_E_SCHEMA, "42703"},
	{"has no column named", ORM_E_SCHEMA, "42703"},
	{"no such index", ORM_E_SCHEMA, "42704"},
	{"already exists", ORM_E_SQL, "42P07"},
	{"ambiguous column name", ORM_E_SQL, "42702"},
	{"no such function", ORM_E_SQL, "42883"},
	{"syntax error", ORM_E_SQL, "42601"},
	{"incomplete input", ORM_E_SQL, "42601"},
	{"unrecognized token", ORM_E_SQL, "42601"},
	{"integer overflow", ORM_E_VALUE, "22003"},
	{"malformed JSON", ORM_E_VALUE, "22032"},
	{"no such savepoint", ORM_E_STATE, "3B001"},
	{"within a transaction", ORM_E_STATE, "25001"},
};

static struct mapping find_code(int code, const char *said)
{
	/* ON DELETE RESTRICT is done by a trigger. */
	if (code == SQLITE_CONSTRAINT_TRIGGER && !strcmp(said, "FOREIGN KEY constraint failed"))
		code = SQLITE_CONSTRAINT_FOREIGNKEY;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i].code == code)
			return codes[i];
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i].code == (code & 0xff))
			return codes[i];
	for (size_t i = 0; i < ARRAY_LEN(messages); i++)
		if (strstr(said, messages[i].part))
			return (struct mapping){code, messages[i].class, messages[i].sqlstate};
	return (struct mapping){code, ORM_E_SQL, "42000"};
}

static void set_sqlstate(struct orm_error *err, const char *sqlstate)
{
	if (err)
		snprintf(err->sqlstate, sizeof(err->sqlstate), "%s", sqlstate);
}

int lite_refuse(struct orm_error *err, int class, const char *sqlstate, const char *format, ...)
{
	char text[sizeof(err->text)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	orm_fail(err, class, "%s", text);
	set_sqlstate(err, sqlstate);
	return class;
}

static void copy_part(char to[64], const char *from, size_t len)
{
	snprintf(to, 64, "%.*s", (int)MIN(len, 63), from);
}

/* "t.a, t.b": the table, and the columns as "a, b". A table's name may hold no '.' (table.h). */
static void set_columns(struct orm_error *err, const char *list)
{
	size_t at = 0;

	copy_part(err->table, list, strcspn(list, "."));
	while (*list && at < sizeof(err->column) - 1) {
		size_t len = strcspn(list, ",");
		const char *dot = memchr(list, '.', len);
		const char *name = dot ? dot + 1 : list;

		at += (size_t)snprintf(err->column + at, sizeof(err->column) - at, "%s%.*s",
				       at ? ", " : "", (int)(list + len - name), name);
		list += len;
		list += strspn(list, ", ");
	}
}

/* The names in "UNIQUE constraint failed: t.a, t.b" and its kin. */
static void set_names(struct orm_error *err, const char *said)
{
	static const char failed[] = " constraint failed: ", index[] = "index '";
	static const char store[] = "cannot store ", column[] = " column ";
	const char *names = strstr(said, failed);

	if (names) {
		names += strlen(failed);
		if (!strncmp(names, index, strlen(index)))
			copy_part(err->constraint, names + strlen(index),
				  strcspn(names + strlen(index), "'"));
		else if (err->class == ORM_E_CHECK)
			copy_part(err->constraint, names, strlen(names));
		else
			set_columns(err, names);
	} else if (!strncmp(said, store, strlen(store)) && (names = strstr(said, column))) {
		set_columns(err, names + strlen(column)); /* "... value in INTEGER column t.a" */
	}
}

/* The machine's word for what SQLite calls an I/O error: some of them are a full disk. */
static bool is_full(int code, int os)
{
	return (code & 0xff) == SQLITE_IOERR && (os == ENOSPC || os == EDQUOT || os == EFBIG);
}

/* One line for a person: what failed, of which file, what to do. */
static void say(struct orm_conn *conn, int class, const char *doing, const char *said, int os,
		char *text, size_t size)
{
	const char *path = conn->path;
	const char *os_said = os ? strerrordesc_np(os) : NULL;

	switch (class) {
	case ORM_E_LOCKED:
		snprintf(text, size,
			 "%s: '%s' is locked by another process or connection since %lld "
			 "ms: %s",
			 doing, path, (long long)conn->waited_ms, said);
		break;
	case ORM_E_FULL:
		snprintf(text, size, "%s: the disk of '%s' is full: free some room and try again",
			 doing, path);
		break;
	case ORM_E_CORRUPT:
		snprintf(
			text, size,
			"%s: database file '%s' is damaged: %s; restore a copy, or salvage it with "
			"sqlite3's .recover",
			doing, path, said);
		break;
	case ORM_E_READ_ONLY:
		snprintf(text, size,
			 "%s: '%s' was opened for reading only, or its file may not be "
			 "written: %s",
			 doing, path, said);
		break;
	case ORM_E_IO:
	case ORM_E_AUTH:
		snprintf(text, size, "%s: '%s': %s%s%s", doing, path, said, os_said ? ": " : "",
			 os_said ? os_said : "");
		break;
	case ORM_E_TIMEOUT:
		snprintf(text, size, "%s: stopped after query_timeout_ms, %lld ms", doing,
			 (long long)conn->query_timeout_ms);
		break;
	case ORM_E_CANCELLED:
		snprintf(text, size, "%s: it was cancelled", doing);
		break;
	case ORM_E_QUERY:
		snprintf(text, size, "%s: %s", doing, conn->denied ? conn->denied : said);
		break;
	default:
		snprintf(text, size, "%s: %s", doing, said);
	}
}

/* SQLite keeps the machine's word when a statement fails, but not when COMMIT does. */
static int os_error(struct orm_conn *conn, int code, int now)
{
	int kept = conn->db ? sqlite3_system_errno(conn->db) : 0;

	if ((code & 0xff) != SQLITE_IOERR && (code & 0xff) != SQLITE_CANTOPEN)
		return 0;
	return kept ? kept : now;
}

int lite_fail(struct orm_conn *conn, int code, const char *doing, struct orm_error *err)
{
	int os = os_error(conn, code, errno);
	const char *said = conn->db ? sqlite3_errmsg(conn->db) : sqlite3_errstr(code);
	struct mapping found = find_code(code, said);
	char text[384];

	if (is_full(code, os))
		found = (struct mapping){code, ORM_E_FULL, "53100"};
	if (found.class == ORM_E_CANCELLED && conn->timed_out)
		found.class = ORM_E_TIMEOUT;
	if ((code & 0xff) == SQLITE_CANTOPEN && (os == EACCES || os == EPERM))
		found = (struct mapping){code, ORM_E_AUTH, "42501"};
	if (found.class == ORM_E_IO || found.class == ORM_E_CORRUPT ||
	    code == SQLITE_READONLY_DBMOVED)
		conn->head.broken = true;
	say(conn, found.class, doing, said, os, text, sizeof(text));
	lite_refuse(err, found.class, found.sqlstate, "%s", text);
	if (err && (code & 0xff) == SQLITE_CONSTRAINT)
		set_names(err, said);
	conn->timed_out = false;
	conn->denied = NULL;
	conn->waited_ms = 0;
	return found.class;
}

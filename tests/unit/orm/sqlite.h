/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the tests of the SQLite driver share: statements made by hand, a folder of their own. */
#ifndef TESTS_UNIT_ORM_SQLITE_H
#define TESTS_UNIT_ORM_SQLITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <orm/drivers/driver.h>

static const struct orm_driver *const lite = &orm_driver_sqlite;

/* ---- a folder that is removed at the end ---- */

static char folder[64];

static inline int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/strazh-sqlite-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static inline int drop_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

static inline const char *in_folder(const char *name)
{
	static _Thread_local char path[160];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* ---- statements ---- */

static inline uint64_t next_id(void)
{
	static atomic_ullong last;

	return atomic_fetch_add(&last, 1) + 1;
}

static inline struct orm_stmt raw_stmt(const char *sql, uint16_t params)
{
	return (struct orm_stmt){.sql = sql,
				 .sql_len = strlen(sql),
				 .id = next_id(),
				 .flags = ORM_STMT_RAW | ORM_STMT_ROWS,
				 .params = params};
}

/* ---- connections ---- */

static inline struct orm_conn *open_as(const char *address, enum orm_role role,
				       const struct orm_options *options)
{
	struct orm_error err = {0};
	struct orm_conn *conn = NULL;

	if (lite->open(address, options, role, &conn, &err))
		fail_msg("open %s: %s", address, err.text);
	return conn;
}

static inline void script(struct orm_conn *conn, const char *sql)
{
	struct orm_error err = {0};

	if (lite->script(conn, sql, &err))
		fail_msg("%s: %s", sql, err.text);
}

/* Run to the end; what it returned, and the error. */
static inline int run(struct orm_conn *conn, const char *sql, const struct orm_value *values,
		      uint16_t n, struct orm_error *err)
{
	struct orm_stmt stmt = raw_stmt(sql, n);
	int r;

	stmt.flags |= ORM_STMT_ONCE;
	r = lite->start(conn, &stmt, values, err);
	while (!r)
		r = lite->step(conn, err);
	lite->finish(conn);
	return r == ORM_E_END ? 0 : r;
}

static inline void must_run(struct orm_conn *conn, const char *sql)
{
	struct orm_error err = {0};

	if (run(conn, sql, NULL, 0, &err))
		fail_msg("%s: %s", sql, err.text);
}

/* The first column of the first row as text; "" when there is none. */
static inline const char *ask(struct orm_conn *conn, const char *sql)
{
	static _Thread_local char text[512];
	struct orm_stmt stmt = raw_stmt(sql, 0);
	struct orm_error err = {0};
	struct orm_value v;

	stmt.flags |= ORM_STMT_ONCE;
	text[0] = '\0';
	assert_int_equal(lite->start(conn, &stmt, NULL, &err), 0);
	if (!lite->step(conn, &err)) {
		assert_int_equal(lite->value(conn, 0, &v, &err), 0);
		if (v.kind == ORM_K_I64)
			snprintf(text, sizeof(text), "%lld", (long long)v.i);
		else if (v.kind == ORM_K_F64)
			snprintf(text, sizeof(text), "%.17g", v.f);
		else if (v.kind != ORM_K_NULL)
			snprintf(text, sizeof(text), "%.*s", (int)v.len, (const char *)v.p);
	}
	lite->finish(conn);
	return text;
}

static inline long long ask_number(struct orm_conn *conn, const char *sql)
{
	return strtoll(ask(conn, sql), NULL, 10);
}

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <time.h>

#include "pg_rig.h"

struct rig rig;
static uint64_t rig_ids;

struct orm_conn *rig_connect_with(const struct orm_options *options)
{
	struct orm_conn *c = NULL;

	if (PG->open(rig.url, options, ORM_WRITER, &c, &rig.err))
		fail_msg("cannot connect: %s", rig.err.text);
	return c;
}

struct orm_conn *rig_connect(void)
{
	return rig_connect_with(&(struct orm_options){0});
}

void rig_script(struct orm_conn *c, const char *sql)
{
	if (PG->script(c, sql, &rig.err))
		fail_msg("%s: %s", sql, rig.err.text);
}

/* A statement with an id of its own. */
struct orm_stmt rig_statement(const char *sql, uint8_t flags, uint16_t params)
{
	return (struct orm_stmt){.sql = sql,
				 .sql_len = strlen(sql),
				 .id = ++rig_ids,
				 .flags = flags,
				 .params = params};
}

struct orm_stmt rig_raw(const char *sql, uint16_t params)
{
	return rig_statement(sql, ORM_STMT_RAW | ORM_STMT_ROWS | ORM_STMT_WRITES, params);
}

int rig_run(struct orm_conn *c, const struct orm_stmt *stmt, const struct orm_value *values)
{
	int r = PG->start(c, stmt, values, &rig.err);

	while (!r)
		r = PG->step(c, &rig.err);
	return r == ORM_E_END ? 0 : r;
}

void rig_run_ok(struct orm_conn *c, const char *sql)
{
	struct orm_stmt stmt = rig_raw(sql, 0);

	if (rig_run(c, &stmt, NULL))
		fail_msg("%s: %s", sql, rig.err.text);
	PG->finish(c);
}

int rig_run_sql(struct orm_conn *c, const char *sql)
{
	struct orm_stmt stmt = rig_raw(sql, 0);
	int r = rig_run(c, &stmt, NULL);

	PG->finish(c);
	return r;
}

/* The one value of the one row; texts are copied to a place that the next call takes again. */
struct orm_value rig_value(struct orm_conn *c, const struct orm_stmt *stmt,
			   const struct orm_value *values)
{
	static char text[4096];
	struct orm_value v;

	if (PG->start(c, stmt, values, &rig.err) || PG->step(c, &rig.err) ||
	    PG->value(c, 0, &v, &rig.err))
		fail_msg("%s: %s", stmt->sql, rig.err.text);
	if (v.kind == ORM_K_TEXT) {
		snprintf(text, sizeof(text), "%.*s", (int)v.len, (const char *)v.p);
		v.p = text;
	}
	assert_int_equal(PG->step(c, &rig.err), ORM_E_END);
	PG->finish(c);
	return v;
}

int64_t rig_number(struct orm_conn *c, const char *sql)
{
	struct orm_stmt stmt = rig_raw(sql, 0);
	struct orm_value v = rig_value(c, &stmt, NULL);

	assert_int_equal(v.kind, ORM_K_I64);
	return v.i;
}

const char *rig_text(struct orm_conn *c, const char *sql)
{
	struct orm_stmt stmt = rig_raw(sql, 0);
	struct orm_value v = rig_value(c, &stmt, NULL);

	assert_int_equal(v.kind, ORM_K_TEXT);
	return v.p;
}

int64_t rig_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int rig_set_up(void **state)
{
	(void)state;
	rig.conn = rig_connect();
	rig.other = rig_connect();
	rig_script(rig.other, "DROP TABLE IF EXISTS thing, child, parent");
	rig_script(rig.other,
		   "CREATE TABLE thing (id bigint PRIMARY KEY, small smallint, half real,"
		   " price numeric, name text NOT NULL CHECK (name <> 'bad'), raw bytea,"
		   " at_ms timestamptz, tag uuid, ip inet, doc jsonb, list bigint[],"
		   " words text[], yes boolean)");
	return 0;
}

int rig_tear_down(void **state)
{
	(void)state;
	PG->close(rig.conn);
	PG->close(rig.other);
	return 0;
}

int rig_main(const char *name, const struct CMUnitTest *tests, size_t count)
{
	rig.url = getenv("ORM_TEST_PG");
	if (!rig.url) {
		printf("1..0 # SKIP ORM_TEST_PG names no PostgreSQL server\n");
		return 0;
	}
	return _cmocka_run_group_tests(name, tests, count, NULL, NULL);
}

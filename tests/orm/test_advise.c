/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Plans and advice for slow statements, on a real PostgreSQL with hypopg. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <orm/watch/advise.h>
#include <orm/watch/slow.h>

#include <tests/orm/kit/database.h>

static struct orm_conn *conn;
static struct orm_error err;
static struct orm_options options = {.query_timeout_ms = 30000, .statements = 16};

/* False: skipped, for there is no hypopg. */
static bool prepare(const struct database *db)
{
	char *there = database_ask(db, "SELECT count(*) FROM pg_available_extensions"
				       " WHERE name = 'hypopg'");
	bool have = !strcmp(there, "1\n");

	free(there);
	if (!have) {
		fputs("# no hypopg is installed: apt-get install postgresql-15-hypopg\n", stderr);
		return false;
	}
	database_do(db, "CREATE TABLE hit (id bigint, kind int, at_ms bigint, \"Odd name\" text)");
	database_do(db, "INSERT INTO hit SELECT i, i % 5000, i * 7 % 100000, 'n' || i % 20000"
			" FROM generate_series(1, 60000) i");
	database_do(db, "CREATE TABLE few (id int, kind int)");
	database_do(db, "INSERT INTO few SELECT i, i FROM generate_series(1, 100) i");
	database_do(db, "ANALYZE");
	if (orm_driver_pg.open(db->url, &options, ORM_WRITER, &conn, &err))
		fail_msg("%s", err.text);
	return true;
}

static int advise(const char *sql, const struct orm_value *values, uint16_t params, char **ret)
{
	struct orm_stmt stmt = {.sql = sql,
				.sql_len = strlen(sql),
				.id = 1,
				.flags = ORM_STMT_ROWS | ORM_STMT_RAW | ORM_STMT_ONCE,
				.params = params};

	err = (struct orm_error){0};
	return orm_advise(conn, &stmt, values, ret, &err);
}

static void expect(const char *sql, const struct orm_value *values, uint16_t params,
		   const char *index)
{
	char *advice = NULL;
	int r = advise(sql, values, params, &advice);

	if (index ? r != 0 : r != ORM_E_END)
		fail_msg("%s: %d %s", sql, r, err.text);
	if (!index)
		return;
	if (strncmp(advice, index, strlen(index)) != 0)
		fail_msg("%s: '%s', not '%s'", sql, advice, index);
	print_message("# %s\n", advice);
	free(advice);
}

static void advice(void **state)
{
	const struct database *db = *state;
	const struct orm_value kind = orm_value_i64(5), both[] = {kind, orm_value_i64(99000)};
	const struct orm_value name = orm_value_text("n5");

	if (!prepare(db))
		skip();
	expect("SELECT id FROM hit WHERE kind = $1", &kind, 1, NULL); /* no extension yet */
	database_do(db, "CREATE SCHEMA \"Odd schema\"");
	database_do(db, "CREATE EXTENSION hypopg SCHEMA \"Odd schema\"");
	expect("SELECT id FROM hit WHERE kind = $1", &kind, 1,
	       "CREATE INDEX ON public.hit (kind): cost ");
	expect("SELECT id FROM hit h WHERE at_ms > $2 AND h.kind = $1", both, 2,
	       "CREATE INDEX ON public.hit (kind, at_ms): cost ");
	expect("SELECT id FROM hit WHERE \"Odd name\" = $1", &name, 1,
	       "CREATE INDEX ON public.hit (\"Odd name\"): cost ");
	expect("SELECT h.id FROM few f JOIN hit h ON h.id = f.id WHERE h.kind = $1 AND f.kind < 9",
	       &kind, 1, "CREATE INDEX ON public.hit (kind): cost ");
	expect("UPDATE hit SET at_ms = 0 WHERE kind = $1", &kind, 1,
	       "CREATE INDEX ON public.hit (kind): cost ");
	expect("SELECT id FROM hit WHERE kind > 1", NULL, 0, NULL); /* would not help */
	expect("SELECT id FROM hit", NULL, 0, NULL);
	expect("SELECT id FROM few WHERE kind = 5", NULL, 0, NULL); /* too small */
	expect("SELECT 1", NULL, 0, NULL);
	database_expect(db, "SELECT count(*) FROM hit WHERE at_ms = 0", "0\n"); /* only explained */
	database_expect(db, "SELECT count(*) FROM pg_indexes WHERE tablename = 'hit'", "0\n");
	database_do(db, "CREATE INDEX ON hit (kind)");
	expect("SELECT id FROM hit WHERE kind = $1", &kind, 1, NULL); /* it is there now */
	orm_driver_pg.close(conn);
}

static char *told_plan, *told_advice;

static void tell(const struct orm_slow_query *query, void *data)
{
	(void)data;
	told_plan = query->plan ? strdup(query->plan) : NULL;
	told_advice = query->advice ? strdup(query->advice) : NULL;
}

static void without_values(void **state)
{
	static const char sql[] = "SELECT id FROM hit WHERE \"Odd name\" = $1 AND kind = $2";
	const struct orm_value values[] = {orm_value_text("top'secret"), orm_value_i64(4711)};
	const struct orm_stmt stmt = {.sql = sql,
				      .sql_len = sizeof(sql) - 1,
				      .id = 2,
				      .flags = ORM_STMT_ROWS | ORM_STMT_RAW,
				      .params = 2};
	const struct orm_slow_query query = {.sql = sql, .table = "hit", .duration_ns = 1};
	const struct database *db = *state;
	struct orm_slow slow;

	if (!prepare(db))
		skip();
	database_do(db, "CREATE EXTENSION hypopg");
	assert_int_equal(orm_slow_init(&slow, 1, NULL), 0);
	orm_slow_set(&slow, tell, NULL, 10);
	assert_true(orm_slow_tell(&slow, &query, &stmt, values, conn));
	print_message("# %s\n# %s\n", told_plan, told_advice);
	assert_non_null(strstr(told_plan, "Seq Scan on hit"));
	assert_non_null(strstr(told_plan, "\"Odd name\" = ?"));
	assert_null(strstr(told_plan, "secret"));
	assert_null(strstr(told_plan, "4711"));
	assert_non_null(strstr(told_advice, "CREATE INDEX ON public.hit ("));
	assert_null(strstr(told_advice, "4711"));
	assert_null(strstr(told_advice, "secret"));
	free(told_plan);
	free(told_advice);
	orm_slow_deinit(&slow);
	orm_driver_pg.close(conn);
}

static const struct database_test tests[] = {
	DATABASE_TEST_POSTGRESQL(advice),
	DATABASE_TEST_POSTGRESQL(without_values),
};

int main(void)
{
	return DATABASE_RUN(tests);
}

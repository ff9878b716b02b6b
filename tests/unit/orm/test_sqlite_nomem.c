/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The n-th allocation that SQLite makes fails, for all n: -ENOMEM or done, and nothing is lost. */
#include <errno.h>

#include <sqlite3.h>

#include "sqlite.h"

static sqlite3_mem_methods plain;
static _Thread_local long left = -1; /* until one fails, once; below 0: none does */

static bool fails(void)
{
	return left >= 0 && left-- == 0;
}

static void *failing_malloc(int size)
{
	return fails() ? NULL : plain.xMalloc(size);
}

static void *failing_realloc(void *old, int size)
{
	return fails() ? NULL : plain.xRealloc(old, size);
}

static int set_up(void **state)
{
	sqlite3_mem_methods failing;

	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &plain))
		return -1;
	failing = plain;
	failing.xMalloc = failing_malloc;
	failing.xRealloc = failing_realloc;
	return sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) ? -1 : make_folder(state);
}

/* One life of a database; the class of the first failure. */
static int live(const char *path, bool *ret_done)
{
	static const uint8_t types[] = {ORM_T_JSON, ORM_T_TEXTS};
	static const char *const tags[] = {"a", "b"};
	const struct orm_value values[] = {orm_value_text("{\"a\":1}"),
					   orm_value_texts((struct orm_strs){tags, 2})};
	struct orm_stmt insert = raw_stmt("INSERT INTO t(j, s) VALUES(?1, ?2) RETURNING j, s", 2);
	struct orm_conn *conn = NULL;
	struct orm_value got;
	struct orm_error err = {0};
	int r = lite->open(path, NULL, ORM_WRITER, &conn, &err);

	if (r)
		return r;
	insert.flags = ORM_STMT_ROWS | ORM_STMT_WRITES;
	insert.param_type = insert.column_type = types;
	insert.columns = 2;
	r = lite->begin(conn, NULL, true, &err);
	if (!r)
		r = lite->start(conn, &insert, values, &err);
	if (!r)
		r = lite->step(conn, &err);
	if (!r)
		r = lite->value(conn, 1, &got, &err);
	if (!r)
		r = lite->step(conn, &err);
	lite->finish(conn);
	if (r == ORM_E_END)
		r = lite->commit(conn, &err);
	else
		lite->rollback(conn);
	*ret_done = !r;
	if (!r)
		r = run(conn, "SELECT group_concat(j) FROM t ORDER BY s", NULL, 0, &err);
	lite->close(conn);
	return r;
}

static void each_allocation(void **state)
{
	char path[160];
	struct orm_conn *conn;
	long long rows = 0;
	long n;

	(void)state;
	snprintf(path, sizeof(path), "%s", in_folder("nomem.db"));
	conn = open_as(path, ORM_WRITER, NULL);
	script(conn, "CREATE TABLE t(id INTEGER PRIMARY KEY, j TEXT, s TEXT) STRICT");
	lite->close(conn);
	for (n = 0; n < 100000; n++) {
		bool done = false, spent;
		int r;

		left = n;
		r = live(path, &done);
		spent = left < 0; /* one did fail */
		left = -1;
		rows += done;
		if (r && r != -ENOMEM)
			fail_msg("allocation %ld: %s", n, orm_class_name(r));
		conn = open_as(path, ORM_READER, NULL);
		assert_int_equal(ask_number(conn, "SELECT count(*) FROM t"), rows);
		lite->close(conn);
		if (!spent)
			break;
	}
	assert_in_range(n, 100, 99999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation)};

	return cmocka_run_group_tests(tests, set_up, drop_folder);
}

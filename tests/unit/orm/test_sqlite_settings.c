/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a connection of the SQLite driver is set to: options and their PRAGMAs. */
#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

#include "sqlite.h"

static void default_settings(void **state)
{
	struct orm_conn *writer = open_as(in_folder("default.db"), ORM_WRITER, NULL);
	struct orm_conn *reader = open_as(in_folder("default.db"), ORM_READER, NULL);

	(void)state;
	assert_string_equal(ask(writer, "PRAGMA journal_mode"), "wal");
	assert_string_equal(ask(writer, "PRAGMA synchronous"), "1");
	assert_string_equal(ask(writer, "PRAGMA cache_size"), "-64000");
	assert_string_equal(ask(reader, "PRAGMA cache_size"), "-8000");
	assert_string_equal(ask(writer, "PRAGMA mmap_size"), "268435456");
	assert_string_equal(ask(reader, "PRAGMA mmap_size"), "268435456");
	assert_string_equal(ask(writer, "PRAGMA temp_store"), "2");
	assert_string_equal(ask(writer, "PRAGMA foreign_keys"), "1");
	assert_string_equal(ask(writer, "PRAGMA query_only"), "0");
	assert_string_equal(ask(reader, "PRAGMA query_only"), "1");
	assert_string_equal(ask(writer, "PRAGMA trusted_schema"), "0");
	lite->close(reader);
	lite->close(writer);
}

static void other_settings(void **state)
{
	const struct orm_options options = {.journal_mode = "truncate",
					    .synchronous = "Extra",
					    .cache_size = -123,
					    .mmap_size = -1,
					    .temp_store = "file",
					    .foreign_keys = -1};
	struct orm_conn *writer = open_as(in_folder("other.db"), ORM_WRITER, &options);

	(void)state;
	assert_string_equal(ask(writer, "PRAGMA journal_mode"), "truncate");
	assert_string_equal(ask(writer, "PRAGMA synchronous"), "3");
	assert_string_equal(ask(writer, "PRAGMA cache_size"), "-123");
	assert_string_equal(ask(writer, "PRAGMA mmap_size"), "0");
	assert_string_equal(ask(writer, "PRAGMA temp_store"), "1");
	assert_string_equal(ask(writer, "PRAGMA foreign_keys"), "0");
	lite->close(writer);
}

/* Pages that the WAL has after 200 commits of about one page. */
static long pages_of_wal(int64_t autocheckpoint)
{
	const struct orm_options options = {.wal_autocheckpoint = autocheckpoint};
	struct orm_conn *writer = open_as(in_folder("wal.db"), ORM_WRITER, &options);
	struct orm_error err;
	struct stat st;

	assert_int_equal(lite->script(writer, "CREATE TABLE t (b BLOB)", &err), 0);
	for (int i = 0; i < 200; i++)
		assert_int_equal(
			lite->script(writer, "INSERT INTO t VALUES (zeroblob(3000))", &err), 0);
	assert_int_equal(stat(in_folder("wal.db-wal"), &st), 0);
	assert_int_equal(lite->script(writer, "DROP TABLE t", &err), 0);
	lite->close(writer);
	return (long)st.st_size / 4096;
}

static void checkpoints(void **state)
{
	(void)state;
	assert_in_range(pages_of_wal(7), 7, 20);
	assert_in_range(pages_of_wal(0), 200, 1020);
	assert_in_range(pages_of_wal(-1), 200, 2000);
}

static void bad_settings(void **state)
{
	static const struct orm_options bad[] = {{.journal_mode = "OFF"},
						 {.journal_mode = "WAL; DROP TABLE t"},
						 {.synchronous = "maybe"},
						 {.temp_store = ""}};
	struct orm_conn *conn;
	struct orm_error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(lite->open(in_folder("bad.db"), &bad[i], ORM_WRITER, &conn, &err),
				 ORM_E_VALUE);
		assert_string_equal(err.sqlstate, "22023");
		assert_int_equal(access(in_folder("bad.db"), F_OK), -1);
	}
	assert_int_equal(lite->open("", NULL, ORM_WRITER, &conn, &err), ORM_E_VALUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_settings),
		cmocka_unit_test(other_settings),
		cmocka_unit_test(checkpoints),
		cmocka_unit_test(bad_settings),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}

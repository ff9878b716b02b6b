/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One test source, run on both databases. Each test gets a database of its own, empty, and nothing
 * of it is left afterwards:
 *
 *	static void insert(void **state)
 *	{
 *		const struct database *db = *state;
 *		struct orm *orm;
 *
 *		assert_int_equal(orm_open(db->url, NULL, &orm, NULL), 0);
 *		...
 *		orm_close(orm);
 *	}
 *	static const struct database_test tests[] = {
 *		DATABASE_TEST(insert),
 *		DATABASE_TEST_SQLITE(pragmas),
 *	};
 *	int main(void)
 *	{
 *		return DATABASE_RUN(tests);
 *	}
 *
 * gives "insert (sqlite)", "insert (postgresql)", "pragmas (sqlite)". The PostgreSQL is the one at
 * ORM_TEST_PG, where we may create databases (tests/run orm starts it); without it that half is
 * skipped. A test that leaves a connection to its database open fails. TEST_FILTER="insert*" runs
 * some of them.
 */
#ifndef TESTS_ORM_KIT_DATABASE_H
#define TESTS_ORM_KIT_DATABASE_H

#include <stdbool.h>
#include <stddef.h>

#include <strazh/orm/db.h>

struct database {
	enum orm_dialect dialect;
	char name[256]; /* of the database on the server; of SQLite's file */
	char dir[256];	/* a folder of this test, removed after it */
	char url[1024]; /* for orm_open() */
};

enum { DATABASE_ON_SQLITE = 1, DATABASE_ON_POSTGRESQL = 2 };

struct database_test {
	const char *name;
	void (*run)(void **state);
	unsigned on;
};
#define DATABASE_TEST(f)                                                                           \
	{                                                                                          \
#f, f, DATABASE_ON_SQLITE | DATABASE_ON_POSTGRESQL                                 \
	}
#define DATABASE_TEST_SQLITE(f)                                                                    \
	{                                                                                          \
#f, f, DATABASE_ON_SQLITE                                                          \
	}
#define DATABASE_TEST_POSTGRESQL(f)                                                                \
	{                                                                                          \
#f, f, DATABASE_ON_POSTGRESQL                                                      \
	}

/* The program's exit status. */
#define DATABASE_RUN(tests) database_run(tests, sizeof(tests) / sizeof((tests)[0]))
int database_run(const struct database_test *tests, size_t count);

static inline bool database_is_sqlite(const struct database *db)
{
	return db->dialect == ORM_SQLITE;
}

/*
 * Past the library, by libpq or sqlite3 on a connection of their own: what a test prepares, and
 * what it then believes. They fail the test when the database refuses.
 */
void database_do(const struct database *db, const char *sql);
/* Rows end in '\n', columns are separated by '|', NULL is "NULL". Free it. */
char *database_ask(const struct database *db, const char *sql);
/* Asks and compares; says both when they differ. */
void database_expect(const struct database *db, const char *sql, const char *want);

/* An URL of this database with one more option: "pool_max=2". Lives until the next call. */
const char *database_url(const struct database *db, const char *option);

#endif

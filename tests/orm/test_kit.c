/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The kit itself: a database of one's own for each test, and allocations that fail on purpose. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <sqlite3.h>

#include <orm/base/arena.h>

#include <tests/orm/kit/database.h>
#include <tests/orm/kit/failalloc.h>

/* Two tests of one name in one database would meet. */
static void make_a_table(const struct database *db)
{
	database_do(db, "CREATE TABLE t (n INTEGER, s TEXT)");
	database_do(db, "INSERT INTO t VALUES (1, 'a'), (2, NULL)");
	database_expect(db, "SELECT n, s FROM t ORDER BY n", "1|a\n2|NULL\n");
}

static void own_database(void **state)
{
	make_a_table(*state);
}

static void another_own_database(void **state)
{
	make_a_table(*state);
}

static void url_takes_an_option(void **state)
{
	const struct database *db = *state;

	assert_non_null(strstr(database_url(db, "pool_max=2"), "pool_max=2"));
	assert_memory_equal(database_url(db, "pool_max=2"), db->url, strlen(db->url));
}

/* ---- allocations ---- */

/* The compiler may not know that what was allocated is of no use, and leave the call out. */
static void *used(void *p)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}

static void fails_the_nth(void **state)
{
	void *a, *b, *c;

	(void)state;
	failalloc_arm(2);
	a = used(malloc(1));
	b = used(calloc(1, 1));
	c = used(malloc(1));
	assert_int_equal(failalloc_disarm(), 3);
	assert_true(a && !b && c);
	assert_true(failalloc_failed());
	free(a);
	free(c);
}

static void fails_from_the_nth(void **state)
{
	char *a, *b, *c, *d;

	(void)state;
	failalloc_arm_from(2);
	a = used(strdup("a"));
	b = used(strdup("b"));
	c = used(strndup("c", 1));
	d = used(realloc(NULL, 1));
	assert_int_equal(failalloc_disarm(), 4);
	assert_true(a && !b && !c && !d);
	free(a);
}

static void counts_only(void **state)
{
	void *a, *b;

	(void)state;
	failalloc_arm(0);
	a = used(malloc(1));
	a = used(reallocarray(a, 2, 2));
	assert_int_equal(failalloc_disarm(), 2);
	assert_false(failalloc_failed());
	b = used(malloc(1)); /* not armed: not counted */
	assert_int_equal(failalloc_disarm(), 2);
	free(a);
	free(b);
}

static void *allocate_here(void *arg)
{
	(void)arg;
	return used(malloc(1));
}

static void other_threads_are_spared(void **state)
{
	pthread_t thread;
	void *theirs;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, allocate_here, NULL), 0);
	failalloc_arm_from(1);
	pthread_join(thread, &theirs);
	assert_int_equal(failalloc_disarm(), 0);
	assert_non_null(theirs);
	free(theirs);
}

/* The library's own calls are among those that fail: here an arena's, in its archive. */
static int fill_arena(void *data)
{
	struct arena arena;
	int i, r = 0;

	(void)data;
	arena_init(&arena, 1 << 20);
	for (i = 0; i < 300 && !r; i++)
		r = arena_alloc(&arena, 1000) ? 0 : -ENOMEM;
	arena_deinit(&arena);
	return r;
}

static void the_library_is_reached(void **state)
{
	(void)state;
	assert_in_range(failalloc_each(fill_arena, NULL), 2, 300);
}

static int use_libraries(void *data)
{
	sqlite3 *db = NULL;
	json_t *text = NULL;
	int r;

	(void)data;
	r = sqlite3_open(":memory:", &db);
	if (r == SQLITE_OK)
		r = sqlite3_exec(db, "CREATE TABLE t (n)", NULL, NULL, NULL);
	if (r == SQLITE_OK && !(text = json_string("a text")))
		r = SQLITE_NOMEM;
	json_decref(text);
	sqlite3_close(db);
	return (r & 0xff) == SQLITE_NOMEM ? -ENOMEM : r;
}

static void sqlite_and_jansson_are_reached(void **state)
{
	(void)state;
	assert_in_range(failalloc_each(use_libraries, NULL), 10, 10000);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST(own_database),
		DATABASE_TEST(another_own_database),
		DATABASE_TEST(url_takes_an_option),
		DATABASE_TEST_SQLITE(fails_the_nth),
		DATABASE_TEST_SQLITE(fails_from_the_nth),
		DATABASE_TEST_SQLITE(counts_only),
		DATABASE_TEST_SQLITE(other_threads_are_spared),
		DATABASE_TEST_SQLITE(the_library_is_reached),
		DATABASE_TEST_SQLITE(sqlite_and_jansson_are_reached),
	};

	if (failalloc_take_libraries() != 0)
		return 1;
	return DATABASE_RUN(tests);
}

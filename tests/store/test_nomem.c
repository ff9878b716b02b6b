// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * With the n-th allocation failing, for all n, in the writer's way: from opening to closing. What
 * was not acknowledged may be missing, but nothing is half there, and the store goes on afterwards.
 */
#include <tests/store/depot.h>

#include <errno.h>

#include <user/store/move.h>

#include <tests/orm/kit/failalloc.h>

#define TURNS_MAX 20

static const struct store_options options = {
	.backlog_max = 16, .sources_max = 16, .group_max = 8, .retain_every_ms = -1};

/* Submit, write, collect, in this thread. Failures are allowed; *ret_done is how many were told. */
static void work(struct store *st, unsigned *ret_done)
{
	struct depot_count count = {0};
	struct store_act act = depot_ban("192.0.2.1", 0, "x");
	struct store_source source = depot_source(1, 1);
	unsigned taken = 0;

	taken += store_submit(st, &act, depot_count, &count) == 0;
	act = depot_lift("192.0.2.2", "y");
	taken += store_submit(st, &act, depot_count, &count) == 0;
	act = depot_note("test", "s", "z");
	taken += store_submit(st, &act, depot_count, &count) == 0;
	assert_int_equal(store_source_put(st, &source), 0); /* takes no memory */
	st->flushing = true;
	/* The first tries may fail; then memory is there again. */
	for (int i = 0; i < TURNS_MAX && store_turn(st); i++)
		;
	store_collect(st);
	assert_int_equal(count.of[STORE_OK], taken);
	*ret_done += taken;
}

/* Each time with a store that has run nothing yet: statements are prepared while memory is short.
 */
static void writing(void **state)
{
	const struct database *db = *state;
	unsigned done = 0, failed = 0;
	bool again = true;
	struct store *st;

	for (unsigned long n = 1; again; n++) {
		st = depot_manual(db, &options);
		failalloc_arm(n);
		work(st, &done);
		failalloc_disarm();
		again = failalloc_failed();
		failed += again;
		depot_close(st);
	}
	printf("# %u allocations failed, %u acts written\n", failed, done);
	assert_true(failed > 20);
	st = depot_manual(db, &options);
	depot_chain(st, done);
	depot_close(st);
}

static void opening(void **state)
{
	const struct database *db = *state;
	unsigned failed = 0;
	bool again = true;

	depot_close(depot_manual(db, &options));
	for (unsigned long n = 1; again; n++) {
		struct store_fault fault = {0};
		struct store *st = NULL;
		int r;

		failalloc_arm(n);
		r = store_new(db->url, &options, &st, &fault);
		failalloc_disarm();
		again = failalloc_failed();
		failed += again;
		if (r) {
			assert_true(again);
			assert_true(fault.text[0]);
			assert_null(st);
		} else {
			depot_close(st);
		}
	}
	assert_true(failed > 20);
}

static int nothing(void *data, const struct store_ban *ban)
{
	(void)data;
	(void)ban;
	return 0;
}

static void reading(void **state)
{
	struct store *st = depot_manual(*state, &options);
	unsigned done = 0;
	bool again = true;

	work(st, &done);
	for (unsigned long n = 1; again; n++) {
		struct store_audit_state audit;
		struct store_state found;
		int r;

		failalloc_arm(n);
		r = store_each_ban(st, 0, nothing, NULL, NULL);
		if (!r)
			r = store_audit_verify(st, &audit, NULL);
		if (!r)
			r = store_check(st, &found, NULL);
		failalloc_disarm();
		again = failalloc_failed();
		assert_true(r == 0 || (again && (r == STORE_DOWN || r == -ENOMEM)));
	}
	depot_close(st);
}

/* To a file and from it; an import that failed has left nothing. */
static void moving(void **state)
{
	const struct database *db = *state;
	struct store *st = depot_manual(db, &options);
	struct database other = *db;
	unsigned done = 0, failed = 0;
	bool again = true;
	char *text = NULL;
	size_t len = 0;
	FILE *to, *from;
	int r;

	work(st, &done);
	for (unsigned long n = 1; again; n++) {
		free(text);
		to = open_memstream(&text, &len);
		assert_non_null(to);
		failalloc_arm(n);
		r = store_export(st, to, NULL, NULL);
		failalloc_disarm();
		fclose(to);
		again = failalloc_failed();
		assert_true(r == 0 || (again && (r == STORE_DOWN || r == -ENOMEM)));
	}
	depot_close(st);
	other.dialect = ORM_SQLITE;
	snprintf(other.name, sizeof(other.name), "%.200s/other", db->dir);
	snprintf(other.url, sizeof(other.url), "sqlite://%s", other.name);
	st = depot_manual(&other, &options);
	for (unsigned long n = 1; failed + 1 == n; n++) {
		from = fmemopen(text, len, "r");
		assert_non_null(from);
		failalloc_arm(n);
		r = store_import(st, from, NULL, NULL);
		failalloc_disarm();
		fclose(from);
		failed += r != 0;
		if (!r)
			break;
		assert_true(failalloc_failed());
		assert_true(r == STORE_DOWN || r == -ENOMEM);
		database_expect(&other, "SELECT count(*) FROM audit", "0\n");
	}
	printf("# %u imports failed\n", failed);
	assert_true(failed > 20);
	depot_chain(st, done);
	depot_close(st);
	free(text);
}

int main(void)
{
	static const struct database_test tests[] = {DATABASE_TEST(writing), DATABASE_TEST(opening),
						     DATABASE_TEST(reading),
						     DATABASE_TEST_SQLITE(moving)};

	return DATABASE_RUN(tests);
}

// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * A store at work goes over to another database and back: nothing acknowledged is missing, the
 * chain is one, and what goes wrong leaves it where it was.
 */
#include <tests/store/depot.h>

#include <errno.h>
#include <poll.h>

#include <user/store/move.h>

/* The other end: a file, whatever the test's database is. */
static void other_of(const struct database *db, struct database *other)
{
	*other = *db;
	other->dialect = ORM_SQLITE;
	snprintf(other->name, sizeof(other->name), "%.200s/other", db->dir);
	snprintf(other->url, sizeof(other->url), "sqlite://%s", other->name);
}

static struct store_switched await(struct store *st)
{
	struct store_switched state;
	struct pollfd fd = {.fd = store_fd(st), .events = POLLIN};

	for (unsigned i = 0; i < 600; i++) {
		store_switched(st, &state);
		if (state.now != STORE_SWITCH_RUNS)
			return state;
		assert_true(poll(&fd, 1, 100) >= 0);
		store_collect(st);
	}
	fail_msg("the switch does not end");
	return state;
}

static int count_ban(void *data, const struct store_ban *ban)
{
	(void)ban;
	++*(unsigned *)data;
	return 0;
}

static unsigned bans_of(struct store *st)
{
	struct store_fault fault = {0};
	unsigned bans = 0;

	if (store_each_ban(st, 0, count_ban, &bans, &fault))
		fail_msg("%s", fault.text);
	return bans;
}

static unsigned bans_at(const struct database *db)
{
	struct store *st = depot_open(db, NULL);
	unsigned bans = bans_of(st);

	depot_close(st);
	return bans;
}

static void ban_some(struct store *st, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++) {
		struct store_act act = depot_ban("10.0.0.1", 0, "some");

		act.ban.prefix = depot_host(i);
		assert_int_equal(store_submit(st, &act, NULL, NULL), 0);
	}
}

struct commits {
	unsigned count;
	int answer;
	char url[1024];
};

static int commit(void *data, const char *url)
{
	struct commits *commits = data;

	commits->count++;
	snprintf(commits->url, sizeof(commits->url), "%s", url);
	return commits->answer;
}

static void go(struct store *st, const char *url, struct commits *commits)
{
	struct store_switched state;

	assert_int_equal(store_switch(st, url, commit, commits), 0);
	/* Taken while it is on its way: written afterwards, there. */
	ban_some(st, 1000 + 100 * commits->count, 100);
	state = await(st);
	if (state.now != STORE_SWITCH_DONE)
		fail_msg("%s", state.why.text);
	assert_string_equal(commits->url, url);
	assert_int_equal(store_flush(st, 0), 0);
}

static void there_and_back(void **state)
{
	const struct database *db = *state;
	struct store_act act = depot_ban("203.0.113.9", 0, "last");
	struct commits commits = {0};
	struct database other;
	struct store *st = depot_open(db, NULL);

	other_of(db, &other);
	ban_some(st, 0, 500);
	go(st, other.url, &commits);
	go(st, db->url, &commits);
	go(st, other.url, &commits);
	assert_int_equal(commits.count, 3);
	assert_int_equal(store_switch(st, other.url, commit, &commits), -EINVAL);
	depot_do(st, &act);
	assert_int_equal(bans_of(st), 801);
	depot_chain(st, 801);
	depot_close(st);
	assert_int_equal(bans_at(&other), 801);
	/* The last hundred may have been on either side of the step. */
	assert_in_range(bans_at(db), 700, 800);
}

static void what_fails_changes_nothing(void **state)
{
	const struct database *db = *state;
	struct store_act act = depot_ban("203.0.113.9", 0, "x");
	struct commits commits = {.answer = -EROFS};
	struct store_switched now;
	struct database other;
	struct store *st;

	other_of(db, &other);
	st = depot_open(db, NULL);
	depot_do(st, &act);
	assert_int_equal(store_switch(st, other.url, commit, &commits), 0);
	now = await(st);
	assert_int_equal(now.now, STORE_SWITCH_FAILED);
	assert_string_equal(now.why.text, strerror(EROFS));
	assert_int_equal(commits.count, 1);
	assert_int_equal(store_switch(st, "sqlite:///nowhere/at/all", commit, &commits), 0);
	assert_int_equal(await(st).now, STORE_SWITCH_FAILED);
	assert_int_equal(commits.count, 1);
	act = depot_ban("203.0.113.10", 0, "y");
	depot_do(st, &act);
	depot_chain(st, 2);
	depot_close(st);
	assert_int_equal(bans_at(db), 2);
	assert_int_equal(bans_at(&other), 1);
}

/* A store with a history of its own is not gone over to. */
static void not_to_anothers(void **state)
{
	const struct database *db = *state;
	struct store_act act = depot_ban("203.0.113.9", 0, "x");
	struct commits commits = {0};
	struct store_switched now;
	struct database other;
	struct store *st;

	other_of(db, &other);
	st = depot_open(&other, NULL);
	depot_do(st, &act);
	depot_close(st);
	st = depot_open(db, NULL);
	act = depot_ban("203.0.113.10", 0, "y");
	depot_do(st, &act);
	assert_int_equal(store_switch(st, other.url, commit, &commits), 0);
	now = await(st);
	assert_int_equal(now.now, STORE_SWITCH_FAILED);
	assert_non_null(strstr(now.why.text, "acts of its own"));
	assert_int_equal(commits.count, 0);
	depot_do(st, &act);
	depot_close(st);
	assert_int_equal(bans_at(&other), 1);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST(there_and_back),
		DATABASE_TEST(what_fails_changes_nothing),
		DATABASE_TEST(not_to_anothers),
	};

	return DATABASE_RUN(tests);
}

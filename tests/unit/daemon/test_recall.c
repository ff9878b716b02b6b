/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What is read in the thread arrives whole, in order, and when its reader ends in the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <user/daemon/memory/recall.h>

#define T0 1790000000000LL
#define SOURCES 5000U
#define BANS 700U

struct seen {
	char dir[32], url[64];
	struct store *store;
	struct recall *recall;
	uint32_t sources, bans, ones, alls, stories, all_sources, all_bans;
	uint64_t sum;
	bool more;
	json_t *records;
	char why[200];
	struct store_source last;
};

static void on_source(void *owner, const struct store_source *source)
{
	struct seen *seen = owner;

	seen->sources++;
	seen->sum += (uint64_t)source->offences;
	seen->last = *source;
}

static void on_ban(void *owner, const struct store_ban *ban)
{
	struct seen *seen = owner;

	assert_string_equal(ban->origin, "guard");
	assert_string_equal(ban->cause, "because");
	assert_int_equal(seen->sources, seen->alls ? seen->sources : SOURCES); /* bans come last */
	seen->bans++;
}

static void on_all(void *owner, uint32_t sources, uint32_t bans, bool more)
{
	struct seen *seen = owner;

	seen->alls++;
	seen->all_sources = sources;
	seen->all_bans = bans;
	seen->more = more;
}

static void on_one(void *owner, const struct prefix *prefix)
{
	struct seen *seen = owner;

	assert_int_equal(prefix->len, 32);
	seen->ones++;
}

static void on_story(void *owner, void *tag, json_t *records, const char *why)
{
	struct seen *seen = owner;

	assert_ptr_equal(tag, seen);
	seen->stories++;
	json_decref(seen->records);
	seen->records = records;
	snprintf(seen->why, sizeof(seen->why), "%s", why);
}

static const struct recall_ops ops = {
	.source = on_source, .ban = on_ban, .all = on_all, .one = on_one, .story = on_story};

static struct prefix host(uint32_t n)
{
	return (struct prefix){{10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}, 4, 32};
}

static void ban(struct seen *seen, uint32_t n, const char *origin)
{
	const struct store_act act = {
		.verb = STORE_BAN_PUT,
		.at_ms = T0 + n,
		.actor = "guard",
		.cause = "because",
		.ban = {.prefix = host(n), .since_ms = T0, .origin = origin},
	};

	assert_int_equal(store_submit(seen->store, &act, NULL, NULL), 0);
}

static int setup(void **state)
{
	struct seen *seen = calloc(1, sizeof(*seen));

	assert_non_null(seen);
	snprintf(seen->dir, sizeof(seen->dir), "/tmp/strazh-recall.XXXXXX");
	assert_non_null(mkdtemp(seen->dir));
	snprintf(seen->url, sizeof(seen->url), "sqlite://%s/s.db", seen->dir);
	assert_int_equal(store_open(seen->url, NULL, &seen->store, NULL), 0);
	assert_int_equal(recall_new(seen->store, &ops, seen, &seen->recall), 0);
	*state = seen;
	return 0;
}

static int teardown(void **state)
{
	struct seen *seen = *state;
	char command[64];

	recall_free(seen->recall);
	store_close(seen->store, NULL);
	json_decref(seen->records);
	for (const char *const *name = (const char *const[]){"", "-wal", "-shm", NULL}; *name;
	     name++) {
		snprintf(command, sizeof(command), "%s/s.db%s", seen->dir, *name);
		(void)unlink(command);
	}
	assert_int_equal(rmdir(seen->dir), 0);
	free(seen);
	return 0;
}

static void fill(struct seen *seen)
{
	for (uint32_t i = 0; i < SOURCES; i++) {
		const struct store_source source = {
			.prefix = host(i),
			.offences = (int32_t)(i % 200),
			.scored_ms = T0,
			.first_ms = T0,
			.last_ms = T0 + i,
		};

		assert_int_equal(store_source_put(seen->store, &source), 0);
	}
	for (uint32_t i = 0; i < BANS; i++) {
		ban(seen, i, "guard");
		ban(seen, i, "operator");
	}
	assert_int_equal(store_flush(seen->store, 0), 0);
}

static void until(struct seen *seen, const uint32_t *count, uint32_t what)
{
	while (*count < what) {
		struct pollfd wait = {.fd = recall_fd(seen->recall), .events = POLLIN};

		assert_true(poll(&wait, 1, 60000) > 0);
		recall_collect(seen->recall);
	}
}

static void all_of_it(void **state)
{
	struct seen *seen = *state;

	fill(seen);
	assert_int_equal(recall_all(seen->recall, 0, "guard"), 0);
	until(seen, &seen->alls, 1);
	assert_int_equal(seen->sources, SOURCES);
	assert_int_equal(seen->sum, SOURCES / 200 * (199 * 200 / 2));
	assert_int_equal(seen->bans, BANS);
	assert_int_equal(seen->all_sources, SOURCES);
	assert_int_equal(seen->all_bans, BANS);
	assert_false(seen->more);
	/* The newest only. */
	seen->sources = 0;
	assert_int_equal(recall_all(seen->recall, 300, "guard"), 0);
	until(seen, &seen->alls, 2);
	assert_int_equal(seen->sources, 300);
	assert_int_equal(seen->last.last_ms, T0 + SOURCES - 300);
	assert_true(seen->more);
}

/* The loop of who collects has other things to do: some of it at a time, and the rest is told. */
static void collecting_is_bounded(void **state)
{
	struct seen *seen = *state;

	fill(seen);
	assert_int_equal(recall_all(seen->recall, 0, "guard"), 0);
	while (!seen->alls) {
		struct pollfd wait = {.fd = recall_fd(seen->recall), .events = POLLIN};
		const uint32_t before = seen->sources + seen->bans;

		assert_int_equal(poll(&wait, 1, 60000), 1);
		recall_collect(seen->recall);
		assert_in_range(seen->sources + seen->bans - before, 0, 1024);
	}
	assert_int_equal(seen->sources, SOURCES);
	assert_int_equal(seen->bans, BANS);
}

static void one(void **state)
{
	struct seen *seen = *state;
	struct prefix prefix = host(77);

	fill(seen);
	assert_int_equal(recall_one(seen->recall, &prefix), 0);
	until(seen, &seen->ones, 1);
	assert_int_equal(seen->sources, 1);
	assert_int_equal(seen->last.offences, 77);
	prefix = host(SOURCES); /* there is none */
	assert_int_equal(recall_one(seen->recall, &prefix), 0);
	until(seen, &seen->ones, 2);
	assert_int_equal(seen->sources, 1);
}

static void orders_are_bounded(void **state)
{
	struct seen *seen = *state;
	struct prefix prefix = host(1);
	uint32_t taken = 0;
	int r = 0;

	/* Nobody collects: what was found stays where it is, and so do the orders. */
	while (!r && taken < 2 * RECALL_ONES_MAX) {
		r = recall_one(seen->recall, &prefix);
		taken += !r;
	}
	assert_int_equal(r, -ENOBUFS);
	assert_int_equal(taken, RECALL_ONES_MAX);
	until(seen, &seen->ones, taken);
	assert_int_equal(recall_one(seen->recall, &prefix), 0);
	until(seen, &seen->ones, taken + 1);
}

static void a_story(void **state)
{
	struct seen *seen = *state;
	const struct prefix subjects[] = {host(1), host(2), {{10}, 4, 24}};

	for (uint32_t i = 0; i < 3 * RECALL_RECORDS_MAX; i++)
		ban(seen, i % 4, "guard");
	assert_int_equal(store_flush(seen->store, 0), 0);
	assert_int_equal(recall_story(seen->recall, subjects, 3, seen), 0);
	until(seen, &seen->stories, 1);
	assert_non_null(seen->records);
	/* Of both hosts, the newest, the oldest of these first. */
	assert_int_equal(json_array_size(seen->records), RECALL_RECORDS_MAX);
	for (size_t i = 0; i < RECALL_RECORDS_MAX; i++) {
		const json_t *record = json_array_get(seen->records, i);
		const char *subject = json_string_value(json_object_get(record, "subject"));

		assert_string_equal(subject, i % 2 ? "10.0.0.2" : "10.0.0.1");
		assert_string_equal(json_string_value(json_object_get(record, "cause")), "because");
	}
	/* Nobody: an empty story is one. */
	assert_int_equal(recall_story(seen->recall, &(struct prefix){{11}, 4, 32}, 1, seen), 0);
	until(seen, &seen->stories, 2);
	assert_int_equal(json_array_size(seen->records), 0);
}

/* Its owner goes while the thread waits for him, in the middle of the table. */
static void the_end_in_the_middle(void **state)
{
	struct seen *seen = *state;
	struct prefix prefix = host(1);

	fill(seen);
	assert_int_equal(recall_all(seen->recall, 0, "guard"), 0);
	assert_int_equal(recall_one(seen->recall, &prefix), 0);
	assert_int_equal(recall_story(seen->recall, &prefix, 1, seen), 0);
	{
		struct pollfd wait = {.fd = recall_fd(seen->recall), .events = POLLIN};

		assert_true(poll(&wait, 1, 60000) > 0);
	}
	recall_free(seen->recall);
	seen->recall = NULL;
	assert_int_equal(seen->sources, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(all_of_it), TEST(collecting_is_bounded), TEST(one), TEST(orders_are_bounded),
		TEST(a_story),	 TEST(the_end_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

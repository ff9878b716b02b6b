// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The power of the disk under the store is cut while it writes (tests/orm/kit/powercut.h), and each
 * copy is opened as after a boot. What is found is a beginning of what was done: everything that
 * was acknowledged, perhaps more, in its order and nothing by halves: the records, the bans that
 * they come to, the chain over them. Sources are as they were flushed, or newer. The store goes on.
 */
#include <tests/store/depot.h>

#include <inttypes.h>
#include <poll.h>
#include <unistd.h>

#include <tests/orm/kit/deed.h>
#include <tests/orm/kit/powercut.h>

#define RUNS 12U
#define CUTS 6U /* of each: twice each luck */
#define FLIGHT 200U
#define ACTS_BETWEEN 300U /* two cuts, at most */
#define ACTS_MAX 10000U
#define SOURCES 20U

struct run {
	struct database db;
	struct store *store;
	uint64_t random;
	uint32_t given, acknowledged; /* acts: 0, 1, 2... */
	uint32_t flushed;	      /* what all sources have at least */
};

struct sums {
	uint32_t acknowledged;
	uint64_t outages;
};

struct found {
	uint8_t seen[ACTS_MAX]; /* records, by act */
	uint8_t banned[ACTS_MAX];
	uint32_t records, bans;
	uint32_t flushed;
	unsigned sources;
};

/* Of four acts the last takes the second's ban back. */
static bool lifts(uint32_t act)
{
	return act % 4 == 3;
}

/* Does its ban hold after the first `acts` of them? */
static bool holds(uint32_t act, uint32_t acts)
{
	return act < acts && !lifts(act) && !(lifts(act + 2) && act + 2 < acts);
}

/* ---- what is done ---- */

static void done(void *data, int result)
{
	struct run *run = data;

	assert_int_equal(result, 0);
	run->acknowledged++;
}

static void submit(struct run *run)
{
	uint32_t number = run->given++;
	struct store_act act = lifts(number) ? depot_lift("10.0.0.1", "power")
					     : depot_ban("10.0.0.1", 0, "power");
	char detail[16];

	assert_true(number < ACTS_MAX);
	snprintf(detail, sizeof(detail), "%u", number);
	act.detail = detail;
	act.ban.prefix = depot_host(lifts(number) ? number - 2 : number);
	assert_int_equal(store_submit(run->store, &act, done, run), 0);
}

static void put_sources(struct run *run)
{
	for (uint32_t i = 0; i < SOURCES; i++) {
		struct store_source source = depot_source(i, run->given);

		assert_int_equal(store_source_put(run->store, &source), 0);
	}
}

/* Until so many more acts came back; the writer is at work all the while. */
static void write_on(struct run *run, uint32_t acts)
{
	struct pollfd fd = {.fd = store_fd(run->store), .events = POLLIN};
	uint32_t until = run->acknowledged + acts;

	while (run->acknowledged < until) {
		while (run->given - run->acknowledged < FLIGHT)
			submit(run);
		put_sources(run);
		if (poll(&fd, 1, 60000) != 1)
			fail_msg("%u acts were never given back", run->given - run->acknowledged);
		(void)store_collect(run->store);
	}
	while (run->given - run->acknowledged < FLIGHT)
		submit(run);
}

static void flush(struct run *run)
{
	put_sources(run);
	assert_int_equal(store_flush(run->store, 0), 0);
	run->flushed = run->given;
}

/* ---- what is found ---- */

static int see_record(void *data, const struct store_record *record)
{
	struct found *found = data;
	unsigned long number = strtoul(record->detail, NULL, 10);

	assert_true(number < ACTS_MAX);
	assert_int_equal(found->seen[number]++, 0);
	/* Nothing else is in the audit, and its order is that of the acts. */
	assert_int_equal(record->seq, (int64_t)number + 1);
	found->records++;
	return 0;
}

static int see_ban(void *data, const struct store_ban *ban)
{
	struct found *found = data;
	uint32_t number = (uint32_t)ban->prefix.addr[1] << 16 | ban->prefix.addr[2] << 8 |
			  ban->prefix.addr[3];

	assert_true(number < ACTS_MAX);
	assert_int_equal(found->banned[number]++, 0);
	found->bans++;
	return 0;
}

static int see_source(void *data, const struct store_source *source)
{
	struct found *found = data;

	assert_int_equal(source->evidence_len, 3);
	assert_true(source->evidence[0] >= found->flushed);
	found->sources++;
	return 0;
}

static void judge(const struct database *copy, uint32_t acknowledged, uint32_t given,
		  uint32_t flushed)
{
	struct found *found = calloc(1, sizeof(*found));
	struct store_act more = depot_note("test", "after", "");
	struct store *st;

	assert_non_null(found);
	database_expect(copy, "PRAGMA integrity_check", "ok\n");
	st = depot_open(copy, NULL);
	found->flushed = flushed;
	assert_int_equal(store_each_record(st, NULL, 0, see_record, found, NULL), 0);
	if (found->records < acknowledged || found->records > given)
		fail_msg("%u acts were acknowledged, %u given, %u are there", acknowledged, given,
			 found->records);
	assert_int_equal(store_each_ban(st, 0, see_ban, found, NULL), 0);
	for (uint32_t i = 0; i < given; i++)
		if (found->banned[i] != holds(i, found->records))
			fail_msg("of %u acts: ban %u is %sthere", found->records, i,
				 found->banned[i] ? "" : "not ");
	assert_int_equal(store_each_source(st, 0, see_source, found, NULL), 0);
	assert_true(found->sources == SOURCES || (!flushed && !found->sources));
	depot_chain(st, found->records);
	depot_do(st, &more);
	depot_chain(st, (int64_t)found->records + 1);
	depot_close(st);
	free(found);
}

/* ---- runs ---- */

static void forget(const struct database *db)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
	char path[300];

	for (unsigned i = 0; i < ARRAY_LEN(ends); i++) {
		snprintf(path, sizeof(path), "%s%s", db->name, ends[i]);
		unlink(path);
	}
}

static struct database file_of(const struct database *db, const char *name, unsigned i)
{
	struct database file = {.dialect = ORM_SQLITE};

	snprintf(file.name, sizeof(file.name), "%.200s/%s%u", db->dir, name, i);
	snprintf(file.url, sizeof(file.url), "sqlite://%s", file.name);
	return file;
}

static void cut_power(struct run *run, const struct database *db, unsigned i)
{
	struct database copy = file_of(db, "found", i);
	uint32_t acknowledged = run->acknowledged;

	powercut_copy(copy.name, (enum powercut_luck)(i % POWERCUT_LUCKS), &run->random);
	judge(&copy, acknowledged, run->given, run->flushed);
	forget(&copy);
}

/* fails: before each cut a sync does; what it should have made safe is lost, then is safe. */
static void run_of(const struct database *db, unsigned i, bool fails, struct sums *sums)
{
	/* WALs that are begun anew all the time, now and then, and never. */
	static const char *const pages[] = {"15", "200", "100000"};
	const struct store_options options = {.group_max = 64,
					      .sources_every_ms = 1,
					      .retry_min_ms = 1,
					      .retry_max_ms = 10,
					      .retain_every_ms = -1};
	struct run run = {.db = file_of(db, "run", i), .random = 177 + i};
	struct database with = run.db;
	struct store_health health;
	char option[40];

	snprintf(option, sizeof(option), "wal_autocheckpoint=%s", pages[i % ARRAY_LEN(pages)]);
	snprintf(with.url, sizeof(with.url), "%s", database_url(&run.db, option));
	powercut_begin(run.db.name);
	run.store = depot_open(&with, &options);
	for (unsigned cut = 0; cut < CUTS; cut++) {
		if (cut % 2)
			flush(&run);
		write_on(&run, 1 + (uint32_t)(deed_random(&run.random) % ACTS_BETWEEN));
		if (fails) {
			powercut_fail_syncs(1, cut < CUTS / 2);
			write_on(&run, FLIGHT + 1);
		}
		cut_power(&run, db, cut);
	}
	store_health(run.store, &health);
	depot_close(run.store);
	sums->acknowledged += run.acknowledged;
	sums->outages += health.outages;
	powercut_end();
	forget(&run.db);
}

static void runs(const struct database *db, bool fails)
{
	uint64_t syncs = powercut_syncs(), lost = powercut_lost();
	struct sums sums = {0};

	for (unsigned i = 0; i < RUNS; i++)
		run_of(db, i, fails, &sums);
	printf("# %u cuts, %u acts acknowledged, %" PRIu64 " syncs, %" PRIu64
	       " KiB were not synced, %" PRIu64 " outages\n",
	       RUNS * CUTS, sums.acknowledged, powercut_syncs() - syncs,
	       (powercut_lost() - lost) / 1024, sums.outages);
	/* Else nothing was at stake. */
	assert_true(sums.acknowledged > RUNS * CUTS && powercut_lost() > lost);
	assert_int_equal(sums.outages > 0, fails);
}

static void power_is_cut(void **state)
{
	runs(*state, false);
}

/* The disk says so once, and the store writes again what it had been told was not safe. */
static void a_sync_fails(void **state)
{
	runs(*state, true);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST_SQLITE(power_is_cut),
		DATABASE_TEST_SQLITE(a_sync_fails),
	};

	return DATABASE_RUN(tests);
}

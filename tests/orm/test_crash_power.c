/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The power of a disk under SQLite is cut while threads write (kit/powercut.h), and each copy is
 * recovered as SQLite does it: what was promised durable is there, of what was relaxed only the
 * last may be missing, the file is sound, and the library goes on with it.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>
#include <strazh/orm/schema.h>

#include <tests/orm/kit/deed.h>
#include <tests/orm/kit/powercut.h>

#define WRITERS 4
#define RUNS 25
#define CUTS 5 /* of each */
#define WAIT_US 20000

struct run {
	struct database db;
	struct ledger ledger;
	struct orm *orm;
	bool durable_only;
	bool stop;
	int failed; /* class that no writer may be told; under no lock: the first is as good */
	char text[128];
	uint64_t random;
	struct database copy[CUTS];
	uint64_t cut[CUTS];
};

struct writer {
	struct run *run;
	int32_t id;
	pthread_t thread;
	uint64_t random; /* its own: run->random is drawn from meanwhile */
};

static void open_run(struct run *run, const struct database *db, unsigned i,
		     const struct orm_options *options)
{
	const struct orm_table *const tables[] = {T(deed), T(note), T(tally)};
	struct orm_error error;
	struct orm_session *s;

	run->db = (struct database){.dialect = ORM_SQLITE};
	snprintf(run->db.name, sizeof(run->db.name), "%.200s/run%u", db->dir, i);
	snprintf(run->db.url, sizeof(run->db.url), "sqlite://%s", run->db.name);
	powercut_begin(run->db.name);
	ledger_init(&run->ledger);
	if (orm_open(run->db.url, options, &run->orm, &error))
		fail_msg("%s", error.text);
	assert_int_equal(orm_session_open(run->orm, &s), 0);
	if (orm_schema_create(s, tables, ARRAY_LEN(tables)))
		fail_msg("%s", orm_error(s)->text);
	for (int32_t id = 1; id <= DEED_TALLIES; id++) {
		struct orm_query *q = orm_insert(s, T(tally));
		struct tally row = {.id = id};

		orm_row(q, &row);
		assert_int_equal(orm_exec(s, q, NULL), 0);
		orm_query_free(q);
	}
	orm_session_close(s);
}

static void fail_run(struct run *run, int class, const struct orm_session *s)
{
	if (!__atomic_exchange_n(&run->failed, class, __ATOMIC_SEQ_CST))
		snprintf(run->text, sizeof(run->text), "%.127s", orm_error(s)->text);
}

static bool goes_on(struct run *run)
{
	return !__atomic_load_n(&run->stop, __ATOMIC_RELAXED);
}

static void *write_on(void *data)
{
	struct writer *w = data;
	struct run *run = w->run;
	struct orm_session *s;

	if (orm_session_open(run->orm, &s))
		abort();
	for (int64_t seq = 1; goes_on(run); seq++) {
		struct deed_plan plan = deed_draw(&w->random, w->id, seq, DEED_EVERY_WAY);
		int r;

		plan.durable |= run->durable_only;
		r = ledger_do(&run->ledger, s, &plan);
		if (r)
			fail_run(run, r, s);
	}
	orm_session_close(s);
	return NULL;
}

/* A reader's snapshot keeps the WAL from being begun anew. */
static void *read_on(void *data)
{
	struct writer *w = data;
	static const struct orm_tx_options reading = {.read_only = true};
	struct orm_session *s;

	if (orm_session_open(w->run->orm, &s))
		abort();
	while (goes_on(w->run)) {
		struct orm_query *q = orm_select(s, T(tally));
		struct orm_result *result;
		int r = orm_begin(s, &reading);

		if (!r)
			r = orm_fetch(s, q, T(tally), &result);
		if (!r)
			orm_result_free(result);
		usleep(3000);
		if (!r)
			r = orm_commit(s);
		if (r)
			fail_run(w->run, r, s);
		orm_query_free(q);
	}
	orm_session_close(s);
	return NULL;
}

static void cut_power(struct run *run, unsigned i)
{
	struct database *copy = &run->copy[i];
	char name[sizeof(copy->name)];

	*copy = (struct database){.dialect = ORM_SQLITE};
	snprintf(name, sizeof(name), "%.200s-cut%u", run->db.name, i);
	memcpy(copy->name, name, sizeof(name));
	snprintf(copy->url, sizeof(copy->url), "sqlite://%s", name);
	usleep((useconds_t)(deed_random(&run->random) % WAIT_US));
	run->cut[i] = ledger_now(&run->ledger);
	powercut_copy(copy->name, (enum powercut_luck)(i % POWERCUT_LUCKS), &run->random);
}

static void write_and_cut(struct run *run)
{
	struct writer writers[WRITERS + 1];

	for (int32_t i = 0; i <= WRITERS; i++) {
		writers[i] = (struct writer){
			.run = run, .id = i, .random = run->random + (uint64_t)i};
		assert_int_equal(pthread_create(&writers[i].thread, NULL,
						i < WRITERS ? write_on : read_on, &writers[i]),
				 0);
	}
	for (unsigned i = 0; i < CUTS; i++)
		cut_power(run, i);
	__atomic_store_n(&run->stop, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i <= WRITERS; i++)
		pthread_join(writers[i].thread, NULL);
	orm_close(run->orm);
	if (run->failed)
		fail_msg("%s: %s", orm_class_name(run->failed), run->text);
}

static void forget(const struct database *copy)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
	char path[300];

	for (unsigned i = 0; i < ARRAY_LEN(ends); i++) {
		snprintf(path, sizeof(path), "%s%s", copy->name, ends[i]);
		unlink(path);
	}
}

static void recover(struct run *run, unsigned i)
{
	struct deed_plan plan = {.writer = 99, .seq = 1, .parts = 1, .way = DEED_ROW_ALONE};
	struct orm_session *s;
	struct orm_error error;
	struct orm *orm;

	database_expect(&run->copy[i], "PRAGMA integrity_check", "ok\n");
	ledger_check(&run->ledger, &run->copy[i], run->cut[i]);
	if (orm_open(run->copy[i].url, NULL, &orm, &error))
		fail_msg("the recovered file does not open: %s", error.text);
	assert_int_equal(orm_session_open(orm, &s), 0);
	if (deed_do(s, &plan))
		fail_msg("nothing can be written: %s", orm_error(s)->text);
	orm_session_close(s);
	orm_close(orm);
}

static void run_of(const struct database *db, unsigned i, const struct orm_options *options,
		   bool durable_only, uint64_t *acknowledged)
{
	struct run run = {.durable_only = durable_only, .random = 77 + i};

	open_run(&run, db, i, options);
	write_and_cut(&run);
	for (unsigned n = 0; n < CUTS; n++) {
		recover(&run, n);
		forget(&run.copy[n]);
	}
	forget(&run.db);
	*acknowledged += run.ledger.by_class[0];
	powercut_end();
	ledger_deinit(&run.ledger);
}

static unsigned runs(void)
{
	const char *text = getenv("ORM_KILL_ROUNDS");
	unsigned long n = text ? strtoul(text, NULL, 10) / CUTS : 0;

	return n ? (unsigned)n : RUNS;
}

static void power_is_cut(void **state)
{
	uint64_t acknowledged = 0, lost = powercut_lost();
	unsigned n = runs();

	for (unsigned i = 0; i < n; i++) {
		/* WALs that are begun anew all the time, now and then, and never. */
		struct orm_options options = {.wal_autocheckpoint = i % 3 == 0	 ? 15
								    : i % 3 == 1 ? 200
										 : 100000};

		run_of(*state, i, &options, false, &acknowledged);
	}
	printf("# %u cuts, %" PRIu64 " acknowledged writes, %" PRIu64 " syncs, %" PRIu64
	       " KiB were not synced\n",
	       n * CUTS, acknowledged, powercut_syncs(), (powercut_lost() - lost) / 1024);
	/* Else nothing was at stake. */
	assert_true(acknowledged > n * CUTS && powercut_lost() > lost);
}

/* Without a WAL: durable writes, whatever the journal is. */
static void power_is_cut_without_wal(void **state)
{
	static const char *const modes[] = {"DELETE", "TRUNCATE", "PERSIST"};
	uint64_t acknowledged = 0;

	for (unsigned i = 0; i < 6; i++) {
		struct orm_options options = {.journal_mode = modes[i % 3]};

		run_of(*state, i, &options, true, &acknowledged);
	}
	printf("# %u cuts, %" PRIu64 " acknowledged writes\n", 6 * CUTS, acknowledged);
}

/* ---- a sync that fails ---- */

static int write_one(struct run *run, struct orm_session *s, int64_t seq, bool durable)
{
	struct deed_plan plan = {
		.seq = seq, .parts = 1, .way = DEED_ROW_ALONE, .keyed = true, .durable = durable};

	return ledger_do(&run->ledger, s, &plan);
}

/* The power goes right after, or after other writes were acknowledged. */
static void open_failing(struct run *run, const struct database *db, unsigned i, int64_t pages)
{
	struct orm_options options = {.wal_autocheckpoint = pages};

	*run = (struct run){.random = i};
	open_run(run, db, i, &options);
}

static void cut_and_recover(struct run *run)
{
	cut_power(run, POWERCUT_NOTHING);
	orm_close(run->orm);
	recover(run, POWERCUT_NOTHING);
	forget(&run->copy[0]);
	forget(&run->db);
	powercut_end();
	ledger_deinit(&run->ledger);
}

static void fail_sync(const struct database *db, unsigned i, bool lose, int64_t after)
{
	struct run run;
	struct orm_session *s;
	int64_t seq = 0;

	open_failing(&run, db, i, 100000);
	assert_int_equal(orm_session_open(run.orm, &s), 0);
	for (; seq < 25; seq++)
		assert_int_equal(write_one(&run, s, seq, seq == 10 || seq == 20), 0);
	powercut_fail_syncs(1, lose);
	assert_int_equal(write_one(&run, s, seq, true), ORM_E_UNKNOWN_OUTCOME);
	for (int64_t n = 0; n < after; n++) {
		if (write_one(&run, s, ++seq, true))
			fail_msg("%s", orm_error(s)->text);
	}
	orm_session_close(s);
	cut_and_recover(&run);
}

/* The sync that a checkpoint begins with fails: no call of a writer does. */
static void a_checkpoint_fails(void **state)
{
	struct orm_session *s;
	struct run run;
	uint64_t syncs;
	int64_t seq = 0;

	open_failing(&run, *state, 0, 60);
	assert_int_equal(orm_session_open(run.orm, &s), 0);
	assert_int_equal(write_one(&run, s, seq++, true), 0);
	powercut_fail_syncs(1, true);
	syncs = powercut_syncs();
	while (powercut_syncs() == syncs && seq < 1000)
		assert_int_equal(write_one(&run, s, seq++, false), 0);
	assert_true(seq < 1000);
	assert_int_equal(write_one(&run, s, seq, true), 0);
	orm_session_close(s);
	cut_and_recover(&run);
}

/* The commit may be found by a recovery, whatever became of the sync. */
static void a_sync_fails(void **state)
{
	fail_sync(*state, 0, true, 0);
	fail_sync(*state, 1, false, 0);
}

/* The disk has lost relaxed writes: what is acknowledged after must not depend on them. */
static void a_sync_fails_and_others_do_not(void **state)
{
	fail_sync(*state, 0, true, 1);
	fail_sync(*state, 1, true, 30);
	fail_sync(*state, 2, false, 30);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST_SQLITE(power_is_cut),
		DATABASE_TEST_SQLITE(power_is_cut_without_wal),
		DATABASE_TEST_SQLITE(a_sync_fails),
		DATABASE_TEST_SQLITE(a_sync_fails_and_others_do_not),
		DATABASE_TEST_SQLITE(a_checkpoint_fails),
	};

	return DATABASE_RUN(tests);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A primary dies under load and its standby is promoted, while the program goes on: writes go to
 * the new primary, a session reads what it wrote, and the old primary, when it comes back, is left
 * alone. Of an asynchronous standby the last commits may be gone; of a synchronous one, none.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>
#include <strazh/orm/stats.h>

#include <tests/orm/kit/load.h>
#include <tests/orm/kit/server.h>

#define MOVES_MS 10000

struct pair {
	struct servers servers;
	struct database a, b;
};

static const char *const names[] = {"a", "b", NULL};

static bool make_pair(struct pair *pair)
{
	char folder[96];

	if (!servers_make(&pair->servers))
		return false;
	server_database(&pair->servers, "a", "", &pair->a);
	deed_tables(&pair->a);
	snprintf(folder, sizeof(folder), "%s/b", pair->servers.top);
	server_must(&pair->servers, "standby", "a", folder);
	server_database(&pair->servers, "b", "", &pair->b);
	return true;
}

/* On the primary alone: the standby has none itself, and will not wait for one. */
static void make_synchronous(const struct database *primary)
{
	database_do(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'");
	database_do(primary, "ALTER SYSTEM SET synchronous_commit = remote_apply");
	database_do(primary, "SELECT pg_reload_conf()");
	for (int i = 0; i < 500; i++) {
		char *text = database_ask(primary, "SELECT sync_state FROM pg_stat_replication");
		bool sync = !strcmp(text, "sync\n");

		free(text);
		if (sync)
			return;
		load_sleep_ms(10);
	}
	fail_msg("the standby does not become a synchronous one");
}

static void set_reads(struct load *load, bool reads)
{
	__atomic_store_n(&load->reads, reads, __ATOMIC_RELAXED);
}

static void fail_over(const struct pair *pair, struct load *load, bool synchronous)
{
	int64_t took;

	load_wait(load, 100, MOVES_MS);
	load_sleep_ms(300);
	if (!synchronous) {
		/* What was read before must not be asked for after. */
		set_reads(load, false);
		load_sleep_ms(100);
	}
	server_must(&pair->servers, "kill9", "a", "");
	if (!synchronous)
		load->ledger.failover = ledger_now(&load->ledger);
	server_must(&pair->servers, "promote", "b", "");
	took = load_wait(load, 50, MOVES_MS);
	set_reads(load, true);
	load_wait(load, 200, MOVES_MS);
	/* The old one comes back, and would take writes. */
	server_must(&pair->servers, "start", "a", "");
	load_sleep_ms(1000);
	load_wait(load, 100, MOVES_MS);
	printf("# written to the new primary %" PRId64 " ms after it was promoted\n", took);
}

/* Who only reads: from the standby, and from the new primary when there is no other. */
struct reader {
	struct load *load;
	struct orm_session *s;
	pthread_t thread;
	uint64_t rows, failures;
	int64_t gap_ms; /* the longest time without an answer */
	int bad;
	char text[128];
};

static void *read_on(void *data)
{
	struct reader *reader = data;
	int64_t last = load_now_ms();

	while (!__atomic_load_n(&reader->load->stop, __ATOMIC_RELAXED)) {
		struct orm_query *q = orm_select(reader->s, T(tally));
		struct orm_result *result;
		int r = orm_fetch(reader->s, q, T(tally), &result);

		orm_query_free(q);
		if (!r) {
			reader->rows += orm_result_count(result);
			orm_result_free(result);
			reader->gap_ms = MAX(reader->gap_ms, load_now_ms() - last);
			last = load_now_ms();
		} else if (!(reader->load->may_fail >> r & 1)) {
			reader->bad = r;
			snprintf(reader->text, sizeof(reader->text), "%.127s",
				 orm_error(reader->s)->text);
		}
		reader->failures += r != 0;
		load_sleep_ms(2);
	}
	orm_session_close(reader->s);
	return NULL;
}

static void start_reader(struct reader *reader, struct load *load)
{
	*reader = (struct reader){.load = load};
	assert_int_equal(orm_session_open(load->orm, &reader->s), 0);
	assert_int_equal(pthread_create(&reader->thread, NULL, read_on, reader), 0);
}

static void run(bool synchronous)
{
	struct orm_options options = {
		.pool_max = LOAD_THREADS,
		.acquire_timeout_ms = 2000,
		.connect_timeout_ms = 2000,
		.query_timeout_ms = 5000,
		.breaker_failures = 3,
		.breaker_open_ms = 50,
	};
	/* A standby says so until it is promoted. */
	struct load load = {.ways = DEED_EVERY_WAY,
			    .may_fail = LOAD_LOST | 1ULL << ORM_E_READ_ONLY,
			    .reads = true,
			    .durable = true,
			    .pause_us = 2000};
	struct reader reader;
	struct orm_stats stats;
	struct pair pair;

	if (!make_pair(&pair))
		skip();
	if (synchronous)
		make_synchronous(&pair.a);
	options.replicas = pair.b.url;
	load_start(&load, &options, pair.a.url);
	start_reader(&reader, &load);
	fail_over(&pair, &load, synchronous);
	load_stop(&load);
	pthread_join(reader.thread, NULL);
	if (reader.bad)
		fail_msg("a reader was told %s: %s", orm_class_name(reader.bad), reader.text);
	orm_stats_read(load.orm, &stats);
	ledger_tell(&load.ledger, synchronous ? "synchronous" : "asynchronous");
	ledger_check(&load.ledger, &pair.b, 0);
	printf("# %" PRIu64 " of the last acknowledged are gone; %" PRIu64
	       " read back; reads: %" PRIu64 " by the replica, %" PRIu64 " by the primary, %" PRIu64
	       " found it behind\n",
	       load.ledger.gone, load.read_back, stats.route_replica, stats.route_primary,
	       stats.route_behind);
	printf("# a reader: %" PRIu64 " rows, %" PRIu64 " failures, at most %" PRId64
	       " ms without an answer\n",
	       reader.rows, reader.failures, reader.gap_ms);
	assert_true(reader.rows > 1000 && reader.gap_ms < MOVES_MS);
	assert_true(stats.route_replica > 0);
	assert_int_equal(stats.route_failovers, 1);
	if (synchronous)
		assert_int_equal(load.ledger.gone, 0);
	load_close(&load);
	servers_drop(&pair.servers, names);
}

static void an_asynchronous_standby_takes_over(void **state)
{
	(void)state;
	run(false);
}

static void a_synchronous_standby_takes_over(void **state)
{
	(void)state;
	run(true);
}

/*
 * A commit waits for a standby that is gone; the call runs out of time, and the server is asked to
 * cancel: it then commits here alone and reports success, with a warning.
 */
static void a_commit_that_was_not_replicated(void **state)
{
	static const enum deed_way ways[] = {DEED_ROW_ALONE,  DEED_ROW_RETURNING, DEED_TALLY,
					     DEED_BATCH_ROWS, DEED_BATCH_UNNEST,  DEED_BATCH_COPY,
					     DEED_LOAD};
	struct orm_options options = {.query_timeout_ms = 300};
	struct orm_session *s;
	struct orm_error error;
	struct pair pair;
	struct orm *orm;

	(void)state;
	if (!make_pair(&pair))
		skip();
	make_synchronous(&pair.a);
	server_must(&pair.servers, "kill9", "b", "");
	if (orm_open(pair.a.url, &options, &orm, &error))
		fail_msg("%s", error.text);
	assert_int_equal(orm_session_open(orm, &s), 0);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct deed_plan plan = {.seq = (int64_t)i,
					 .parts = 1,
					 .tally = ways[i] == DEED_TALLY,
					 .way = ways[i],
					 .keyed = true};
		int r = deed_do(s, &plan);

		if (r != ORM_E_UNKNOWN_OUTCOME)
			fail_msg("way %d: %s: %s", (int)ways[i], orm_class_name(r),
				 r ? orm_error(s)->text : "");
	}
	orm_session_close(s);
	orm_close(orm);
	servers_drop(&pair.servers, names);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST_POSTGRESQL(an_asynchronous_standby_takes_over),
		DATABASE_TEST_POSTGRESQL(a_synchronous_standby_takes_over),
		DATABASE_TEST_POSTGRESQL(a_commit_that_was_not_replicated),
	};

	return DATABASE_RUN(tests);
}

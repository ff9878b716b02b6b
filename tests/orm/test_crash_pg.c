/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A PostgreSQL that dies and comes back under eight writing threads; connections that are ended by
 * the server, cut on the wire after any byte, or go silent. Whatever a writer was told is true: a
 * write that was acknowledged is there once, one that failed is not, one of unknown outcome is
 * there or not, and nobody sent it again.
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
#include <tests/orm/kit/proxy.h>
#include <tests/orm/kit/server.h>

#define ROUNDS 6
#define RECOVERS_MS 8000

static const struct orm_options options = {
	.pool_max = LOAD_THREADS,
	.acquire_timeout_ms = 2000,
	.connect_timeout_ms = 2000,
	.query_timeout_ms = 5000,
	.breaker_failures = 3,
	.breaker_open_ms = 50,
	.check_after_ms = 500,
};

static unsigned rounds(void)
{
	const char *text = getenv("ORM_KILL_ROUNDS");
	unsigned long n = text ? strtoul(text, NULL, 10) : 0;

	return n ? (unsigned)n : ROUNDS;
}

static void tell(struct load *load, const char *what)
{
	ledger_tell(&load->ledger, what);
	printf("# longest: acknowledged %" PRIu64 " ms, open circuit %" PRIu64
	       " ms, unknown outcome %" PRIu64 " ms; %" PRIu64 " read back\n",
	       load->longest_ms[0], load->longest_ms[ORM_E_OPEN_CIRCUIT],
	       load->longest_ms[ORM_E_UNKNOWN_OUTCOME], load->read_back);
}

static void the_server_dies(void **state)
{
	static const char *const names[] = {"a", NULL};
	struct load load = {.ways = DEED_EVERY_WAY, .may_fail = LOAD_LOST, .reads = true};
	uint64_t random = 4711, slowest = 0;
	struct servers servers;
	struct orm_stats stats;
	struct database db;

	(void)state;
	if (!servers_make(&servers))
		skip();
	server_database(&servers, "a", "", &db);
	deed_tables(&db);
	load_start(&load, &options, db.url);
	for (unsigned i = 0, n = rounds(); i < n; i++) {
		load_wait(&load, 50, RECOVERS_MS);
		load_sleep_ms((int64_t)(deed_random(&random) % 200));
		if (i % 3 == 0)
			server_must(&servers, "kill9", "a", "");
		else
			server_must(&servers, "stop", "a", i % 3 == 1 ? "immediate" : "fast");
		load_sleep_ms((int64_t)(deed_random(&random) % 600));
		server_must(&servers, "start", "a", "");
		slowest = MAX(slowest, (uint64_t)load_wait(&load, 10, RECOVERS_MS));
	}
	load_stop(&load);
	orm_stats_read(load.orm, &stats);
	tell(&load, "server killed");
	printf("# writes again at most %" PRIu64 " ms after the start; circuit opened %" PRIu64
	       " times, refused %" PRIu64 ", probes %" PRIu64 "\n",
	       slowest, stats.breaker_opened, stats.breaker_refused, stats.breaker_probes);
	/* Relaxed is synchronous_commit off: a server that dies is a power cut to it. */
	load.ledger.relaxed_may_go = true;
	ledger_check(&load.ledger, &db, 0);
	printf("# %" PRIu64 " relaxed writes are gone\n", load.ledger.gone);
	assert_true(stats.breaker_opened > 0 && stats.breaker_refused > 0);
	assert_int_equal(stats.breaker_open, 0);
	assert_true(load.ledger.by_class[ORM_E_OPEN_CIRCUIT] > 0);
	/* Told without waiting for the database. */
	assert_true(load.longest_ms[ORM_E_OPEN_CIRCUIT] < 2500);
	load_close(&load);
	servers_drop(&servers, names);
}

static void backends_are_terminated(void **state)
{
	const struct database *db = *state;
	struct load load = {.ways = DEED_EVERY_WAY, .may_fail = LOAD_LOST, .reads = true};
	unsigned ended = 0;

	deed_tables(db);
	load_start(&load, &options, db->url);
	for (unsigned i = 0, n = rounds() * 10; i < n; i++) {
		char *text;

		load_sleep_ms(20);
		text = database_ask(db,
				    "SELECT count(pg_terminate_backend(pid)) FROM"
				    " (SELECT pid FROM pg_stat_activity WHERE application_name ="
				    " 'strazh-orm' AND datname = current_database()"
				    " ORDER BY random() LIMIT 3) t");
		ended += (unsigned)strtoul(text, NULL, 10);
		free(text);
	}
	load_wait(&load, 50, RECOVERS_MS);
	load_stop(&load);
	tell(&load, "backends terminated");
	printf("# %u backends terminated\n", ended);
	assert_true(ended > rounds());
	ledger_check(&load.ledger, db, 0);
	load_close(&load);
}

/*
 * Connections that were ended while they were idle: nothing was sent on them, so every way of
 * writing goes on with another one. Batches said UNKNOWN_OUTCOME.
 */
static void idle_connections_are_terminated(void **state)
{
	const struct database *db = *state;
	const struct orm_options one = {.pool_max = 1};
	struct deed_plan plan = {.writer = 1, .parts = 3, .tally = 1, .keyed = true};
	struct ledger ledger;
	struct orm_error error;
	struct orm_session *s;
	struct orm *orm;

	deed_tables(db);
	ledger_init(&ledger);
	if (orm_open(db->url, &one, &orm, &error))
		fail_msg("%s", error.text);
	assert_int_equal(orm_session_open(orm, &s), 0);
	for (plan.way = 0; plan.way < DEED_LOAD; plan.way++) {
		plan.seq++;
		plan.tally = plan.way == DEED_TALLY || plan.way == DEED_TALLY_SERIALIZABLE;
		plan.parts = plan.way < DEED_ROWS_ONE_INSERT || plan.tally ? 1 : 3;
		database_do(db, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
				" WHERE application_name = 'strazh-orm'"
				" AND datname = current_database()");
		if (ledger_do(&ledger, s, &plan))
			fail_msg("way %d: %s: %s", (int)plan.way,
				 orm_class_name(orm_error(s)->class), orm_error(s)->text);
	}
	orm_session_close(s);
	orm_close(orm);
	ledger_check(&ledger, db, 0);
	ledger_deinit(&ledger);
}

static void behind_proxy(const struct database *db, const struct orm_options *with,
			 const struct proxy_ways *ways, uint64_t may_fail, const char *what,
			 uint64_t *ret_cuts, uint64_t *ret_silences)
{
	struct load load = {
		.ways = DEED_EVERY_WAY, .may_fail = LOAD_LOST | may_fail, .reads = true};
	struct proxy *proxy = proxy_open(db->url);
	const struct proxy_ways none = {0};
	char url[sizeof(db->url)];

	deed_tables(db);
	proxy_url(proxy, url, sizeof(url));
	load_start(&load, with, url);
	proxy_behave(proxy, ways);
	load_sleep_ms(rounds() * 500);
	proxy_behave(proxy, &none);
	load_wait(&load, 50, RECOVERS_MS);
	load_stop(&load);
	tell(&load, what);
	*ret_cuts = proxy_cuts(proxy);
	*ret_silences = proxy_silences(proxy);
	printf("# %" PRIu64 " cuts, %" PRIu64 " silences\n", *ret_cuts, *ret_silences);
	ledger_check(&load.ledger, db, 0);
	load_close(&load);
	proxy_close(proxy);
}

static void the_wire_is_cut(void **state)
{
	const struct proxy_ways ways = {.cut_of_million = 10000};
	uint64_t cuts, silences;

	behind_proxy(*state, &options, &ways, 0, "wire cut", &cuts, &silences);
	assert_true(cuts > rounds());
}

/* A call ends by its own timeout: nothing is known of a write then. */
static void the_wire_goes_silent(void **state)
{
	const struct proxy_ways ways = {.silence_of_million = 2000, .delay_us = 200};
	struct orm_options impatient = options;
	uint64_t cuts, silences;

	impatient.query_timeout_ms = 300;
	impatient.connect_timeout_ms = 500;
	behind_proxy(*state, &impatient, &ways, 1ULL << ORM_E_TIMEOUT, "wire silent", &cuts,
		     &silences);
	assert_true(silences > 0);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST_POSTGRESQL(the_server_dies),
		DATABASE_TEST_POSTGRESQL(backends_are_terminated),
		DATABASE_TEST_POSTGRESQL(idle_connections_are_terminated),
		DATABASE_TEST_POSTGRESQL(the_wire_is_cut),
		DATABASE_TEST_POSTGRESQL(the_wire_goes_silent),
	};

	return DATABASE_RUN(tests);
}

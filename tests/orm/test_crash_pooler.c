/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Behind PgBouncer in transaction mode: everything that writers do works there, cursors and COPY
 * too, no statement is named, and the pooler may die and come back.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#include <tests/orm/kit/load.h>
#include <tests/orm/kit/server.h>

#define ROUNDS 4
#define RECOVERS_MS 8000

static const char *const names[] = {"a", NULL};

static unsigned rounds(void)
{
	const char *text = getenv("ORM_KILL_ROUNDS");
	unsigned long n = text ? strtoul(text, NULL, 10) : 0;

	return n ? (unsigned)n : ROUNDS;
}

/* Rows in order, in constant memory. 0, or a class that a crash may bring. */
static int read_by_cursor(struct orm_session *s, uint64_t *ret_rows)
{
	struct orm_query *q = orm_select(s, T(deed));
	struct orm_cursor *c;
	const void *row;
	int64_t last = 0;
	int r;

	orm_order_by(q, C(deed, id));
	r = orm_cursor_open(s, q, T(deed), &c);
	while (!r) {
		r = orm_cursor_next(c, &row);
		if (!r) {
			const struct deed *deed = row;

			assert_true(deed->id > last);
			last = deed->id;
			(*ret_rows)++;
		}
		if (r)
			orm_cursor_close(c);
	}
	orm_query_free(q);
	return r == ORM_E_END ? 0 : r;
}

static void kill_pooler(const struct servers *servers)
{
	char path[128];
	FILE *file;
	int pid = 0;

	snprintf(path, sizeof(path), "%s/a/pooler.pid", servers->top);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &pid), 1);
	fclose(file);
	assert_true(pid > 1 && !kill(pid, SIGKILL));
	for (int i = 0; i < 500 && !kill(pid, 0); i++)
		load_sleep_ms(10);
}

static bool start(struct servers *servers)
{
	int r;

	if (!servers_make(servers))
		return false;
	r = server_do(servers, "pooler", "a", "");
	if (r) {
		fprintf(stderr, "# no pgbouncer is installed: sudo ./scripts/setup test\n");
		servers_drop(servers, names);
		assert_int_equal(r, 3);
	}
	return !r;
}

static void everything_works_behind_a_pooler(void **state)
{
	const struct orm_options options = {
		.pool_max = LOAD_THREADS + 1,
		.acquire_timeout_ms = 2000,
		.query_timeout_ms = 10000,
		.breaker_failures = 3,
		.breaker_open_ms = 50,
	};
	struct load load = {.ways = DEED_EVERY_WAY, .may_fail = LOAD_LOST, .reads = true};
	struct servers servers;
	struct database direct, pooled;
	struct orm_session *s;
	uint64_t rows = 0;

	(void)state;
	if (!start(&servers))
		skip();
	server_database(&servers, "a", "", &direct);
	server_database(&servers, "a", "pooler", &pooled);
	deed_tables(&direct);
	load_start(&load, &options, pooled.url);
	assert_int_equal(orm_session_open(load.orm, &s), 0);
	load_wait(&load, 500, RECOVERS_MS);
	/* So far nothing has happened to the pooler. */
	assert_int_equal(load_told(&load, ORM_E_CONNECTION), 0);
	assert_int_equal(load_told(&load, ORM_E_UNKNOWN_OUTCOME), 0);
	if (read_by_cursor(s, &rows))
		fail_msg("%s", orm_error(s)->text);
	/* Each time one of the pooler's own connections answers. */
	for (unsigned i = 0; i < 20; i++)
		database_expect(&pooled, "SELECT count(*) FROM pg_prepared_statements", "0\n");
	for (unsigned i = 0, n = rounds(); i < n; i++) {
		kill_pooler(&servers);
		load_sleep_ms(100 * (int64_t)i);
		server_must(&servers, "pooler", "a", "");
		load_wait(&load, 100, RECOVERS_MS);
		if (read_by_cursor(s, &rows) && !orm_error(s)->retryable)
			fail_msg("%s", orm_error(s)->text);
	}
	load_stop(&load);
	orm_session_close(s);
	ledger_tell(&load.ledger, "pooler killed");
	printf("# %" PRIu64 " rows read by cursor, %" PRIu64 " writes read back\n", rows,
	       load.read_back);
	ledger_check(&load.ledger, &direct, 0);
	load_close(&load);
	servers_drop(&servers, names);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST_POSTGRESQL(everything_works_behind_a_pooler),
	};

	return DATABASE_RUN(tests);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Statements without waiting, over one pipeline that breaks. ORM_TEST_PG as in test_pg_driver.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include <orm/drivers/driver.h>
#include <orm/drivers/pg/async.h>

#define PG (&orm_driver_pg)
#define MANY 1000
#define TEXT_SIZE 64

struct got {
	int class;
	char text[64];
	unsigned order; /* 1: the first that was told */
	uint64_t changed;
	size_t rows;
	int64_t first; /* of the first row */
	char constraint[64];
};

static const char *url;
static struct orm_conn *other;
static struct orm_async *async;
static struct orm_error err;
static uint64_t ids;
static unsigned told;
static struct got got[MANY];
static const uint8_t bigint[] = {ORM_T_BIGINT, ORM_T_BIGINT};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void script(const char *sql)
{
	if (PG->script(other, sql, &err))
		fail_msg("%s: %s", sql, err.text);
}

static void open_async(const struct orm_options *options, uint32_t queue_max)
{
	if (pg_async_open(url, options, NULL, queue_max, &async, &err))
		fail_msg("%s", err.text);
}

static int set_up(void **state)
{
	(void)state;
	told = 0;
	memset(got, 0, sizeof(got));
	if (PG->open(url, &(struct orm_options){0}, ORM_WRITER, &other, &err))
		fail_msg("%s", err.text);
	script("DROP TABLE IF EXISTS job, job_parent;"
	       "CREATE TABLE job_parent (id bigint PRIMARY KEY);"
	       "CREATE TABLE job (id bigint CONSTRAINT once UNIQUE, parent bigint CONSTRAINT kin"
	       " REFERENCES job_parent DEFERRABLE INITIALLY DEFERRED)");
	open_async(NULL, 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	orm_async_close(async);
	async = NULL;
	PG->close(other);
	return 0;
}

static struct orm_stmt statement(const char *sql, uint8_t flags, uint16_t params)
{
	return (struct orm_stmt){.sql = sql,
				 .sql_len = strlen(sql),
				 .id = ++ids,
				 .flags = flags,
				 .params = params,
				 .param_type = bigint};
}

static void on_answer(void *data, const struct orm_answer *answer)
{
	struct got *g = data;

	assert_int_equal(g->order, 0);
	g->order = ++told;
	g->class = orm_answer_class(answer);
	g->changed = orm_answer_changed(answer);
	g->rows = orm_answer_count(answer);
	if (g->class)
		snprintf(g->text, sizeof(g->text), "%.63s", orm_answer_error(answer)->text);
	if (g->class)
		snprintf(g->constraint, sizeof(g->constraint), "%s",
			 orm_answer_error(answer)->constraint);
	else if (g->rows)
		g->first = orm_answer_value(answer, 0, 0).i;
}

static void submit(const struct orm_stmt *stmt, int64_t one, int64_t two, struct got *g)
{
	struct orm_value values[2] = {orm_value_i64(one), orm_value_i64(two)};

	if (pg_async_submit(async, stmt, values, on_answer, g, &err))
		fail_msg("%s", err.text);
}

/* One turn of the loop. */
static void turn(void)
{
	struct pollfd fd = {.fd = orm_async_fd(async), .events = orm_async_events(async)};
	int ms = orm_async_timeout_ms(async);

	poll(&fd, 1, ms < 0 || ms > 1000 ? 1000 : ms);
	orm_async_on_ready(async);
}

static void run_until(unsigned n, int64_t ms)
{
	int64_t until = now_ms() + ms;

	while (told < n) {
		if (now_ms() > until)
			fail_msg("%u of %u are told", told, n);
		turn();
	}
}

static int64_t count(const char *sql)
{
	struct orm_stmt stmt = statement(sql, ORM_STMT_ROWS, 0);
	struct orm_value v;

	if (PG->start(other, &stmt, NULL, &err) || PG->step(other, &err) ||
	    PG->value(other, 0, &v, &err))
		fail_msg("%s", err.text);
	PG->finish(other);
	return v.i;
}

/* ---- one test an idea ---- */

static void answers_in_order(void **state)
{
	struct orm_stmt insert = statement("INSERT INTO job VALUES ($1)", ORM_STMT_WRITES, 1),
			read = statement("SELECT $1::bigint FROM generate_series(1, 3)",
					 ORM_STMT_ROWS, 1);

	(void)state;
	for (int i = 0; i < MANY; i++)
		submit(i % 2 ? &read : &insert, i, 0, &got[i]);
	assert_int_equal(orm_async_pending(async), MANY);
	run_until(MANY, 20000);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(got[i].class, 0);
		assert_int_equal(got[i].order, i + 1);
		assert_int_equal(got[i].changed, i % 2 ? 0 : 1);
		assert_int_equal(got[i].rows, i % 2 ? 3 : 0);
		if (i % 2)
			assert_int_equal(got[i].first, i);
	}
	assert_int_equal(orm_async_pending(async), 0);
	assert_int_equal(count("SELECT count(*) FROM job"), MANY / 2);
}

/* Each is told its own fate, in order; what was rolled back along with a failure is done once. */
static void one_failure_is_one(void **state)
{
	struct orm_stmt insert = statement("INSERT INTO job VALUES ($1)", ORM_STMT_WRITES, 1),
			wrong = statement("INSERT INTO nosuch VALUES ($1)", ORM_STMT_WRITES, 1),
			late = statement("INSERT INTO job VALUES ($1, $2)", ORM_STMT_WRITES, 2);

	(void)state;
	for (int i = 0; i < 200; i++)
		if (i % 50 == 13)
			submit(&insert, i - 1, 0, &got[i]); /* a duplicate */
		else if (i % 50 == 27)
			submit(&wrong, i, 0, &got[i]);
		else if (i % 50 == 31)
			submit(&late, i, 99, &got[i]); /* fails at the commit */
		else
			submit(&insert, i, 0, &got[i]);
	run_until(200, 20000);
	for (unsigned i = 0; i < 200; i++) {
		int want = i % 50 == 13	  ? ORM_E_UNIQUE
			   : i % 50 == 27 ? ORM_E_SCHEMA
			   : i % 50 == 31 ? ORM_E_FOREIGN_KEY
					  : 0;

		if (got[i].class != want || got[i].order != i + 1)
			fail_msg("%u: class %d, told as number %u", i, got[i].class, got[i].order);
		if (want == ORM_E_UNIQUE)
			assert_string_equal(got[i].constraint, "once");
		if (want == ORM_E_FOREIGN_KEY)
			assert_string_equal(got[i].constraint, "kin");
	}
	assert_int_equal(count("SELECT count(*) FROM job"), 200 - 12);
}

static int64_t backend(void)
{
	struct orm_stmt stmt = statement("SELECT pg_backend_pid()::bigint", ORM_STMT_ROWS, 0);
	struct got g = {0};
	unsigned n = told + 1;

	submit(&stmt, 0, 0, &g);
	run_until(n, 5000);
	assert_int_equal(g.class, 0);
	told--;
	return g.first;
}

static void some_turns(int64_t ms)
{
	int64_t until = now_ms() + ms;

	while (now_ms() < until) {
		struct pollfd fd = {.fd = orm_async_fd(async), .events = orm_async_events(async)};

		poll(&fd, 1, 10);
		orm_async_on_ready(async);
	}
}

/* The server says that it goes away: what it did not do is done again, once. */
static void told_that_it_goes(void **state)
{
	struct orm_stmt slow = statement("INSERT INTO job SELECT $1 FROM pg_sleep(0.5)",
					 ORM_STMT_WRITES, 1),
			read = statement("SELECT $1", ORM_STMT_ROWS, 1);
	int64_t pid = backend();
	char sql[64];

	(void)state;
	submit(&slow, 1, 0, &got[0]);
	submit(&read, 7, 0, &got[1]);
	submit(&slow, 2, 0, &got[2]);
	some_turns(150);
	snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%lld)", (long long)pid);
	script(sql);
	run_until(3, 10000);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(got[i].class, 0);
		assert_int_equal(got[i].order, i + 1);
	}
	assert_int_equal(got[1].first, 7);
	assert_int_equal(count("SELECT count(*) FROM job"), 2);
	assert_true(backend() != pid);
}

/* Nothing is said: reads are sent again, writes that were sent are not. */
static void gone_without_a_word(void **state)
{
	struct orm_stmt write = statement("INSERT INTO job SELECT $1 FROM pg_sleep(0.3)",
					  ORM_STMT_WRITES, 1),
			read = statement("SELECT $1", ORM_STMT_ROWS, 1);
	int64_t pid = backend();

	(void)state;
	submit(&read, 5, 0, &got[0]);
	submit(&write, 1, 0, &got[1]);
	submit(&read, 7, 0, &got[2]);
	some_turns(100);
	submit(&write, 2, 0, &got[3]); /* queued, not sent */
	assert_int_equal(shutdown(orm_async_fd(async), SHUT_RDWR), 0);
	run_until(4, 10000);
	assert_int_equal(got[0].class, 0);
	assert_int_equal(got[0].first, 5);
	assert_int_equal(got[1].class, ORM_E_UNKNOWN_OUTCOME);
	assert_int_equal(got[2].class, 0);
	assert_int_equal(got[2].first, 7);
	assert_int_equal(got[3].class, 0);
	assert_int_equal(count("SELECT count(*) FROM job WHERE id = 2"), 1);
	assert_true(count("SELECT count(*) FROM job WHERE id = 1") <= 1);
	assert_true(backend() != pid);
}

/* The connection is cut at every moment of 300 writes: none is lost, none is there twice. */
static void cut_again_and_again(void **state)
{
	struct orm_stmt insert = statement("INSERT INTO job VALUES ($1)", ORM_STMT_WRITES, 1),
			is_there = statement("SELECT count(*) FROM job WHERE id = $1",
					     ORM_STMT_ROWS, 1);
	unsigned unknown = 0;

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		unsigned n = told;

		submit(&insert, i, 0, &got[i]);
		if (i % 3 == 0)
			turn();
		if (i % 7 == 0 && orm_async_fd(async) >= 0)
			shutdown(orm_async_fd(async), SHUT_RDWR);
		if (i % 10 == 9)
			run_until(i + 1, 10000);
		assert_true(told >= n);
	}
	run_until(300, 10000);
	for (unsigned i = 0; i < 300; i++) {
		struct orm_value v = orm_value_i64(i), there;

		assert_int_equal(PG->start(other, &is_there, &v, &err), 0);
		assert_int_equal(PG->step(other, &err), 0);
		assert_int_equal(PG->value(other, 0, &there, &err), 0);
		if (got[i].class == 0)
			assert_int_equal(there.i, 1);
		else
			assert_int_equal(got[i].class, ORM_E_UNKNOWN_OUTCOME);
		unknown += got[i].class != 0;
		PG->finish(other);
	}
	assert_in_range(unknown, 1, 299);
}

static void the_queue_has_an_end(void **state)
{
	struct orm_stmt read = statement("SELECT $1", ORM_STMT_ROWS, 1);
	struct orm_value v = orm_value_i64(1), nul = orm_value_text_len("\0", 1);

	(void)state;
	orm_async_close(async);
	open_async(NULL, 10);
	for (unsigned i = 0; i < 10; i++)
		submit(&read, i, 0, &got[i]);
	assert_int_equal(pg_async_submit(async, &read, &v, on_answer, &got[10], &err), ORM_E_BUSY);
	run_until(10, 5000);
	assert_int_equal(pg_async_submit(async, &read, &nul, on_answer, &got[10], &err),
			 ORM_E_VALUE);
	submit(&read, 3, 0, &got[10]);
	run_until(11, 5000);
	assert_int_equal(got[10].first, 3);
}

static void takes_too_long(void **state)
{
	struct orm_stmt slow = statement("SELECT $1::bigint FROM pg_sleep(20)", ORM_STMT_ROWS, 1),
			read = statement("SELECT $1", ORM_STMT_ROWS, 1);
	int64_t begin = now_ms();

	(void)state;
	orm_async_close(async);
	open_async(&(struct orm_options){.query_timeout_ms = 300}, 0);
	submit(&slow, 1, 0, &got[0]);
	run_until(1, 5000);
	assert_string_equal(got[0].text, "canceling statement due to user request");
	assert_int_equal(got[0].class, ORM_E_TIMEOUT);
	assert_in_range(now_ms() - begin, 290, 20000);
	submit(&read, 1, 0, &got[1]);
	run_until(2, 5000);
	assert_int_equal(got[1].class, 0);
}

static void results_have_a_limit(void **state)
{
	struct orm_stmt big = statement("SELECT generate_series(1, $1)", ORM_STMT_ROWS, 1),
			small = statement("SELECT generate_series(1, $1)", ORM_STMT_ROWS, 1),
			bad = statement("SELECT '1 day'::interval, $1", ORM_STMT_ROWS, 1);

	(void)state;
	orm_async_close(async);
	open_async(&(struct orm_options){.result_bytes_max = 65536}, 0);
	submit(&small, 10, 0, &got[0]);
	submit(&big, 1000000, 0, &got[1]);
	submit(&bad, 1, 0, &got[2]);
	submit(&small, 20, 0, &got[3]);
	run_until(4, 10000);
	assert_int_equal(got[0].rows, 10);
	assert_int_equal(got[1].class, ORM_E_TOO_BIG);
	assert_int_equal(got[2].class, ORM_E_VALUE);
	assert_int_equal(got[3].class, 0);
	assert_int_equal(got[3].rows, 20);
}

static void the_table_changes(void **state)
{
	struct orm_stmt all = statement("SELECT * FROM job", ORM_STMT_ROWS, 0),
			insert = statement("INSERT INTO job VALUES ($1)", ORM_STMT_WRITES, 1),
			forget = statement("DEALLOCATE ALL", ORM_STMT_ONCE | ORM_STMT_WRITES, 0);

	(void)state;
	submit(&insert, 1, 0, &got[0]);
	submit(&all, 0, 0, &got[1]);
	run_until(2, 5000);
	script("ALTER TABLE job ADD more text");
	submit(&insert, 2, 0, &got[2]);
	submit(&all, 0, 0, &got[3]);
	submit(&insert, 3, 0, &got[4]);
	run_until(5, 5000);
	assert_int_equal(got[3].class, 0);
	assert_int_equal(got[3].rows, 2);
	submit(&forget, 0, 0, &got[5]);
	submit(&insert, 4, 0, &got[6]);
	submit(&all, 0, 0, &got[7]);
	run_until(8, 5000);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(got[i].class, 0);
	assert_int_equal(got[7].rows, 4);
	assert_int_equal(count("SELECT count(*) FROM job"), 4);
}

static void few_statements_are_kept(void **state)
{
	static char sql[40][TEXT_SIZE];
	static struct orm_stmt stmts[40];
	struct orm_stmt kept = statement("SELECT count(*) FROM pg_prepared_statements",
					 ORM_STMT_ROWS | ORM_STMT_ONCE, 0);

	(void)state;
	orm_async_close(async);
	open_async(&(struct orm_options){.statements = 4}, 0);
	(void)backend();
	told = 0;
	for (unsigned i = 0; i < 40; i++) {
		snprintf(sql[i], TEXT_SIZE, "SELECT %u + $1", i);
		stmts[i] = statement(sql[i], ORM_STMT_ROWS, 1);
	}
	for (unsigned i = 0; i < 400; i++) {
		submit(&stmts[i * 7 % 40], 1000, 0, &got[i]);
		if (i % 3 == 0)
			turn();
	}
	run_until(400, 10000);
	for (unsigned i = 0; i < 400; i++) {
		assert_int_equal(got[i].class, 0);
		assert_int_equal(got[i].first, 1000 + i * 7 % 40);
	}
	submit(&kept, 0, 0, &got[400]);
	run_until(401, 5000);
	assert_in_range(got[400].first, 1, 4);
}

static void closed_before_the_answer(void **state)
{
	struct orm_stmt write = statement("INSERT INTO job SELECT $1 FROM pg_sleep(1)",
					  ORM_STMT_WRITES, 1),
			read = statement("SELECT $1", ORM_STMT_ROWS, 1);

	(void)state;
	(void)backend();
	submit(&write, 1, 0, &got[0]);
	some_turns(100);
	submit(&read, 1, 0, &got[1]);
	orm_async_close(async);
	async = NULL;
	assert_int_equal(told, 2);
	assert_int_equal(got[0].class, ORM_E_UNKNOWN_OUTCOME);
	assert_int_equal(got[1].class, ORM_E_CANCELLED);
	open_async(NULL, 0);
}

static void there_is_no_server(void **state)
{
	struct orm_stmt read = statement("SELECT $1", ORM_STMT_ROWS, 1);
	int64_t begin = now_ms();

	(void)state;
	orm_async_close(async);
	assert_int_equal(pg_async_open("host=/nonexistent",
				       &(struct orm_options){.query_timeout_ms = 400}, NULL, 0,
				       &async, &err),
			 0);
	submit(&read, 1, 0, &got[0]);
	run_until(1, 5000);
	assert_int_equal(got[0].class, ORM_E_CONNECTION);
	assert_in_range(now_ms() - begin, 390, 20000);
	orm_async_close(async);
	open_async(&(struct orm_options){.prepare = "perhaps"}, 0);
	submit(&read, 1, 0, &got[1]);
	run_until(2, 5000);
	assert_int_equal(got[1].class, ORM_E_VALUE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(answers_in_order),		TEST(one_failure_is_one),
		TEST(told_that_it_goes),	TEST(gone_without_a_word),
		TEST(cut_again_and_again),	TEST(the_queue_has_an_end),
		TEST(takes_too_long),		TEST(results_have_a_limit),
		TEST(the_table_changes),	TEST(few_statements_are_kept),
		TEST(closed_before_the_answer), TEST(there_is_no_server),
	};

	url = getenv("ORM_TEST_PG");
	if (!url) {
		printf("1..0 # SKIP ORM_TEST_PG names no PostgreSQL server\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A disk that is full, a database that is down, a reader that takes its time, and a date that
 * jumps: what a program is told is clear and comes soon, and all goes on when the trouble is over.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <tests/orm/kit/load.h>
#include <tests/orm/kit/proxy.h>
#include <tests/orm/kit/stage.h>

/* ---- the date, as the library, libpq and SQLite are told it ---- */

static bool jumps;
static uint64_t asked;

/* In place of the C library's: up to a year from the truth, another one each time. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	int r = (int)syscall(SYS_clock_gettime, clock, now);
	uint64_t state;

	if (r || !__atomic_load_n(&jumps, __ATOMIC_RELAXED) ||
	    (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
		return r;
	state = __atomic_add_fetch(&asked, 1, __ATOMIC_RELAXED);
	now->tv_sec += (time_t)(deed_random(&state) % 63072000) - 31536000;
	return 0;
}

time_t time(time_t *to)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (to)
		*to = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *to, void *zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	*to = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
	return 0;
}

static void the_date_jumps(void **state)
{
	const struct database *db = *state;
	/* Connections age, are asked and closed all the time. */
	struct orm_options options = {.pool_max = 4,
				      .acquire_timeout_ms = 20000,
				      .idle_timeout_ms = 20,
				      .life_timeout_ms = 100,
				      .check_after_ms = 10};
	struct load load = {.ways = DEED_EVERY_WAY,
			    .may_fail = 1ULL << ORM_E_SERIALIZATION,
			    .reads = true,
			    .pause_us = 3000};

	deed_tables(db);
	__atomic_store_n(&jumps, true, __ATOMIC_RELAXED);
	load_start(&load, &options, db->url);
	load_sleep_ms(2000);
	load_stop(&load);
	orm_close(load.orm);
	__atomic_store_n(&jumps, false, __ATOMIC_RELAXED);
	ledger_tell(&load.ledger, "the date jumps");
	printf("# the date was asked %" PRIu64 " times; longest call %" PRIu64 " ms\n", asked,
	       load.longest_ms[0]);
	ledger_check(&load.ledger, db, 0);
	assert_true(load.ledger.by_class[0] > 100);
	assert_true(load.longest_ms[0] < 5000);
	ledger_deinit(&load.ledger);
}

/* ---- a full disk ---- */

static rlim_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : (rlim_t)st.st_size;
}

/* No file of ours may grow beyond this. */
static void limit_files(rlim_t most)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = most;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_says_so(const struct load *load)
{
	struct deed_plan plan = {
		.writer = 1000, .seq = 1, .parts = DEED_PARTS_MAX, .way = DEED_BATCH_ROWS};
	struct orm_session *s;
	struct orm_value n;
	struct orm_query *q;

	assert_int_equal(orm_session_open(load->orm, &s), 0);
	for (int i = 0; i < 100; i++) {
		int r = deed_do(s, &plan);

		plan.seq++;
		if (r == ORM_E_FULL)
			break;
		assert_int_equal(r, 0);
	}
	assert_int_equal(orm_error(s)->class, ORM_E_FULL);
	assert_string_equal(orm_error(s)->sqlstate, "53100");
	assert_non_null(strstr(orm_error(s)->text, "is full: free some room"));
	assert_false(orm_in_transaction(s));
	q = orm_select(s, T(deed));
	orm_columns(q, orm_count_all());
	OK(s, orm_value(s, q, &n)); /* what is there can be read */
	orm_query_free(q);
	orm_session_close(s);
}

static void the_disk_is_full(void **state)
{
	const struct database *db = *state;
	struct orm_options options = {.wal_autocheckpoint = 100};
	struct load load = {.ways = DEED_EVERY_WAY, .may_fail = 1ULL << ORM_E_FULL, .reads = true};
	char wal[300];

	deed_tables(db);
	signal(SIGXFSZ, SIG_IGN);
	snprintf(wal, sizeof(wal), "%s-wal", db->name);
	load_start(&load, &options, db->url);
	for (unsigned round = 0; round < 3; round++) {
		uint64_t full = load_told(&load, ORM_E_FULL);
		rlim_t room = size_of(db->name) > size_of(wal) ? size_of(db->name) : size_of(wal);

		load_wait(&load, 50, 20000);
		limit_files(room + 4096 * 5 * round);
		for (int i = 0; i < 2000 && load_told(&load, ORM_E_FULL) < full + 20; i++)
			load_sleep_ms(5);
		assert_true(load_told(&load, ORM_E_FULL) >= full + 20);
		limit_files(RLIM_INFINITY);
		load_wait(&load, 50, 20000);
	}
	load_stop(&load);
	ledger_tell(&load.ledger, "disk full");
	ledger_check(&load.ledger, db, 0);
	database_expect(db, "PRAGMA integrity_check", "ok\n");
	limit_files(size_of(db->name));
	a_full_disk_says_so(&load);
	limit_files(RLIM_INFINITY);
	load_close(&load);
}

/* ---- a database that is down ---- */

static void it_is_down(void **state)
{
	const struct database *db = *state;
	const struct orm_options options = {.breaker_failures = 3, .connect_timeout_ms = 1000};
	struct proxy *proxy = proxy_open(db->url);
	struct deed_plan plan = {.parts = 1, .way = DEED_ROW_ALONE};
	int64_t begin, longest = 0;
	char url[sizeof(db->url)];
	struct orm_error error;
	struct orm_session *s;
	struct orm *orm, *none = NULL;
	int r = 0;

	deed_tables(db);
	proxy_url(proxy, url, sizeof(url));
	if (orm_open(url, &options, &orm, &error))
		fail_msg("%s", error.text);
	assert_int_equal(orm_session_open(orm, &s), 0);
	OK(s, deed_do(s, &plan));
	proxy_close(proxy);
	/* From the start: told once, in words. */
	begin = load_now_ms();
	assert_int_equal(orm_open(url, &options, &none, &error), ORM_E_CONNECTION);
	assert_null(none);
	assert_true(error.retryable && strstr(error.text, "refused"));
	assert_true(load_now_ms() - begin < 20000);
	/* Later: the first calls find it out, the others are not kept waiting. */
	for (int64_t i = 1; i <= 50; i++) {
		plan.seq = i;
		begin = load_now_ms();
		r = deed_do(s, &plan);
		assert_true(r == ORM_E_CONNECTION || r == ORM_E_UNKNOWN_OUTCOME ||
			    r == ORM_E_OPEN_CIRCUIT);
		if (i > 10 && load_now_ms() - begin > longest)
			longest = load_now_ms() - begin;
	}
	assert_int_equal(r, ORM_E_OPEN_CIRCUIT);
	assert_true(orm_error(s)->retryable && *orm_error(s)->text);
	printf("# down: after the first calls one takes %" PRId64 " ms at most: %s\n", longest,
	       orm_error(s)->text);
	assert_true(longest < 100);
	orm_session_close(s);
	orm_close(orm);
}

/* ---- a reader that takes its time ---- */

static void a_slow_reader(void **state)
{
	const struct orm_options options = {.wal_autocheckpoint = 10};
	struct deed_plan plan = {.parts = DEED_PARTS_MAX, .way = DEED_BATCH_ROWS, .keyed = true};
	const struct database *db = *state;
	struct orm_session *reader;
	struct orm_cursor *cursor;
	struct orm_query *q;
	struct stage stage;
	const void *row;
	int64_t longest = 0;
	unsigned rows = 1;
	int r;

	deed_tables(db);
	stage_open_again(&stage, db, &options);
	reader = stage_session(&stage);
	for (plan.seq = 1; plan.seq <= 100; plan.seq++)
		OK(stage.s, deed_do(stage.s, &plan));
	q = orm_select(reader, T(deed));
	OK(reader, orm_cursor_open(reader, q, T(deed), &cursor));
	OK(reader, orm_cursor_next(cursor, &row));
	for (; plan.seq <= 400; plan.seq++) {
		int64_t begin = load_now_ms();

		plan.way = plan.seq % 2 ? DEED_ROW_ALONE : DEED_BATCH_ROWS;
		plan.parts = plan.seq % 2 ? 1 : DEED_PARTS_MAX;
		OK(stage.s, deed_do(stage.s, &plan));
		if (load_now_ms() - begin > longest)
			longest = load_now_ms() - begin;
	}
	printf("# beside an open cursor a write takes %" PRId64 " ms at most\n", longest);
	assert_true(longest < 2000);
	/* It sees what was there when it began. */
	while (!(r = orm_cursor_next(cursor, &row)))
		rows++;
	assert_int_equal(r, ORM_E_END);
	assert_int_equal(rows, 100 * DEED_PARTS_MAX);
	orm_cursor_close(cursor);
	orm_query_free(q);
	orm_session_close(reader);
	stage_close(&stage);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST_SQLITE(the_disk_is_full),
		DATABASE_TEST_POSTGRESQL(it_is_down),
		DATABASE_TEST(a_slow_reader),
		DATABASE_TEST(the_date_jumps),
	};

	return DATABASE_RUN(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What bounds a statement: the wait for a lock, the time of one step, cancel() of another thread,
 * and the SQL that a caller may not send because the driver keeps that state itself.
 *
 * The wait polls about every millisecond with jitter, where SQLite's own handler sleeps up to 100:
 * a process that writes without end lets others in only for about that long (group.c).
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <orm/drivers/sqlite/lite.h>

/* The clock is read once in so many steps of SQLite's machine; short statements never do. */
#define TICK_OPS 4096
#define POLL_MIN_NS 100000
#define POLL_MAX_NS 1000000

int64_t lite_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Half to all of a pause that grows: two that wait must not go on in step. */
static long poll_ns(int count)
{
	struct timespec now;
	long most = MIN((long)POLL_MIN_NS * (count + 1), (long)POLL_MAX_NS);

	clock_gettime(CLOCK_MONOTONIC, &now);
	return most / 2 + now.tv_nsec % (most / 2);
}

static int on_busy(void *data, int count)
{
	struct orm_conn *conn = data;
	struct timespec pause = {.tv_nsec = poll_ns(count)};
	int64_t now = lite_now_ms();

	if (!count) {
		conn->busy_since_ms = now;
		conn->waits++;
	}
	conn->waited_ms = now - conn->busy_since_ms;
	if (conn->waited_ms >= conn->busy_timeout_ms)
		return 0;
	if (atomic_load(&conn->cancelled) || atomic_load(&conn->closing))
		return 0;
	nanosleep(&pause, NULL);
	return 1;
}

static int on_tick(void *data)
{
	struct orm_conn *conn = data;

	if (conn->query_timeout_ms < 0)
		return 0;
	if (!conn->step_until_ms)
		conn->step_until_ms = lite_now_ms() + conn->query_timeout_ms;
	else if (lite_now_ms() >= conn->step_until_ms)
		conn->timed_out = true;
	return conn->timed_out;
}

/* The state behind these is the driver's: set once by the options, or by durable writes. */
static bool is_ours(const char *pragma)
{
	static const char *const ours[] = {
		"synchronous",	   "journal_mode",	  "query_only",	       "trusted_schema",
		"writable_schema", "case_sensitive_like", "wal_autocheckpoint"};

	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (!strcasecmp(ours[i], pragma))
			return true;
	return false;
}

static int on_authorize(void *data, int action, const char *a, const char *b, const char *schema,
			const char *trigger)
{
	struct orm_conn *conn = data;

	(void)schema, (void)trigger;
	if (!conn->no_control)
		return SQLITE_OK;
	switch (action) {
	case SQLITE_TRANSACTION:
		conn->denied = "transactions are begun and ended by the functions for it";
		return SQLITE_DENY;
	case SQLITE_PRAGMA:
		if (!b || !is_ours(a))
			return SQLITE_OK;
		conn->denied = "this PRAGMA is set by the options of the database";
		return SQLITE_DENY;
	case SQLITE_SAVEPOINT:
		if (conn->in_script)
			return SQLITE_OK;
		conn->denied = "savepoints are set by the functions for it";
		return SQLITE_DENY;
	case SQLITE_ATTACH:
	case SQLITE_DETACH:
		if (conn->in_script)
			return SQLITE_OK;
		conn->denied = "it would hold for one connection of many";
		return SQLITE_DENY;
	default:
		return SQLITE_OK;
	}
}

void lite_limits_set(struct orm_conn *conn)
{
	sqlite3_busy_handler(conn->db, on_busy, conn);
	sqlite3_progress_handler(conn->db, TICK_OPS, on_tick, conn);
	sqlite3_set_authorizer(conn->db, on_authorize, conn);
}

void lite_cancel(struct orm_conn *conn)
{
	atomic_store(&conn->cancelled, true);
	sqlite3_interrupt(conn->db);
}

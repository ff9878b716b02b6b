/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for the server, with an end. The connection is non-blocking: what cannot be sent at once
 * is sent while answers are read, so that the two sides never wait for each other.
 *
 * A call has query_timeout_ms of waiting. Then the server is asked to cancel the statement and has
 * GRACE_MS to say what became of it; a server that says nothing is given up with the connection.
 */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include <orm/base/fault.h>
#include <orm/drivers/pg/conn.h>

#define GRACE_MS 2000

/* The coarse clock costs a tenth, and a few milliseconds are no matter here. */
int64_t pg_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

void pg_arm(struct pg_conn *c, struct pg_risk risk)
{
	/* A cancellation of the call before, still on its way, must not meet this one: a commit
	 * that it hits is acknowledged without its standby. */
	if (c->timed_out && !pg_canceller_wait(c->canceller, GRACE_MS))
		c->head.broken = true;
	c->risk = risk;
	c->left_ms = c->query_timeout_ms ? c->query_timeout_ms : -1;
	c->timed_out = c->unreplicated = false;
}

bool pg_hurry(struct pg_conn *c)
{
	if (c->timed_out || !pg_canceller_ask(c->canceller))
		return false;
	c->timed_out = true;
	c->left_ms = GRACE_MS;
	return true;
}

/* The time is up: once to cancel, then for good. */
static int out_of_time(struct pg_conn *c, struct orm_error *err)
{
	if (pg_hurry(c))
		return 0;
	c->head.broken = true;
	if (c->risk.write)
		return orm_fail(err, ORM_E_UNKNOWN_OUTCOME,
				"the server did not answer in time, nor to a cancellation");
	return orm_fail(err, ORM_E_TIMEOUT,
			"the server did not answer in time, nor to a cancellation");
}

/* Until the socket is ready for `events`, or the connection is in trouble. */
static int wait_socket(struct pg_conn *c, short events, struct orm_error *err)
{
	struct pollfd fd = {.fd = PQsocket(c->pg), .events = events};

	for (;;) {
		bool limited = c->left_ms >= 0;
		int64_t begin = limited ? pg_now_ms() : 0;
		int n = poll(&fd, 1, limited ? (int)MIN(c->left_ms, 1 << 30) : -1);

		if (limited)
			c->left_ms = MAX(c->left_ms - (pg_now_ms() - begin), 0);
		c->heard |= n > 0 && fd.revents & POLLIN;
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return pg_lost(c, err);
		if (limited && !c->left_ms) {
			int r = out_of_time(c, err);

			if (r)
				return r;
		}
	}
}

/* true: the connection failed; PQgetResult() has the reason. */
static bool read_input(struct pg_conn *c)
{
	return !PQconsumeInput(c->pg);
}

int pg_wait(struct pg_conn *c, struct orm_error *err)
{
	for (;;) {
		int unsent = PQflush(c->pg), r;

		if (!PQisBusy(c->pg))
			return 0;
		r = wait_socket(c, POLLIN | (unsent > 0 ? POLLOUT : 0), err);
		if (r)
			return r;
		if (read_input(c))
			return 0;
	}
}

int pg_flush(struct pg_conn *c, struct orm_error *err)
{
	int unsent;

	while ((unsent = PQflush(c->pg)) > 0) {
		int r = wait_socket(c, POLLIN | POLLOUT, err);

		if (r)
			return r;
		if (read_input(c))
			return pg_lost(c, err);
	}
	return unsent < 0 ? pg_lost(c, err) : 0;
}

int pg_next(struct pg_conn *c, PGresult **ret_result, struct orm_error *err)
{
	int r = pg_wait(c, err);

	if (r)
		return r;
	*ret_result = PQgetResult(c->pg);
	return 0;
}

/* The next result but the end of one; *ret_end: the end of all. */
static int next_of_all(struct pg_conn *c, bool pipeline, PGresult **ret_result, bool *ret_end,
		       struct orm_error *err)
{
	int r = pg_next(c, ret_result, err);

	if (!r && !*ret_result && pipeline)
		r = pg_next(c, ret_result, err);
	if (r)
		return r;
	*ret_end = !*ret_result;
	/* Two NULLs in a row: no sync will come, the connection is gone. */
	return *ret_end && pipeline ? pg_lost(c, err) : 0;
}

/* Outside pipeline mode a NULL ends it; in it a NULL ends one statement, and the sync ends all. */
int pg_drain(struct pg_conn *c, PGresult **ret_failed, struct orm_error *err)
{
	bool pipeline = PQpipelineStatus(c->pg) != PQ_PIPELINE_OFF, end = false;
	int r = 0;

	*ret_failed = NULL;
	while (!end && !r) {
		PGresult *result = NULL;

		r = next_of_all(c, pipeline, &result, &end, err);
		if (!r && pipeline && PQresultStatus(result) == PGRES_PIPELINE_SYNC)
			end = PQexitPipelineMode(c->pg);
		if (!r && !*ret_failed && PQresultStatus(result) == PGRES_FATAL_ERROR)
			*ret_failed = result;
		else
			PQclear(result);
	}
	if (!r && PQstatus(c->pg) != CONNECTION_OK && !*ret_failed)
		r = pg_lost(c, err);
	if (!r && !*ret_failed)
		r = pg_doubt(c, err);
	if (r) {
		PQclear(*ret_failed);
		*ret_failed = NULL;
	}
	return r;
}

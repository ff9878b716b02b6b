/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many executions of one statement in one pipeline with one sync: outside a transaction they are
 * one of their own. While rows go out, results come in: at most WINDOW executions are unanswered,
 * so neither side holds more than that. The server is asked to answer (a flush) twice a window.
 */
#include <stdlib.h>

#include <orm/base/fault.h>
#include <orm/drivers/pg/bulk.h>

#define WINDOW 2048U

struct many {
	struct pg_conn *c;
	const struct orm_stmt *stmt;
	uint64_t sent, taken, changed;
};

/* The result of one execution, and the NULL behind it. */
static int take_one(struct many *m, struct orm_error *err)
{
	PGresult *result = NULL, *failed = NULL, *more;
	ExecStatusType status;
	int r = pg_take_leads(m->c, &failed, err);

	if (failed)
		result = failed;
	else if (!r)
		r = pg_next(m->c, &result, err);
	if (r && !failed)
		return r;
	if (!result)
		return pg_lost(m->c, err);
	status = PQresultStatus(result);
	if (failed || (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)) {
		r = pg_blame(m->c, result, err);
		err->row = m->taken;
		PQclear(result);
		return r;
	}
	m->changed += pg_count_changed(result);
	m->taken++;
	PQclear(result);
	r = pg_next(m->c, &more, err);
	PQclear(r ? NULL : more);
	return r;
}

static int send_one(struct many *m, const struct orm_value *values, struct orm_error *err)
{
	int r = pg_bind(m->c, m->stmt, values, err);

	if (r) {
		err->row = m->sent;
		return r;
	}
	r = m->sent ? pg_send_more(m->c, m->stmt, err) : pg_send_first(m->c, m->stmt, err);
	m->sent += !r;
	if (!r && m->sent % (WINDOW / 2) == 0 && !PQsendFlushRequest(m->c->pg))
		return pg_lost(m->c, err);
	while (!r && m->sent - m->taken > WINDOW)
		r = take_one(m, err);
	return r;
}

static int send_all(struct many *m, int (*next)(void *data, const struct orm_value **ret_values),
		    void *data, struct orm_error *err)
{
	for (;;) {
		const struct orm_value *values;
		int r = next(data, &values);

		if (r == ORM_E_END)
			return 0;
		if (r) {
			orm_fail(err, r, "the source of the rows failed");
			err->row = m->sent;
			return r;
		}
		r = send_one(m, values, err);
		if (r)
			return r;
	}
}

/* What was sent is done only if this says so: the sync commits it, outside a transaction. */
static int commit_all(struct many *m, struct orm_error *err)
{
	PGresult *failed;
	int r = 0;

	if (!PQpipelineSync(m->c->pg))
		return pg_lost(m->c, err);
	while (!r && m->taken < m->sent)
		r = take_one(m, err);
	if (r)
		return r;
	m->c->risk.ambiguous |= m->c->risk.write;
	r = pg_drain(m->c, &failed, err);
	if (!r && failed)
		r = pg_blame(m->c, failed, err);
	PQclear(failed);
	return r;
}

/* Ended for a reason of ours or the server's, without a sync so far: nothing of it may be done. In
 * a transaction the caller rolls back; outside, a ROLLBACK undoes what a sync would commit. */
static void give_up(struct many *m, bool in_tx)
{
	PGconn *pg = m->c->pg;

	if (!m->sent || m->c->head.broken)
		return;
	if ((!in_tx && !PQsendQueryParams(pg, "ROLLBACK", 0, NULL, NULL, NULL, NULL, 0)) ||
	    !PQpipelineSync(pg))
		m->c->head.broken = true;
}

int pg_run_many(struct orm_conn *conn, const struct orm_stmt *stmt,
		int (*next)(void *data, const struct orm_value **ret_values), void *data,
		uint64_t *ret_changed, struct orm_error *err)
{
	struct pg_conn *c = pg_of(conn);
	struct many m = {.c = c, .stmt = stmt};
	bool in_tx = pg_in_tx(c), synced = false;
	int r;

	pg_finish(conn);
	pg_arm(c, (struct pg_risk){.write = !in_tx});
	r = pg_look(c, err);
	if (r)
		return r;
	c->tx_wrote |= in_tx;
	r = send_all(&m, next, data, err);
	if (!r && m.sent) {
		synced = true;
		r = commit_all(&m, err);
	}
	if (r && !synced)
		give_up(&m, in_tx);
	pg_settle(c);
	if (!r)
		*ret_changed = m.changed;
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions. A session holds its connection from begin to commit or rollback. On SQLite one that
 * may write leases the writer's connection, between two group commits: BEGIN IMMEDIATE always, for
 * a deferred transaction that reads and then writes fails at once with SQLITE_BUSY_SNAPSHOT, which
 * no busy_timeout helps.
 */
#include <stdio.h>

#include <strazh/orm/error.h>

#include <orm/base/clock.h>
#include <orm/pool/backoff.h>
#include <orm/run/exec.h>
#include <orm/run/wrote.h>
#include <orm/table/keys.h>

#define PAUSE_BASE_NS (2 * ORM_NS_PER_MS)
#define PAUSE_CAP_NS (1000 * ORM_NS_PER_MS)

/* `class` of the commit or rollback. */
static void end(struct orm_session *s, int class, bool committed)
{
	lane_give(s, &s->lane, class);
	wrote_end(s, committed);
	s->in_tx = s->tx_writes = s->tx_failed = false;
}

int orm_begin(struct orm_session *s, const struct orm_tx_options *options)
{
	static const struct orm_tx_options plain = {0};
	int r;

	if (s->in_tx || s->cursor)
		return session_fail(s, ORM_E_STATE, "%s is open",
				    s->in_tx ? "a transaction" : "a cursor");
	options = options ? options : &plain;
	r = lane_take(s, !options->read_only, 0, &s->lane);
	if (r)
		return r;
	if (s->lane.pooled)
		r = orm_pooled_begin(s->lane.pooled, options, session_is_durable(s), &s->error);
	else
		r = s->db->driver->begin(s->lane.conn, options, session_is_durable(s), &s->error);
	if (r) {
		lane_give(s, &s->lane, r);
		return r;
	}
	s->in_tx = true;
	s->tx_writes = !options->read_only;
	return 0;
}

int orm_commit(struct orm_session *s)
{
	int r;

	if (!s->in_tx)
		return session_fail(s, ORM_E_STATE, "there is no transaction to commit");
	if (s->cursor)
		cursor_end(s->cursor);
	if (s->tx_failed) {
		orm_rollback(s);
		return session_fail(s, ORM_E_STATE,
				    "the transaction had failed; it was rolled back");
	}
	if (s->lane.pooled) {
		r = orm_pooled_commit(s->lane.pooled, &s->error);
	} else {
		r = s->db->driver->commit(s->lane.conn, &s->error);
		if (r)
			s->db->driver->rollback(s->lane.conn);
	}
	orm_meter_add(s->db->meter, r ? ORM_M_rollbacks : ORM_M_commits, 1);
	orm_meter_error(s->db->meter, r);
	end(s, r, !r || r == ORM_E_UNKNOWN_OUTCOME);
	return r;
}

void orm_rollback(struct orm_session *s)
{
	if (!s->in_tx)
		return;
	if (s->cursor)
		cursor_end(s->cursor);
	if (s->lane.pooled)
		orm_pooled_rollback(s->lane.pooled);
	else
		s->db->driver->rollback(s->lane.conn);
	orm_meter_add(s->db->meter, ORM_M_rollbacks, 1);
	end(s, s->tx_failed ? s->error.class : 0, false);
}

bool orm_in_transaction(const struct orm_session *s)
{
	return s->in_tx;
}

static int savepoint(struct orm_session *s, const char *verb, const char *name)
{
	char sql[128];
	size_t len = strnlen(name, ORM_NAME_MAX + 1);

	if (!s->in_tx)
		return session_fail(s, ORM_E_STATE, "a savepoint needs a transaction");
	if (s->cursor)
		return session_fail(s, ORM_E_STATE, "a cursor is open");
	if (!orm_name_ok(name, len))
		return session_fail(s, ORM_E_QUERY, "savepoint '%.70s' is no name", name);
	snprintf(sql, sizeof(sql), "%s \"%s\"", verb, name);
	return exec_failed(s, s->db->driver->script(s->lane.conn, sql, &s->error));
}

int orm_savepoint(struct orm_session *s, const char *name)
{
	if (s->tx_failed)
		return session_fail(s, ORM_E_STATE, "the transaction failed; roll it back");
	return savepoint(s, "SAVEPOINT", name);
}

int orm_release(struct orm_session *s, const char *name)
{
	return savepoint(s, "RELEASE SAVEPOINT", name);
}

int orm_rollback_to(struct orm_session *s, const char *name)
{
	int r = savepoint(s, "ROLLBACK TO SAVEPOINT", name);

	if (!r)
		s->tx_failed = false;
	return r;
}

int orm_transaction(struct orm_session *s, const struct orm_tx_options *options, orm_tx_body body,
		    void *data)
{
	struct orm_backoff backoff;
	int64_t tries = s->db->options.retries;
	int r;

	orm_backoff_init(&backoff, PAUSE_BASE_NS, PAUSE_CAP_NS, (uintptr_t)s ^ (uintptr_t)data);
	for (int64_t i = 0;; i++) {
		r = orm_begin(s, options);
		if (!r) {
			r = body(s, data);
			if (r)
				orm_rollback(s); /* says nothing: the error stays the body's */
			else
				r = orm_commit(s);
		}
		if (!r || i >= tries || r != s->error.class || !s->error.retryable)
			return r;
		orm_meter_add(s->db->meter, ORM_M_retries, 1);
		orm_clock_machine.sleep_ns(NULL, orm_backoff_next_ns(&backoff));
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions and scripts. A writer begins with BEGIN IMMEDIATE: a deferred one that reads first
 * and then writes meets SQLITE_BUSY_SNAPSHOT, which no waiting cures. SQLite may roll back by
 * itself (disk full, interrupt); what then still runs inside begin() and commit() is refused.
 *
 * A commit that fails in the disk is of unknown outcome: it is undone here, but its frames may be
 * in the WAL, whole, for a recovery to find. And the kernel reports once that it could not write,
 * then takes the lost pages for written: the next sync would succeed with older frames missing, and
 * a recovery stops at the first of these. So no durable write begins until a checkpoint has written
 * all of it anew, and the WAL is begun anew.
 */
#include <errno.h>
#include <stdio.h>

#include <orm/drivers/sqlite/lite.h>

/* One of the connection's own statements, prepared at its first use. */
static int run_own(struct orm_conn *conn, sqlite3_stmt **slot, const char *sql)
{
	int rc;

	if (!*slot) {
		rc = sqlite3_prepare_v3(conn->db, sql, -1, SQLITE_PREPARE_PERSISTENT, slot, NULL);
		if (rc != SQLITE_OK)
			return rc;
	}
	rc = sqlite3_step(*slot);
	sqlite3_reset(*slot);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* PRAGMA synchronous cannot change inside a transaction. */
static int set_sync(struct orm_conn *conn, enum lite_sync sync)
{
	char sql[40];
	int rc;

	if (conn->sync == sync)
		return SQLITE_OK;
	snprintf(sql, sizeof(sql), "PRAGMA synchronous=%d", (int)sync);
	rc = sqlite3_exec(conn->db, sql, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		conn->sync = sync;
	return rc;
}

static int make_safe(struct orm_conn *conn, struct orm_error *err)
{
	bool busy = false;
	sqlite3_stmt *sql;
	int rc = sqlite3_prepare_v2(conn->db, "PRAGMA wal_checkpoint(RESTART)", -1, &sql, NULL);

	if (rc == SQLITE_OK) {
		busy = sqlite3_step(sql) == SQLITE_ROW && sqlite3_column_int(sql, 0);
		rc = sqlite3_finalize(sql);
	}
	if (rc != SQLITE_OK)
		return lite_fail(conn, rc, "cannot write anew what a failed commit left", err);
	if (busy)
		return lite_refuse(err, ORM_E_LOCKED, "55P03",
				   "a commit to '%s' failed in the disk; nothing durable is "
				   "written until its readers have ended",
				   conn->path);
	conn->unsafe = false;
	return 0;
}

int lite_begin(struct orm_conn *conn, const struct orm_tx_options *options, bool durable,
	       struct orm_error *err)
{
	bool writes = conn->writer && !conn->read_only;
	int rc = SQLITE_OK, r;

	(void)options; /* always serializable; whether it reads only, the kind of connection says */
	if (conn->in_tx)
		return lite_refuse(err, ORM_E_STATE, "25001", "a transaction is already open");
	atomic_store(&conn->cancelled, false);
	conn->step_until_ms = 0;
	if (conn->unsafe && durable) {
		r = make_safe(conn, err);
		if (r)
			return r;
	}
	if (writes)
		rc = set_sync(conn, durable ? conn->durable_sync : conn->relaxed_sync);
	if (rc == SQLITE_OK)
		rc = writes ? run_own(conn, &conn->begin_now, "BEGIN IMMEDIATE")
			    : run_own(conn, &conn->begin, "BEGIN");
	if (rc != SQLITE_OK)
		return lite_fail(conn, rc, "cannot begin a transaction", err);
	conn->in_tx = true;
	return 0;
}

static int may_be_done(struct orm_conn *conn, struct orm_error *err)
{
	struct orm_error first = *err;

	conn->unsafe = true;
	return lite_refuse(err, ORM_E_UNKNOWN_OUTCOME, first.sqlstate,
			   "%.300s; it is undone, but may be found after a crash", first.text);
}

int lite_commit(struct orm_conn *conn, struct orm_error *err)
{
	int rc, r;

	if (!conn->in_tx)
		return lite_refuse(err, ORM_E_STATE, "25P01", "there is no transaction to commit");
	if (sqlite3_get_autocommit(conn->db)) {
		conn->in_tx = false;
		return lite_refuse(err, ORM_E_STATE, "25P02",
				   "an earlier failure rolled the transaction back");
	}
	atomic_store(&conn->cancelled, false);
	conn->step_until_ms = 0;
	rc = run_own(conn, &conn->commit, "COMMIT");
	if (rc == SQLITE_OK) {
		conn->in_tx = false;
		return 0;
	}
	r = lite_fail(conn, rc, "cannot commit", err);
	if (r == ORM_E_IO)
		r = may_be_done(conn, err);
	lite_rollback(conn);
	return r;
}

void lite_rollback(struct orm_conn *conn)
{
	lite_finish(conn);
	conn->in_tx = false;
	conn->step_until_ms = 0;
	if (!sqlite3_get_autocommit(conn->db) &&
	    run_own(conn, &conn->undo, "ROLLBACK") != SQLITE_OK)
		conn->head.broken = true;
}

int lite_script(struct orm_conn *conn, const char *sql, struct orm_error *err)
{
	int rc;

	if (conn->in_tx && sqlite3_get_autocommit(conn->db))
		return lite_refuse(err, ORM_E_STATE, "25P02",
				   "an earlier failure rolled the transaction back");
	atomic_store(&conn->cancelled, false);
	conn->step_until_ms = 0;
	conn->no_control = conn->in_script = true;
	rc = sqlite3_exec(conn->db, sql, NULL, NULL, NULL);
	conn->no_control = conn->in_script = false;
	return rc == SQLITE_OK ? 0 : lite_fail(conn, rc, "cannot run the script", err);
}

/* In WAL mode SQLite goes on writing to a file that was deleted or replaced, and says nothing. */
bool lite_is_moved(struct orm_conn *conn)
{
	int moved = 0;

	sqlite3_file_control(conn->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	return moved;
}

int lite_check(struct orm_conn *conn, struct orm_error *err)
{
	int rc = sqlite3_exec(conn->db, "PRAGMA schema_version", NULL, NULL, NULL);

	if (rc != SQLITE_OK)
		return lite_fail(conn, rc, "cannot read", err);
	if (lite_is_moved(conn)) {
		conn->head.broken = true;
		return lite_refuse(err, ORM_E_CONNECTION, "08006",
				   "the file of '%s' was moved, deleted or replaced", conn->path);
	}
	return 0;
}

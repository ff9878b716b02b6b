/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One statement: start() finds it prepared and binds by reference, step() goes to the next row,
 * finish() resets. Nothing is allocated when the statement is in the cache and no value needs
 * another form (array, UUID, address).
 *
 * run.over: 0 while rows may follow, then ORM_E_END or the class of the failure, which further
 * step()s repeat: stepping a finished statement of SQLite would run it again.
 */
#include <errno.h>

#include <orm/base/fault.h>
#include <orm/drivers/sqlite/lite.h>

/* An arena that one large value made large is not kept so. */
#define KEEP_MAX ((size_t)1 << 15)

static void reset_arena(struct arena *arena)
{
	if (!arena->total)
		return;
	if (arena->total > KEEP_MAX)
		arena_deinit(arena);
	else
		arena_reset(arena);
}

int lite_bind_all(struct orm_conn *conn, sqlite3_stmt *sql, const struct orm_stmt *stmt,
		  const struct orm_value *values, struct orm_error *err)
{
	struct lite_slot slot = {.sql = sql};
	int want = sqlite3_bind_parameter_count(sql), r;

	if (want != stmt->params)
		return lite_refuse(err, ORM_E_QUERY, "07001",
				   "the statement has %d parameters, %u values were given", want,
				   stmt->params);
	for (unsigned i = 0; i < stmt->params; i++) {
		enum orm_type type = stmt->param_type ? stmt->param_type[i] : ORM_T_NONE;

		/* A key, mostly. */
		if (type == ORM_T_BIGINT && values[i].kind == ORM_K_I64 &&
		    sqlite3_bind_int64(sql, (int)i + 1, values[i].i) == SQLITE_OK)
			continue;
		slot.index = (int)i + 1;
		r = lite_bind(conn, &slot, type ? type : values[i].type, &values[i], err);
		if (r)
			return r;
	}
	return 0;
}

int lite_start(struct orm_conn *conn, const struct orm_stmt *stmt, const struct orm_value *values,
	       struct orm_error *err)
{
	struct lite_run *run = &conn->run;
	int r;

	if (run->sql)
		return orm_fail(err, -EINVAL, "the statement before was not finished");
	if (conn->in_tx && sqlite3_get_autocommit(conn->db))
		return lite_refuse(err, ORM_E_STATE, "25P02",
				   "an earlier failure rolled the transaction back");
	atomic_store_explicit(&conn->cancelled, false, memory_order_relaxed);
	*run = (struct lite_run){.stmt = stmt, .once = stmt->flags & ORM_STMT_ONCE};
	if (run->once)
		r = lite_prepare(conn, stmt->sql, stmt->sql_len, 0, &run->sql, err);
	else
		r = lite_cache_get(conn, stmt, &run->sql, err);
	if (r)
		return r;
	r = lite_bind_all(conn, run->sql, stmt, values, err);
	if (r) {
		lite_finish(conn);
		return r;
	}
	if (conn->writer)
		run->total = sqlite3_total_changes64(conn->db);
	return 0;
}

/* Once a run: SQLite prepares again by itself when the schema changed, perhaps with other columns.
 */
static int check_columns(struct orm_conn *conn, struct orm_error *err)
{
	const struct orm_stmt *stmt = conn->run.stmt;
	int count = sqlite3_column_count(conn->run.sql);

	if (stmt->flags & ORM_STMT_RAW || !stmt->column_type || count == stmt->columns)
		return 0;
	return lite_refuse(err, ORM_E_SCHEMA, "42804",
			   "the statement gives %d columns, %u were expected", count,
			   stmt->columns);
}

/* sqlite3_changes64() speaks of the last INSERT, UPDATE or DELETE, whichever statement that was. */
static uint64_t count_changed(struct orm_conn *conn)
{
	if (!conn->writer || sqlite3_total_changes64(conn->db) == conn->run.total)
		return 0;
	return (uint64_t)sqlite3_changes64(conn->db);
}

int lite_step(struct orm_conn *conn, struct orm_error *err)
{
	struct lite_run *run = &conn->run;
	int rc;

	if (!run->sql)
		return orm_fail(err, -EINVAL, "no statement was started");
	if (run->over == ORM_E_END)
		return ORM_E_END;
	if (run->over)
		return orm_fail(err, run->over, "the statement has already failed");
	reset_arena(&conn->fetched);
	conn->step_until_ms = 0;
	rc = sqlite3_step(run->sql);
	if (rc == SQLITE_ROW) {
		if (!run->begun)
			run->over = check_columns(conn, err);
		run->begun = true;
		return run->over;
	}
	if (rc == SQLITE_DONE) {
		run->changed = count_changed(conn);
		run->over = ORM_E_END;
		return ORM_E_END;
	}
	run->over = lite_fail(conn, rc, "cannot run the statement", err);
	return run->over;
}

unsigned lite_columns(struct orm_conn *conn)
{
	return conn->run.sql ? (unsigned)sqlite3_column_count(conn->run.sql) : 0;
}

const char *lite_name(struct orm_conn *conn, unsigned column)
{
	return conn->run.sql ? sqlite3_column_name(conn->run.sql, (int)column) : NULL;
}

int lite_value(struct orm_conn *conn, unsigned column, struct orm_value *ret_value,
	       struct orm_error *err)
{
	const struct orm_stmt *stmt = conn->run.stmt;
	enum orm_type type = ORM_T_NONE;

	if (!conn->run.sql || conn->run.over || !conn->run.begun)
		return orm_fail(err, -EINVAL, "there is no row");
	if (stmt->column_type && column < stmt->columns)
		type = stmt->column_type[column];
	return lite_fetch(conn, conn->run.sql, column, type, ret_value, err);
}

uint64_t lite_changed(struct orm_conn *conn)
{
	return conn->run.changed;
}

void lite_finish(struct orm_conn *conn)
{
	struct lite_run *run = &conn->run;

	if (!run->sql)
		return;
	if (run->once) {
		sqlite3_finalize(run->sql);
	} else {
		sqlite3_reset(run->sql);
		if (run->pointers)
			sqlite3_clear_bindings(run->sql);
	}
	run->sql = NULL;
	run->stmt = NULL;
	reset_arena(&conn->bound);
	reset_arena(&conn->fetched);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a statement. start() waits for the first result, so that whatever is wrong with the
 * statement is said there, and a statement that the server has forgotten (26000) or whose plan a
 * change of a table made useless (0A000) can be sent again while its values are still alive.
 *
 * Rows come one by one (single-row mode), so that a result of any size needs the memory of one row.
 * That costs a second PGresult, so where a key says that there is one row at most (ORM_STMT_ONE)
 * the result comes in one piece. With fill_quickly() that took a select by key of five columns from
 * 13,800 instructions of the client to 10,100, where libpq by hand takes 6,900.
 */
#include <stdlib.h>
#include <string.h>

#include <orm/base/fault.h>
#include <orm/drivers/pg/codec.h>
#include <orm/drivers/pg/conn.h>
#include <orm/drivers/pg/oid.h>
#include <orm/drivers/pg/wire.h>
#include <orm/table/fill.h>

#define STRAY_ROWS 128 /* rows that nobody wants are read before they are cancelled */

static void drop_result(struct pg_run *run)
{
	PQclear(run->result);
	run->result = NULL;
	run->rows = run->next = 0;
}

/* Every way out of a statement: what it holds is let go. */
static void reset(struct pg_conn *c)
{
	drop_result(&c->run);
	free(c->run.preparing);
	c->run = (struct pg_run){0};
}

/* The rest of the results of a statement that failed. The first failure is the one that is told. */
void pg_settle(struct pg_conn *c)
{
	struct orm_error ignored;
	PGresult *failed = NULL;

	c->risk = (struct pg_risk){0};
	if (!c->head.broken && pg_drain(c, &failed, &ignored))
		c->head.broken = true;
	PQclear(failed);
	/* A cancellation that is still on its way must not meet the next statement. */
	if (c->timed_out && !pg_canceller_wait(c->canceller, 2000))
		c->head.broken = true;
	c->timed_out = false;
	reset(c);
}

/* Cancel what runs, for a reason of ours. */
static void stop(struct pg_conn *c)
{
	if (!pg_hurry(c))
		c->head.broken = true;
	pg_settle(c);
}

static int fail_with(struct pg_conn *c, PGresult *result, struct orm_error *err)
{
	int r = pg_blame(c, result, err);

	PQclear(result);
	pg_settle(c);
	return r;
}

static bool is_code(const PGresult *result, int code, const char *text)
{
	const char *has = PQresultErrorField(result, code);

	return has && !strcmp(has, text);
}

/*
 * Is it a statement that must only be prepared again? Inside a transaction that is too late.
 */
static bool is_stale(const struct pg_conn *c, const PGresult *result, bool *ret_all)
{
	*ret_all = is_code(result, PG_DIAG_SQLSTATE, "26000");
	if (*ret_all)
		return true;
	return c->run.prepared && is_code(result, PG_DIAG_SQLSTATE, "0A000") &&
	       is_code(result, PG_DIAG_SOURCE_FUNCTION, "RevalidateCachedQuery");
}

/* ORM_E_END: forgotten here too; send it again. */
static int on_error(struct pg_conn *c, PGresult *result, bool last, struct orm_error *err)
{
	bool all, stale = is_stale(c, result, &all);

	if (stale && all)
		pg_cache_clear(&c->cache);
	else if (stale)
		pg_cache_doom(&c->cache, c->run.prepared);
	if (!stale || last)
		return fail_with(c, result, err);
	PQclear(result);
	pg_settle(c);
	return c->head.broken ? orm_fail(err, ORM_E_CONNECTION, "the connection broke") : ORM_E_END;
}

/* COPY is for load(); the connection would have to be brought back from it. */
static int refuse_copy(struct pg_conn *c, struct orm_error *err)
{
	c->head.broken = true;
	reset(c);
	return orm_fail(err, ORM_E_QUERY, "COPY cannot be run as a statement");
}

/* A SELECT counts its rows too. */
uint64_t pg_count_changed(PGresult *result)
{
	const char *tag = PQcmdStatus(result);

	if (*tag == 'S')
		return 0;
	if (!strncmp(tag, "INSERT", 6) || !strncmp(tag, "UPDATE", 6) ||
	    !strncmp(tag, "DELETE", 6) || !strncmp(tag, "MERGE", 5))
		return strtoull(PQcmdTuples(result), NULL, 10);
	return 0;
}

/*
 * The last result of the statement is in run.result: take what follows. Until the server is ready
 * for the next one the statement may still fail: what a deferred constraint says comes now.
 */
static int end(struct pg_conn *c, struct orm_error *err)
{
	PGresult *failed;
	int r;

	c->run.changed = pg_count_changed(c->run.result);
	c->risk.ambiguous |= c->risk.write;
	r = pg_drain(c, &failed, err);
	if (!r && failed)
		r = pg_blame(c, failed, err);
	PQclear(failed);
	if (r) {
		reset(c);
		return r;
	}
	c->run.state = PG_ENDED;
	return 0;
}

/* The next result into run. 0: it is a row, or the end was reached (state); else the failure. */
static int take(struct pg_conn *c, PGresult **ret_failed, struct orm_error *err)
{
	PGresult *result;
	int r = pg_next(c, &result, err);

	if (r) {
		pg_settle(c);
		return r;
	}
	if (!result) {
		r = pg_lost(c, err);
		pg_settle(c);
		return r;
	}
	switch (PQresultStatus(result)) {
	case PGRES_SINGLE_TUPLE:
		drop_result(&c->run);
		c->run.result = result;
		c->run.rows = 1;
		return 0;
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
	case PGRES_EMPTY_QUERY:
		drop_result(&c->run);
		c->run.result = result;
		c->run.rows = PQntuples(result);
		return end(c, err);
	case PGRES_COPY_IN:
	case PGRES_COPY_OUT:
	case PGRES_COPY_BOTH:
		PQclear(result);
		return refuse_copy(c, err);
	case PGRES_BAD_RESPONSE:
	case PGRES_NONFATAL_ERROR:
	case PGRES_FATAL_ERROR:
	case PGRES_PIPELINE_SYNC:
	case PGRES_PIPELINE_ABORTED:
		break;
	}
	*ret_failed = result;
	return ORM_E_END;
}

static bool is_row_by_row(const struct orm_stmt *stmt)
{
	return (stmt->flags & (ORM_STMT_ROWS | ORM_STMT_ONE)) == ORM_STMT_ROWS;
}

static int attempt(struct pg_conn *c, const struct orm_stmt *stmt, bool in_tx, bool again,
		   struct orm_error *err)
{
	PGresult *failed = NULL;
	int r = pg_send(c, stmt, err);

	if (r) {
		pg_settle(c);
		return r;
	}
	c->run.state = PG_ROWS;
	c->run.stmt = stmt;
	c->run.in_tx = in_tx;
	if (!c->run.pipeline && is_row_by_row(stmt))
		PQsetSingleRowMode(c->pg);
	r = pg_take_leads(c, &failed, err);
	if (!r) {
		/* In a pipeline it is said when the statement's turn has come. */
		if (c->run.pipeline && is_row_by_row(stmt))
			PQsetSingleRowMode(c->pg);
		r = take(c, &failed, err);
	} else if (!failed) {
		pg_settle(c);
	}
	return failed ? on_error(c, failed, in_tx || again, err) : r;
}

/*
 * A connection that the server closed meanwhile: when that is seen before a write goes out, it was
 * not done. What the server said last is a notice here (conn.c), and sets `broken`.
 */
int pg_look(struct pg_conn *c, struct orm_error *err)
{
	if (c->risk.write && !c->head.broken && (!PQconsumeInput(c->pg) || PQisBusy(c->pg)))
		c->head.broken = true;
	if (!c->head.broken && PQstatus(c->pg) == CONNECTION_OK)
		return 0;
	c->risk = (struct pg_risk){0};
	return pg_lost(c, err);
}

int pg_start(struct orm_conn *conn, const struct orm_stmt *stmt, const struct orm_value *values,
	     struct orm_error *err)
{
	int r;

	pg_finish(conn);
	r = pg_bind(pg_of(conn), stmt, values, err);
	return r ? r : pg_start_bound(pg_of(conn), stmt, err);
}

int pg_start_bound(struct pg_conn *c, const struct orm_stmt *stmt, struct orm_error *err)
{
	bool in_tx = pg_in_tx(c), writes = stmt->flags & (ORM_STMT_WRITES | ORM_STMT_RAW);
	bool write = writes && !in_tx;
	int r;

	pg_arm(c,
	       (struct pg_risk){.write = write, .ambiguous = write && stmt->flags & ORM_STMT_RAW});
	r = pg_look(c, err);
	if (r)
		return r;
	c->tx_wrote |= writes && in_tx;
	r = attempt(c, stmt, in_tx, false, err);
	if (r == ORM_E_END)
		r = attempt(c, stmt, in_tx, true, err);
	return r;
}

/* A row may be as large as the server likes; above the limit it is not passed on. */
static int check_row(struct pg_conn *c, struct orm_error *err)
{
	size_t size = 0;

	/* All of the result, what libpq needs itself included: nearly always below the limit. */
	if (PQresultMemorySize(c->run.result) <= c->row_bytes_max)
		return 0;
	for (int i = 0, n = PQnfields(c->run.result); i < n; i++)
		size += (size_t)PQgetlength(c->run.result, c->run.next - 1, i);
	if (size <= c->row_bytes_max)
		return 0;
	return orm_fail(err, ORM_E_TOO_BIG, "a row of %zu bytes is more than the limit allows",
			size);
}

int pg_step(struct orm_conn *conn, struct orm_error *err)
{
	struct pg_conn *c = pg_of(conn);

	if (c->run.state == PG_IDLE)
		return orm_fail(err, ORM_E_STATE, "no statement runs");
	if (c->run.next == c->run.rows && c->run.state == PG_ROWS) {
		PGresult *failed = NULL;
		int r = take(c, &failed, err);

		if (failed)
			return fail_with(c, failed, err);
		if (r)
			return r;
	}
	if (c->run.next == c->run.rows)
		return ORM_E_END;
	c->run.next++;
	arena_reset(&c->row);
	return check_row(c, err);
}

unsigned pg_columns(struct orm_conn *conn)
{
	struct pg_conn *c = pg_of(conn);

	return c->run.result ? (unsigned)PQnfields(c->run.result) : 0;
}

const char *pg_name(struct orm_conn *conn, unsigned column)
{
	struct pg_conn *c = pg_of(conn);

	return c->run.result ? PQfname(c->run.result, (int)column) : NULL;
}

static int bad_value(struct pg_conn *c, int column, int r, const char *why, struct orm_error *err)
{
	const char *name = PQfname(c->run.result, column);

	if (r < 0)
		return orm_fail(err, r, "no memory for a value");
	if (r == ORM_E_TOO_BIG)
		why = "it is more than the limit allows";
	orm_fail(err, r, "column '%.63s' (type %u): %s", name ? name : "?",
		 PQftype(c->run.result, column), why);
	orm_fault_name(err->column, name);
	return r;
}

int pg_value(struct orm_conn *conn, unsigned column, struct orm_value *ret_value,
	     struct orm_error *err)
{
	struct pg_conn *c = pg_of(conn);
	const struct orm_stmt *stmt = c->run.stmt;
	PGresult *result = c->run.result;
	enum orm_type want = ORM_T_NONE;
	int i = (int)column, row = c->run.next - 1, r;
	const char *why = "";

	if (!result || row < 0 || column >= (unsigned)PQnfields(result))
		return orm_fail(err, ORM_E_STATE, "there is no row, or no such column");
	if (stmt->column_type && column < stmt->columns)
		want = stmt->column_type[column];
	if (PQgetisnull(result, row, i)) {
		*ret_value = orm_value_null();
		ret_value->type = (uint8_t)want;
		return 0;
	}
	r = (c->run.text ? pg_decode_text
			 : pg_decode)(&c->row, PQftype(result, i), want, PQgetvalue(result, row, i),
				      (size_t)PQgetlength(result, row, i), ret_value, &why);
	return r ? bad_value(c, i, r, why, err) : 0;
}

uint64_t pg_changed(struct orm_conn *conn)
{
	return pg_of(conn)->run.changed;
}

/* true: that was the end of the statement. */
static bool skip_rows(struct pg_conn *c, unsigned rows)
{
	struct orm_error ignored;

	while (rows--) {
		PGresult *failed = NULL;
		int r = take(c, &failed, &ignored);

		if (failed) {
			PQclear(failed);
			pg_settle(c);
		}
		if (r || c->run.state != PG_ROWS)
			return true;
	}
	return false;
}

/*
 * Rows that nobody wants any more. Outside a transaction a read is cancelled; inside, a
 * cancellation would fail the transaction, and a write must not be: then they are read to the end.
 */
void pg_finish(struct orm_conn *conn)
{
	struct pg_conn *c = pg_of(conn);

	if (c->run.state == PG_ROWS) {
		bool stoppable = !c->run.in_tx && !(c->run.stmt->flags & ORM_STMT_WRITES);

		pg_arm(c, c->risk);
		if (!stoppable)
			pg_settle(c);
		else if (!skip_rows(c, STRAY_ROWS))
			stop(c);
	}
	reset(c);
}

/* The types are the same, and the field as wide as what came; a NULL has no length. */
static bool agree(const struct orm_column *field, enum orm_type type, size_t size, int len)
{
	return field->type == type && field->size == size && len == (int)size;
}

/*
 * The common types, where server, statement and struct agree about them. False: take the detour of
 * a value, which converts, and says what is wrong, if something is.
 */
static bool fill_quickly(const struct pg_run *run, int column, const struct orm_column *field,
			 void *at)
{
	const char *data = PQgetvalue(run->result, run->next - 1, column);
	int len = PQgetlength(run->result, run->next - 1, column);
	int32_t i32;
	int64_t i;
	double f;

	switch (PQftype(run->result, column)) {
	case PG_INT8:
		if (!agree(field, ORM_T_BIGINT, sizeof(i), len))
			return false;
		i = (int64_t)wire_get64(data);
		memcpy(at, &i, sizeof(i));
		return true;
	case PG_INT4:
		if (!agree(field, ORM_T_INTEGER, sizeof(i32), len))
			return false;
		i32 = (int32_t)wire_get32(data);
		memcpy(at, &i32, sizeof(i32));
		return true;
	case PG_FLOAT8:
		if (!agree(field, ORM_T_DOUBLE, sizeof(f), len))
			return false;
		f = wire_get_double(data);
		memcpy(at, &f, sizeof(f));
		return true;
	case PG_TIMESTAMPTZ:
		if (!agree(field, ORM_T_TIMESTAMP_MS, sizeof(i), len) ||
		    !pg_time_ms((int64_t)wire_get64(data), &i))
			return false;
		memcpy(at, &i, sizeof(i));
		return true;
	case PG_TEXT:
	case PG_VARCHAR:
		if (!len || field->type != ORM_T_TEXT || field->kind != ORM_K_TEXT)
			return false;
		memcpy(at, &data, sizeof(data));
		return true;
	default:
		return false;
	}
}

int pg_fill(struct orm_conn *conn, const struct orm_table *row, void *ret_row,
	    struct orm_error *err)
{
	struct pg_conn *c = pg_of(conn);
	const uint8_t *types = c->run.stmt->column_type;
	unsigned typed = 0;

	/* In binary, and as many columns as the statement has: then none is beyond the row. */
	if (types && !c->run.text && c->run.next && pg_columns(conn) == c->run.stmt->columns)
		typed = c->run.stmt->columns;
	for (unsigned i = 0; i < row->count; i++) {
		const struct orm_column *field = &row->columns[i];
		struct orm_value value;
		int r;

		if (i < typed && types[i] == field->type &&
		    fill_quickly(&c->run, (int)i, field, (char *)ret_row + field->offset))
			continue;
		r = pg_value(conn, i, &value, err);
		if (!r)
			r = fill_field(row, i, &value, ret_row, err);
		if (r)
			return r;
	}
	return 0;
}

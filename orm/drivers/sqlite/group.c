/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group is one transaction. A statement that fails is undone by SQLite itself (conflict
 * resolution ABORT), its neighbours are untouched, and no savepoint is needed. Three things are
 * not that simple, and are seen afterwards:
 *
 *	- SQLite rolled the whole transaction back: OR ROLLBACK, RAISE(ROLLBACK), an interrupt, a
 *	  full disk. The transaction is not open any more.
 *	- The failed statement left rows: OR FAIL, RAISE(FAIL), or its RETURNING rows did not fit.
 *	  sqlite3_total_changes64() has grown. (It also grows when a trigger had run before an
 *	  ABORT; then nothing is left, and the only harm is to take the slow way.)
 *	- COMMIT finds a deferred constraint violated, and does not say by whom.
 *
 * Then the transaction is rolled back and everybody who has not failed yet runs again, alone, in a
 * transaction of his own. Values and rowsets are alive, for their callers wait.
 *
 * When BEGIN or COMMIT fails for another reason (lock, disk), everybody fails with it.
 */
#include <errno.h>

#include <orm/base/fault.h>
#include <orm/drivers/sqlite/group.h>

static const char *name_of(void *data, unsigned column)
{
	return lite_name(data, column);
}

static int keep_row(struct orm_conn *conn, struct orm_rowset *rows, unsigned n,
		    struct orm_error *err)
{
	size_t size = n * sizeof(struct orm_value);
	struct orm_value *values = arena_alloc(&conn->fetched, size);
	int r = 0;

	if (!values && arena_is_full(&conn->fetched, size))
		return orm_fail(err, ORM_E_TOO_BIG, "a row is larger than result_bytes_max");
	if (!values)
		return orm_fail(err, -ENOMEM, "out of memory for a row");
	for (unsigned i = 0; i < n && !r; i++)
		r = lite_value(conn, i, &values[i], err);
	if (r)
		return r;
	r = orm_rowset_add(rows, values);
	return r ? orm_fail(err, r, "cannot keep the rows that were returned: %s",
			    orm_class_text(r))
		 : 0;
}

static int take_rows(struct orm_conn *conn, struct orm_rowset *rows, struct orm_error *err)
{
	unsigned n = rows ? lite_columns(conn) : 0;
	int r = 0;

	if (n) {
		orm_rowset_reset(rows); /* what a run that was undone had returned */
		r = orm_rowset_columns(rows, n, name_of, conn);
		if (r)
			return orm_fail(err, r, "cannot keep the rows that were returned: %s",
					orm_class_text(r));
	}
	while (!r) {
		r = lite_step(conn, err);
		if (!r && n)
			r = keep_row(conn, rows, n, err);
	}
	return r == ORM_E_END ? 0 : r;
}

/* In the open transaction. */
static int run_one(struct orm_conn *conn, struct lite_waiter *w)
{
	int r = lite_start(conn, w->write->stmt, w->write->values, w->err);

	if (r)
		return r;
	r = take_rows(conn, w->write->rows, w->err);
	if (!r)
		w->write->changed = lite_changed(conn);
	lite_finish(conn);
	return r;
}

static void fail_rest(struct lite_waiter *first, const struct orm_error *err)
{
	for (struct lite_waiter *w = first; w; w = w->next) {
		if (w->result != LITE_UNDECIDED)
			continue;
		w->result = err->class;
		*w->err = *err;
	}
}

static void pass_rest(struct lite_waiter *first)
{
	for (struct lite_waiter *w = first; w; w = w->next)
		if (w->result == LITE_UNDECIDED)
			w->result = 0;
}

static bool any_durable(const struct lite_waiter *first)
{
	for (const struct lite_waiter *w = first; w; w = w->next)
		if (w->write->durable)
			return true;
	return false;
}

/* False: rolled back, and who is undecided is to run alone. */
static bool run_together(struct orm_conn *conn, struct lite_waiter *first)
{
	struct orm_error err;
	int r = lite_begin(conn, NULL, any_durable(first), &err);

	if (r) {
		fail_rest(first, &err);
		return true;
	}
	for (struct lite_waiter *w = first; w; w = w->next) {
		int64_t before = sqlite3_total_changes64(conn->db);

		r = run_one(conn, w);
		if (!r)
			continue;
		w->result = r;
		if (sqlite3_get_autocommit(conn->db) ||
		    sqlite3_total_changes64(conn->db) != before) {
			lite_rollback(conn);
			return false;
		}
	}
	r = lite_commit(conn, &err);
	if (!r)
		pass_rest(first);
	else if (r == ORM_E_FOREIGN_KEY || r == ORM_E_CONSTRAINT)
		return false;
	else
		fail_rest(first, &err);
	return true;
}

static void run_alone(struct orm_conn *conn, struct lite_waiter *w)
{
	int r = run_one(conn, w);

	if (r)
		lite_rollback(conn);
	else
		r = lite_commit(conn, w->err);
	w->result = r;
}

static void count(struct orm_conn *conn, const struct lite_waiter *first)
{
	uint64_t writes = 0, failures = 0;

	for (const struct lite_waiter *w = first; w; w = w->next) {
		writes++;
		failures += w->result != 0;
	}
	orm_tally_add(&conn->head.tally, ORM_M_groups, 1);
	orm_tally_add(&conn->head.tally, ORM_M_group_writes, writes);
	orm_tally_add(&conn->head.tally, ORM_M_group_failures, failures);
}

static void decide(struct orm_conn *conn, struct lite_waiter *first)
{
	struct orm_error err;

	if (run_together(conn, first))
		return;
	for (struct lite_waiter *w = first; w; w = w->next) {
		if (w->result != LITE_UNDECIDED)
			continue;
		if (lite_begin(conn, NULL, w->write->durable, &err)) {
			fail_rest(first, &err);
			return;
		}
		run_alone(conn, w);
	}
}

void lite_group_run(struct orm_conn *conn, struct lite_waiter *first)
{
	decide(conn, first);
	count(conn, first);
}

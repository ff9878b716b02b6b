/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <strings.h>

#include <strazh/orm/guard.h>

#include <orm/backoff.h>
#include <orm/clock.h>
#include <orm/exec.h>
#include <orm/fault.h>
#include <orm/fill.h>
#include <orm/record.h>
#include <orm/typing.h>

#define RETRY_BASE_NS (2 * ORM_NS_PER_MS)
#define RETRY_CAP_NS (500 * ORM_NS_PER_MS)

/* ---- rows ---- */

unsigned rows_columns(const struct rows *rows)
{
	return rows->conn ? rows->session->db->driver->columns(rows->conn) : rows->set->columns;
}

const char *rows_name(const struct rows *rows, unsigned column)
{
	if (rows->conn)
		return rows->session->db->driver->name(rows->conn, column);
	return rows->set->names[column];
}

int rows_value(const struct rows *rows, unsigned column, struct orm_value *ret_value)
{
	struct orm_session *s = rows->session;

	if (rows->conn)
		return s->db->driver->value(rows->conn, column, ret_value, &s->error);
	*ret_value = rows->set->values[rows->at * rows->set->columns + column];
	return 0;
}

int rows_fit(const struct rows *rows, const struct orm_table *row)
{
	const struct orm_stmt *stmt = &rows->shape->stmt;
	const struct orm_table **fits = &rows->shape->fits;
	unsigned n = rows_columns(rows);

	if (__atomic_load_n(fits, __ATOMIC_RELAXED) == row && n == row->count)
		return 0;
	if (n != row->count)
		return session_fail(rows->session, ORM_E_QUERY,
				    "the query gives %u columns, struct %s has %u", n, row->name,
				    row->count);
	for (unsigned i = 0; i < stmt->columns; i++) {
		if (!type_reads_as(stmt->column_type[i], row->columns[i].kind))
			return session_fail(rows->session, ORM_E_QUERY,
					    "column %u of the query is %s, which %s.%s cannot hold",
					    i + 1, orm_type_name(stmt->column_type[i]), row->name,
					    row->columns[i].name);
	}
	__atomic_store_n(fits, row, __ATOMIC_RELAXED);
	return 0;
}

int rows_struct(const struct rows *rows, const struct orm_table *row, void *ret_row)
{
	struct orm_session *s = rows->session;

	memset(ret_row, 0, row->size);
	if (rows->conn)
		return s->db->driver->fill(rows->conn, row, ret_row, &s->error);
	for (unsigned i = 0; i < row->count; i++) {
		const struct orm_value *value =
			&rows->set->values[rows->at * rows->set->columns + i];
		int r = fill_field(row, i, value, ret_row, &s->error);

		if (r)
			return r;
	}
	return 0;
}

/* ---- one attempt ---- */

struct outcome {
	bool writes;
	uint64_t changed;
	uint64_t rows;
};

static int drain(struct rows *rows, struct sink *sink)
{
	struct orm_session *s = rows->session;
	int r = sink ? sink->begin(sink, rows) : 0;

	for (; !r; rows->at++) {
		r = s->db->driver->step(rows->conn, &s->error);
		if (r)
			break;
		if (sink)
			r = sink->row(sink, rows);
	}
	return r == ORM_E_END ? 0 : r;
}

static int attempt(struct orm_session *s, struct lane *lane, const struct orm_query *q,
		   struct orm_shape *shape, struct sink *sink, struct outcome *out)
{
	const struct orm_driver *driver = s->db->driver;
	struct rows rows = {.session = s, .shape = shape, .conn = lane->conn};
	int r = driver->start(lane->conn, &shape->stmt, q->values, &s->error);

	if (!r)
		r = drain(&rows, sink);
	if (!r)
		out->changed = driver->changed(lane->conn);
	out->rows = rows.at;
	driver->finish(lane->conn);
	return r;
}

/* A write of SQLite outside of transactions: one of a group. */
static int group_write(struct orm_session *s, const struct orm_query *q, struct orm_shape *shape,
		       struct sink *sink, struct outcome *out)
{
	bool wanted = sink && shape->stmt.flags & ORM_STMT_ROWS;
	struct orm_write write = {.stmt = &shape->stmt,
				  .values = q->values,
				  .durable = session_is_durable(s),
				  .rows = wanted ? &s->returned : NULL};
	struct rows rows = {.session = s, .shape = shape, .set = &s->returned};
	int r;

	orm_rowset_reset(&s->returned);
	r = s->db->driver->write(s->db->writer, &write, &s->error);
	if (r)
		return r;
	out->changed = write.changed;
	out->rows = wanted ? s->returned.rows : 0;
	r = wanted ? sink->begin(sink, &rows) : 0;
	for (; wanted && !r && rows.at < s->returned.rows; rows.at++)
		r = sink->row(sink, &rows);
	return r == ORM_E_END ? 0 : r;
}

/* ---- all attempts ---- */

/* The memo's reference is enough: this thread is the only one to change it. */
static int find_shape(struct orm_session *s, const struct orm_query *q,
		      struct orm_shape **ret_shape)
{
	uint64_t hash = shape_hash(q);
	struct orm_shape **memo = &s->memo[hash % SESSION_SHAPES];
	struct orm_shape *shape;
	char fault[192];
	int r;

	if (*memo && shape_is(*memo, q, hash)) {
		orm_meter_add(s->db->meter, ORM_M_shape_hits, 1);
		*ret_shape = *memo;
		return 0;
	}
	r = shape_get_hashed(s->db->shapes, q, hash, s->db->driver->dialect, &shape, fault);
	if (r)
		return session_fail(s, r, "%s", fault);
	if (s->db->record && !shape_was_seen(shape))
		record_query(s->db->record, q);
	shape_put(s->db->shapes, *memo);
	*memo = shape;
	*ret_shape = shape;
	return 0;
}

int exec_shape(struct orm_session *s, struct orm_query *q, struct orm_shape **ret_shape)
{

	if (q->class)
		return session_fail(s, q->class, "%s", q->fault);
	if (s->cursor)
		return session_fail(s, ORM_E_STATE, "a cursor of this session is open");
	if (s->tx_failed)
		return session_fail(s, ORM_E_STATE, "the transaction failed; roll it back");
	return find_shape(s, q, ret_shape);
}

/* The first word of a raw text decides; WITH may write, so its words are looked through. */
static bool raw_writes(const char *sql)
{
	static const char *const reads[] = {"SELECT", "VALUES", "EXPLAIN", "SHOW", "TABLE"};
	static const char *const changes[] = {"INSERT", "UPDATE", "DELETE", "REPLACE"};

	sql += strspn(sql, " \t\r\n(");
	for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
		if (!strncasecmp(sql, reads[i], strlen(reads[i])))
			return false;
	}
	if (strncasecmp(sql, "WITH", 4) != 0)
		return true;
	for (; *sql; sql += strcspn(sql, " \t\r\n("), sql += strspn(sql, " \t\r\n(")) {
		for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
			if (!strncasecmp(sql, changes[i], strlen(changes[i])))
				return true;
		}
	}
	return false;
}

bool exec_writes(const struct orm_session *s, const struct orm_shape *shape)
{
	(void)s;
	if (shape->stmt.flags & ORM_STMT_RAW)
		return raw_writes(shape->stmt.sql);
	return shape->stmt.flags & ORM_STMT_WRITES;
}

int exec_failed(struct orm_session *s, int class)
{
	if (class <= 0 || !s->in_tx)
		return class;
	/* PostgreSQL ends the transaction's usefulness at the first error; SQLite undoes the
	 * statement and goes on. A lost connection ends it on both. */
	if (s->db->driver->dialect == ORM_POSTGRESQL || class == ORM_E_CONNECTION)
		s->tx_failed = class != ORM_E_QUERY && class != ORM_E_VALUE;
	return class;
}

static int run_once(struct orm_session *s, const struct orm_query *q, struct orm_shape *shape,
		    struct sink *sink, struct outcome *out)
{
	bool writes = out->writes;
	struct lane lane;
	int r;

	if (s->in_tx) {
		if (writes && !s->tx_writes)
			return session_fail(s, ORM_E_READ_ONLY, "the transaction is read-only");
		return exec_failed(s, attempt(s, &s->lane, q, shape, sink, out));
	}
	if (writes && s->db->writer)
		return group_write(s, q, shape, sink, out);
	r = lane_take(s, writes, &lane);
	if (r)
		return r;
	r = attempt(s, &lane, q, shape, sink, out);
	lane_give(s, &lane);
	return r;
}

/* CONNECTION: nothing was done. Inside a transaction all of it would have to run again. */
static int run(struct orm_session *s, const struct orm_query *q, struct orm_shape *shape,
	       struct sink *sink, struct outcome *out)
{
	struct orm_backoff backoff;
	int r = run_once(s, q, shape, sink, out);

	for (int64_t i = 0; r == ORM_E_CONNECTION && !s->in_tx && i < s->db->options.retries; i++) {
		if (!i)
			orm_backoff_init(&backoff, RETRY_BASE_NS, RETRY_CAP_NS, (uintptr_t)s);
		orm_meter_add(s->db->meter, ORM_M_retries, 1);
		orm_clock_machine.sleep_ns(NULL, orm_backoff_next_ns(&backoff));
		r = run_once(s, q, shape, sink, out);
	}
	return r;
}

static void count(struct orm_session *s, const struct orm_shape *shape, const struct outcome *out,
		  int r, uint64_t took_ns)
{
	struct orm_meter *meter = s->db->meter;
	struct orm_guard_use use = {
		.queries = 1, .errors = r != 0, .rows = out->rows, .shape = shape->stmt.id};

	orm_meter_add(meter, ORM_M_statements, 1);
	orm_meter_add(meter, out->writes ? ORM_M_rows_written : ORM_M_rows_read,
		      out->writes ? out->changed : out->rows);
	if (took_ns)
		orm_meter_took(meter, out->writes ? ORM_M_WRITES : ORM_M_READS, took_ns);
	orm_meter_error(meter, r);
	if (s->db->guard && s->client)
		orm_guard_count(s->db->guard, s->client, &use);
}

/* Two readings of the clock are 4 % of a select by key: reads are timed one in eight. */
static bool is_timed(struct orm_session *s, bool writes)
{
	return writes || s->db->options.slow_ms > 0 || !(s->reads++ % 8);
}

static void show_guard(struct orm_session *s, const struct orm_query *q)
{
	for (uint32_t i = 0; i < q->n_values; i++) {
		const struct orm_value *v = &q->values[i];

		if (v->kind == ORM_K_TEXT)
			orm_guard_value(s->db->guard, s->client, v->p, v->len, NULL);
	}
}

int exec_query(struct orm_session *s, struct orm_query *q, struct sink *sink, uint64_t *ret_changed)
{
	struct outcome out = {0};
	struct orm_shape *shape;
	uint64_t begin;
	int r = exec_shape(s, q, &shape);

	if (r) {
		orm_meter_error(s->db->meter, r);
		return r;
	}
	if (s->db->guard)
		show_guard(s, q);
	out.writes = exec_writes(s, shape);
	begin = is_timed(s, out.writes) ? orm_now_ns(&orm_clock_machine) : 0;
	r = run(s, q, shape, sink, &out);
	count(s, shape, &out, r, begin ? orm_now_ns(&orm_clock_machine) - begin : 0);
	if (!r && ret_changed)
		*ret_changed = out.changed;
	return r;
}

int orm_exec(struct orm_session *s, struct orm_query *q, uint64_t *ret_changed)
{
	return exec_query(s, q, NULL, ret_changed);
}

const char *orm_sql(struct orm_session *s, struct orm_query *q)
{
	struct orm_shape *shape;

	if (exec_shape(s, q, &shape))
		return NULL;
	return shape->stmt.sql;
}

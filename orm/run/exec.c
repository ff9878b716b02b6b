/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <strazh/orm/guard.h>

#include <orm/base/clock.h>
#include <orm/base/fault.h>
#include <orm/pool/backoff.h>
#include <orm/run/exec.h>
#include <orm/run/record.h>
#include <orm/run/wrote.h>

#define RETRY_BASE_NS (2 * ORM_NS_PER_MS)
#define RETRY_CAP_NS (500 * ORM_NS_PER_MS)

/* ---- one attempt ---- */

struct outcome {
	bool writes;
	uint64_t least_ns; /* a read must show what was committed before */
	uint64_t changed;
	uint64_t rows;
	bool moved; /* another server is the primary now: what was refused may be run again */
};

/*
 * The database did what was asked; its rows could not be kept (`class`, in s->error). Inside a
 * transaction the caller may still undo it. Outside it must not look like a write that failed.
 */
static int not_kept(struct orm_session *s, int class)
{
	char why[256];

	if (s->in_tx)
		return class;
	snprintf(why, sizeof(why), "%.255s", s->error.text);
	return session_fail(s, ORM_E_UNKNOWN_OUTCOME,
			    "the write was done, but not what it returned was kept: %s", why);
}

static int drain(struct rows *rows, struct sink *sink)
{
	struct orm_session *s = rows->session;
	int r = sink ? sink->begin(sink, rows) : 0;

	for (; !r; rows->at++) {
		r = s->db->driver->step(rows->conn, &s->error);
		if (!r && sink)
			r = sink->row(sink, rows);
	}
	return r == ORM_E_END ? 0 : r;
}

/*
 * A write's sink may have seen enough, or have failed, before the end, but the write is not done
 * before: what the database says last is its outcome.
 */
static int drain_write(struct rows *rows, struct sink *sink)
{
	struct orm_session *s = rows->session;
	int kept = sink ? sink->begin(sink, rows) : 0, r = 0;
	struct orm_error why;

	why = s->error;
	for (; !r; rows->at++) {
		r = s->db->driver->step(rows->conn, &s->error);
		if (r || !sink || kept)
			continue;
		kept = sink->row(sink, rows);
		if (kept && kept != ORM_E_END)
			why = s->error;
	}
	if (r != ORM_E_END || !kept || kept == ORM_E_END)
		return r == ORM_E_END ? 0 : r;
	s->error = why;
	return not_kept(s, kept);
}

static int attempt(struct orm_session *s, struct lane *lane, const struct orm_query *q,
		   struct orm_shape *shape, struct sink *sink, struct outcome *out)
{
	const struct orm_driver *driver = s->db->driver;
	struct rows rows = {.session = s, .shape = shape, .conn = lane->conn};
	int r = driver->start(lane->conn, &shape->stmt, q->values, &s->error);

	if (!r)
		r = out->writes ? drain_write(&rows, sink) : drain(&rows, sink);
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
	if (wanted)
		r = rows_deliver(&rows, sink);
	return r ? not_kept(s, r) : 0;
}

/* ---- all attempts ---- */

static int make_shape(struct orm_session *s, const struct orm_query *q, uint64_t hash,
		      struct orm_shape **memo)
{
	struct orm_shape *shape;
	char fault[192];
	int r = shape_get_hashed(s->db->shapes, q, hash, s->db->driver->dialect, &shape, fault);

	if (r)
		return session_fail(s, r, "%s", fault);
	if (s->db->record && !shape_was_seen(shape))
		record_query(s->db->record, q);
	shape_put(s->db->shapes, *memo);
	*memo = shape;
	return 0;
}

/*
 * The memo's reference is enough: this thread is the only one to change it. The shape used last is
 * tried before there is a hash: programs run one query for each of many keys.
 */
static int find_shape(struct orm_session *s, const struct orm_query *q,
		      struct orm_shape **ret_shape)
{
	struct orm_shape **memo = &s->memo[s->memo_last];
	uint64_t hash;
	int r;

	if (!*memo || !shape_has(*memo, q)) {
		hash = shape_hash(q);
		s->memo_last = hash % SESSION_SHAPES;
		memo = &s->memo[s->memo_last];
		if (!*memo || !shape_has(*memo, q)) {
			r = make_shape(s, q, hash, memo);
			if (!r)
				*ret_shape = *memo;
			return r;
		}
	}
	orm_tally_add(&s->tally, ORM_M_shape_hits, 1);
	*ret_shape = *memo;
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

bool exec_writes(const struct orm_shape *shape)
{
	return shape->stmt.flags & ORM_STMT_WRITES;
}

int exec_failed(struct orm_session *s, int class)
{
	if (class <= 0 || !s->in_tx)
		return class;
	/* PostgreSQL ends the transaction's usefulness at the first error that it has seen itself;
	 * SQLite undoes the statement and goes on. A lost connection ends it on both. */
	if (class == ORM_E_CONNECTION || class == ORM_E_UNKNOWN_OUTCOME ||
	    (s->db->driver->dialect == ORM_POSTGRESQL &&
	     (s->error.sqlstate[0] || class == ORM_E_TIMEOUT || class == ORM_E_CANCELLED)))
		s->tx_failed = true;
	return class;
}

/* What an attempt outside a transaction tells the pool and the router. */
static int leave_lane(struct orm_session *s, struct lane *lane, struct outcome *out, uint64_t begin,
		      int r)
{
	if (!r && begin && !out->writes)
		orm_route_took(s->db->route, &lane->routed, orm_now_ns(&orm_clock_machine) - begin);
	out->moved = lane_give(s, lane, r);
	return r;
}

static int run_once(struct orm_session *s, const struct orm_query *q, struct orm_shape *shape,
		    struct sink *sink, struct outcome *out)
{
	struct lane own, *lane = s->in_tx ? &s->lane : &own;
	uint64_t begin = 0;
	int r = 0;

	out->moved = false;
	if (s->in_tx && out->writes && !s->tx_writes)
		return session_fail(s, ORM_E_READ_ONLY, "the transaction is read-only");
	if (!s->in_tx && out->writes && s->db->writer)
		return group_write(s, q, shape, sink, out);
	if (!s->in_tx)
		r = lane_take(s, out->writes, out->least_ns, lane);
	if (r)
		return r;
	if (s->db->replicated)
		begin = orm_now_ns(&orm_clock_machine);
	lane_note(s, lane, shape);
	r = attempt(s, lane, q, shape, sink, out);
	return s->in_tx ? exec_failed(s, r) : leave_lane(s, lane, out, begin, r);
}

/* CONNECTION: nothing was done. Inside a transaction all of it would have to run again. */
static bool may_run_again(const struct orm_session *s, const struct outcome *out, int class)
{
	return !s->in_tx && (class == ORM_E_CONNECTION || (class == ORM_E_READ_ONLY && out->moved));
}

static int run_again(struct orm_session *s, const struct orm_query *q, struct orm_shape *shape,
		     struct sink *sink, struct outcome *out, int class)
{
	struct orm_backoff backoff;

	orm_backoff_init(&backoff, RETRY_BASE_NS, RETRY_CAP_NS, (uintptr_t)s);
	for (int64_t i = 0; may_run_again(s, out, class) && i < s->db->options.retries; i++) {
		orm_meter_add(s->db->meter, ORM_M_retries, 1);
		orm_clock_machine.sleep_ns(NULL, orm_backoff_next_ns(&backoff));
		class = run_once(s, q, shape, sink, out);
	}
	return class;
}

static inline int run(struct orm_session *s, const struct orm_query *q, struct orm_shape *shape,
		      struct sink *sink, struct outcome *out)
{
	int r = run_once(s, q, shape, sink, out);

	return r && may_run_again(s, out, r) ? run_again(s, q, shape, sink, out, r) : r;
}

static void count(struct orm_session *s, const struct orm_shape *shape, const struct outcome *out,
		  int r, uint64_t took_ns)
{
	orm_tally_add(&s->tally, ORM_M_statements, 1);
	if (out->writes)
		orm_tally_add(&s->tally, ORM_M_rows_written, out->changed);
	else
		orm_tally_add(&s->tally, ORM_M_rows_read, out->rows);
	if (took_ns)
		orm_meter_took(s->db->meter, out->writes ? ORM_M_WRITES : ORM_M_READS, took_ns);
	if (r)
		orm_meter_error(s->db->meter, r);
	if (s->db->guard && s->client) {
		struct orm_guard_use use = {
			.queries = 1, .errors = r != 0, .rows = out->rows, .shape = shape->stmt.id};

		orm_guard_count(s->db->guard, s->client, &use);
	}
}

/* Two readings of the clock are 4 % of a select by key: reads are timed one in eight. */
static bool is_timed(struct orm_session *s, bool writes)
{
	return writes || s->db->options.slow_ms > 0 || !(s->reads++ % 8);
}

void exec_show(struct orm_session *s, const struct orm_value *values, size_t n)
{
	if (!s->db->guard)
		return;
	for (size_t i = 0; i < n; i++) {
		const struct orm_value *v = &values[i];
		const char *const *texts = v->p;

		if (v->kind == ORM_K_TEXT)
			orm_guard_value(s->db->guard, s->client, v->p, v->len, NULL);
		for (size_t k = 0; v->kind == ORM_K_TEXTS && k < v->len; k++)
			orm_guard_value(s->db->guard, s->client, texts[k], strlen(texts[k]), NULL);
	}
}

/* ---- results kept ---- */

static bool is_cacheable(const struct orm_session *s, const struct orm_shape *shape,
			 const struct outcome *out)
{
	return s->db->cache && !s->in_tx && !out->writes && shape->n_tables &&
	       !(shape->stmt.flags & ORM_STMT_RAW);
}

static int fill_cache(struct orm_session *s, const struct orm_query *q, struct orm_shape *shape,
		      const struct orm_cache_key *key, struct outcome *out,
		      struct orm_cached **ret_cached)
{
	struct orm_cache_reading reading;
	struct orm_rowset set;
	struct collect collect;
	int r;

	orm_rowset_init(&set, (size_t)s->db->options.result_bytes_max);
	collect_init(&collect, &set);
	wrote_reading(s, shape, &reading);
	out->least_ns = reading.wrote_ns;
	r = run(s, q, shape, &collect.sink, out);
	if (!r) {
		r = orm_cache_put(s->db->cache, key, &reading, &set, ret_cached);
		if (r)
			session_fail(s, r, "out of memory");
	}
	orm_rowset_deinit(&set);
	return r;
}

static int run_cached(struct orm_session *s, const struct orm_query *q, struct orm_shape *shape,
		      struct sink *sink, struct outcome *out)
{
	struct orm_cached *cached;
	struct orm_cache_key key;
	struct rows rows = {.session = s, .shape = shape};
	int r = 0;

	if (!sink ||
	    orm_cache_key(s->db->cache, s->db->driver->dialect, &shape->stmt, q->values, &key))
		return run(s, q, shape, sink, out);
	cached = orm_cache_find(s->db->cache, &key);
	if (!cached)
		r = fill_cache(s, q, shape, &key, out, &cached);
	if (r == ORM_E_TOO_BIG) {
		r = run(s, q, shape, sink, out); /* who reads may want less than all of it */
	} else if (!r) {
		rows.set = &cached->rows;
		r = rows_deliver(&rows, sink);
		out->rows = rows.at;
		orm_cached_drop(cached);
	}
	orm_cache_key_deinit(&key);
	return r;
}

/* ---- slow ones are told ---- */

static void tell_slow(struct orm_session *s, const struct orm_query *q,
		      const struct orm_shape *shape, const struct outcome *out, uint64_t took_ns)
{
	struct orm_slow_query query = {
		.sql = shape->stmt.sql,
		.table = shape->n_tables ? shape->tables[0]->name : "",
		.duration_ns = took_ns,
		.rows = out->writes ? out->changed : out->rows,
		.client = s->client,
	};
	struct orm_error error = s->error;
	struct lane lane = {0};

	if (!s->in_tx && lane_take(s, false, 0, &lane))
		lane = (struct lane){0};
	if (orm_slow_tell(&s->db->slow, &query, &shape->stmt, q->values, lane.conn))
		orm_meter_add(s->db->meter, ORM_M_slow, 1);
	else
		orm_meter_add(s->db->meter, ORM_M_slow_unsaid, 1);
	lane_give(s, &lane, 0);
	s->error = error;
}

int exec_query(struct orm_session *s, struct orm_query *q, struct sink *sink, uint64_t *ret_changed)
{
	struct outcome out = {0};
	struct orm_shape *shape;
	uint64_t begin, took;
	int r = exec_shape(s, q, &shape);

	if (!r && sink)
		r = sink_fits(sink, s, shape);
	if (r) {
		orm_meter_error(s->db->meter, r);
		return r;
	}
	exec_show(s, q->values, q->n_values);
	out.writes = exec_writes(shape);
	begin = is_timed(s, out.writes) ? orm_now_ns(&orm_clock_machine) : 0;
	r = is_cacheable(s, shape, &out) ? run_cached(s, q, shape, sink, &out)
					 : run(s, q, shape, sink, &out);
	/* One that failed, too: it may be that only its rows could not be given. */
	if (out.writes)
		wrote_shape(s, shape);
	took = begin ? orm_now_ns(&orm_clock_machine) - begin : 0;
	count(s, shape, &out, r, took);
	if (took && orm_slow_is(&s->db->slow, took))
		tell_slow(s, q, shape, &out, took);
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
	struct orm_shape *shape = NULL;
	int r = exec_shape(s, q, &shape);

	return r || !shape ? NULL : shape->stmt.sql;
}

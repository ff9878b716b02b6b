/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many rows at once. SQLite: one transaction around a prepared INSERT. PostgreSQL: each way is one
 * implicit transaction by itself (a pipeline has one sync), so outside of one no BEGIN is sent:
 * that would be two round trips more, 15 % of a COPY of 1,000 rows.
 */
#include <errno.h>
#include <stdio.h>

#include <strazh/base/own.h>
#include <strazh/orm/batch.h>
#include <strazh/orm/error.h>
#include <strazh/orm/guard.h>

#include <orm/base/clock.h>
#include <orm/base/fault.h>
#include <orm/pool/backoff.h>
#include <orm/run/exec.h>
#include <orm/run/wrote.h>
#include <orm/schema/ddl.h>
#include <orm/table/constraint.h>
#include <orm/table/item.h>
#include <orm/table/keys.h>
#include <orm/table/sqltext.h>

/*
 * Where one way overtakes another, in microseconds of CPU that a batch takes of client and server
 * together (four columns, no index; a quarter of the runs were faster; PostgreSQL 15, loopback):
 *
 *	rows		16	32	64	128	256	512	1024	2048	4096
 *	alone	ROWS	191	291	433	771	1447	2749	5388	10602	22155
 *		UNNEST	231	274	338	464	752	1258	2220	4189	8261
 *		COPY	237	287	329	439	731	1338	2675	4078	6635
 *	in a	ROWS	169	264	427	756	1418	2674	5250	10416	20405
 *	trans-	UNNEST	398	424	512	646	912	1474	2462	4462	7828
 *	action	COPY	223	248	294	411	691	1206	2646	3956	6173
 *
 * Alone COPY saves 6 % of UNNEST's CPU at most before 2,048 rows, and is a round trip longer. In a
 * transaction UNNEST needs a savepoint, to say which row failed: 170 us on a small batch.
 */
#define MANY_FROM 32U
#define COPY_FROM 2048U
#define UNNEST_IN_TX_FROM 128U /* where ON CONFLICT forbids COPY */
#define RETRY_BASE_NS (2 * ORM_NS_PER_MS)
#define RETRY_CAP_NS (500 * ORM_NS_PER_MS)
#define CONFLICT_MAX 16384U /* two lists of all columns, one of them twice */

static int check(struct orm_session *s, const struct orm_table *table, uint64_t *mask)
{
	int lacks;
	int r = orm_table_check(table, &s->error);

	if (r)
		return r;
	*mask = *mask ? *mask & table_all(table) : table_written(table);
	lacks = table_lacks(table, *mask);
	if (!*mask)
		return session_fail(s, ORM_E_QUERY, "no column of '%s' is written", table->name);
	if (lacks >= 0)
		return session_fail(s, ORM_E_QUERY,
				    "%s.%s is NOT NULL, has no default, and gets no value",
				    table->name, table->columns[lacks].name);
	if (s->tx_failed || s->cursor)
		return session_fail(s, ORM_E_STATE,
				    s->cursor ? "a cursor of this session is open"
					      : "the transaction failed; roll it "
						"back");
	if (s->in_tx && !s->tx_writes)
		return session_fail(s, ORM_E_READ_ONLY, "the transaction is read-only");
	return 0;
}

/* " ON CONFLICT ("a", "b") DO ..." */
static int conflict_text(struct orm_session *s, const struct orm_batch *b, char text[CONFLICT_MAX])
{
	uint64_t target;
	bool first = true;
	size_t used;

	text[0] = '\0';
	if (!b->conflict)
		return 0;
	target = orm_names_mask(b->table, b->conflict);
	if (!target || !table_is_unique(b->table, target))
		return session_fail(s, ORM_E_QUERY,
				    "ON CONFLICT (%.80s): '%s' has no unique key of "
				    "exactly these columns",
				    b->conflict, b->table->name);
	used = (size_t)snprintf(text, CONFLICT_MAX, " ON CONFLICT");
	for (unsigned c = 0; c < b->table->count && used < CONFLICT_MAX; c++) {
		if (!(target >> c & 1))
			continue;
		used += (size_t)snprintf(text + used, CONFLICT_MAX - used, "%s\"%s\"",
					 first ? " (" : ", ", b->table->columns[c].name);
		first = false;
	}
	if (used < CONFLICT_MAX)
		used += (size_t)snprintf(text + used, CONFLICT_MAX - used, ") DO %s",
					 b->update ? "UPDATE" : "NOTHING");
	first = true;
	for (unsigned c = 0; c < b->table->count && used < CONFLICT_MAX; c++) {
		const char *name = b->table->columns[c].name;

		if (!(b->update >> c & 1))
			continue;
		used += (size_t)snprintf(text + used, CONFLICT_MAX - used,
					 "%s\"%s\" = excluded.\"%s\"", first ? " SET " : ", ", name,
					 name);
		first = false;
	}
	if (used >= CONFLICT_MAX)
		return session_fail(s, ORM_E_TOO_BIG, "the ON CONFLICT clause is too long");
	return 0;
}

static void put_row(struct orm_query *q, const void *row, uint64_t mask)
{
	uint32_t first = q->n_values;

	for (unsigned c = 0; c < q->table->count; c++) {
		struct orm_value value;

		if (!(mask >> c & 1))
			continue;
		value = orm_row_get(q->table, c, row);
		query_value(q, &value);
	}
	query_open(q, CL_ROW, 0);
	query_word(q, mask);
	query_word(q, first);
	query_close(q);
}

/* The INSERT of one row: by the builder, so that it is rendered and prepared once for all batches.
 */
static int one_row(struct orm_session *s, const struct orm_batch *b, struct orm_rows *rows)
{
	struct orm_query *q = orm_insert(s, b->table);
	struct orm_shape *shape;
	int r;

	put_row(q, b->rows, rows->mask);
	if (b->conflict)
		query_conflict(q, b->table, orm_names_mask(b->table, b->conflict), b->update);
	r = exec_shape(s, q, &shape);
	orm_query_free(q);
	if (!r)
		rows->one = &shape->stmt;
	return r;
}

/* UNNEST cannot: it would take the array apart. */
static bool has_array(const struct orm_table *table, uint64_t mask)
{
	for (unsigned c = 0; c < table->count; c++) {
		enum orm_type type = (enum orm_type)table->columns[c].type;

		if (mask >> c & 1 && type >= ORM_T_BIGINTS && type <= ORM_T_VECTOR)
			return true;
	}
	return false;
}

static enum orm_batch_way choose(const struct orm_session *s, const struct orm_batch *b,
				 uint64_t mask)
{
	if (s->db->driver->dialect == ORM_SQLITE)
		return ORM_BATCH_ROWS;
	/* COPY knows no ON CONFLICT. */
	if (b->way == ORM_BATCH_COPY && b->conflict)
		return ORM_BATCH_UNNEST;
	if (b->way != ORM_BATCH_AUTO)
		return b->way;
	if (b->count < MANY_FROM || (b->conflict && s->in_tx && b->count < UNNEST_IN_TX_FROM))
		return ORM_BATCH_ROWS;
	if (b->conflict)
		return ORM_BATCH_UNNEST;
	return s->in_tx || b->count >= COPY_FROM || has_array(b->table, mask) ? ORM_BATCH_COPY
									      : ORM_BATCH_UNNEST;
}

/* ---- what the guard sees ---- */

static void show_row(struct orm_session *s, const struct orm_table *table, uint64_t mask,
		     const void *row)
{
	for (unsigned c = 0; c < table->count; c++) {
		struct orm_value value;

		if (!(mask >> c & 1))
			continue;
		value = orm_row_get(table, c, row);
		exec_show(s, &value, 1);
	}
}

/* A load's source, with the guard looking at what passes. */
struct watched {
	struct orm_session *session;
	const struct orm_load *load;
	uint64_t mask;
};

static int watched_next(void *data, const void **ret_row)
{
	const struct watched *w = data;
	int r = w->load->next(w->load->data, ret_row);

	if (!r)
		show_row(w->session, w->load->table, w->mask, *ret_row);
	return r;
}

/* ---- what runs on the connection ---- */

struct work {
	const struct orm_rows *rows; /* NULL: load `source` */
	const struct orm_source *source;
	enum orm_batch_way way;
	const char *conflict;
	uint64_t done;
};

static int run(struct orm_session *s, struct orm_conn *conn, struct work *w)
{
	const struct orm_driver *driver = s->db->driver;
	struct orm_array array = {.rows = w->rows};
	struct orm_source source;

	if (w->source)
		return driver->load(conn, w->source, &w->done, &s->error);
	if (w->way != ORM_BATCH_COPY)
		return driver->insert(conn, w->rows, w->way, w->conflict, &w->done, &s->error);
	source = (struct orm_source){w->rows->table, w->rows->mask, orm_array_next, &array};
	return driver->load(conn, &source, &w->done, &s->error);
}

/* SQLite: a batch that fails inside a transaction undoes itself and no more. */
static int run_in_transaction(struct orm_session *s, struct work *w)
{
	bool savepoint = s->db->driver->dialect == ORM_SQLITE;
	struct orm_error first;
	int r = savepoint ? orm_savepoint(s, "orm_batch") : 0;

	if (r)
		return r;
	r = run(s, s->lane.conn, w);
	first = s->error;
	if (savepoint && r && orm_rollback_to(s, "orm_batch"))
		s->tx_failed = true;
	if (savepoint && !s->tx_failed) {
		int released = orm_release(s, "orm_batch");

		s->tx_failed = released;
		if (!r && released)
			return released;
	}
	if (r)
		s->error = first;
	return exec_failed(s, r);
}

static int run_pooled(struct orm_session *s, struct work *w, bool *ret_moved)
{
	struct lane lane;
	int r = lane_take(s, true, 0, &lane);

	*ret_moved = false;
	if (r)
		return r;
	r = run(s, lane.conn, w);
	*ret_moved = lane_give(s, &lane, r);
	return r;
}

/* CONNECTION: nothing was done, and an array is still there. A source's rows are not. */
static int run_pooled_again(struct orm_session *s, struct work *w)
{
	struct orm_backoff backoff;
	bool moved;
	int r = run_pooled(s, w, &moved);

	orm_backoff_init(&backoff, RETRY_BASE_NS, RETRY_CAP_NS, (uintptr_t)s);
	for (int64_t i = 0; i < s->db->options.retries && !w->source &&
			    (r == ORM_E_CONNECTION || (r == ORM_E_READ_ONLY && moved));
	     i++) {
		orm_meter_add(s->db->meter, ORM_M_retries, 1);
		orm_clock_machine.sleep_ns(NULL, orm_backoff_next_ns(&backoff));
		r = run_pooled(s, w, &moved);
	}
	return r;
}

static int run_alone(struct orm_session *s, struct work *w)
{
	struct orm_error first;
	int r;

	if (s->db->driver->dialect == ORM_POSTGRESQL)
		return run_pooled_again(s, w);
	r = orm_begin(s, NULL);
	if (r)
		return r;
	r = run(s, s->lane.conn, w);
	if (!r)
		return orm_commit(s);
	first = s->error;
	orm_rollback(s);
	s->error = first;
	return r;
}

static int run_work(struct orm_session *s, struct work *w, uint64_t *ret_done)
{
	int r = s->in_tx ? run_in_transaction(s, w) : run_alone(s, w);
	struct orm_guard_use use = {.queries = 1, .errors = r != 0, .rows = r ? 0 : w->done};

	if (!r || r == ORM_E_UNKNOWN_OUTCOME)
		wrote_table(s, w->source ? w->source->table : w->rows->table);
	orm_tally_add(&s->tally, ORM_M_statements, 1);
	orm_tally_add(&s->tally, ORM_M_rows_written, use.rows);
	orm_meter_error(s->db->meter, r);
	if (s->db->guard && s->client)
		orm_guard_count(s->db->guard, s->client, &use);
	if (!r && ret_done)
		*ret_done = w->done;
	return r;
}

int orm_insert_batch(struct orm_session *s, const struct orm_batch *batch, uint64_t *ret_inserted)
{
	struct orm_rows rows = {batch->table, batch->mask, batch->rows, batch->count, NULL};
	char conflict[CONFLICT_MAX];
	struct work work = {.rows = &rows, .conflict = conflict};
	int r = check(s, batch->table, &rows.mask);

	if (!r)
		r = conflict_text(s, batch, conflict);
	if (!r && batch->count)
		r = one_row(s, batch, &rows);
	if (r)
		return r;
	if (!batch->count) {
		if (ret_inserted)
			*ret_inserted = 0;
		return 0;
	}
	for (size_t i = 0; s->db->guard && i < batch->count; i++)
		show_row(s, batch->table, rows.mask,
			 (const char *)batch->rows + i * batch->table->size);
	work.way = choose(s, batch, rows.mask);
	return run_work(s, &work, ret_inserted);
}

/* ---- loads ---- */

/* DROP INDEX or CREATE INDEX of those that are not unique: a violation must name its row. */
static int index_script(struct orm_session *s, const struct orm_table *table, bool drop,
			char **ret_sql)
{
	enum orm_dialect dialect = s->db->driver->dialect;
	own_free struct orm_item *items = NULL;
	own_sqltext struct sqltext text = {0};
	size_t n;

	if (orm_items(table, &items, &n))
		return session_fail(s, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		if (items[i].kind != ORM_KEY_INDEX)
			continue;
		if (drop)
			ddl_drop_item(&text, table, &items[i], dialect);
		else
			ddl_add_item(&text, table, &items[i], dialect);
	}
	return sqltext_take(&text, ret_sql) ? session_fail(s, -ENOMEM, "out of memory") : 0;
}

static int run_script(struct orm_session *s, const char *sql)
{
	if (!sql || !*sql)
		return 0;
	return exec_failed(s, s->db->driver->script(s->lane.conn, sql, &s->error));
}

static int load_without_indexes(struct orm_session *s, struct work *work, uint64_t *ret_rows)
{
	own_free char *drop = NULL, *create = NULL;
	int r = index_script(s, work->source->table, true, &drop);

	if (!r)
		r = index_script(s, work->source->table, false, &create);
	if (!r)
		r = run_script(s, drop);
	if (!r)
		r = run_work(s, work, ret_rows);
	return r ? r : run_script(s, create);
}

/* In a transaction of the load's own. */
static int load_alone(struct orm_session *s, struct work *work, uint64_t *ret_rows)
{
	struct orm_error first;
	int r = orm_begin(s, NULL);

	if (r)
		return r;
	r = load_without_indexes(s, work, ret_rows);
	if (!r)
		return orm_commit(s);
	first = s->error;
	orm_rollback(s);
	s->error = first;
	return r;
}

/* In the caller's, who may go on and commit after a failure: the indexes must be there again. */
static int load_inside(struct orm_session *s, struct work *work, uint64_t *ret_rows)
{
	struct orm_error first;
	int r = orm_savepoint(s, "orm_load");

	if (r)
		return r;
	r = load_without_indexes(s, work, ret_rows);
	if (!r)
		return orm_release(s, "orm_load");
	first = s->error;
	if (orm_rollback_to(s, "orm_load") || orm_release(s, "orm_load"))
		s->tx_failed = true;
	s->error = first;
	return r;
}

int orm_load(struct orm_session *s, const struct orm_load *load, uint64_t *ret_rows)
{
	struct orm_source source = {load->table, load->mask, load->next, load->data};
	struct watched watched = {s, load, 0};
	struct work work = {.source = &source};
	int r = check(s, load->table, &source.mask);

	if (s->db->guard) {
		watched.mask = source.mask;
		source.next = watched_next;
		source.data = &watched;
	}
	if (r || !load->drop_indexes)
		return r ? r : run_work(s, &work, ret_rows);
	return s->in_tx ? load_inside(s, &work, ret_rows) : load_alone(s, &work, ret_rows);
}

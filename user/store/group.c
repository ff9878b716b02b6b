// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * A flight as one transaction:
 *
 *	1. lock our row of store_writer. When it has this group's number, an earlier try was
 *	   committed and its answer lost: there is nothing to do. (The lock waits for a commit that
 *	   is still on its way in the server.) Else the number becomes this group's.
 *	2. rows: of the acts on one key only the last one leaves anything, so it alone is done; then
 *	   no statement meets a row twice, and all puts of a table are one batch. An act that
 *	   clears a table stands between those before it, which are done first, and the others.
 *	3. records: behind the head of the chain, in the order in which the acts were taken.
 */
#include <user/store/inside.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES_MAX 3U
#define FORGIVE_ROWS 100000U

int store_group_make(struct store *st)
{
	struct store_group *g = &st->group;
	uint32_t n = st->opt.group_max;

	g->order = calloc(n, sizeof(*g->order));
	g->rows = calloc(n, sizeof(*g->rows));
	g->keys = calloc(n, sizeof(*g->keys));
	g->records = calloc(n, sizeof(*g->records));
	g->hashes = calloc(n, sizeof(*g->hashes));
	g->sources = calloc(STORE_SOURCES_BATCH, sizeof(*g->sources));
	g->cidrs = calloc(STORE_SOURCES_BATCH, sizeof(*g->cidrs));
	g->out = calloc(STORE_SOURCES_BATCH, sizeof(*g->out));
	return g->order && g->rows && g->keys && g->records && g->hashes && g->sources &&
			       g->cidrs && g->out
		       ? 0
		       : -ENOMEM;
}

void store_group_free(struct store *st)
{
	struct store_group *g = &st->group;

	free(g->order);
	free(g->rows);
	free(g->keys);
	free(g->records);
	free(g->hashes);
	free(g->sources);
	free(g->cidrs);
	free(g->out);
	*g = (struct store_group){0};
}

/* ---- 1. the number ---- */

static int put_number(struct store *st, int64_t batch)
{
	struct store_writer row = {.id = st->id, .batch = batch, .at_ms = store_wall_ms()};

	return orm_put(st->session, T(store_writer), &row);
}

int store_writer_begin(struct store *st)
{
	return put_number(st, st->batch);
}

/* *ret_done: this group is written already. */
static int check_number(struct store *st, bool *ret_done)
{
	struct orm_query *q = orm_select(st->session, T(store_writer));
	struct store_writer row;
	int r;

	orm_where(q, orm_eq(C(store_writer, id), V((const char *)st->id)));
	orm_for_update(q);
	r = orm_first(st->session, q, T(store_writer), &row);
	orm_query_free(q);
	if (r == ORM_E_END) { /* somebody cleaned up; no commit of ours can have been after that */
		*ret_done = false;
		return 0;
	}
	if (!r)
		*ret_done = row.batch == st->batch + 1;
	return r;
}

/* ---- 2. rows ---- */

static int by_key(const void *a, const void *b)
{
	const struct store_op *x = *(struct store_op *const *)a;
	const struct store_op *y = *(struct store_op *const *)b;
	int order;

	if (x->table != y->table)
		return (uintptr_t)x->table < (uintptr_t)y->table ? -1 : 1;
	order = strcmp(x->key, y->key);
	if (order)
		return order;
	return (x->ticket > y->ticket) - (x->ticket < y->ticket);
}

/* The last act of each key, puts of a table before what it loses; how many. */
static uint32_t last_of_each(struct store *st, const struct store_op *first,
			     const struct store_op *stop)
{
	struct store_op **order = st->group.order;
	uint32_t n = 0, kept = 0;

	for (const struct store_op *op = first; op != stop; op = op->next)
		if (op->table)
			order[n++] = (struct store_op *)(uintptr_t)op;
	qsort(order, n, sizeof(*order), by_key);
	for (uint32_t i = 0; i < n; i++)
		if (i + 1 == n || order[i]->table != order[i + 1]->table ||
		    strcmp(order[i]->key, order[i + 1]->key) != 0)
			order[kept++] = order[i];
	return kept;
}

static const char *key_of(const struct orm_table *table)
{
	for (unsigned i = 0; i < STORE_TABLE_COUNT; i++)
		if (store_table_at(i).table == table)
			return store_table_at(i).key;
	return NULL;
}

static uint64_t outside_key(const struct orm_table *table)
{
	uint64_t mask = 0;

	for (unsigned i = 0; i < table->count; i++)
		if (!(table->columns[i].flags & ORM_PK))
			mask |= 1ULL << i;
	return mask;
}

static int put_rows(struct store *st, struct store_op **ops, uint32_t n)
{
	const struct orm_table *table = ops[0]->table;
	char *rows = (char *)st->group.rows;
	struct orm_batch batch = {
		.table = table,
		.rows = rows,
		.conflict = key_of(table),
		.update = outside_key(table),
	};

	for (uint32_t i = 0; i < n; i++)
		if (!ops[i]->removes)
			memcpy(rows + table->size * batch.count++, &ops[i]->row, table->size);
	return batch.count ? orm_insert_batch(st->session, &batch, NULL) : 0;
}

static int remove_one(struct store *st, struct store_op *op)
{
	int r = orm_delete_row(st->session, op->table, &op->row);

	return r == ORM_E_END ? 0 : r;
}

/* Those whose key is one column, as one statement; of bans those of one origin. */
static int remove_many(struct store *st, const struct orm_table *table, const char *origin,
		       size_t n)
{
	struct orm_query *q = orm_delete(st->session, table);
	struct orm_strs keys = {.v = st->group.keys, .n = n};
	int r;

	orm_where(q, origin ? orm_and(orm_in(C(ban, cidr), keys), orm_eq(C(ban, origin), V(origin)))
			    : orm_in(orm_named(table, table->columns[0].name), keys));
	r = orm_exec(st->session, q, NULL);
	orm_query_free(q);
	return r;
}

/* They are sorted by origin. */
static int remove_bans(struct store *st, struct store_op **ops, uint32_t n)
{
	const char *origin = NULL;
	size_t many = 0;
	int r = 0;

	for (uint32_t i = 0; i < n && !r; i++) {
		if (!ops[i]->removes)
			continue;
		if (many && strcmp(origin, ops[i]->row.ban.origin) != 0) {
			r = remove_many(st, T(ban), origin, many);
			many = 0;
		}
		origin = ops[i]->row.ban.origin;
		st->group.keys[many++] = ops[i]->row.ban.cidr;
	}
	return r || !many ? r : remove_many(st, T(ban), origin, many);
}

static int remove_rows(struct store *st, struct store_op **ops, uint32_t n)
{
	const struct orm_table *table = ops[0]->table;
	size_t many = 0;
	int r = 0;

	if (table == T(ban))
		return remove_bans(st, ops, n);
	for (uint32_t i = 0; i < n && !r; i++) {
		if (!ops[i]->removes)
			continue;
		if (table == T(alert))
			r = remove_one(st, ops[i]);
		else
			st->group.keys[many++] = ops[i]->key;
	}
	return r || !many ? r : remove_many(st, table, NULL, many);
}

/* The moment up to which the next FORGIVE_ROWS sources after `from_ms` were seen. */
static int forgive_until(struct store *st, int64_t from_ms, int64_t *ret_until_ms)
{
	struct orm_query *q = orm_select(st->session, T(source));
	struct orm_value value;
	int r;

	orm_columns(q, C(source, last_ms));
	orm_where(q, orm_gt(C(source, last_ms), V(from_ms)));
	orm_order_by(q, C(source, last_ms));
	orm_offset(q, FORGIVE_ROWS - 1);
	orm_limit(q, 1);
	r = orm_value(st->session, q, &value);
	orm_query_free(q);
	*ret_until_ms = r || value.kind != ORM_K_I64 ? INT64_MAX : value.i;
	return r == ORM_E_END ? 0 : r;
}

static int forgive_some(struct store *st, int64_t from_ms, int64_t until_ms)
{
	struct orm_query *q = orm_update(st->session, T(source));
	int r;

	orm_set(q, C(source, evidence), (struct orm_f64s){0});
	orm_set(q, C(source, pressure), 0.0);
	orm_set(q, C(source, score), 0.0);
	orm_set(q, C(source, offences), 0);
	orm_set(q, C(source, ban_over_h), 0);
	orm_set(q, C(source, banned_until_ms), ORM_NULL_VALUE);
	orm_where(q, orm_gt(C(source, last_ms), V(from_ms)));
	if (until_ms != INT64_MAX)
		orm_where(q, orm_le(C(source, last_ms), V(until_ms)));
	r = orm_exec(st->session, q, NULL);
	orm_query_free(q);
	return r;
}

/* A million of them would take longer than one statement may. */
static int forgive_sources(struct store *st)
{
	int64_t from_ms = -1, until_ms = 0;
	int r = 0;

	while (!r && until_ms != INT64_MAX) {
		r = forgive_until(st, from_ms, &until_ms);
		if (!r)
			r = forgive_some(st, from_ms, until_ms);
		from_ms = until_ms;
	}
	return r;
}

static int clear_rows(struct store *st, const struct store_op *op)
{
	const char *origin = op->table == T(ban) ? op->row.ban.origin : "";
	struct orm_query *q;
	char pattern[STORE_NAME_MAX + 2];
	int r = op->table == T(ban) && !*origin ? forgive_sources(st) : 0;

	if (r)
		return r;
	q = orm_delete(st->session, op->table);
	if (*origin) {
		orm_where(q, orm_eq(C(ban, origin), V(origin)));
	} else if (op->table == T(setting)) {
		snprintf(pattern, sizeof(pattern), "%s%%", op->key);
		orm_where(q, orm_like(C(setting, name), V((const char *)pattern)));
	} else {
		orm_every_row(q);
	}
	r = orm_exec(st->session, q, NULL);
	orm_query_free(q);
	return r;
}

/* The acts [first, stop), none of which clears. */
static int write_some(struct store *st, const struct store_op *first, const struct store_op *stop)
{
	struct store_op **ops = st->group.order;
	uint32_t n = last_of_each(st, first, stop), begin, end;
	int r;

	for (begin = 0; begin < n; begin = end) {
		for (end = begin + 1; end < n && ops[end]->table == ops[begin]->table; end++)
			;
		r = put_rows(st, ops + begin, end - begin);
		if (!r)
			r = remove_rows(st, ops + begin, end - begin);
		if (r)
			return r;
	}
	return 0;
}

static int write_rows(struct store *st)
{
	const struct store_op *first = st->flight.first;
	int r = 0;

	for (const struct store_op *op = first; op && !r; op = op->next) {
		if (!op->clears)
			continue;
		r = write_some(st, first, op);
		if (!r)
			r = clear_rows(st, op);
		first = op->next;
	}
	return r ? r : write_some(st, first, NULL);
}

/* ---- 3. records ---- */

static int write_records(struct store *st)
{
	struct orm_batch batch = {.table = T(audit), .rows = st->group.records};
	struct store_head head = {0};
	int r = 0;

	for (const struct store_op *op = st->flight.first; op && !r; op = op->next) {
		if (op->quiet)
			continue;
		if (!batch.count)
			r = store_head_lock(st->session, &head);
		if (!r)
			r = store_head_next(&head, &op->record, st->group.hashes[batch.count],
					    &st->group.records[batch.count]);
		batch.count++;
	}
	if (r || !batch.count)
		return r;
	r = orm_insert_batch(st->session, &batch, NULL);
	return r ? r : store_head_save(st->session, &head);
}

/* Other writers of the same database: a transaction that met one is run again at once. */
static bool met_another(int r, unsigned *tries)
{
	return (r == ORM_E_SERIALIZATION || r == ORM_E_DEADLOCK) && (*tries)++ < TRIES_MAX;
}

static int write_once(struct store *st)
{
	bool done = false;
	int r = orm_begin(st->session, NULL);

	if (r)
		return r;
	r = check_number(st, &done);
	if (!r)
		st->unknown = false;
	if (!r && !done)
		r = put_number(st, st->batch + 1);
	if (!r && !done)
		r = write_rows(st);
	if (!r && !done)
		r = write_records(st);
	if (!r && !done) {
		r = orm_commit(st->session);
		st->unknown = r != 0; /* whatever it says: it may be in the WAL */
	}
	if (orm_in_transaction(st->session))
		orm_rollback(st->session);
	if (!r)
		st->batch++;
	return r;
}

int store_group_write(struct store *st)
{
	unsigned tries = 0;
	int r;

	do {
		r = write_once(st);
	} while (met_another(r, &tries));
	return r;
}

/* ---- sources ---- */

int store_sources_write(struct store *st)
{
	struct store_group *g = &st->group;
	struct orm_batch batch = {
		.table = T(source),
		.rows = g->sources,
		.count = g->out_count,
		.conflict = key_of(T(source)),
		.update = outside_key(T(source)),
	};
	unsigned tries = 0;
	int r;

	for (uint32_t i = 0; i < g->out_count; i++)
		g->sources[i] = store_source_row(&g->out[i], g->cidrs[i]);
	do {
		r = orm_insert_batch(st->session, &batch, NULL);
	} while (met_another(r, &tries));
	return r;
}

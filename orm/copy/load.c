/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first pass over a table: rows stream from the source's cursor into COPY (PostgreSQL) or a
 * prepared INSERT (SQLite), `batch` of them in a transaction that also says how far it came. After
 * a crash the target has whole batches and orm_copy the key of the last row of the last one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <strazh/orm/batch.h>
#include <strazh/orm/query.h>

#include <orm/copy/copy.h>

struct feed {
	struct copy_scan scan;
	struct copy_table *t;
	uint64_t most; /* rows of a batch */
	uint64_t rows; /* given in this batch */
	uint64_t bytes;
	struct copy_sum sum;
	bool ended;
	int failed; /* of the source; the error is in copier.err */
};

static int feed_next(void *data, const void **ret_row)
{
	struct feed *f = data;
	int r;

	if (f->rows == f->most)
		return ORM_E_END;
	r = copy_scan_next(&f->scan);
	if (r) {
		f->failed = r;
		return r;
	}
	f->ended = !f->scan.row;
	if (f->ended)
		return ORM_E_END;
	f->rows++;
	f->bytes += f->scan.row_bytes;
	copy_sum_add(&f->sum, &f->scan.digest);
	*ret_row = f->scan.row;
	return 0;
}

/* What the batch did, into the table's record, which is saved with it. */
static int advance(struct copier *c, struct feed *f, int64_t began_ms)
{
	struct copy_table *t = f->t;

	t->rows += f->rows;
	t->bytes += f->bytes;
	t->took_ms += (uint64_t)MAX(copy_now_ms() - began_ms, 0);
	t->line->copied += f->rows;
	copy_sum_add(&t->digest, &f->sum);
	t->state = f->ended ? COPY_COPIED : COPY_COPYING;
	/* The scan keeps the key of its last row. */
	t->last_key.len = 0;
	if (t->key && !f->ended &&
	    copy_buffer_add(&t->last_key, f->scan.before.data, f->scan.before.len))
		return copy_fail(c, -ENOMEM, "no memory for a key");
	return copy_state_save(c, t);
}

static int empty_target(struct copier *c, const struct copy_table *t)
{
	struct orm_query *q = orm_delete(c->to, t->t);
	int r;

	orm_every_row(q);
	r = orm_exec(c->to, q, NULL);
	orm_query_free(q);
	return copy_took(c, c->to, r);
}

static int load_batch(struct copier *c, struct feed *f)
{
	struct orm_load load = {
		.table = f->t->t, .mask = ORM_MASK_ALL, .next = feed_next, .data = f};
	int64_t began_ms = copy_now_ms();
	int r = copy_took(c, c->to, orm_begin(c->to, NULL));

	f->rows = f->bytes = 0;
	f->sum = (struct copy_sum){{0}};
	if (!r && !f->t->key)
		r = empty_target(c, f->t);
	if (!r) {
		struct orm_error source;

		r = orm_load(c->to, &load, NULL);
		source = c->err;
		r = copy_took(c, c->to, r);
		if (f->failed)
			c->err = source;
	}
	if (!r)
		r = advance(c, f, began_ms);
	if (!r)
		r = copy_took(c, c->to, orm_commit(c->to));
	if (r)
		orm_rollback(c->to);
	return r;
}

static int load_rest(struct copier *c, struct copy_table *t, const void *after)
{
	struct feed f = {.t = t, .most = t->key ? c->batch : UINT64_MAX};
	int r = copy_scan_open(&f.scan, c, c->from, t, after);

	while (!r && !f.ended) {
		r = load_batch(c, &f);
		if (!r)
			r = copy_tell(c, t, 0, t->rows, t->bytes);
	}
	copy_scan_close(&f.scan);
	return r;
}

int copy_load_table(struct copier *c, struct copy_table *t)
{
	own_free void *after = NULL;

	if (!t->key) {
		t->digest = (struct copy_sum){{0}};
		t->rows = t->bytes = 0;
	}
	if (!t->key || !t->last_key.len)
		return load_rest(c, t, NULL);
	after = malloc(t->t->size);
	if (!after)
		return copy_fail(c, -ENOMEM, "no memory for a key");
	if (!copy_key_load(t, &t->last_key, after))
		return copy_fail(c, ORM_E_SCHEMA, "table '%s': the key in orm_copy is damaged",
				 t->t->name);
	return load_rest(c, t, after);
}

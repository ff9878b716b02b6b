/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the target's rows as the source's, in batches: what is gone is deleted, the rest is
 * written over what is there (ON CONFLICT of the primary key DO UPDATE).
 *
 * A batch may fail although the source is sound, because the rows that it would have to come before
 * or after are in other batches: a parent deleted before its child, a unique value taken over from
 * a row that is deleted later. Then its rows are tried one by one, each under a savepoint, and
 * those that still fail are left for the next pass. When a pass could do nothing at all, as when
 * two rows have swapped a unique value, the next ones delete what changed before they write.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <strazh/orm/batch.h>
#include <strazh/orm/query.h>

#include <orm/copy/copy.h>
#include <orm/table/row.h>
#include <orm/table/rowset.h>

#define ROWS_MAX ((size_t)64 << 20) /* bytes of rows held, before the batch is written */
#define ARENA_MAX ((size_t)2 << 30)

int copy_repair_init(struct copy_repair *p, struct copier *c, struct copy_table *t)
{
	*p = (struct copy_repair){.c = c, .t = t};
	arena_init(&p->arena, ARENA_MAX);
	p->entries = calloc(c->batch, sizeof(*p->entries));
	return p->entries ? 0 : copy_fail(c, -ENOMEM, "no memory for a batch");
}

void copy_repair_deinit(struct copy_repair *p)
{
	arena_deinit(&p->arena);
	free(p->entries);
	p->entries = NULL;
}

/* ---- collecting ---- */

static int copy_row(struct copy_repair *p, const void *row, uint64_t mask, void **ret_row)
{
	const struct orm_table *t = p->t->t;
	char *copy = arena_alloc(&p->arena, t->size);
	int r = copy ? 0 : -ENOMEM;

	if (copy)
		memset(copy, 0, t->size);
	for (unsigned i = 0; i < t->count && !r; i++) {
		struct orm_value v = orm_row_get(t, i, row), mine;

		if (!(mask >> i & 1))
			continue;
		r = orm_value_copy(&p->arena, &v, &mine);
		if (!r)
			r = orm_row_put(t, i, copy, &mine);
	}
	if (r)
		return copy_fail(p->c, r, "no memory for a row of '%s'", t->name);
	*ret_row = copy;
	return 0;
}

static int collect(struct copy_repair *p, const void *row, uint64_t mask, struct copy_entry entry)
{
	int r = 0;

	if (p->count == p->c->batch || p->arena.total > ROWS_MAX)
		r = copy_repair_flush(p);
	if (!r)
		r = copy_row(p, row, mask, &entry.row);
	if (!r)
		p->entries[p->count++] = entry;
	return r;
}

int copy_repair_put(struct copy_repair *p, const void *row, const struct copy_sum *digest,
		    const struct copy_sum *old)
{
	struct copy_entry e = {.new = *digest, .had = old};

	if (old)
		e.old = *old;
	return collect(p, row, ORM_MASK_ALL, e);
}

int copy_repair_drop(struct copy_repair *p, const void *row, const struct copy_sum *old)
{
	return collect(p, row, p->t->key,
		       (struct copy_entry){.drop = true, .had = true, .old = *old});
}

/* ---- writing ---- */

static int delete_row(struct copy_repair *p, const void *row)
{
	struct orm_query *q = orm_delete(p->c->to, p->t->t);
	int r;

	copy_key_is(p->t, row, q);
	r = orm_exec(p->c->to, q, NULL);
	orm_query_free(q);
	return r;
}

/* Rows of an array, over those that are there. */
static int write_rows(struct copy_repair *p, const void *rows, size_t n)
{
	char names[COPY_KEY_COLUMNS * (ORM_NAME_MAX + 2) + 1];
	const struct orm_table *t = p->t->t;
	size_t used = 0;
	struct orm_batch batch = {.table = t,
				  .rows = rows,
				  .count = n,
				  .mask = ORM_MASK_ALL,
				  .conflict = names,
				  .update = ~p->t->key};

	if (t->count < 64)
		batch.update &= (1ULL << t->count) - 1;
	for (unsigned i = 0; i < t->count; i++)
		if (p->t->key >> i & 1)
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
						 used ? ", " : "", t->columns[i].name);
	return orm_insert_batch(p->c->to, &batch, NULL);
}

static int write_all(struct copy_repair *p)
{
	size_t size = p->t->t->size, n = 0;
	own_free char *rows = malloc(p->count * size);
	int r = 0;

	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < p->count && !r; i++) {
		struct copy_entry *e = &p->entries[i];

		if (e->drop || (e->had && p->c->replace))
			r = delete_row(p, e->row);
		if (!e->drop)
			memcpy(rows + n++ * size, e->row, size);
	}
	return r || !n ? r : write_rows(p, rows, n);
}

static void count_done(struct copy_repair *p, const struct copy_entry *e)
{
	p->done++;
	if (e->had) {
		copy_sum_add(&p->removed, &e->old);
		copy_sum_sub(&p->t->digest, &e->old);
	}
	if (!e->drop) {
		copy_sum_add(&p->added, &e->new);
		copy_sum_add(&p->t->digest, &e->new);
	}
}

/* Another row stands in its way: not for ever, unless the two databases' constraints differ. */
static bool may_wait(int r)
{
	return r == ORM_E_UNIQUE || r == ORM_E_FOREIGN_KEY;
}

/*
 * The row cannot be written because of another one that waits for it: it is deleted, and is written
 * again when the next pass finds it missing.
 */
static int give_way(struct copy_repair *p, const struct copy_entry *e)
{
	struct copy_entry gone = *e;
	int r = delete_row(p, e->row);

	gone.drop = true;
	if (!r)
		count_done(p, &gone);
	return r;
}

/* One row under its savepoint. */
static int write_one(struct copy_repair *p, const struct copy_entry *e)
{
	struct orm_session *to = p->c->to;
	int r = e->drop ? delete_row(p, e->row) : write_rows(p, e->row, 1);

	if (!r) {
		count_done(p, e);
		return orm_release(to, "orm_copy");
	}
	if (!may_wait(r))
		return r;
	p->last = *orm_error(to);
	p->left++;
	r = orm_rollback_to(to, "orm_copy");
	if (r || !p->c->replace || e->drop || !e->had)
		return r;
	r = give_way(p, e);
	return may_wait(r) ? orm_rollback_to(to, "orm_copy") : r;
}

static int write_each(struct copy_repair *p)
{
	struct orm_session *to = p->c->to;
	int r = 0;

	for (size_t i = 0; i < p->count && !r; i++) {
		r = orm_savepoint(to, "orm_copy");
		if (!r)
			r = write_one(p, &p->entries[i]);
	}
	return r;
}

static int write_batch(struct copy_repair *p)
{
	struct copier *c = p->c;
	int r = orm_begin(c->to, NULL);

	if (!r)
		r = orm_savepoint(c->to, "orm_copy_batch");
	if (r)
		return copy_took(c, c->to, r);
	r = write_all(p);
	if (!r) {
		for (size_t i = 0; i < p->count; i++)
			count_done(p, &p->entries[i]);
	} else if (may_wait(r)) {
		r = orm_rollback_to(c->to, "orm_copy_batch");
		if (!r)
			r = write_each(p);
	}
	r = r == -ENOMEM ? copy_fail(c, r, "no memory for a batch") : copy_took(c, c->to, r);
	if (!r)
		r = copy_state_save(c, p->t);
	return r ? r : copy_took(c, c->to, orm_commit(c->to));
}

int copy_repair_flush(struct copy_repair *p)
{
	int r = p->count ? write_batch(p) : 0;

	if (r)
		orm_rollback(p->c->to);
	p->count = 0;
	arena_reset(&p->arena);
	return r;
}

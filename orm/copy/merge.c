/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing a table. Both sides are read once in the order of keys, like two sorted lists that are
 * merged: a key that one side lacks is missing or gone, a key of both with two digests is changed.
 * Neither database could digest its rows in a form that the other one shares, so rows have to come
 * here in any case, and nothing is gained by asking for sums of ranges first.
 *
 * Without a primary key there is nothing to merge by: the sums are compared, which stand for the
 * rows as often as each occurs, and the table is copied anew when they differ.
 */
#include <stdio.h>
#include <string.h>

#include <orm/copy/copy.h>

struct merge {
	struct copier *c;
	struct copy_table *t;
	struct copy_scan from, seen;
	struct copy_repair repair;
	bool repairs;
	unsigned keys;
};

static void name_key(struct merge *m, const void *row, const char *what)
{
	char key[100];

	if (m->keys == ORM_COPY_KEYS)
		return;
	copy_key_print(m->t, row, key, sizeof(key));
	snprintf(m->t->line->key[m->keys++], sizeof(m->t->line->key[0]), "%s: %s", key, what);
}

static int missing(struct merge *m)
{
	m->t->line->missing++;
	name_key(m, m->from.row, "missing");
	if (!m->repairs)
		return 0;
	return copy_repair_put(&m->repair, m->from.row, &m->from.digest, NULL);
}

static int gone(struct merge *m)
{
	m->t->line->gone++;
	name_key(m, m->seen.row, "not in the source");
	return m->repairs ? copy_repair_drop(&m->repair, m->seen.row, &m->seen.digest) : 0;
}

static int both(struct merge *m)
{
	if (copy_sum_same(&m->from.digest, &m->seen.digest))
		return 0;
	m->t->line->changed++;
	name_key(m, m->from.row, "changed");
	if (!m->repairs)
		return 0;
	return copy_repair_put(&m->repair, m->from.row, &m->from.digest, &m->seen.digest);
}

static int step(struct merge *m)
{
	int d = !m->from.row   ? 1
		: !m->seen.row ? -1
			       : copy_key_compare(m->t, m->from.row, m->seen.row);
	int r = d < 0 ? missing(m) : d > 0 ? gone(m) : both(m);

	if (!r && d <= 0)
		r = copy_scan_next(&m->from);
	if (!r && d >= 0)
		r = copy_scan_next(&m->seen);
	return r;
}

static int merge_rows(struct merge *m, unsigned pass)
{
	uint64_t next = m->c->batch;
	int r = copy_scan_next(&m->from);

	if (!r)
		r = copy_scan_next(&m->seen);
	while (!r && (m->from.row || m->seen.row)) {
		r = step(m);
		if (!r && m->from.rows >= next) {
			next = m->from.rows + m->c->batch;
			r = copy_tell(m->c, m->t, pass, m->from.rows, m->from.bytes);
		}
	}
	if (!r && m->repairs)
		r = copy_repair_flush(&m->repair);
	return r;
}

static int drain(struct copy_scan *scan)
{
	int r = copy_scan_next(scan);

	while (!r && scan->row)
		r = copy_scan_next(scan);
	return r;
}

/* No key: all or nothing. */
static int compare_sums(struct merge *m)
{
	struct orm_copy_line *l = m->t->line;
	int r = drain(&m->from);

	if (!r)
		r = drain(&m->seen);
	if (r || (copy_sum_same(&m->from.sum, &m->seen.sum) && m->from.rows == m->seen.rows))
		return r;
	l->changed = MAX(m->from.rows, m->seen.rows);
	snprintf(l->key[0], sizeof(l->key[0]), "the table, which has no primary key");
	if (!m->repairs)
		return 0;
	copy_scan_close(&m->from); /* its session has one cursor */
	return copy_load_table(m->c, m->t);
}

static void clear_line(struct orm_copy_line *l)
{
	l->missing = l->changed = l->gone = l->left = 0;
	memset(l->key, 0, sizeof(l->key));
}

/* What the pass found; and what the target has now, as far as this run knows. */
static void tell_line(struct merge *m, unsigned pass)
{
	struct copy_table *t = m->t;
	struct orm_copy_line *l = t->line;

	l->pass = pass;
	l->rows = m->from.rows;
	l->bytes = m->from.bytes;
	l->target_rows = m->seen.rows;
	copy_sum_emit(&m->from.sum, l->source_sum);
	copy_sum_emit(&m->seen.sum, l->target_sum);
	l->left = t->left = m->repair.left;
	t->mended = m->repair.done;
	t->differed = l->missing + l->changed + l->gone;
}

static int open_sides(struct merge *m)
{
	int r = copy_scan_open(&m->from, m->c, m->c->from, m->t, NULL);

	return r ? r : copy_scan_open(&m->seen, m->c, m->c->seen, m->t, NULL);
}

int copy_compare_table(struct copier *c, struct copy_table *t, unsigned pass, bool repair)
{
	struct merge m = {.c = c, .t = t, .repairs = repair};
	int r = copy_repair_init(&m.repair, c, t);

	clear_line(t->line);
	if (!r)
		r = open_sides(&m);
	if (!r)
		r = t->key ? merge_rows(&m, pass) : compare_sums(&m);
	if (!r)
		tell_line(&m, pass);
	if (!r && repair && t->key) {
		t->digest = m.seen.sum;
		copy_sum_sub(&t->digest, &m.repair.removed);
		copy_sum_add(&t->digest, &m.repair.added);
		t->rows = m.from.rows;
		t->bytes = m.from.bytes;
	}
	if (!r && m.repair.left && !m.repair.done)
		c->err = m.repair.last;
	copy_scan_close(&m.from);
	copy_scan_close(&m.seen);
	copy_repair_deinit(&m.repair);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a table once, row by row and in constant memory: one cursor in the session's transaction,
 * in the order of keys. That the order is what copy_key_compare() says is checked at each row: were
 * it another one, comparing would find differences where there are none.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <orm/copy/copy.h>

int copy_scan_open(struct copy_scan *scan, struct copier *c, struct orm_session *s,
		   const struct copy_table *t, const void *after)
{
	enum orm_dialect dialect = orm_dialect(orm_session_db(s));

	*scan = (struct copy_scan){.c = c, .s = s, .t = t};
	scan->last = malloc(t->t->size);
	if (!scan->last)
		return copy_fail(c, -ENOMEM, "no memory for a row");
	scan->q = orm_select(s, t->t);
	if (t->key)
		copy_key_order(t, dialect, scan->q);
	if (after)
		copy_key_after(t, dialect, after, scan->q);
	return copy_took(c, s, orm_cursor_open(s, scan->q, t->t, &scan->cursor));
}

static bool has_null_key(const struct copy_scan *scan)
{
	uint64_t null;

	memcpy(&null, scan->row, sizeof(null));
	return null & scan->t->key;
}

/* The row's key comes behind the one before, which is kept in `before` and, as a row, in `last`. */
static int check_order(struct copy_scan *scan)
{
	const struct copy_table *t = scan->t;
	struct copier *c = scan->c;

	if (!t->key)
		return 0;
	if (has_null_key(scan))
		return copy_fail(c, ORM_E_VALUE, "table '%s': NULL in its primary key", t->t->name);
	if (scan->rows && copy_key_compare(t, scan->last, scan->row) >= 0)
		return copy_fail(c, ORM_E_STATE,
				 "table '%s': the database does not sort its primary key as it has "
				 "to be sorted",
				 t->t->name);
	if (copy_key_store(t, scan->row, &scan->before))
		return copy_fail(c, -ENOMEM, "no memory for a key");
	return copy_key_load(t, &scan->before, scan->last)
		       ? 0
		       : copy_fail(c, ORM_E_STATE, "table '%s': a key was not kept", t->t->name);
}

int copy_scan_next(struct copy_scan *scan)
{
	struct copier *c = scan->c;
	int r = orm_cursor_next(scan->cursor, &scan->row);

	if (r) {
		scan->row = NULL;
		return r == ORM_E_END ? 0 : copy_took(c, scan->s, r);
	}
	r = copy_row_digest(&c->digester, scan->t->t, scan->row, &scan->digest, &scan->row_bytes,
			    &c->err);
	if (!r)
		r = check_order(scan);
	if (r)
		return r;
	scan->rows++;
	scan->bytes += scan->row_bytes;
	copy_sum_add(&scan->sum, &scan->digest);
	return 0;
}

void copy_scan_close(struct copy_scan *scan)
{
	orm_cursor_close(scan->cursor);
	orm_query_free(scan->q);
	free(scan->before.data);
	free(scan->last);
	scan->last = NULL;
	scan->cursor = NULL;
	scan->q = NULL;
	scan->before = (struct copy_buffer){0};
}

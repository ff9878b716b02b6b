/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What programs do most with one row, each a query of builders and one call:
 *
 *	struct ban ban = {.cidr = "192.0.2.0/24", .score = 0.5};
 *
 *	orm_insert_row(s, T(ban), &ban, &ban.id);
 *	orm_get(s, T(ban), &(struct ban){.id = 7}, &ban);
 *	ban.score = 0.9;
 *	orm_update_row(s, T(ban), &ban, ORM_BIT(ban, score));
 *	orm_delete_row(s, T(ban), &ban);
 *
 * A row is known by its primary key. ORM_E_QUERY: the table has none; ORM_E_VALUE: a column of the
 * key is NULL. Else as session.h says. Many rows at once: batch.h and, as an upsert by any unique
 * key, orm_seed_rows().
 */
#ifndef STRAZH_ORM_SHORTCUT_H
#define STRAZH_ORM_SHORTCUT_H

#include <strazh/orm/session.h>

#pragma GCC visibility push(default)

/*
 * The row with this key; of the struct `key` no other columns are read, and it may be *ret_row
 * itself. ORM_E_END: there is none. Texts live as those of orm_first().
 */
int orm_get(struct orm_session *s, const struct orm_table *table, const void *key,
	    void *ret_row) ORM_MUST_CHECK;
/* One row, all of its columns; an AUTO column that is 0 is numbered by the database. *ret_id (may
 * be NULL): its number; ORM_E_QUERY when the table has no AUTO column. */
int orm_insert_row(struct orm_session *s, const struct orm_table *table, const void *row,
		   int64_t *ret_id) ORM_MUST_CHECK;
/* Insert it, or make the row with this key be as this one. With an AUTO key that is 0: insert. */
int orm_put(struct orm_session *s, const struct orm_table *table, const void *row) ORM_MUST_CHECK;
/* Set the columns of `mask`, 0 all, but the key, as in the struct. ORM_E_END: no row has the key.
 */
int orm_update_row(struct orm_session *s, const struct orm_table *table, const void *row,
		   uint64_t mask) ORM_MUST_CHECK;
/* ORM_E_END: no row has the key. */
int orm_delete_row(struct orm_session *s, const struct orm_table *table,
		   const void *key) ORM_MUST_CHECK;
/* How many rows this SELECT gives, LIMIT and all; they stay in the database. */
int orm_count_rows(struct orm_session *s, const struct orm_query *q,
		   uint64_t *ret_count) ORM_MUST_CHECK;

#pragma GCC visibility pop

#endif

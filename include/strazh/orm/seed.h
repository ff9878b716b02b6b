/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeds: rows that have to be there. Each is inserted, or updates the row with the same key, so
 * that seeding again changes nothing more. Factories: rows for tests, as many as wanted, the same
 * for the same seed number.
 */
#ifndef STRAZH_ORM_SEED_H
#define STRAZH_ORM_SEED_H

#include <strazh/orm/session.h>

#pragma GCC visibility push(default)

/*
 * Rows, an array of the table's struct. `mask`: the columns that count, 0 all but AUTO. The key is
 * the primary key, when all of it is among them; else the first UNIQUE of which that holds; else
 * ORM_E_QUERY. Columns of the key are not changed, the others become what the row says. All rows or
 * none: in the session's transaction, or one of its own. orm_error()->row says which one failed.
 */
int orm_seed_rows(struct orm_session *s, const struct orm_table *table, const void *rows,
		  size_t count, uint64_t mask) ORM_MUST_CHECK;
/*
 * {"table": [{...}, ...], ...} of these tables, as json.h reads rows; a member that a row does not
 * have is left to the database, or as it is. Tables are filled in the order of their foreign keys,
 * whatever that of the text. SECRET columns may be given.
 */
int orm_seed_json(struct orm_session *s, const struct orm_table *const *tables, size_t n,
		  const char *text, size_t len) ORM_MUST_CHECK;

/* ---- factories ---- */

struct orm_factory;

/*
 * Values follow from the seed, the table's name and the number of the row. NN columns have one,
 * others are NULL in one row of eight; columns of the primary key and of each UNIQUE differ from
 * row to row. AUTO columns are 0. A CHECK is not understood and a foreign key not followed: such a
 * column is NULL, or when it may not be it has to be set.
 */
int orm_factory_new(const struct orm_table *table, uint64_t seed, struct orm_factory **ret_factory,
		    struct orm_error *ret_error) ORM_MUST_CHECK;
void orm_factory_free(struct orm_factory *factory);
/*
 * From now on the column has this value, in every row; what it points to is borrowed until the
 * factory is freed. ORM_E_QUERY: no such column, ORM_E_VALUE: it does not fit.
 */
int orm_factory_set(struct orm_factory *factory, const char *column,
		    struct orm_value value) ORM_MUST_CHECK;
/* The next row; its texts live until the factory is freed. ORM_E_VALUE: a column that has to be
 * set, or that has no more values that differ; ORM_E_TOO_BIG: more than 64 MiB of rows. */
int orm_factory_make(struct orm_factory *factory, void *ret_row,
		     struct orm_error *ret_error) ORM_MUST_CHECK;

#pragma GCC visibility pop

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many rows of one table. The way is chosen by their number: on PostgreSQL a pipeline of INSERTs,
 * INSERT ... SELECT FROM UNNEST, or binary COPY; on SQLite one prepared INSERT in one transaction.
 * All rows or none; a failure names the row (orm_error()->row), SQLSTATE and constraint.
 */
#ifndef STRAZH_ORM_BATCH_H
#define STRAZH_ORM_BATCH_H

#include <strazh/orm/session.h>

#pragma GCC visibility push(default)

enum orm_batch_way { ORM_BATCH_AUTO, ORM_BATCH_ROWS, ORM_BATCH_UNNEST, ORM_BATCH_COPY };

struct orm_batch {
	const struct orm_table *table;
	const void *rows; /* array of the table's struct */
	size_t count;
	uint64_t mask;		/* columns to write; 0: all but AUTO columns */
	enum orm_batch_way way; /* AUTO, unless measured better */
	/* ON CONFLICT, NULL: an error. Columns of the target; then DO NOTHING, or update of
	 * `update`. */
	const char *conflict; /* "cidr", "a, b": names of columns */
	uint64_t update;      /* columns set to the new row's; 0: do nothing */
};

int orm_insert_batch(struct orm_session *s, const struct orm_batch *batch,
		     uint64_t *ret_inserted) ORM_MUST_CHECK;

/*
 * Load from a source that gives rows one after the other: bulk import in constant memory. next()
 * returns 0 with a row (borrowed until its next call), ORM_E_END, or an error that ends the load.
 * It may not use the session. It is asked once for each row: what failed is not run again, whatever
 * the class of the error; after ORM_E_CONNECTION nothing was loaded.
 * drop_indexes: those that are declared and not unique are dropped first and built again after, in
 * the same transaction; for a table that nobody else writes meanwhile.
 */
struct orm_load {
	const struct orm_table *table;
	uint64_t mask;
	int (*next)(void *data, const void **ret_row);
	void *data;
	bool drop_indexes;
};
int orm_load(struct orm_session *s, const struct orm_load *load, uint64_t *ret_rows) ORM_MUST_CHECK;

#pragma GCC visibility pop

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Many rows into PostgreSQL: by INSERT, in a pipeline, by COPY. */
#ifndef STRAZH_ORM_PG_BULK_H
#define STRAZH_ORM_PG_BULK_H

#include <orm/drivers/pg/conn.h>

/* ---- insert.c ---- */
int pg_insert(struct orm_conn *conn, const struct orm_rows *rows, enum orm_batch_way way,
	      const char *conflict, uint64_t *ret_inserted, struct orm_error *err) must_check;

/* ---- many.c ---- */
/*
 * One statement with many rows of values, in one pipeline: all are done or none. next() as of
 * struct orm_source. ret_changed: rows written by all; err->row: which execution failed. Rows that
 * the statement returns are thrown away.
 */
int pg_run_many(struct orm_conn *conn, const struct orm_stmt *stmt,
		int (*next)(void *data, const struct orm_value **ret_values), void *data,
		uint64_t *ret_changed, struct orm_error *err) must_check;

/* ---- load.c ---- */
/* Letters, digits, '_': what may stand between quotes as it is. */
bool pg_is_name(const char *name);
int pg_load(struct orm_conn *conn, const struct orm_source *source, uint64_t *ret_rows,
	    struct orm_error *err) must_check;

#endif

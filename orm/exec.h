/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a query: from words to rows, with what may be run again when a connection breaks. Rows
 * go to a sink, which does not know whether they come from a connection or from a group commit.
 */
#ifndef STRAZH_ORM_EXEC_H
#define STRAZH_ORM_EXEC_H

#include <orm/session.h>

/* Where the current row is read from. */
struct rows {
	struct orm_session *session;
	struct orm_shape *shape;
	struct orm_conn *conn; /* NULL: `set` */
	const struct orm_rowset *set;
	size_t at; /* row of the set */
};

unsigned rows_columns(const struct rows *rows);
const char *rows_name(const struct rows *rows, unsigned column);
/* Borrowed until the next row. */
int rows_value(const struct rows *rows, unsigned column, struct orm_value *ret_value) must_check;
/* Does the result fit the struct? Sets the session's error when it does not. */
int rows_fit(const struct rows *rows, const struct orm_table *row) must_check;
/* The current row into a struct, its texts borrowed. */
int rows_struct(const struct rows *rows, const struct orm_table *row, void *ret_row) must_check;

struct sink {
	/* Before the first row of an attempt; an earlier attempt's rows are to be forgotten. */
	int (*begin)(struct sink *sink, const struct rows *rows);
	/* 0: go on; ORM_E_END: enough; else the query fails. */
	int (*row)(struct sink *sink, const struct rows *rows);
};

/* sink NULL: rows are not wanted. */
int exec_query(struct orm_session *s, struct orm_query *q, struct sink *sink,
	       uint64_t *ret_changed) must_check;

/* ---- for cursors ---- */

/* Checked and rendered. The session's: until its next query. */
int exec_shape(struct orm_session *s, struct orm_query *q, struct orm_shape **ret_shape) must_check;
bool exec_writes(const struct orm_session *s, const struct orm_shape *shape);
/* After a failure: what it means for the session's transaction. */
int exec_failed(struct orm_session *s, int class);

#endif

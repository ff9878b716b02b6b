/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a running query, wherever they come from, and where they go. */
#ifndef STRAZH_ORM_ROWS_H
#define STRAZH_ORM_ROWS_H

#include <orm/run/session.h>

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
/* Is it one column? */
int rows_single(const struct rows *rows) must_check;
/* The current row into a struct, its texts borrowed. */
int rows_struct(const struct rows *rows, const struct orm_table *row, void *ret_row) must_check;

struct sink {
	const struct orm_table *into; /* structs of it; NULL: values */
	bool single;		      /* values of one column */
	/* Before the first row of an attempt; an earlier attempt's rows are to be forgotten. */
	int (*begin)(struct sink *sink, const struct rows *rows);
	/* 0: go on; ORM_E_END: enough; else the query fails. */
	int (*row)(struct sink *sink, const struct rows *rows);
};

/* Before anything is sent: will the columns of the query fit? Of a raw text only begin() knows. */
int sink_fits(const struct sink *sink, struct orm_session *s, struct orm_shape *shape) must_check;

/* All rows into memory, as values. */
struct collect {
	struct sink sink;
	struct orm_rowset *set;
};
void collect_init(struct collect *collect, struct orm_rowset *set);
/* The rows of rows->set into the sink. */
int rows_deliver(struct rows *rows, struct sink *sink) must_check;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a query: from words to rows, with what may be run again when a connection breaks. Rows
 * go to a sink, which does not know whether they come from a connection or from a group commit.
 */
#ifndef STRAZH_ORM_EXEC_H
#define STRAZH_ORM_EXEC_H

#include <orm/run/rows.h>

/* sink NULL: rows are not wanted. */
int exec_query(struct orm_session *s, struct orm_query *q, struct sink *sink,
	       uint64_t *ret_changed) must_check;

/* ---- for cursors and batches ---- */

/* Let the guard, if there is one, see the texts among these values. */
void exec_show(struct orm_session *s, const struct orm_value *values, size_t n);

/* Checked and rendered. The session's: until its next query. */
int exec_shape(struct orm_session *s, struct orm_query *q, struct orm_shape **ret_shape) must_check;
bool exec_writes(const struct orm_shape *shape);
/* After a failure: what it means for the session's transaction. */
int exec_failed(struct orm_session *s, int class);

#endif

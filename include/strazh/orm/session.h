/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running queries. A session is for one thread at a time; it holds a connection only while a
 * transaction or a cursor is open, and remembers what it wrote, so that it reads its own writes
 * from replicas too.
 *
 * All functions return as error.h says; orm_error() has the details until the next call.
 */
#ifndef STRAZH_ORM_SESSION_H
#define STRAZH_ORM_SESSION_H

#include <strazh/orm/db.h>
#include <strazh/orm/query.h>

#pragma GCC visibility push(default)

struct orm_session;
struct orm_result;
struct orm_cursor;

int orm_session_open(struct orm *db, struct orm_session **ret_session) ORM_MUST_CHECK;
/* Rolls back what is open, frees queries, results and the open cursor of it. NULL is fine. */
void orm_session_close(struct orm_session *s);
/* A database and one session of it, for a program that needs no more. */
int orm_connect(const char *url, struct orm_session **ret_session,
		struct orm_error *ret_error) ORM_MUST_CHECK;
void orm_disconnect(struct orm_session *s); /* closes both; NULL is fine */
/* Of the last call. Borrowed; until the next call. */
const struct orm_error *orm_error(const struct orm_session *s);
struct orm *orm_session_db(const struct orm_session *s);

/*
 * The promise of this session's writes. DURABLE: acknowledged when it survives a power cut.
 * RELAXED: when it survives a crash of the process; the last second may be lost at a power cut, and
 * on PostgreSQL when the server itself crashes.
 */
enum orm_promise { ORM_DEFAULT_PROMISE, ORM_DURABLE, ORM_RELAXED };
void orm_session_promise(struct orm_session *s, enum orm_promise promise);
/* For whom the session works: rates per client are counted under it (guard.h). Copied; 0 none. */
void orm_session_client(struct orm_session *s, uint64_t client);

/* ---- run ---- */

/* No rows are wanted. *ret_changed (may be NULL): rows inserted, updated or deleted. */
int orm_exec(struct orm_session *s, struct orm_query *q, uint64_t *ret_changed) ORM_MUST_CHECK;

/*
 * All rows, as an array of the structs of `row`. The query's columns must be as many as the struct
 * has, in order, and their types must fit; `row` NULL: values only, read by orm_result_value().
 */
int orm_fetch(struct orm_session *s, struct orm_query *q, const struct orm_table *row,
	      struct orm_result **ret_result) ORM_MUST_CHECK;
void orm_result_free(struct orm_result *result);
size_t orm_result_count(const struct orm_result *result);
/* const struct ip_ban *bans = orm_result_rows(result); texts live as long as the result. NULL when
 * there are no rows. */
const void *orm_result_rows(const struct orm_result *result);
unsigned orm_result_columns(const struct orm_result *result);
const char *orm_result_name(const struct orm_result *result, unsigned column);
/* Borrowed from the result. `row` and `column` must be of it. */
struct orm_value orm_result_value(const struct orm_result *result, size_t row, unsigned column);

/*
 * The first row into the caller's struct, or ORM_E_END when there is none. Texts of the struct live
 * until the session's next orm_first() or its close.
 */
int orm_first(struct orm_session *s, struct orm_query *q, const struct orm_table *row,
	      void *ret_row) ORM_MUST_CHECK;
/* The same for a query of one column. */
int orm_value(struct orm_session *s, struct orm_query *q,
	      struct orm_value *ret_value) ORM_MUST_CHECK;

/* ---- row by row, in constant memory ---- */

/*
 * While a cursor is open the session runs nothing else (ORM_E_STATE) but the end of its
 * transaction, which ends the cursor too; it is still to be closed. The query may be freed when
 * this returns. What was written by others meanwhile is not seen.
 */
int orm_cursor_open(struct orm_session *s, struct orm_query *q, const struct orm_table *row,
		    struct orm_cursor **ret_cursor) ORM_MUST_CHECK;
/* 0: *ret_row is the next row, until the next call. ORM_E_END after the last. */
int orm_cursor_next(struct orm_cursor *c, const void **ret_row) ORM_MUST_CHECK;
unsigned orm_cursor_columns(const struct orm_cursor *c);
struct orm_value orm_cursor_value(const struct orm_cursor *c, unsigned column);
void orm_cursor_close(struct orm_cursor *c);

/* ---- what would be sent ---- */

/* The SQL of the query, in the session's dialect; borrowed until the query changes. NULL: refused.
 */
const char *orm_sql(struct orm_session *s, struct orm_query *q);

#pragma GCC visibility pop

#endif

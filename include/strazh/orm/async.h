/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries without waiting, for programs with an event loop of their own. PostgreSQL only: SQLite
 * has no socket to wait for. One connection of its own, one thread at a time, any loop:
 *
 *	struct pollfd fd = {orm_async_fd(a), orm_async_events(a)};
 *	poll(&fd, 1, orm_async_timeout_ms(a));      -- or epoll, libev, ...: ask again each turn
 *	orm_async_on_ready(a);
 *
 * What is submitted in one turn goes out together in one pipeline, with one sync, and is answered
 * in the order in which it was submitted. Each statement stands for itself: when one of them fails,
 * what the server rolled back with it is sent again, so that the failure is told of that one only.
 *
 * A connection that breaks is made again. What had not been sent, and reads, are then sent (again);
 * so is a write of which the server said that it failed. A write that was sent and not answered is
 * told as ORM_E_UNKNOWN_OUTCOME and never sent twice.
 */
#ifndef STRAZH_ORM_ASYNC_H
#define STRAZH_ORM_ASYNC_H

#include <strazh/orm/db.h>
#include <strazh/orm/query.h>

#pragma GCC visibility push(default)

struct orm_async;

/* What became of a query: until the callback returns. */
struct orm_answer;
/* 0; or as error.h says, then orm_answer_error() has the details. */
int orm_answer_class(const struct orm_answer *answer);
const struct orm_error *orm_answer_error(const struct orm_answer *answer);
uint64_t orm_answer_changed(const struct orm_answer *answer);
size_t orm_answer_count(const struct orm_answer *answer);
unsigned orm_answer_columns(const struct orm_answer *answer);
const char *orm_answer_name(const struct orm_answer *answer, unsigned column);
struct orm_value orm_answer_value(const struct orm_answer *answer, size_t row, unsigned column);

/* May submit; may not close. */
typedef void (*orm_async_done)(void *data, const struct orm_answer *answer);

#define ORM_ASYNC_QUEUE_MAX 1024U /* when 0 is asked for */

/*
 * queue_max: queries that are not answered yet. Does not wait for the connection, which is made by
 * orm_async_on_ready(): a server that is down is told by the answers. ORM_E_STATE: SQLite.
 * ret_error may be NULL.
 */
int orm_async_open(struct orm *db, uint32_t queue_max, struct orm_async **ret_async,
		   struct orm_error *ret_error) ORM_MUST_CHECK;
/* What is not answered is told ORM_E_CANCELLED, or ORM_E_UNKNOWN_OUTCOME. Before the database is
 * closed; sessions whose queries were submitted may be closed earlier. NULL is fine. */
void orm_async_close(struct orm_async *a);

/*
 * 0; ORM_E_BUSY: the queue is full; or what is wrong with the query, and `done` is not called. The
 * query and its values may be freed when this returns.
 */
int orm_async_submit(struct orm_async *a, struct orm_query *q, orm_async_done done,
		     void *data) ORM_MUST_CHECK;

/* -1: there is nothing to wait for but time. It changes with each connection. */
int orm_async_fd(const struct orm_async *a);
short orm_async_events(const struct orm_async *a);   /* POLLIN, POLLOUT */
int orm_async_timeout_ms(const struct orm_async *a); /* -1: none */
/* The socket is ready, or the time is up, or neither: it never waits. Calls the callbacks. */
void orm_async_on_ready(struct orm_async *a);
/* Queries that are not answered yet. */
size_t orm_async_pending(const struct orm_async *a);

#pragma GCC visibility pop

#endif

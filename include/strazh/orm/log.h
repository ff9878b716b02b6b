/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slow-query log: statements that took longer than the option slow_ms. The library writes no
 * log; it calls a function. Values are never told: the SQL has parameters in their place, and in
 * the plan every number and text is replaced by '?'. (What a programmer wrote into the text of
 * orm_raw() is part of the SQL.)
 */
#ifndef STRAZH_ORM_LOG_H
#define STRAZH_ORM_LOG_H

#include <strazh/orm/db.h>

#pragma GCC visibility push(default)

struct orm_slow_query {
	const char *sql;
	const char *table; /* the first one, or "" */
	uint64_t duration_ns;
	uint64_t rows;	 /* given or changed */
	uint64_t client; /* orm_session_client(), or 0 */
	uint64_t unsaid; /* slow ones since the last call that were too many to tell */
	/*
	 * How the database would run it now, a line a node; NULL when it could not be asked: inside
	 * a transaction, or the database was busy or failed.
	 */
	const char *plan;
	/*
	 * PostgreSQL with the extension hypopg: an index that would make the plan at least twice
	 * as cheap, as a CREATE INDEX, and the planner's costs without and with it. NULL: none.
	 */
	const char *advice;
};

/*
 * Called in the thread that ran the statement, after its result is there; all texts are valid
 * until it returns. It must not use that session.
 */
typedef void (*orm_slow_fn)(const struct orm_slow_query *query, void *data);

/* At most per_second calls (0: 10) a second; the others are counted. fn NULL: no more calls but
 * those that have begun in other threads, which may still use `data`. */
void orm_on_slow(struct orm *db, orm_slow_fn fn, void *data, unsigned per_second);

#pragma GCC visibility pop

#endif

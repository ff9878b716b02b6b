/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions, savepoints, and running a transaction again. */
#ifndef STRAZH_ORM_TX_H
#define STRAZH_ORM_TX_H

#include <strazh/orm/session.h>

#pragma GCC visibility push(default)

enum orm_isolation { ORM_READ_COMMITTED, ORM_REPEATABLE_READ, ORM_SERIALIZABLE };

struct orm_tx_options {
	enum orm_isolation isolation; /* SQLite is always serializable */
	bool read_only;		      /* SQLite: a reader; PostgreSQL: may be a replica */
};

/* options NULL: read committed, may write. SQLite: BEGIN IMMEDIATE, waits for its turn. */
int orm_begin(struct orm_session *s, const struct orm_tx_options *options) ORM_MUST_CHECK;
/*
 * Ends an open cursor. ORM_E_UNKNOWN_OUTCOME: the connection broke while the commit was on its way.
 * After any failure there is no transaction any more.
 */
int orm_commit(struct orm_session *s) ORM_MUST_CHECK;
void orm_rollback(struct orm_session *s);
bool orm_in_transaction(const struct orm_session *s);

/* A savepoint's name is [A-Za-z_][A-Za-z0-9_]{0,62}. */
int orm_savepoint(struct orm_session *s, const char *name) ORM_MUST_CHECK;
int orm_release(struct orm_session *s, const char *name) ORM_MUST_CHECK;
int orm_rollback_to(struct orm_session *s, const char *name) ORM_MUST_CHECK;

/*
 * Run `body` in a transaction and commit. When it fails with a retryable error (serialization,
 * deadlock, a connection lost before the commit was sent), roll back and run it again, at most
 * `retries` times (an option of the database), with growing random pauses. body returns 0 to
 * commit; anything else rolls back and, when not retryable, is returned. It may run several times:
 * what it changes in the program's memory is to be set anew by each run. Not inside a transaction.
 */
typedef int (*orm_tx_body)(struct orm_session *s, void *data);
int orm_transaction(struct orm_session *s, const struct orm_tx_options *options, orm_tx_body body,
		    void *data) ORM_MUST_CHECK;

#pragma GCC visibility pop

#endif

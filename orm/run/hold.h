/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session that keeps one connection for DDL: scripts inside and outside of transactions, locks
 * that belong to a connection. While it is held the session's own queries run on it too.
 */
#ifndef STRAZH_ORM_HOLD_H
#define STRAZH_ORM_HOLD_H

#include <orm/run/session.h>

struct hold {
	struct orm_session *s;
	bool begun;
	bool keys_off; /* SQLite: PRAGMA foreign_keys was on and is off */
};

/* ORM_E_STATE: the session has a transaction or cursor open. */
int hold_open(struct hold *h, struct orm_session *s) must_check;
/* Rolls back what is open, gives the connection back; the session's error stays. */
void hold_close(struct hold *h);

int hold_begin(struct hold *h) must_check;
int hold_commit(struct hold *h) must_check;
void hold_rollback(struct hold *h);
/* One or more statements without parameters or rows. */
int hold_script(struct hold *h, const char *sql) must_check;
/* Outside of a transaction; until hold_close() or hold_keys_on(). */
int hold_keys_off(struct hold *h) must_check;
void hold_keys_on(struct hold *h);
/* A query of one number, without parameters. */
int hold_number(struct hold *h, const char *sql, int64_t *ret_number) must_check;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the server to stop a statement. libpq does it on a connection of its own and blocks for
 * as long as the server likes, so it is done by a thread of its own, of which a connection has at
 * most one. Thread-safe.
 */
#ifndef STRAZH_ORM_PG_CANCEL_H
#define STRAZH_ORM_PG_CANCEL_H

#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

#include <strazh/base/compiler.h>

struct pg_canceller;

/* For this connection. 0 or -ENOMEM. */
int pg_canceller_new(PGconn *pg, struct pg_canceller **ret_canceller) must_check;
/* The connection is closed; a request that hangs keeps what it needs. */
void pg_canceller_free(struct pg_canceller *canceller);
/* false: it cannot be asked (no memory, or too many requests hang in this process). */
bool pg_canceller_ask(struct pg_canceller *canceller) must_check;
/* Wait until no request is on its way, so that none can hit a later statement. */
bool pg_canceller_wait(struct pg_canceller *canceller, int64_t ms) must_check;

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What reactor.c, conn.c, conn_out.c and listener.c share about a connection, and nobody else. */
#ifndef STRAZH_USER_NET_CONN_CORE_H
#define STRAZH_USER_NET_CONN_CORE_H

#include <user/net/conn.h>

/* A slot, all zero but `reactor`; NULL: all are in use. */
struct conn *reactor_take_slot(struct reactor *reactor) must_check;
void reactor_put_slot(struct conn *conn);
/* conn_turn() before the next wait. */
void reactor_pend(struct conn *conn);

/* Its turn in the list of those with something to do: also the end, after which it is gone. */
void conn_turn(struct conn *conn);
/* Dead from here on: descriptor, buffers, timers and its place among the sources are released;
 * on_end() comes with its next turn. */
void conn_finish(struct conn *conn, enum conn_end why, int error);

void conn_out_init(struct conn *conn);
void conn_out_release(struct conn *conn);

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a server's limits look like from outside: each function is a client, or a few, and says
 * whether it saw that within the given time.
 */
#ifndef TESTS_SERVER_SEEN_H
#define TESTS_SERVER_SEEN_H

#include <tests/server/estate.h>
#include <tests/server/raw.h>

#define SEEN_SHORT_MS 1500 /* a while, for what is not to happen */

/* This connection is ended by the server; what it sends is read. */
bool seen_end(int fd, int patience_ms);
/* That of who says nothing; of who does not finish; of who answers no heartbeat; of who reads
 * nothing while it sends; one of two from one address. */
bool seen_silence_end(struct estate *estate, int patience_ms);
bool seen_unfinished_end(struct estate *estate, int patience_ms);
bool seen_mute_end(struct estate *estate, int patience_ms);
bool seen_slow_end(struct estate *estate, int patience_ms);
bool seen_second_end(struct estate *estate, int patience_ms);
/* A heartbeat comes; 32 MiB are taken of who reads nothing. */
bool seen_heartbeat(struct estate *estate, int patience_ms);
bool seen_much_queued(struct estate *estate, int patience_ms);
/* A puzzle for one of some who come at once; one of more than the least bits. */
bool seen_work(struct estate *estate, int patience_ms);
bool seen_hard_work(struct estate *estate, int patience_ms);

/* NK1, with one echo that came back. */
void seen_session(struct estate *estate, struct raw *ret_raw);

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The way of notes to other reactors. What the other's mailbox has no room for waits here, and all
 * that comes later behind it: the order stays. A note to the own reactor runs at once.
 */
#ifndef STRAZH_USER_SERVICE_LANE_H
#define STRAZH_USER_SERVICE_LANE_H

#include <strazh/base/compiler.h>
#include <user/service/relay.h>

int lanes_init(struct relay *relay) must_check;
void lanes_deinit(struct relay *relay);
/* What may not be lost: memory for it is the note itself. */
void lane_send(struct relay *relay, unsigned reactor, struct note *note);
/* What may: -EAGAIN when too much waits already, notes or bytes. The note is the caller's again. */
int lane_offer(struct relay *relay, unsigned reactor, struct note *note) must_check;
/* Tries again what waits. */
void lanes_flush(struct relay *relay);

#endif

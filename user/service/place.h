/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A room in one reactor: its members there, and what waits for the slow ones among them. */
#ifndef STRAZH_USER_SERVICE_PLACE_H
#define STRAZH_USER_SERVICE_PLACE_H

#include <stdbool.h>

#include <strazh/base/compiler.h>
#include <user/service/relay.h>

/* The member is in; place_leave() takes it out. -ENOMEM. */
int place_enter(struct relay *relay, struct member *member) must_check;
void place_leave(struct relay *relay, struct member *member);
/* To all of this reactor whom it is for; `missed` messages before it are no more. */
void place_deliver(struct relay *relay, const struct cast *cast, uint32_t missed);
/* What waits for a member. False: its queue is full again. */
bool place_pump(struct relay *relay, struct member *member);

#endif

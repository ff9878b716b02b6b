/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Samples of drops, read from the ring buffer by the one writer of the gate (strazhd). */
#ifndef STRAZH_USER_GATE_EVENTS_H
#define STRAZH_USER_GATE_EVENTS_H

#include <strazh/abi/event.h>
#include <user/gate/gate.h>

struct events;
typedef void (*event_visit)(void *context, const struct sz_event *event);

int events_new(struct gate *gate, event_visit visit, void *context, struct events **ret) must_check;
void events_free(struct events *events);
int events_fd(const struct events *events);	   /* readable when there are some */
int events_read(struct events *events) must_check; /* how many, or -errno; never blocks */

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A look at packets as they are judged: see abi/tap.h. For root; neither strazhd nor the gate's
 * lock is needed. A tap is held by a lock on <run dir>/tapN.lock, so a reader that died gives it
 * back.
 */
#ifndef STRAZH_USER_GATE_TAP_H
#define STRAZH_USER_GATE_TAP_H

#include <stdint.h>

#include <strazh/abi/tap.h>
#include <strazh/base/compiler.h>
#include <user/gate/gate.h>

struct tap;

/* Non-zero ends the reading now. */
typedef int (*tap_visit)(void *context, const struct sz_sample *sample, const uint8_t *frame);

struct tap_want {
	uint64_t reasons; /* bit per enum sz_reason */
	uint32_t one_in, snap, per_tick;
};

/* Conditions. */
enum {
	TAP_BUSY = 16, /* SZ_TAPS others look on already */
};

int tap_open(const struct gate *gate, const struct tap_want *want, tap_visit visit, void *context,
	     struct tap **ret_tap) must_check;
void tap_close(struct tap *tap);
static inline void tap_closep(struct tap **tap)
{
	tap_close(*tap);
}
#define own_tap cleanup_with(tap_closep)

/* Change the sampling while it runs. */
void tap_one_in(struct tap *tap, uint32_t one_in);
/* What came, at most timeout_ms waiting; -EINTR after a signal. Keeps the tap alive for some s. */
int tap_read(struct tap *tap, int timeout_ms) must_check;
/* So far: no room for them, and above per_tick. */
void tap_missed(const struct tap *tap, uint64_t *ret_lost, uint64_t *ret_held);

#endif

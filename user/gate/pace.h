/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the load asks of the gate, on top of what operators set (abi/settings.h): smaller limits of
 * a tier's sources, cookies, samples of probes. It is kept apart from the limits themselves, which
 * it never touches, and it ends by itself PACE_HOLD_MS after it was said last.
 */
#ifndef STRAZH_USER_GATE_PACE_H
#define STRAZH_USER_GATE_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/abi/settings.h>
#include <user/gate/gate.h>

#define PACE_HOLD_MS 3000U

struct gate_pace {
	float tiers[SZ_TIERS]; /* shares of the limits, above 0 to 1; others are read as 1 */
	uint32_t flags;	       /* SZ_PACE_* */
};

/* It holds from now on, anew. */
void pace_put(struct gate *gate, const struct gate_pace *pace);
/* It is over. */
void pace_drop(struct gate *gate);
/* False: no share is below 1, and no cookies are asked for. As the gate has it, in sixteenths. */
bool pace_get(const struct gate *gate, struct gate_pace *ret_pace);

#endif

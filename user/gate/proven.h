/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Proven flows: source, source port and service port of live sessions. A packet of theirs that a
 * limit would drop has a meter of its own instead (SZ_RATE_FLOW). At most SZ_PROVEN_MAX of them.
 */
#ifndef STRAZH_USER_GATE_PROVEN_H
#define STRAZH_USER_GATE_PROVEN_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/abi/rate.h>
#include <strazh/base/compiler.h>
#include <user/base/prefix.h>
#include <user/gate/gate.h>

/* Conditions. */
enum {
	PROVEN_ABSENT = 1, /* no such flow */
	PROVEN_FULL,	   /* none of those that are there is over */
};

/* Ports as numbers. -EINVAL: `source` is no host. */
int proven_flow(const struct prefix *source, uint16_t sport, uint8_t proto, uint16_t dport,
		struct sz_flow *ret_flow) must_check;

/* Until that boot second, 0: until it is dropped. One that is there is renewed, its hits stay. */
int proven_put(struct gate *gate, const struct sz_flow *flow, uint32_t until_s) must_check;
int proven_drop(struct gate *gate, const struct sz_flow *flow) must_check;
int proven_clear(struct gate *gate) must_check;
/* Those that are not over. */
int proven_count(struct gate *gate, uint32_t *ret_count) must_check;
/*
 * Remove what is over, in slices: `token` begins at 0, *ret_done ends a run; adds to *collected.
 */
int proven_collect(struct gate *gate, uint32_t most, uint32_t *token, uint64_t *collected,
		   bool *ret_done) must_check;

#endif

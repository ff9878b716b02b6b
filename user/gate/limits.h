/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What sources may send: limits per tier, level and class as numbers that people use, and what the
 * meters of a source hold.
 */
#ifndef STRAZH_USER_GATE_LIMITS_H
#define STRAZH_USER_GATE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/abi/rate.h>
#include <strazh/base/compiler.h>
#include <user/base/prefix.h>
#include <user/gate/gate.h>

extern const char *const rate_class_names[SZ_RATE_CLASSES];
extern const char *const rate_class_texts[SZ_RATE_CLASSES];

/* The defaults of abi/rate.h where no limit stands, before meta.layout says that they are there. */
void limits_fill(struct gate *gate);

/* What the rate table knows of a host in a class: how far its meters are used. */
struct gate_bucket {
	uint64_t used_ns, burst_ns, step_ns; /* packets */
	uint64_t bytes_used_ns;
};
/* ACT_NOT_FOUND: no slot. FLOW wants a port and is not asked here: -EINVAL. */
int gate_bucket_read(struct gate *gate, const struct prefix *host, enum sz_rate_class class_,
		     struct gate_bucket *ret) must_check;

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Counters of the gate, summed over CPUs. */
#ifndef STRAZH_USER_GATE_STATS_H
#define STRAZH_USER_GATE_STATS_H

#include <strazh/abi/reason.h>
#include <user/base/prefix.h>
#include <user/gate/gate.h>

struct gate_count {
	uint64_t packets, bytes, observed_packets, observed_bytes;
};

struct gate_stats {
	struct gate_count reason[SZ_REASON_COUNT];
	uint64_t tally[SZ_TALLY_END - SZ_TALLY_BASE];
	/* Sums; observed: packets and bytes only. */
	struct gate_count passed, dropped, answered, observed;
};

extern const char *const reason_names[SZ_REASON_COUNT];
extern const char *const reason_texts[SZ_REASON_COUNT];
extern const enum sz_class reason_classes[SZ_REASON_COUNT];
extern const char *const tally_names[SZ_TALLY_END - SZ_TALLY_BASE];
extern const char *const tally_texts[SZ_TALLY_END - SZ_TALLY_BASE];

int gate_stats_read(struct gate *gate, struct gate_stats *ret_stats) must_check;
#endif

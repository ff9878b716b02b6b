/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sz_count, PERCPU_ARRAY of SZ_COUNT_MAX: one line per reason (enum sz_reason), then the tallies
 * (enum sz_tally, which use `packets` only). Written by the gate, summed over CPUs by the reader.
 */
#ifndef STRAZH_ABI_STATS_H
#define STRAZH_ABI_STATS_H

#include <linux/types.h>

struct sz_count {
	__u64 packets;		/* passed (class pass) or dropped (the others) for this reason */
	__u64 bytes;		/* of whole frames */
	__u64 observed_packets; /* would have been dropped, passed because only observed */
	__u64 observed_bytes;
	__u64 sample_begin_ns; /* gate only: window of event sampling, coarse clock */
	__u32 sample_count;
	__u32 room[5];
};

_Static_assert(sizeof(struct sz_count) == 64, "layout: one cache line");

#endif

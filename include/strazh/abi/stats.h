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

/* sz_rhost, ARRAY of SZ_RHOST_LINES: one cache line for four sources. */
struct sz_rhost {
	/*
	 * A word is tag (upper 16 bits) and theoretical arrival time (lower 48 bits, ns of the
	 * coarse monotonic clock, modulo 2^48 = 3.2 days), changed by compare-and-swap: GCRA,
	 * ITU-T I.371 annex A. A time that is past, or further ahead than any burst, is free.
	 */
	__u64 packets[4];
	__u64 room[4]; /* bytes, SYNs */
};

_Static_assert(sizeof(struct sz_count) == 64, "layout: one cache line");
_Static_assert(sizeof(struct sz_rhost) == 64, "layout: one cache line");

#endif

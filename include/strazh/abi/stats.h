/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sz_count, PERCPU_ARRAY of SZ_COUNT_MAX: one line per reason (enum sz_reason), then the tallies
 * (enum sz_tally, which use `packets` only). Written by the gate, summed over CPUs by the reader.
 */
#ifndef STRAZH_ABI_STATS_H
#define STRAZH_ABI_STATS_H

#include <linux/types.h>

#include <strazh/abi/hash.h>
#include <strazh/abi/limits.h>

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

/*
 * Where a source stands. hi, lo: the first 64 bits of an IPv6 address as two numbers (a host there
 * has a /64 to choose from); for IPv4 hi is SZ_RHOST_IP4, a prefix that IPv6 gives to nobody, and
 * lo the address.
 */
#define SZ_RHOST_IP4 0xffffU
#define SZ_RHOST_TIME ((1ULL << 48) - 1) /* of a word; the rest is the tag */

static inline __u32 sz_rhost_line(const struct sz_seed *seed, __u32 hi, __u32 lo)
{
	return sz_hash64(seed, 0, hi, lo) % SZ_RHOST_LINES;
}

static inline __u64 sz_rhost_tag(const struct sz_seed *seed, __u32 hi, __u32 lo)
{
	return (__u64)sz_hash64(seed, 1, hi, lo) << 48;
}

_Static_assert(sizeof(struct sz_count) == 64, "layout: one cache line");
_Static_assert(sizeof(struct sz_rhost) == 64, "layout: one cache line");

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sz_dline4, ARRAY of SZ_DLINES cache lines, mmapable: what sz_dhost4 says of most of its hosts,
 * found with one cache miss where a hash of a million entries takes two that wait for each other.
 *
 * sz_dhost4 is the truth. A host has at most one slot, in the line of its keyed hash. The gate
 * looks there first:
 *
 *	a slot of the host with SZ_DSLOT_SAYS	holds all that the gate wants to know of the entry
 *	a slot of the host without		ask sz_dhost4
 *	no slot, and SZ_DLINE_ALL alone		sz_dhost4 has no such entry
 *	no slot, else				ask sz_dhost4
 *
 * So all zero is right, and so is whatever a dead writer leaves: it takes SZ_DSLOT_SAYS away (or,
 * where there is no slot, sets SZ_DLINE_BUSY), then changes sz_dhost4, then says it again.
 *
 * User space writes all of it but the hits. The hits of a host are those here and sz_rule.hits; the
 * sweep carries them there.
 */
#ifndef STRAZH_ABI_DLINE_H
#define STRAZH_ABI_DLINE_H

#include <linux/types.h>

#include <strazh/abi/hash.h>

#define SZ_DLINES (1U << 19)
#define SZ_DLINE_WAYS 4

/*
 * Each word is changed by one store, so an expiry is never read with the lists of another entry;
 * and whoever counts a hit learns with it whose slot that is.
 */
struct sz_dslot {
	__u64 who;  /* lower half: the address as its key has it, 0: free; upper half: hits */
	__u64 what; /* lower half: SZ_DSLOT_*, SZ_DLINE_*; upper half: until_s, 0: for good */
};

struct sz_dline {
	struct sz_dslot slot[SZ_DLINE_WAYS];
};

#define SZ_DSLOT_HIT (1ULL << 32)
#define SZ_DSLOT_UNTIL_SHIFT 32
/*
 * The lists that name the host: up to four numbers of bits, fewer stand there several times. One
 * expiry goes for all of them. Entries with more of either do not say it here.
 */
#define SZ_DSLOT_LIST_SHIFT 6
#define SZ_DSLOT_LISTS 4
#define SZ_DSLOT_SAYS (1ULL << 24)
/* Of the whole line; they stand in its first slot. */
#define SZ_DLINE_ALL (1ULL << 25)  /* sz_dhost4 has no other hosts of this line */
#define SZ_DLINE_BUSY (1ULL << 26) /* but some are on the way */

static inline __u32 sz_dline_of(const struct sz_seed *seed, __be32 addr)
{
	return sz_hash64(seed, 1, 0, (__u32)addr) % SZ_DLINES;
}

static inline __u64 sz_dslot_lists(__u64 what)
{
	return 1ULL << (what & 63) | 1ULL << (what >> 6 & 63) | 1ULL << (what >> 12 & 63) |
	       1ULL << (what >> 18 & 63);
}

_Static_assert(sizeof(struct sz_dline) == 64, "layout: one cache line");
_Static_assert(SZ_DSLOT_LISTS *SZ_DSLOT_LIST_SHIFT == 24, "SZ_DSLOT_SAYS");

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Presence: may any list say anything about this source? One bit, false positives allowed, false
 * negatives not: the writer sets a bit before it inserts and clears it only when nothing is left.
 *
 * sz_present4, ARRAY of 65,536 x 32 bytes: one bit per /24. Entry: the upper two octets; bit: the
 * third. A prefix shorter than /24 sets the bits of every /24 that it covers.
 *
 * sz_present6, ARRAY of SZ_PRESENT6_LINES cache lines. The first SZ_PRESENT6_DIRECT lines are a
 * bit per /16, for prefixes shorter than /32 (a prefix shorter than /16 sets all the bits that it
 * covers). The rest is one table of SZ_PRESENT6_BITS bits indexed by a keyed hash of the source cut
 * at /32, /48 or /64: an entry is hashed at the longest of these not longer than itself.
 * sz_settings.present6_levels says which of the four levels are in use; the others are not read.
 */
#ifndef STRAZH_ABI_PRESENT_H
#define STRAZH_ABI_PRESENT_H

#include <linux/types.h>

#include <strazh/abi/hash.h>

#define SZ_PRESENT4_LINES 65536U

#define SZ_PRESENT6_DIRECT 128U
#define SZ_PRESENT6_BITS (1U << 24)
#define SZ_PRESENT6_LINES (SZ_PRESENT6_DIRECT + SZ_PRESENT6_BITS / 512)

#define SZ_LEVEL6_16 1U
#define SZ_LEVEL6_32 2U
#define SZ_LEVEL6_48 4U
#define SZ_LEVEL6_64 8U

struct sz_present4 {
	__u64 bits[4];
};

struct sz_present6 {
	__u64 bits[8];
};

/*
 * Where the bit of a source stands, the same on both sides. sz_present4: line bit >> 8, word
 * (bit >> 6) & 3; sz_present6: line bit >> 9, word (bit >> 6) & 7; of the word bit & 63. Addresses
 * as numbers; hi and lo: the first 64 bits of an IPv6 address in two halves.
 */
static inline __u32 sz_present4_bit(__u32 addr)
{
	return addr >> 8;
}

/* The direct level, /16. */
static inline __u32 sz_present6_bit16(__u32 hi)
{
	return hi >> 16;
}

/* The hashed levels: hi and lo cut to 32, 48 or 64 bits. */
static inline __u32 sz_present6_bit(const struct sz_seed *seed, __u32 hi, __u32 lo)
{
	return SZ_PRESENT6_DIRECT * 512 + sz_hash64(seed, 0, hi, lo) % SZ_PRESENT6_BITS;
}

_Static_assert(sizeof(struct sz_present4) == 32, "layout");
_Static_assert(sizeof(struct sz_present6) == 64, "layout");

#endif

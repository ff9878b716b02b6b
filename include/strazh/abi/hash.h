/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The keyed hash of the gate, the same code on both sides.
 *
 * Pair-multiply-shift: M. Thorup, "High Speed Hashing for Integers and Strings"
 * (arXiv:1504.06804), section 3.3. Strongly universal over 32-bit results under a random seed: no
 * choice of two keys collides more often than chance, so an attacker who cannot see the seed
 * cannot aim at somebody's slot; and it is one multiplication.
 */
#ifndef STRAZH_ABI_HASH_H
#define STRAZH_ABI_HASH_H

#include <linux/types.h>

/* 64 random bits in all of them; drawn once, kept in sz_meta. */
struct sz_seed {
	__u64 word[8];
};

/* hi and lo: 32-bit halves of the key; salt: 0 or 1, two independent functions of one seed. */
static inline __u32 sz_hash64(const struct sz_seed *seed, __u32 salt, __u32 hi, __u32 lo)
{
	const __u64 *w = &seed->word[salt * 4];

	return (__u32)(((w[0] + hi) * (w[1] + lo) + w[2]) >> 32);
}

#endif

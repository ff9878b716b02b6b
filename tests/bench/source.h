/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Numbered sources, the same numbering in the generator (BPF) and in user space: number n of a kind
 * is one pseudo-random address. Kinds never meet: the lowest address bit tells them apart, so a
 * denied source is never an honest one and lists of a million need no table of who is on them.
 *
 * IPv4 sources spread over the 189 first octets that hold ordinary hosts; 1/16 of the third octets
 * is left free for prefixes (source_net4_zone), so that no prefix covers a source by accident.
 */
#ifndef TESTS_BENCH_SOURCE_H
#define TESTS_BENCH_SOURCE_H

#include <linux/types.h>

enum source_kind { SOURCE_DENIED, SOURCE_HONEST };

/* One state a CPU, so that two of them share no line; more CPUs take turns and are not used. */
#define SOURCE_CPUS 2U
#define SOURCE_FRAME_LEN 74U /* Ethernet, IPv4, TCP with 20 bytes of options */

struct source_state {
	__u64 rng;	    /* xorshift64; not 0 */
	__u32 first[2];	    /* by enum source_kind: numbers first .. first + count - 1 */
	__u32 count[2];	    /* 0: every packet the next number, each one new */
	__u32 honest_share; /* of 256 packets */
	__u32 ipv6;	    /* the frame given is IPv6 */
	__u32 ifindex;	    /* where `to_peer` sends */
	__u32 room;
	__u64 sent[2];
	__u32 rewrite; /* the program behind changes the frame: write `frame` anew each time */
	__u8 frame[84];
	__u64 far[14]; /* no two states in neighbouring lines */
};

_Static_assert(sizeof(struct source_state) == 256, "whole pairs of cache lines");

static inline __u32 source_mix(__u32 x)
{
	x ^= x >> 16;
	x *= 0x7feb352dU;
	x ^= x >> 15;
	x *= 0x846ca68bU;
	return x ^ (x >> 16);
}

static inline __u32 source_octet1(__u32 of_65536)
{
	__u32 octet = 1 + (of_65536 * 189 >> 16);

	/* 100 (shared space) and 127 are left out; 191 is the last. No branches: they mispredict.
	 */
	octet += (99 - octet) >> 31;
	return octet + ((126 - octet) >> 31);
}

/* In host order. */
static inline __u32 source4(__u32 number, __u32 kind)
{
	__u32 x = source_mix(number + (kind << 31));
	__u32 y = source_mix(x + 0x9e3779b9U);
	__u32 octet3 = (y & 0xf0) | ((y >> 8 & 0xff) * 15 >> 8);

	return source_octet1(x >> 16) << 24 | (x >> 8 & 0xff) << 16 | octet3 << 8 |
	       (y >> 16 & 0xfe) | kind;
}

/* The upper and lower half, in host order: 2a00::/12 and inside it anything. */
static inline void source6(__u32 number, __u32 kind, __u64 ret_half[2])
{
	__u32 x = source_mix(number + (kind << 31));
	__u32 y = source_mix(x + 0x9e3779b9U);

	ret_half[0] = 0x2a00000000000000ULL | (__u64)(x >> 12) << 32 | y;
	ret_half[1] = (__u64)source_mix(y + 0x9e3779b9U) << 32 | (x & 0xfff) << 8 | kind;
}

/* A /24 that no source is in. In host order. */
static inline __u32 source_net4_zone(__u32 number)
{
	__u32 x = source_mix(number ^ 0x5bd1e995U);

	return source_octet1(x >> 16) << 24 | (x >> 8 & 0xff) << 16 | (x & 0xf0) << 8 | 0xf00;
}

#endif

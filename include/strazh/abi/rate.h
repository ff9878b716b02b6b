/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rates: what a source, its prefix and a service may send.
 *
 *   sz_rhost  ARRAY of SZ_RHOST_LINES  struct sz_meters  a host: IPv4 /32, IPv6 /64
 *   sz_rnet   ARRAY of SZ_RNET_LINES   struct sz_meters  its prefix: IPv4 /24, IPv6 /48
 *   sz_limit  ARRAY, mmapable          struct sz_limit   at sz_limit_index()
 *   sz_reput4, sz_reput6  HASH  sz_net4/6 -> struct sz_reput   who gets other limits
 *   sz_proven HASH  struct sz_flow -> struct sz_proven   flows of live sessions
 *
 * GCRA (ITU-T I.371, annex A): a meter holds the time at which what was sent will have been paid
 * for. A packet moves it by its cost; one that would move it further than the burst ahead of now is
 * over the limit and moves nothing. Packets and bytes have a meter each. A time that is past is an
 * idle source, so nothing needs cleaning up, and only such a slot is given to another source.
 */
#ifndef STRAZH_ABI_RATE_H
#define STRAZH_ABI_RATE_H

#include <linux/types.h>

#include <strazh/abi/hash.h>
#include <strazh/abi/limits.h>

/*
 * Classes of packets; each source has meters of its own for each of them, so that a flood of one
 * kind under its address leaves the others alone.
 *
 * X(CODE, "name", packets/s of a host, burst in packets, "text"): the defaults. A prefix has
 * SZ_RATE_NET_SHARE times as much. Bytes are not limited unless somebody says so.
 */
#define SZ_RATE_CLASSES_OF(X)                                                                      \
	X(EST, "established", 100000, 20000, "TCP but SYN: connections that there are")            \
	X(SYN, "syn", 500, 1000, "TCP SYN: wishes for a connection")                               \
	X(UDP, "udp", 50000, 10000, "UDP, and whatever is neither TCP nor in `other` (tunnels)")   \
	X(OTHER, "other", 2000, 1000, "ICMP, ICMPv6 and IGMP")                                     \
	X(FRAG, "fragment", 2000, 1000, "fragments, first and later ones")                         \
	X(CONN, "connection", 200, 400, "connections opened with a valid SYN cookie")              \
	X(FLOW, "flow", 200000, 50000, "one connection of a source that is over its limits")       \
	X(ODD, "odd-size", 100, 200, "packets of a size that their service does not know")

enum sz_rate_class {
#define X(code, name, pps, burst, text) SZ_RATE_##code,
	SZ_RATE_CLASSES_OF(X)
#undef X
		SZ_RATE_CLASSES,
};

enum sz_rate_level {
	SZ_RATE_HOST,
	SZ_RATE_NET,
	SZ_RATE_LEVELS,
};

#define SZ_RATE_NET_SHARE 8U

/* ---- limits ---- */

/* Every *_ns of a limit is at most 4 s, so that no meter is further ahead than the horizon. */
#define SZ_RATE_NS_MAX 4000000000U
#define SZ_RATE_HORIZON_SHIFT 33
#define SZ_RATE_HORIZON_NS (1ULL << SZ_RATE_HORIZON_SHIFT) /* 8.6 s */
/* The coarse clock moves once a tick, 10 ms where HZ is 100: the writer keeps bursts above it. */
#define SZ_RATE_TICK_NS 10000000U

/*
 * Each member is changed by one store, under traffic. Whoever comes first, program or user space,
 * fills in the defaults, see sz_meta.
 */
struct sz_limit {
	__u32 step_ns;	     /* one packet costs this much; 0: packets are not limited */
	__u32 burst_ns;	     /* how far packets may run ahead: at least a tick and a step */
	__u32 byte_step;     /* one byte of frame costs this much, in 1/1024 ns; 0: no limit */
	__u32 byte_burst_ns; /* how far bytes may run ahead: at least a tick */
};

#define SZ_RATE_BYTE_SHIFT 10
#define SZ_RATE_BYTE_BURST_NS 200000000U /* unless somebody says otherwise */

/* Tier 0 is everybody's; sz_reput puts sources into others. In that of the guard for who is limited
 * nobody may more than everybody, whatever its own limits say. */
#define SZ_TIER_LIMITED 2U
#define SZ_LIMITS (SZ_TIERS * SZ_RATE_LEVELS * SZ_RATE_CLASSES)

static inline __u32 sz_limit_index(__u32 tier, __u32 level, __u32 class_)
{
	return (tier % SZ_TIERS * SZ_RATE_LEVELS + level) * SZ_RATE_CLASSES + class_;
}

/* ---- meters ---- */

/*
 * A word is a tag (upper 16 bits) and a time (lower 48 bits, ns of the coarse monotonic clock,
 * modulo 2^48 = 3.2 days), changed by compare-and-swap. A time that is past, or further ahead than
 * SZ_RATE_HORIZON_NS, is free. Packets and bytes find their words apart.
 */
struct sz_meters {
	__u64 packets[SZ_RATE_WAYS];
	__u64 bytes[SZ_RATE_WAYS];
};

#define SZ_RATE_TIME ((1ULL << 48) - 1) /* of a word; the rest is the tag */

/*
 * Whom a slot is for. Host: hi and lo are the first 64 bits of an IPv6 address as two numbers (a
 * host there has a /64 to choose from); for IPv4 hi is SZ_RATE_IP4, a prefix that IPv6 gives to
 * nobody, and lo the address. Prefix: the same with lo cut (IPv4 /24, IPv6 /48). kind: the class,
 * and for SZ_RATE_FLOW the source port above it.
 */
struct sz_rate_key {
	__u32 hi, lo, kind;
};

#define SZ_RATE_IP4 0xffffU
#define SZ_RATE_PORT_SHIFT 8

static inline __u32 sz_rate_hash(const struct sz_seed *seed, __u32 salt, struct sz_rate_key key)
{
	const __u64 *w = &seed->word[salt * 4];

	return (__u32)(((w[0] + key.hi) * (w[1] + key.lo) + w[2] + w[3] * key.kind) >> 32);
}

/* 1 to 2^15: a word that was never written is nobody's, and one subtraction tells. */
static inline __u64 sz_rate_tag(const struct sz_seed *seed, struct sz_rate_key key)
{
	return ((__u64)(sz_rate_hash(seed, 1, key) >> 17) + 1) << 48;
}

/* ---- sources with limits of their own ---- */

/*
 * Keys: hosts with len 32 (IPv4) or 64 (IPv6), prefixes with len 24 or 48; no others are asked.
 * A host without an entry takes the tier of its prefix. The gate reads tier, slow and until_s;
 * the rest is for people. Presence bits are set as for a deny entry.
 */
struct sz_reput {
	__u16 score;	/* thousandths of 1 */
	__u16 pressure; /* thousandths of 1 */
	__u8 tier;
	__u8 origin;   /* enum sz_origin */
	__u16 slow;    /* limits are divided by slow / 16; 0 as 16 */
	__u32 reasons; /* bits of the writer's kinds of observation */
	__u32 until_s; /* boot time; over: the entry says nothing. 0: for good */
	__u32 first_s; /* boot time */
	__u32 last_s;
};

#define SZ_SLOW_ONE 16U
/*
 * What proves itself (a flow, a cookie) is slowed no further: who is shut out is so for packets
 * that anybody can send under the address.
 */
#define SZ_SLOW_PROVEN_MAX (8 * SZ_SLOW_ONE)

/* ---- proven flows ---- */

/* Source, source port and service port of a session whose peer has shown that it is there. */
struct sz_flow {
	__u8 addr[16]; /* network order; IPv4 in the first four bytes, rest zero */
	__be16 sport;
	__be16 dport;
	__u8 family; /* 4 or 6 */
	__u8 proto;
	__u8 zero[2];
};

/*
 * Asked only for a packet that a limit would drop: it then has the meter SZ_RATE_FLOW of its own,
 * and a flood under its address does not cut its owner off.
 */
struct sz_proven {
	__u64 hits;
	__u32 until_s; /* boot time; 0: until it is taken away */
	__u32 since_s;
};

_Static_assert(sizeof(struct sz_limit) == 16, "layout");
_Static_assert(sizeof(struct sz_meters) == 64, "layout: one cache line");
_Static_assert(sizeof(struct sz_reput) == 24, "layout");
_Static_assert(sizeof(struct sz_flow) == 24, "layout");
_Static_assert(sizeof(struct sz_proven) == 16, "layout");

#endif

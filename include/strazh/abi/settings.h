/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sz_settings, ARRAY of one, mmapable: what can be changed while packets flow. Each field is
 * changed by one store. All zero is safe: lists and malformed packets enforced, rates observed.
 */
#ifndef STRAZH_ABI_SETTINGS_H
#define STRAZH_ABI_SETTINGS_H

#include <linux/types.h>

#include <strazh/abi/limits.h>

#define SZ_SET_OBSERVE 1U /* count what would be dropped, drop nothing */

/*
 * Do rates drop, or only count? The operator's word first, be it the one or the other; where he has
 * said nothing, the guard's. The latter stays when strazhd dies: only it, or the operator, takes it
 * back.
 */
#define SZ_SET_RATE_ENFORCE 2U
#define SZ_SET_RATE_GUARD 4U /* the guard enforces: they drop */
#define SZ_SET_RATE_OBSERVE 8U

static inline int sz_rates_drop(__u32 flags)
{
	return flags & SZ_SET_RATE_ENFORCE ||
	       (flags & (SZ_SET_RATE_GUARD | SZ_SET_RATE_OBSERVE)) == SZ_SET_RATE_GUARD;
}

/*
 * What a SYN-ACK with a cookie may promise. Window scale and SACK of a cookie travel in the
 * timestamp, and the kernel hides that by a secret offset unless net.ipv4.tcp_timestamps is 2.
 */
#define SZ_TCP_TIMESTAMPS 1U /* net.ipv4.tcp_timestamps is 2 */
#define SZ_TCP_ECN 2U	     /* net.ipv4.tcp_ecn is not 0 */
#define SZ_TCP_SACK 4U	     /* net.ipv4.tcp_sack is not 0 */
#define SZ_TCP_WINDOWS 8U    /* net.ipv4.tcp_window_scaling is not 0 */
#define SZ_TCP_WSCALE(tcp) ((tcp) >> 8 & 15)
#define SZ_TCP_TTL(tcp) ((tcp) >> 16 & 255) /* net.ipv4.ip_default_ttl; 0: 64 */
#define SZ_TCP_HOPS(tcp) ((tcp) >> 24)	    /* net.ipv6.conf.all.hop_limit; 0: 64 */

/* Bogon groups; the gate drops SZ_BOGON_DEFAULT ^ bogon_flip. */
#define SZ_BOGON_MARTIAN 1U	 /* 127/8 224/4 240/4, ::1 ff00::/8 v4-mapped: never a source */
#define SZ_BOGON_RESERVED 2U	 /* documentation, benchmark, discard, other special ranges */
#define SZ_BOGON_PRIVATE 4U	 /* RFC 1918, 100.64/10, fc00::/7 */
#define SZ_BOGON_LINKLOCAL 8U	 /* 169.254/16, fe80::/10 */
#define SZ_BOGON_UNSPECIFIED 16U /* 0.0.0.0/8, :: */
#define SZ_BOGON_ALL 31U
#define SZ_BOGON_DEFAULT (SZ_BOGON_MARTIAN | SZ_BOGON_RESERVED)

#define SZ_PACE_ONE 16U
#define SZ_PACE_COOKIES 1U /* services whose cookies are AUTO are pressed */
#define SZ_PACE_PROBES 2U  /* SYNs to ports where nobody listens are told */

struct sz_settings {
	__u64 lists_off; /* a set bit silences that list of the deny maps: swaps are one store */
	__u32 flags;	 /* SZ_SET_* */
	__u32 bogon_flip;
	__u32 tap_on;	       /* bit per tap that has a reader; see abi/tap.h */
	__u32 tcp;	       /* SZ_TCP_*, and a window scale: how the kernel's TCP is set here */
	__u32 events_per_s;    /* samples per reason and CPU; 0: SZ_EVENTS_PER_S */
	__u32 present6_levels; /* SZ_LEVEL6_*: written with sz_present6 */
	/*
	 * The lockout guard of `attach --confirm`: from lease_until_s (boot time) on, packets of
	 * this interface are observed only, even when no process is left to detach it. 0: none.
	 */
	__u32 lease_ifindex;
	__u32 lease_until_s;
	/*
	 * Written with the never and allow maps: a set bit says that no entry of theirs has to do
	 * with this sz_pass4_bit() or sz_pass6_bit(), so they need not be asked. Zero asks always.
	 */
	__u64 pass4_void[4];
	__u64 pass6_void[4];
	/*
	 * What the load asks for, on top of what was set: it holds until pace_until_ns (coarse
	 * monotonic clock) and ends by itself where nobody is left to renew it. 0: it is over.
	 */
	__u64 pace_until_ns;
	__u8 pace[SZ_TIERS]; /* limits of sources are divided by pace / 16; 0 as 16 */
	__u32 pace_flags;    /* SZ_PACE_* */
	__u32 room[1];
};

/* By first octet. */
static inline __u32 sz_pass4_bit(__u32 addr)
{
	return addr >> 24;
}

/* By the first 32 bits, mixed; an entry shorter than that has to do with all of them. */
static inline __u32 sz_pass6_bit(__u32 hi)
{
	return hi * 0x9e3779b1U >> 24;
}

_Static_assert(sizeof(struct sz_settings) == 128, "layout: two cache lines");

#endif

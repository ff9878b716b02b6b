/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Protected services: a port of TCP or UDP with limits over all its sources, a size profile, SYN
 * cookies and a policy for fragments.
 *
 *   sz_port     ARRAY of SZ_PORT_LINES   struct sz_port     which service a port is
 *   sz_service  ARRAY of SZ_SERVICES     struct sz_service  written by user space, mmapable
 *   sz_rsvc     ARRAY of SZ_SERVICES     struct sz_rsvc     written by the gate, mmapable
 *   sz_credit   PERCPU_ARRAY of the same struct sz_credit   gate only
 *   sz_size     PERCPU_ARRAY of the same struct sz_size     sizes of what passed
 *
 * Service 0 is everything that is no service; it has limits only.
 */
#ifndef STRAZH_ABI_SERVICE_H
#define STRAZH_ABI_SERVICE_H

#include <linux/types.h>

#include <strazh/abi/limits.h>
#include <strazh/abi/rate.h>

#define SZ_PORT_LINES 2048U /* 65,536 ports of TCP, then as many of UDP, 64 a line */

struct sz_port {
	__u8 service[64]; /* index into sz_service; 0: none */
};

static inline __u32 sz_port_line(int is_udp, __u16 port)
{
	return (is_udp ? SZ_PORT_LINES / 2 : 0) + (port >> 6);
}

#define SZ_SERVICE_USED 1U
/* Its sockets are on this machine: the kernel is asked for them when a limit is passed. */
#define SZ_SERVICE_LOCAL 2U
#define SZ_SERVICE_NO_FRAGMENTS 4U
#define SZ_SERVICE_SIZE_ENFORCE 8U /* odd sizes above SZ_RATE_ODD drop; else they only count */
#define SZ_SERVICE_WIDEN 16U	   /* user space: what is being learned adds to the profile */
#define SZ_SERVICE_GUARD 32U	   /* user space: the guard made it, and takes it back */

enum sz_cookies {
	SZ_COOKIES_OFF,
	SZ_COOKIES_AUTO, /* under pressure, and for a source over its limit of SYNs */
	SZ_COOKIES_ALWAYS,
};

/* AUTO turns on above limit[SZ_RATE_SYN] (zero: this), and off below half of it for the hold. */
#define SZ_COOKIE_STEP_NS 1000000U /* 1,000 SYN/s */
#define SZ_COOKIE_BURST_NS 500000000U
#define SZ_COOKIE_HOLD_NS 10000000000ULL

/* Bins of transport packets (header and data) by length: bin i is from 2^i to below 2^(i+1). */
#define SZ_SIZE_BINS 16

struct sz_service {
	/* Over all sources. */
	struct sz_limit limit[SZ_RATE_CLASSES];
	__u16 port;
	__u8 proto;	     /* 6 or 17 */
	__u8 flags;	     /* SZ_SERVICE_* */
	__u8 cookies;	     /* enum sz_cookies */
	__u8 wscale_plus;    /* window scale of its sockets + 1; 0: settings.tcp_wscale */
	__u16 mss;	     /* 0: by the MTU of the interface */
	__u32 size_usual;    /* bins that are usual, a bit each; 0: no profile */
	__u32 learn_until_s; /* boot time: a window of learning ends; 0: none */
	__u32 learn_begin_s;
	__u32 profile_s; /* wall clock: when size_usual was made; 0: by the operator */
	__u32 alarm_s;	 /* boot time of the last drift that was found; 0: none */
	__u32 since_s;	 /* boot time */
	/* User space: sums of sz_size when a window of watching for drift began. */
	__u64 watch_passed, watch_odd, watch_over;
	__u32 watch_s; /* boot time of that; 0: no window */
	union {
		struct {
			__u16 drift_windows;  /* of drift, one after the other */
			__u16 attack_windows; /* of odd sizes above the limits of their sources */
		};
		/*
		 * Of service 0, a bit for each class: its limit is the guard's, and holds as long
		 * as what the load asks for (sz_settings.pace_until_ns).
		 */
		__u16 totals_guard;
	};
};

struct sz_rsvc {
	/* As words of struct sz_meters, without a tag. */
	struct {
		__u64 packets, bytes;
	} word[SZ_RATE_CLASSES];
	/* Coarse monotonic clock: SYNs are answered with cookies until then (AUTO). */
	__u64 cookies_until_ns;
	__u64 cookies_since_ns; /* when that began; gate only sets it */
	/*
	 * When the last cookie went out, to within a second; 0: never. For SZ_COOKIE_WATCH_NS after
	 * it, ACKs are looked at: one that brings a valid cookie opens a connection, and is charged
	 * to SZ_RATE_CONN of its source.
	 */
	__u64 cookie_sent_ns;
	__u64 room[5];
};

/* Of service 0, whose words of these classes are free: who passes beside the guard's totals. */
#define SZ_RSVC_VITAL SZ_RATE_CONN  /* path MTU messages, VRRP */
#define SZ_RSVC_LISTED SZ_RATE_FLOW /* sources on the never or allow list */

#define SZ_COOKIE_WATCH_NS 10000000000ULL

/*
 * What a CPU has taken from the words above and not spent yet, so that CPUs share a line once in
 * SZ_CREDIT packets and not with every one. It was paid for in advance: all of them together never
 * let through more than the limit, and an idle CPU holds back at most one such credit.
 */
#define SZ_CREDIT 32U
#define SZ_CREDIT_BYTES 65536U

struct sz_credit {
	__u32 packets[SZ_RATE_CLASSES];
	__u32 bytes[SZ_RATE_CLASSES];
};

struct sz_size {
	/* Packets that passed. Of service 0, where sizes are not looked at, bin and over are by
	 * class, of those with a limit over all sources. */
	__u64 bin[SZ_SIZE_BINS];
	__u64 odd[SZ_SIZE_BINS]; /* of these and of those that were dropped: outside the profile */
	/*
	 * Of the odd ones those above SZ_RATE_ODD of their source, but for proven flows and the
	 * kernel's connections: dropped where the service and the rates enforce.
	 */
	__u64 over[SZ_SIZE_BINS];
};

_Static_assert(sizeof(struct sz_port) == 64, "layout: one cache line");
_Static_assert(sizeof(struct sz_service) == 192, "layout");
_Static_assert(sizeof(struct sz_rsvc) == 192, "layout");
_Static_assert(sizeof(struct sz_credit) == 64, "layout: one cache line");
_Static_assert(sizeof(struct sz_size) == 384, "layout");

#endif

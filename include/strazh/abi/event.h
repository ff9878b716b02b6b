/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sz_event, RINGBUF: samples of what the gate dropped or would have dropped. Sampling is decided
 * before the reservation, per reason and CPU, so a flood cannot flood the reader.
 */
#ifndef STRAZH_ABI_EVENT_H
#define STRAZH_ABI_EVENT_H

#include <linux/types.h>

#define SZ_EVENT_OBSERVED 1U /* passed, because only observed */
#define SZ_EVENT_FRAGMENT 2U
#define SZ_EVENT_PORTS 4U /* sport, dport are known */

struct sz_event {
	__u64 at_ns;   /* CLOCK_BOOTTIME */
	__u64 lists;   /* live lists of the entry that decided; 0 where none did */
	__u32 ifindex; /* where it came in */
	__u32 frame_len;
	__u16 reason; /* enum sz_reason */
	__u8 flags;   /* SZ_EVENT_* */
	__u8 family;  /* 4, 6; 0: no address was read */
	__u8 proto;   /* last next-header value read */
	__u8 tcp_flags;
	__be16 sport;
	__be16 dport;
	__u16 vlan;	 /* id of the outer tag, 0 without */
	__u8 rate_class; /* enum sz_rate_class + 1 of a limit that was passed; 0: none was */
	__u8 service;	 /* index into sz_service, 0: none */
	__u8 zero[2];
	__u8 saddr[16]; /* IPv4 in the first four bytes, rest zero */
	__u8 daddr[16];
};

_Static_assert(sizeof(struct sz_event) == 72, "layout");

#endif

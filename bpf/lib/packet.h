/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the parser learned about a packet. Filled as far as the parser came: `family` is 0 until
 * both addresses are known, and lengths count the IP packet, not the padding behind it.
 */
#ifndef STRAZH_BPF_PACKET_H
#define STRAZH_BPF_PACKET_H

#include <linux/types.h>

#include <strazh/abi/rule.h>

#define PACKET_FRAGMENT 1U /* one of several: the transport header is not all of it */
#define PACKET_LATER 2U	   /* a fragment without transport header */
#define PACKET_PORTS 4U	   /* sport and dport are known */
#define PACKET_VITAL 8U	   /* of the network itself, see shape_is_vital() */

#define PROTO_ICMP 1
#define PROTO_IGMP 2
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_ICMP6 58
#define PROTO_VRRP 112

struct packet {
	/* The source stands as the key that the maps want; its host key is the address in it. */
	union {
		struct sz_net4 net4;
		struct sz_net6 net6;
		struct {
			__u32 len;
			__be32 addr[4];
		} src;
	};
	__be32 dst[4];
	__u32 frame_len;
	__u32 left; /* bytes of the IP packet from the cursor on */
	__u32 frag_offset;
	__u16 vlan;
	__u16 sport;
	__u16 dport;
	__u16 l4_at; /* where the transport header starts in the frame */
	__u8 family;
	__u8 proto;   /* last next-header value read */
	__u8 headers; /* IPv6 extension headers walked */
	__u8 flags;   /* PACKET_* */
	__u8 hop_limit;
	__u8 tcp_flags;
};

/* Besides the reason. */
struct verdict {
	__u64 lists;	 /* who denied it */
	__u8 rate_class; /* enum sz_rate_class + 1 of the limit that was passed; 0: none */
	__u8 service;
	__u8 present; /* a list, or sz_reput, may speak of the source */
	__u8 listed;  /* NEVER or ALLOW, else 0 */
	__u8 service_flags;
	__u8 tier; /* of the source; and how far its limits are divided: see sz_reput */
	__u16 slow;
	__u8 odd;     /* of a size that its service does not know */
	__u8 cookies; /* a SYN to a service that answers with cookies */
	__u8 cookie;  /* ... and the time for them is now */
	__u8 observe; /* ... and that is only counted */
	__u8 probe;   /* a SYN to no service, while probes are told */
	__u8 opening; /* may be the ACK that brings back a cookie */
	__u8 guards;  /* over a limit of all sources that is the guard's, not an operator's */
};

#endif

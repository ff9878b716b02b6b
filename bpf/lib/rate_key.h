/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What class a packet is of, and whose its meters are. */
#ifndef STRAZH_BPF_RATE_KEY_H
#define STRAZH_BPF_RATE_KEY_H

#include <strazh/abi/rate.h>

#include <bpf/lib/packet.h>
#include <bpf/lib/shape.h>

static inlined __u32 rate_class(const struct packet *p)
{
	if (p->flags & PACKET_FRAGMENT)
		return SZ_RATE_FRAG;
	if (p->proto == PROTO_TCP)
		return (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN ? SZ_RATE_SYN : SZ_RATE_EST;
	/* Tunnels carry the traffic of many (ESP, GRE, IPIP, SCTP): what is made for pings is no
	 * limit for them. */
	return p->proto == PROTO_ICMP || p->proto == PROTO_IGMP || p->proto == PROTO_ICMP6
		       ? SZ_RATE_OTHER
		       : SZ_RATE_UDP;
}

static inlined struct sz_rate_key rate_key(const struct packet *p, __u32 level, __u32 kind)
{
	struct sz_rate_key key = {.kind = kind};

	if (p->family == 4) {
		key.hi = SZ_RATE_IP4;
		key.lo = swap32(p->net4.addr) & (level ? 0xffffff00 : 0xffffffff);
	} else {
		key.hi = swap32(p->src.addr[0]);
		key.lo = swap32(p->src.addr[1]) & (level ? 0xffff0000 : 0xffffffff);
	}
	return key;
}

#endif

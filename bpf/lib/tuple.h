/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose socket is asked for: the two ends of a packet, as the kernel's lookups read them. */
#ifndef STRAZH_BPF_TUPLE_H
#define STRAZH_BPF_TUPLE_H

#include <linux/bpf.h>

#include <bpf/lib/cursor.h>
#include <bpf/lib/packet.h>

/* Its length, which says of which family it is. */
static inlined __u32 tuple_of(const struct packet *p, struct bpf_sock_tuple *tuple)
{
	if (p->family == 4) {
		tuple->ipv4.saddr = p->net4.addr;
		tuple->ipv4.daddr = p->dst[0];
		tuple->ipv4.sport = swap16(p->sport);
		tuple->ipv4.dport = swap16(p->dport);
		return sizeof(tuple->ipv4);
	}
	for (int i = 0; i < 4; i++) {
		tuple->ipv6.saddr[i] = p->src.addr[i];
		tuple->ipv6.daddr[i] = p->dst[i];
	}
	tuple->ipv6.sport = swap16(p->sport);
	tuple->ipv6.dport = swap16(p->dport);
	return sizeof(tuple->ipv6);
}

#endif

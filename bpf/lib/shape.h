/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What no honest stack sends, judged at the transport header: cut headers, flags that contradict
 * each other, ports and lengths that cannot be, a source that is the destination or no host.
 * Tested in the order of enum sz_reason. Protocols other than TCP and UDP have addresses only.
 */
#ifndef STRAZH_BPF_SHAPE_H
#define STRAZH_BPF_SHAPE_H

#include <strazh/abi/reason.h>

#include <bpf/lib/bogon.h>
#include <bpf/lib/cursor.h>
#include <bpf/lib/packet.h>

#define TCP_LEN_MIN 20
#define TCP_FIN 1
#define TCP_SYN 2
#define TCP_RST 4
#define TCP_PSH 8
#define TCP_ACK 16
#define TCP_URG 32
#define TCP_ALL 63 /* without the two of ECN, which say nothing alone */
#define UDP_LEN_MIN 8

/* The cursor's packet ends before its transport header does. */
static inlined int shape_cut(const struct packet *p)
{
	return p->flags & PACKET_FRAGMENT ? SZ_REASON_FRAG_TINY : SZ_REASON_L4_SHORT;
}

static inlined void shape_ports(const struct cursor *c, struct packet *p)
{
	p->sport = load16(c->pos);
	p->dport = load16(c->pos + 2);
	p->flags |= PACKET_PORTS;
}

static inlined int shape_tcp_flags(__u8 flags)
{
	if (!(flags & TCP_ALL))
		return SZ_REASON_TCP_NULL;
	if ((flags & (TCP_FIN | TCP_PSH | TCP_URG)) == (TCP_FIN | TCP_PSH | TCP_URG))
		return SZ_REASON_TCP_XMAS;
	if ((flags & (TCP_SYN | TCP_FIN)) == (TCP_SYN | TCP_FIN))
		return SZ_REASON_TCP_SYN_FIN;
	if ((flags & (TCP_SYN | TCP_RST)) == (TCP_SYN | TCP_RST))
		return SZ_REASON_TCP_SYN_RST;
	return SZ_REASON_PASS;
}

static inlined int shape_tcp(const struct cursor *c, struct packet *p)
{
	__u32 head;
	int reason;

	if (p->left < TCP_LEN_MIN || c->pos + TCP_LEN_MIN > c->end)
		return shape_cut(p);
	shape_ports(c, p);
	p->tcp_flags = c->pos[13];
	head = (c->pos[12] >> 4) * 4;
	if (head < TCP_LEN_MIN || head > p->left)
		return SZ_REASON_TCP_DOFF;
	reason = shape_tcp_flags(p->tcp_flags);
	if (reason)
		return reason;
	return p->sport && p->dport ? SZ_REASON_PASS : SZ_REASON_PORT_ZERO;
}

/* RFC 768: a source port of 0 is "not used". RFC 2675: so is the length of a jumbogram. */
static inlined int shape_udp(const struct cursor *c, struct packet *p)
{
	__u32 len;

	if (p->left < UDP_LEN_MIN || c->pos + UDP_LEN_MIN > c->end)
		return shape_cut(p);
	shape_ports(c, p);
	if (!p->dport)
		return SZ_REASON_PORT_ZERO;
	len = load16(c->pos + 4);
	if (!len && p->left > 0xffff)
		return SZ_REASON_PASS;
	if (len < UDP_LEN_MIN)
		return SZ_REASON_UDP_LEN;
	return len > p->left && !(p->flags & PACKET_FRAGMENT) ? SZ_REASON_UDP_LEN : SZ_REASON_PASS;
}

/*
 * What a network cannot be without, and what is no flood's business: whose loss would hang
 * connections (path MTU: RFC 1191, RFC 8201) or move a router's address (VRRP, RFC 5798: of 255
 * hops, so that nobody beyond this link can flood it).
 */
static inlined int shape_is_vital(const struct cursor *c, const struct packet *p)
{
	if (p->flags & PACKET_FRAGMENT)
		return 0;
	if (p->proto == PROTO_VRRP)
		return p->hop_limit == 255;
	if ((p->proto != PROTO_ICMP && p->proto != PROTO_ICMP6) || p->left < 2 ||
	    c->pos + 2 > c->end)
		return 0;
	return p->proto == PROTO_ICMP ? c->pos[0] == 3 && c->pos[1] == 4 : c->pos[0] == 2;
}

static inlined int shape_transport(const struct cursor *c, struct packet *p)
{
	if (p->flags & PACKET_LATER) /* RFC 1858: offset 8 would overwrite the flags */
		return p->proto == PROTO_TCP && p->frag_offset == 8 ? SZ_REASON_FRAG_TINY
								    : SZ_REASON_PASS;
	if (p->proto == PROTO_TCP)
		return shape_tcp(c, p);
	if (p->proto == PROTO_UDP)
		return shape_udp(c, p);
	if (shape_is_vital(c, p))
		p->flags |= PACKET_VITAL;
	return SZ_REASON_PASS;
}

static inlined int shape_is_land(const struct packet *p)
{
	if (p->family == 4)
		return p->net4.addr == p->dst[0];
	return !((p->src.addr[0] ^ p->dst[0]) | (p->src.addr[1] ^ p->dst[1]) |
		 (p->src.addr[2] ^ p->dst[2]) | (p->src.addr[3] ^ p->dst[3]));
}

/* bogons: the groups to drop. */
static inlined int shape(const struct cursor *c, struct packet *p, __u32 bogons)
{
	int reason = shape_transport(c, p);

	if (reason)
		return reason;
	if (shape_is_land(p))
		return SZ_REASON_LAND;
	return bogon_group(p) & bogons ? SZ_REASON_BOGON : SZ_REASON_PASS;
}

#endif

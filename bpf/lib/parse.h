/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the first byte of a frame to the first byte of the transport header: Ethernet, up to two
 * VLAN tags, IPv4 with options, IPv6 with up to eight extension headers.
 *
 * Every function returns an enum sz_reason. SZ_REASON_PASS: go on, the cursor stands behind what
 * was read. Anything else is final.
 */
#ifndef STRAZH_BPF_PARSE_H
#define STRAZH_BPF_PARSE_H

#include <strazh/abi/limits.h>
#include <strazh/abi/reason.h>

#include <bpf/lib/cursor.h>
#include <bpf/lib/ext.h>
#include <bpf/lib/ip.h>
#include <bpf/lib/packet.h>

#define ETHER_LEN 14
#define ETHER_IP4 0x0800
#define ETHER_IP6 0x86dd
#define ETHER_VLAN 0x8100
#define ETHER_QINQ 0x88a8
#define ETHER_QINQ_OLD 0x9100
#define VLAN_LEN 4
#define VLAN_ID 0x0fff

#define IP4_LEN_MIN 20
#define IP4_MORE 0x2000
#define IP4_OFFSET 0x1fff
#define IP6_LEN 40

static inlined int parse_is_vlan(__u16 type)
{
	return type == ETHER_VLAN || type == ETHER_QINQ || type == ETHER_QINQ_OLD;
}

static inlined int parse_link(struct cursor *c, struct packet *p, __u16 *ret_type)
{
	__u16 type;

	if (c->pos + ETHER_LEN > c->end)
		return SZ_REASON_ETH_SHORT;
	type = load16(c->pos + 12);
	c->pos += ETHER_LEN;
	for (int i = 0; i < SZ_VLAN_MAX && parse_is_vlan(type); i++) {
		if (c->pos + VLAN_LEN > c->end)
			return SZ_REASON_ETH_SHORT;
		if (i == 0)
			p->vlan = load16(c->pos) & VLAN_ID;
		type = load16(c->pos + 2);
		c->pos += VLAN_LEN;
	}
	*ret_type = type;
	return parse_is_vlan(type) ? SZ_REASON_VLAN_DEEP : SZ_REASON_PASS;
}

static inlined int parse_ip4(struct cursor *c, struct packet *p)
{
	__u32 head, len, frag;

	if (c->pos + IP4_LEN_MIN > c->end)
		return SZ_REASON_IP4_SHORT;
	if (c->pos[0] >> 4 != 4)
		return SZ_REASON_IP4_VERSION;
	p->hop_limit = c->pos[8];
	p->proto = c->pos[9];
	p->net4.len = 32;
	p->net4.addr = load_be32(c->pos + 12);
	p->dst[0] = load_be32(c->pos + 16);
	p->family = 4;
	head = (c->pos[0] & 15) * 4;
	if (head < IP4_LEN_MIN)
		return SZ_REASON_IP4_IHL;
	if (c->pos + head > c->end)
		return SZ_REASON_IP4_SHORT;
	len = parse_claim(c, p, load16(c->pos + 2), 0, head);
	if (!len)
		return SZ_REASON_IP4_LEN;
	frag = load16(c->pos + 6);
	p->left = len - head;
	c->pos += head;
	return parse_fragment(p, (frag & IP4_OFFSET) * 8, frag & IP4_MORE);
}

/*
 * Router and neighbour solicitation and advertisement, redirect, as RFC 4861 wants them: a router
 * would have lowered the hop limit, so the sender is on this link.
 */
static inlined int parse_is_nd(const struct cursor *c, const struct packet *p)
{
	if (p->proto != PROTO_ICMP6 || p->hop_limit != 255 || p->headers || p->left < 8)
		return 0;
	if (c->pos + 8 > c->end)
		return 0;
	return c->pos[0] >= 133 && c->pos[0] <= 137 && c->pos[1] == 0;
}

static inlined int parse_ip6(struct cursor *c, struct packet *p)
{
	__u32 len;
	int reason;

	if (c->pos + IP6_LEN > c->end)
		return SZ_REASON_IP6_SHORT;
	if (c->pos[0] >> 4 != 6)
		return SZ_REASON_IP6_VERSION;
	p->proto = c->pos[6];
	p->hop_limit = c->pos[7];
	p->src.len = 128;
	for (int i = 0; i < 4; i++) {
		p->src.addr[i] = load_be32(c->pos + 8 + 4 * i);
		p->dst[i] = load_be32(c->pos + 24 + 4 * i);
	}
	p->family = 6;
	len = parse_claim(c, p, load16(c->pos + 4) + IP6_LEN, IP6_LEN, IP6_LEN);
	if (!len)
		return SZ_REASON_IP6_LEN;
	p->left = len - IP6_LEN;
	c->pos += IP6_LEN;
	reason = parse_ext_chain(c, p);
	if (reason)
		return reason;
	return parse_is_nd(c, p) ? SZ_REASON_ND : SZ_REASON_PASS;
}

/* For the verifier only; see cursor_forget(). */
static inlined void parse_forget(struct cursor *c, struct packet *p)
{
	__u16 facts = forget16((__u16)(1 << 15 | p->family << 8 | p->headers << 4 | p->flags));

	p->family = facts >> 8 & 15;
	p->headers = facts >> 4 & 15;
	p->flags = facts & 15;
	p->frag_offset = forget16((__u16)(p->frag_offset | 1)) & ~7U;
	cursor_forget(c);
}

/* The whole way. Besides PASS and the malformed: NOT_IP, ND. */
static inlined int parse(struct cursor *c, struct packet *p)
{
	__u16 type = 0;
	int reason;

	p->frame_len = cursor_linear(c);
	reason = parse_link(c, p, &type);
	if (reason)
		return reason;
	if (type == ETHER_IP4)
		return parse_ip4(c, p);
	if (type == ETHER_IP6)
		return parse_ip6(c, p);
	return SZ_REASON_NOT_IP;
}

_Static_assert(SZ_REASON_PASS == 0, "parsers test a reason for zero");

#endif

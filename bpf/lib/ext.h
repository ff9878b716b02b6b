/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The chain of IPv6 extension headers, up to SZ_EXT_MAX of them. Later fragments end it: what they
 * hold is no header.
 */
#ifndef STRAZH_BPF_EXT_H
#define STRAZH_BPF_EXT_H

#include <strazh/abi/limits.h>
#include <strazh/abi/reason.h>

#include <bpf/lib/cursor.h>
#include <bpf/lib/ip.h>
#include <bpf/lib/packet.h>

#define EXT_LEN_MIN 8
#define EXT_FRAGMENT 44
#define EXT_AUTH 51
/* Hop-by-hop 0, routing 43, fragment 44, authentication 51, destination options 60; mobility 135,
 * HIP 139, shim6 140. */
#define EXT_BELOW_64 (1ULL << 0 | 1ULL << 43 | 1ULL << 44 | 1ULL << 51 | 1ULL << 60)
#define EXT_FROM_128 (1ULL << 7 | 1ULL << 11 | 1ULL << 12)

static inlined int parse_is_ext(__u8 proto)
{
	__u64 known = proto < 64 ? EXT_BELOW_64 : proto >= 128 && proto < 192 ? EXT_FROM_128 : 0;

	return known >> (proto & 63) & 1;
}

/* One extension header. */
static inlined int parse_ext(struct cursor *c, struct packet *p)
{
	__u32 len = EXT_LEN_MIN, frag;
	__u8 kind = p->proto;

	if (c->pos + EXT_LEN_MIN > c->end)
		return SZ_REASON_EXT_SHORT;
	if (kind == EXT_AUTH)
		len = (c->pos[1] + 2) * 4;
	else if (kind != EXT_FRAGMENT)
		len = (c->pos[1] + 1) * 8;
	if (p->left < len)
		return SZ_REASON_EXT_SHORT;
	frag = load16(c->pos + 2);
	p->proto = c->pos[0];
	p->headers++;
	p->left -= len;
	c->pos += len;
	if (kind != EXT_FRAGMENT)
		return SZ_REASON_PASS;
	return parse_fragment(p, frag & ~7U, frag & 1);
}

static inlined int parse_ext_chain(struct cursor *c, struct packet *p)
{
	for (int i = 0; i < SZ_EXT_MAX; i++) {
		int reason;

		if (!parse_is_ext(p->proto))
			return SZ_REASON_PASS;
		cursor_forget(c);
		reason = parse_ext(c, p);
		if (reason || p->flags & PACKET_LATER)
			return reason;
	}
	return parse_is_ext(p->proto) ? SZ_REASON_EXT_DEEP : SZ_REASON_PASS;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What IPv4 and IPv6 share: is the length that a header claims true, and is a fragment one that an
 * honest stack makes?
 */
#ifndef STRAZH_BPF_IP_H
#define STRAZH_BPF_IP_H

#include <strazh/abi/reason.h>

#include <bpf/lib/cursor.h>
#include <bpf/lib/packet.h>

#define IP_FRAGMENT_END 65535
/* A frame beyond this holds a packet whose length field cannot say its length: BIG TCP. */
#define IP_FRAME_BIG 65535

/*
 * Does the frame hold the IP packet that starts at the cursor and claims `claim` bytes, none of
 * them fewer than `least`? A claim of `unsaid` is a packet too long for its length field, and is
 * believed of a frame that long only. The length of the packet, or 0: it lies.
 */
static inlined __u32 parse_claim(struct cursor *c, struct packet *p, __u32 claim, __u32 unsaid,
				 __u32 least)
{
	__u32 here = (__u32)(c->end - c->pos), before;

	if (claim != unsaid && claim <= here)
		return claim < least ? 0 : claim;
	before = p->frame_len - here;
	p->frame_len = cursor_whole(c);
	here = p->frame_len - before;
	if (claim == unsaid)
		return p->frame_len > IP_FRAME_BIG ? here : 0;
	return claim < least || claim > here ? 0 : claim;
}

/* A fragment of p->left bytes. */
static inlined int parse_fragment(struct packet *p, __u32 offset, int more)
{
	if (!offset && !more)
		return SZ_REASON_PASS;
	p->flags |= offset ? PACKET_FRAGMENT | PACKET_LATER : PACKET_FRAGMENT;
	p->frag_offset = offset;
	if (more && (!p->left || p->left % 8))
		return SZ_REASON_FRAG_LEN;
	return offset + p->left > IP_FRAGMENT_END ? SZ_REASON_FRAG_LEN : SZ_REASON_PASS;
}

#endif

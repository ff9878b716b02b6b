// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The parser and the shape checks of the gate, compiled for a process, over any bytes. Reads
 * outside the frame are ASan's to find; here is what must hold of the answer.
 *
 * The first byte says how much longer the frame is than its first buffer, in units of 4 KiB.
 */
#include "must.h"

#include <bpf/lib/parse.h>
#include <bpf/lib/shape.h>

/* Offset of the IP header: an opinion of its own about tags. */
static size_t ip_offset(const uint8_t *frame)
{
	size_t at = 12;

	while ((frame[at] == 0x81 && frame[at + 1] == 0x00) ||
	       (frame[at] == 0x88 && frame[at + 1] == 0xa8) ||
	       (frame[at] == 0x91 && frame[at + 1] == 0x00))
		at += 4;
	return at + 2;
}

static void check_addresses(const struct cursor *c, const struct packet *p)
{
	size_t at = ip_offset(c->begin), len = p->family == 4 ? 4 : 16;
	const uint8_t *src = c->begin + at + (len == 4 ? 12 : 8);

	MUST(p->family == 4 || p->family == 6);
	MUST(p->src.len == len * 8);
	MUST(src + 2 * len <= c->end);
	MUST(!memcmp(p->src.addr, src, len));
	MUST(!memcmp(p->dst, src + len, len));
}

static void check_facts(const struct cursor *c, const struct packet *p)
{
	MUST(p->frame_len == cursor_linear(c) || p->frame_len == cursor_whole(c));
	MUST(p->vlan <= VLAN_ID);
	MUST(p->headers <= SZ_EXT_MAX);
	MUST(!(p->flags & PACKET_LATER) || p->flags & PACKET_FRAGMENT);
	MUST(p->frag_offset % 8 == 0 && p->frag_offset <= 65528);
	MUST(!(p->flags & PACKET_LATER) == !p->frag_offset);
	if (p->family)
		check_addresses(c, p);
}

/* After a PASS: the cursor and what is left of the packet lie inside the frame. */
static void check_position(const struct cursor *c, const struct packet *p)
{
	size_t at = (size_t)(c->pos - c->begin);

	MUST(p->family);
	MUST(at >= 34 && at <= CURSOR_REACH);
	MUST(at + p->left <= cursor_whole(c));
	MUST(!(p->flags & PACKET_FRAGMENT) || p->frag_offset + p->left <= 65535);
}

static void check_shape(const struct cursor *c, struct packet *p)
{
	int reason = shape(c, p, SZ_BOGON_ALL);

	MUST(reason == SZ_REASON_PASS ||
	     (reason >= SZ_REASON_FRAG_TINY && reason <= SZ_REASON_BOGON));
	MUST(reason != SZ_REASON_BOGON || bogon_group(p));
	MUST((reason != SZ_REASON_PASS && reason != SZ_REASON_BOGON) || !shape_is_land(p));
	MUST(!(p->flags & PACKET_PORTS) || (c->pos + 8 <= c->end && p->left >= 8));
	MUST(!(p->flags & PACKET_PORTS && p->flags & PACKET_LATER));
	MUST(reason != SZ_REASON_FRAG_TINY || p->flags & PACKET_FRAGMENT);
}

static void check_frame(const uint8_t *frame, size_t len, size_t more)
{
	struct cursor c = {frame, frame, frame + len, (uint32_t)(len + more)};
	struct packet p;
	int reason;

	memset(&p, 0, sizeof(p));
	reason = parse(&c, &p);
	MUST(reason == SZ_REASON_PASS || reason == SZ_REASON_NOT_IP || reason == SZ_REASON_ND ||
	     (reason >= SZ_REASON_ETH_SHORT && reason <= SZ_REASON_FRAG_LEN));
	MUST(len >= 14 || reason == SZ_REASON_ETH_SHORT);
	check_facts(&c, &p);
	if (reason == SZ_REASON_ND)
		MUST(p.hop_limit == 255 && !p.headers && !p.flags);
	if (reason != SZ_REASON_PASS)
		return;
	check_position(&c, &p);
	check_shape(&c, &p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *frame;

	if (!size || size > 70000)
		return 0;
	/* A copy that ends where the frame ends: a read behind it is seen. */
	frame = malloc(size - 1 ? size - 1 : 1);
	MUST(frame);
	memcpy(frame, data + 1, size - 1);
	check_frame(frame, size - 1, data[0] * 4096U);
	free(frame);
	return 0;
}

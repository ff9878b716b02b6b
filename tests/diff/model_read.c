// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * From the first byte to the transport header. Choices where the specification leaves one:
 *   - a header is short before it is anything else; a ninth extension header is too deep before
 *     it is short;
 *   - the IP packet ends where its length field says, never at the end of the frame;
 *   - offset plus length of a fragment counts the fragment's data, without headers before it;
 *   - neighbour discovery is at least the 8 bytes of an ICMPv6 header (RFC 4861, 6.1 and 7.1).
 */
#include <string.h>

#include <strazh/abi/limits.h>

#include "model_parts.h"

static bool in(unsigned int value, const uint8_t *set, size_t count)
{
	return memchr(set, (int)value, count) != NULL;
}

static int read_ipv4_fragment(const uint8_t *ip, struct model_facts *f)
{
	size_t data = f->end_at - f->l4_at;
	bool more = ip[6] & 0x20;

	f->frag_offset = (be16(ip + 6) & 0x1fff) * 8;
	f->frag_later = f->frag_offset > 0;
	f->frag_first = more && !f->frag_later;
	if (more && (data == 0 || data % 8 != 0))
		return SZ_REASON_FRAG_LEN;
	if ((more || f->frag_later) && f->frag_offset + data > 65535)
		return SZ_REASON_FRAG_LEN;
	return GO_ON;
}

static int read_ipv4(const uint8_t *frame, size_t len, size_t at, struct model_facts *f)
{
	const uint8_t *ip = frame + at;
	size_t room = len - at, header, total;

	if (room < 20)
		return SZ_REASON_IP4_SHORT;
	if (ip[0] / 16 != 4)
		return SZ_REASON_IP4_VERSION;
	header = (size_t)(ip[0] % 16) * 4;
	if (header < 20)
		return SZ_REASON_IP4_IHL;
	if (header > room)
		return SZ_REASON_IP4_SHORT;
	total = be16(ip + 2);
	if (total == 0 && len > 65535)
		total = room;
	if (total < header || total > room)
		return SZ_REASON_IP4_LEN;
	f->family = 4;
	f->addr_len = 4;
	f->src_at = at + 12;
	f->dst_at = at + 16;
	f->proto = ip[9];
	f->l4_at = at + header;
	f->end_at = at + total;
	return read_ipv4_fragment(ip, f);
}

static int read_ipv6_fragment(const uint8_t *header, size_t data, struct model_facts *f)
{
	size_t offset = be16(header + 2) & 0xfff8;
	bool more = header[3] & 1;

	f->frag_header = true;
	if (more && (data == 0 || data % 8 != 0))
		return SZ_REASON_FRAG_LEN;
	if ((more || offset > 0) && offset + data > 65535)
		return SZ_REASON_FRAG_LEN;
	if (offset > 0) {
		f->frag_later = true;
		f->frag_offset = offset;
	} else if (more) {
		f->frag_first = true;
	}
	return GO_ON;
}

/* One extension header of kind f->proto at f->l4_at: step over it. */
static int step_extension(const uint8_t *frame, struct model_facts *f)
{
	size_t left = f->end_at - f->l4_at, size;
	const uint8_t *header = frame + f->l4_at;
	unsigned int kind = f->proto;

	if (f->extensions == SZ_EXT_MAX)
		return SZ_REASON_EXT_DEEP;
	if (left < 8)
		return SZ_REASON_EXT_SHORT;
	size = ((size_t)header[1] + 1) * 8;
	if (kind == 51)
		size = ((size_t)header[1] + 2) * 4;
	if (kind == 44)
		size = 8;
	if (size > left)
		return SZ_REASON_EXT_SHORT;
	f->extensions++;
	f->proto = header[0];
	f->l4_at += size;
	return kind == 44 ? read_ipv6_fragment(header, left - size, f) : GO_ON;
}

static int read_ipv6(const uint8_t *frame, size_t len, size_t at, struct model_facts *f)
{
	static const uint8_t walked[] = {0, 43, 44, 51, 60, 135, 139, 140};
	size_t room = len - at, payload;
	const uint8_t *ip = frame + at;
	int said = GO_ON;

	if (room < 40)
		return SZ_REASON_IP6_SHORT;
	if (ip[0] / 16 != 6)
		return SZ_REASON_IP6_VERSION;
	payload = be16(ip + 4);
	if (payload == 0 && len > 65535)
		payload = room - 40;
	if (payload == 0 || payload > room - 40)
		return SZ_REASON_IP6_LEN;
	f->family = 6;
	f->addr_len = 16;
	f->src_at = at + 8;
	f->dst_at = at + 24;
	f->proto = ip[6];
	f->l4_at = at + 40;
	f->end_at = f->l4_at + payload;
	while (said == GO_ON && !f->frag_later && in(f->proto, walked, sizeof(walked)))
		said = step_extension(frame, f);
	return said;
}

static int read_link(const uint8_t *frame, size_t len, struct model_facts *f)
{
	size_t at = 12;
	unsigned int type;

	if (len < 14)
		return SZ_REASON_ETH_SHORT;
	for (type = be16(frame + at); type == 0x8100 || type == 0x88a8 || type == 0x9100;
	     type = be16(frame + at)) {
		if (f->tags == SZ_VLAN_MAX)
			return SZ_REASON_VLAN_DEEP;
		if (len < at + 6)
			return SZ_REASON_ETH_SHORT;
		f->tag_types[f->tags++] = (uint16_t)type;
		at += 4;
	}
	if (type == 0x0800)
		return read_ipv4(frame, len, at + 2, f);
	if (type == 0x86dd)
		return read_ipv6(frame, len, at + 2, f);
	return SZ_REASON_NOT_IP;
}

/* On-link only: a router would have decremented the hop limit. */
static int neighbour_discovery(const uint8_t *frame, const struct model_facts *f)
{
	if (f->family != 6 || f->proto != 58 || f->extensions > 0 || frame[f->src_at - 1] != 255)
		return GO_ON;
	if (f->end_at - f->l4_at < 8)
		return GO_ON;
	if (frame[f->l4_at] < 133 || frame[f->l4_at] > 137 || frame[f->l4_at + 1] != 0)
		return GO_ON;
	return SZ_REASON_ND;
}

int model_read(const uint8_t *frame, size_t len, struct model_facts *f)
{
	int said = read_link(frame, len, f);

	return said == GO_ON ? neighbour_discovery(frame, f) : said;
}

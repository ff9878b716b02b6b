// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * What no honest stack sends. Choices where the specification leaves one:
 *   - only TCP (20) and UDP (8) have a transport header that can be too short;
 *   - where several checks apply, the first in the order of enum sz_reason names it;
 *   - bytes after a UDP datagram inside its IP packet are no contradiction, and a jumbogram may
 *     say no length (RFC 2675);
 *   - the two flags of ECN are no flags on their own: a TCP header with nothing else is NULL;
 *   - the special ranges that abi/settings.h does not name are those of the IANA registries that
 *     no host may send from, deprecated ones included: IETF assignments, old ORCHID, site-local,
 *     IPv4-compatible. Translation and relay prefixes have hosts behind them and are not special.
 */
#include <string.h>

#include <strazh/abi/settings.h>

#include "model_parts.h"

static int tcp_shape(const uint8_t *tcp, size_t len)
{
	size_t header = (size_t)(tcp[12] / 16) * 4;
	bool fin = tcp[13] & 1, syn = tcp[13] & 2, rst = tcp[13] & 4, psh = tcp[13] & 8;
	bool urg = tcp[13] & 32;

	if (header < 20 || header > len)
		return SZ_REASON_TCP_DOFF;
	if (tcp[13] % 64 == 0)
		return SZ_REASON_TCP_NULL;
	if (fin && psh && urg)
		return SZ_REASON_TCP_XMAS;
	if (syn && fin)
		return SZ_REASON_TCP_SYN_FIN;
	if (syn && rst)
		return SZ_REASON_TCP_SYN_RST;
	if (be16(tcp) == 0 || be16(tcp + 2) == 0)
		return SZ_REASON_PORT_ZERO;
	return GO_ON;
}

static int udp_shape(const uint8_t *udp, size_t len, bool whole)
{
	size_t said = be16(udp + 4);

	if (be16(udp + 2) == 0)
		return SZ_REASON_PORT_ZERO;
	if (said == 0 && len > 65535)
		return GO_ON;
	if (said < 8 || (whole && said > len))
		return SZ_REASON_UDP_LEN;
	return GO_ON;
}

static int transport_shape(const uint8_t *frame, const struct model_facts *f)
{
	size_t len = f->end_at - f->l4_at, least = f->proto == 6 ? 20 : f->proto == 17 ? 8 : 0;

	if (f->frag_later)
		return f->proto == 6 && f->frag_offset == 8 ? SZ_REASON_FRAG_TINY : GO_ON;
	if (len < least)
		return f->frag_first ? SZ_REASON_FRAG_TINY : SZ_REASON_L4_SHORT;
	if (f->proto == 6)
		return tcp_shape(frame + f->l4_at, len);
	if (f->proto == 17)
		return udp_shape(frame + f->l4_at, len, !f->frag_first);
	return GO_ON;
}

struct group {
	uint32_t flag;
	uint8_t family, len, addr[16];
};

/* The longest match decides: :: and ::1 lie inside ::/96. */
static const struct group groups[] = {
	{SZ_BOGON_MARTIAN, 4, 8, {127}},
	{SZ_BOGON_MARTIAN, 4, 4, {224}},
	{SZ_BOGON_MARTIAN, 4, 4, {240}},
	{SZ_BOGON_MARTIAN, 6, 128, {[15] = 1}},
	{SZ_BOGON_MARTIAN, 6, 8, {0xff}},
	{SZ_BOGON_MARTIAN, 6, 96, {[10] = 0xff, [11] = 0xff}},
	{SZ_BOGON_RESERVED, 4, 24, {192, 0, 0}},
	{SZ_BOGON_RESERVED, 4, 24, {192, 0, 2}},
	{SZ_BOGON_RESERVED, 4, 24, {198, 51, 100}},
	{SZ_BOGON_RESERVED, 4, 24, {203, 0, 113}},
	{SZ_BOGON_RESERVED, 4, 15, {198, 18}},
	{SZ_BOGON_RESERVED, 6, 32, {0x20, 0x01, 0x0d, 0xb8}},
	{SZ_BOGON_RESERVED, 6, 20, {0x3f, 0xff}},
	{SZ_BOGON_RESERVED, 6, 48, {0x20, 0x01, 0x00, 0x02}},
	{SZ_BOGON_RESERVED, 6, 28, {0x20, 0x01, 0x00, 0x10}},
	{SZ_BOGON_RESERVED, 6, 64, {0x01, 0x00}},
	{SZ_BOGON_RESERVED, 6, 10, {0xfe, 0xc0}},
	{SZ_BOGON_PRIVATE, 4, 8, {10}},
	{SZ_BOGON_PRIVATE, 4, 12, {172, 16}},
	{SZ_BOGON_PRIVATE, 4, 16, {192, 168}},
	{SZ_BOGON_PRIVATE, 4, 10, {100, 64}},
	{SZ_BOGON_PRIVATE, 6, 7, {0xfc}},
	{SZ_BOGON_LINKLOCAL, 4, 16, {169, 254}},
	{SZ_BOGON_LINKLOCAL, 6, 10, {0xfe, 0x80}},
	{SZ_BOGON_UNSPECIFIED, 4, 8, {0}},
	{SZ_BOGON_UNSPECIFIED, 6, 128, {0}},
	{SZ_BOGON_RESERVED, 6, 96, {0}},
};

bool model_special(size_t i, unsigned int *ret_family, unsigned int *ret_len, uint8_t ret_addr[16])
{
	if (i >= sizeof(groups) / sizeof(groups[0]))
		return false;
	*ret_family = groups[i].family;
	*ret_len = groups[i].len;
	memcpy(ret_addr, groups[i].addr, 16);
	return true;
}

static uint32_t group_of(unsigned int family, const uint8_t *src)
{
	const struct group *best = NULL;

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (groups[i].family == family && (!best || groups[i].len > best->len) &&
		    model_same_bits(groups[i].addr, src, groups[i].len))
			best = &groups[i];
	return best ? best->flag : 0;
}

int model_shape(const struct model_world *world, const uint8_t *frame, const struct model_facts *f,
		bool trusted)
{
	uint32_t dropped = SZ_BOGON_DEFAULT ^ world->bogon_flip;
	int said = transport_shape(frame, f);

	if (said != GO_ON)
		return said;
	if (!memcmp(frame + f->src_at, frame + f->dst_at, f->addr_len))
		return SZ_REASON_LAND;
	if (trusted)
		dropped &= SZ_BOGON_MARTIAN;
	return group_of(f->family, frame + f->src_at) & dropped ? SZ_REASON_BOGON : GO_ON;
}

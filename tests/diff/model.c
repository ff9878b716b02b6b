// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The verdict, a second time.
 *
 * Each step looks at bytes and answers "go on" (GO_ON) or a reason. Order: standby, frame, IP
 * header and extension headers, neighbour discovery, never, allow, deny host, deny prefix, shape,
 * pass. Never and allow only remember that they spoke: the shape checks come after them.
 *
 * Choices where the specification leaves one:
 *   - a header is short before it is anything else; a ninth extension header is too deep before
 *     it is short;
 *   - the IP packet ends where its length field says, never at the end of the frame;
 *   - offset plus length of a fragment counts the fragment's data, without headers before it;
 *   - only TCP (20) and UDP (8) have a transport header that can be too short;
 *   - where several shape checks apply, the first in the order of enum sz_reason names it;
 *   - bytes after a UDP datagram inside its IP packet are no contradiction;
 *   - the two flags of ECN are no flags on their own: a TCP header with nothing else is NULL;
 *   - neighbour discovery is at least the 8 bytes of an ICMPv6 header (RFC 4861, 6.1 and 7.1);
 *   - the special ranges that abi/settings.h does not name are those of the IANA registries that
 *     no host may send from, deprecated ones included: IETF assignments, old ORCHID, site-local,
 *     IPv4-compatible. Translation and relay prefixes have hosts behind them and are not special.
 */
#include <string.h>

#include <strazh/abi/limits.h>
#include <strazh/abi/settings.h>

#include "model.h"

enum { GO_ON = -1 };

static unsigned int be16(const uint8_t *at)
{
	return (unsigned int)at[0] * 256 + at[1];
}

static bool in(unsigned int value, const uint8_t *set, size_t count)
{
	return memchr(set, (int)value, count) != NULL;
}

const char *model_reason_name(unsigned int reason)
{
	static const char *const names[] = {
#define X(code, name, class, text) name,
		SZ_REASONS(X)
#undef X
	};

	return reason < SZ_REASON_COUNT ? names[reason] : "?";
}

enum sz_class model_reason_class(unsigned int reason)
{
	static const enum sz_class classes[] = {
#define X(code, name, class, text) SZ_CLASS_##class,
		SZ_REASONS(X)
#undef X
	};

	return classes[reason];
}

/* ---- the frame ------------------------------------------------------------------------- */

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

static int read_frame(const uint8_t *frame, size_t len, struct model_facts *f)
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

/* ---- lists ----------------------------------------------------------------------------- */

bool model_same_bits(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || (a[bits / 8] ^ b[bits / 8]) >> (8 - bits % 8) == 0;
}

static bool origin_speaks(const struct model_world *world, enum model_table table,
			  const struct model_say *say, enum sz_origin origin)
{
	bool pass_table = table == MODEL_NEVER || table == MODEL_ALLOW;

	if (say->until_s[origin] != 0 && say->until_s[origin] <= world->now_s)
		return false;
	for (unsigned int bit = 0; bit < SZ_LISTS; bit++) {
		enum sz_origin whose = bit == 0			    ? SZ_ORIGIN_OPERATOR
				       : bit == 1 || pass_table ? SZ_ORIGIN_GUARD
								    : SZ_ORIGIN_FEED;

		if (whose != origin || !(say->lists >> bit & 1))
			continue;
		if (pass_table || !(world->lists_off >> bit & 1))
			return true;
	}
	return false;
}

bool model_holds(const struct model_world *world, enum model_table table,
		 const struct model_say *say)
{
	return origin_speaks(world, table, say, SZ_ORIGIN_OPERATOR) ||
	       origin_speaks(world, table, say, SZ_ORIGIN_GUARD) ||
	       origin_speaks(world, table, say, SZ_ORIGIN_FEED);
}

bool model_listed(const struct model_world *world, enum model_table table, unsigned int family,
		  const uint8_t *addr)
{
	for (size_t i = 0; i < world->counts[table]; i++) {
		const struct model_say *say = &world->says[table][i];

		if (say->family == family && model_same_bits(say->addr, addr, say->len) &&
		    model_holds(world, table, say))
			return true;
	}
	return false;
}

/* ---- shape ----------------------------------------------------------------------------- */

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

static uint32_t group_of(unsigned int family, const uint8_t *src)
{
	const struct group *best = NULL;

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (groups[i].family == family && (!best || groups[i].len > best->len) &&
		    model_same_bits(groups[i].addr, src, groups[i].len))
			best = &groups[i];
	return best ? best->flag : 0;
}

static int shape(const struct model_world *world, const uint8_t *frame,
		 const struct model_facts *f, bool trusted)
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

/* ---- the verdict ----------------------------------------------------------------------- */

static int decide(const struct model_world *world, const uint8_t *frame, size_t len,
		  struct model_facts *f)
{
	int said, trusted = GO_ON;
	const uint8_t *src;

	if (world->standby)
		return SZ_REASON_STANDBY;
	said = read_frame(frame, len, f);
	if (said == GO_ON)
		said = neighbour_discovery(frame, f);
	if (said != GO_ON)
		return said;
	src = frame + f->src_at;
	if (model_listed(world, MODEL_NEVER, f->family, src))
		trusted = SZ_REASON_NEVER;
	else if (model_listed(world, MODEL_ALLOW, f->family, src))
		trusted = SZ_REASON_ALLOW;
	else if (model_listed(world, MODEL_HOST, f->family, src))
		return SZ_REASON_DENY_HOST;
	else if (model_listed(world, MODEL_NET, f->family, src))
		return SZ_REASON_DENY_NET;
	said = shape(world, frame, f, trusted != GO_ON);
	if (said != GO_ON)
		return said;
	return trusted != GO_ON ? trusted : SZ_REASON_PASS;
}

static bool observing(const struct model_world *world)
{
	bool lease_over = world->lease_until_s != 0 && world->lease_until_s <= world->now_s;

	return (world->flags & SZ_SET_OBSERVE) ||
	       (lease_over && world->lease_ifindex == world->ifindex);
}

struct model_answer model_judge(const struct model_world *world, const uint8_t *frame, size_t len)
{
	struct model_answer answer = {0};

	answer.reason = (enum sz_reason)decide(world, frame, len, &answer.facts);
	if (model_reason_class(answer.reason) == SZ_CLASS_PASS)
		return answer;
	answer.observed = observing(world);
	answer.drop = !answer.observed;
	return answer;
}

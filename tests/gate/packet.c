// SPDX-License-Identifier: AGPL-3.0-or-later
/* A frame grows from its first byte to its last; lengths are filled in when it is whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include <tests/gate/packet.h>

uint8_t address_parse(const char *text, uint8_t ret_addr[16])
{
	memset(ret_addr, 0, 16);
	if (inet_pton(AF_INET, text, ret_addr) == 1)
		return 4;
	if (inet_pton(AF_INET6, text, ret_addr) == 1)
		return 6;
	fail_msg("test names no address: '%s'", text);
	return 0;
}

void frame_set16(struct frame *frame, size_t at, uint16_t value)
{
	frame->bytes[at] = (uint8_t)(value >> 8);
	frame->bytes[at + 1] = (uint8_t)value;
}

/* Room for `len` bytes of value `fill`; where it begins. */
static uint8_t *grow(struct frame *frame, size_t len, uint8_t fill)
{
	uint8_t *at = frame->bytes + frame->len;

	assert_true(frame->len + len <= FRAME_MAX);
	memset(at, fill, len);
	frame->len += len;
	return at;
}

static void add_link(struct frame *frame, const struct spec *spec)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};

	memcpy(grow(frame, 14, 0), macs, sizeof(macs));
	for (int i = 0; i < SPEC_VLANS && spec->vlan[i]; i++) {
		frame_set16(frame, frame->len - 2, spec->vlan[i]);
		grow(frame, 4, 0);
		frame_set16(frame, frame->len - 4, (uint16_t)(101 + i));
	}
	frame_set16(frame, frame->len - 2, spec->family == 6 ? 0x86dd : 0x0800);
}

static void add_ip4(struct frame *frame, const struct spec *spec, uint8_t proto)
{
	uint8_t addr[16], *ip = grow(frame, 20, 0);

	ip[0] = (uint8_t)(0x45 + spec->options / 4);
	frame_set16(frame, frame->l3 + 6, (uint16_t)(spec->offset / 8 | spec->more << 13));
	ip[8] = spec->hops ? spec->hops : 64;
	ip[9] = proto;
	address_parse(spec->src ? spec->src : PEER4, addr);
	memcpy(ip + 12, addr, 4);
	address_parse(spec->dst ? spec->dst : SELF4, addr);
	memcpy(ip + 16, addr, 4);
	grow(frame, spec->options, 1);
}

static void add_ext(struct frame *frame, const struct spec *spec, uint8_t kind, uint8_t next)
{
	uint8_t units = kind == E_FRAGMENT ? 0 : spec->ext_units;
	size_t len = kind == E_AUTH ? (units + 2U) * 4 : (units + 1U) * 8;
	uint8_t *ext = grow(frame, len, 0);

	ext[0] = next;
	ext[1] = units;
	if (kind == E_FRAGMENT)
		frame_set16(frame, frame->len - 6, (uint16_t)(spec->offset | spec->more));
}

static void add_ip6(struct frame *frame, const struct spec *spec, uint8_t proto)
{
	uint8_t addr[16], *ip = grow(frame, 40, 0);

	ip[0] = 0x60;
	ip[6] = spec->ext_count ? spec->ext[0] : proto;
	ip[7] = spec->hops ? spec->hops : 64;
	address_parse(spec->src ? spec->src : PEER6, addr);
	memcpy(ip + 8, addr, 16);
	address_parse(spec->dst ? spec->dst : SELF6, addr);
	memcpy(ip + 24, addr, 16);
	for (int i = 0; i < spec->ext_count; i++)
		add_ext(frame, spec, spec->ext[i],
			i + 1 < spec->ext_count ? spec->ext[i + 1] : proto);
}

static void add_tcp(struct frame *frame, const struct spec *spec)
{
	uint8_t *tcp = grow(frame, 20, 0);

	tcp[12] = (uint8_t)((5 + spec->tcp_options / 4) << 4);
	tcp[13] = spec->tcp_flags ? spec->tcp_flags : 2;
	grow(frame, spec->tcp_options, 1);
}

static void add_transport(struct frame *frame, const struct spec *spec, uint8_t proto)
{
	if (proto == P_TCP) {
		add_tcp(frame, spec);
	} else if (proto == P_UDP) {
		grow(frame, 8, 0);
		frame_set16(frame, frame->l4 + 4, (uint16_t)(8 + spec->data));
	} else if (proto != P_NONE) {
		grow(frame, 8, 0);
		frame->bytes[frame->l4] = spec->icmp_type    ? spec->icmp_type
					  : proto == P_ICMP6 ? 128
							     : 8;
	}
	if (proto == P_TCP || proto == P_UDP) {
		frame_set16(frame, frame->l4, spec->sport ? spec->sport : 40000);
		frame_set16(frame, frame->l4 + 2, spec->dport ? spec->dport : 443);
	}
}

static void end_ip(struct frame *frame, const struct spec *spec)
{
	size_t len = frame->len - frame->l3;

	if (spec->family == 6)
		frame_set16(frame, frame->l3 + 4, (uint16_t)(len - 40));
	else
		frame_set16(frame, frame->l3 + 2, (uint16_t)len);
}

void frame_build(struct frame *frame, const struct spec *spec)
{
	uint8_t proto = spec->proto ? spec->proto : P_TCP;

	frame->len = 0;
	add_link(frame, spec);
	frame->l3 = frame->len;
	if (spec->family == 6)
		add_ip6(frame, spec, proto);
	else
		add_ip4(frame, spec, proto);
	frame->l4 = frame->len;
	if (!spec->bare && !spec->offset)
		add_transport(frame, spec, proto);
	grow(frame, spec->data, 0xa5);
	end_ip(frame, spec);
	grow(frame, spec->padding, 0);
}

void frame_patch(struct frame *frame, struct patch patch)
{
	size_t base = patch.base == PATCH_L4 ? frame->l4 : patch.base == PATCH_L3 ? frame->l3 : 0;

	if (patch.base == PATCH_NONE)
		return;
	if (patch.bytes == 2)
		frame_set16(frame, base + patch.at, patch.value);
	else
		frame->bytes[base + patch.at] = (uint8_t)patch.value;
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/frametext.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <strazh/base/compiler.h>

#define VLAN_LEN 4U
#define IP4_LEN 20U
#define IP6_LEN 40U
#define OFFSET_MASK 0x1fff

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static bool is_vlan(uint16_t type)
{
	return type == ETH_P_8021Q || type == ETH_P_8021AD || type == 0x9100;
}

static void name_proto(uint8_t proto, char text[16])
{
	static const struct {
		uint8_t proto;
		const char *name;
	} names[] = {{1, "icmp"}, {6, "tcp"},	 {17, "udp"},  {47, "gre"},
		     {50, "esp"}, {58, "icmp6"}, {132, "sctp"}};

	(void)snprintf(text, 16, "proto %u", proto);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].proto == proto)
			(void)snprintf(text, 16, "%s", names[i].name);
}

static void name_end(char text[FRAME_TEXT_LEN], int family, const uint8_t *address, int port)
{
	char name[INET6_ADDRSTRLEN] = "";

	inet_ntop(family, address, name, sizeof(name));
	if (port < 0)
		(void)snprintf(text, FRAME_TEXT_LEN, "%s", name);
	else
		(void)snprintf(text, FRAME_TEXT_LEN, family == AF_INET6 ? "[%s]:%d" : "%s:%d", name,
			       port);
}

/* `l4`: the transport header, or NULL. */
static void name_ends(struct frame_text *text, int family, const uint8_t *source,
		      const uint8_t *target, uint8_t proto, const uint8_t *l4)
{
	bool ports = l4 && (proto == 6 || proto == 17 || proto == 132);

	name_proto(proto, text->proto);
	name_end(text->source, family, source, ports ? get16(l4) : -1);
	name_end(text->target, family, target, ports ? get16(l4 + 2) : -1);
}

void frame_text(const uint8_t *frame, size_t len, struct frame_text *ret_text)
{
	size_t at = ETH_HLEN, head;
	uint16_t type;

	*ret_text = (struct frame_text){.source = ""};
	if (len < at)
		return;
	for (type = get16(frame + 12); is_vlan(type) && at + VLAN_LEN <= len; at += VLAN_LEN)
		type = get16(frame + at + 2);
	if (type == ETH_P_IP && at + IP4_LEN <= len) {
		head = at + (frame[at] & 15U) * 4U;
		name_ends(ret_text, AF_INET, frame + at + 12, frame + at + 16, frame[at + 9],
			  head + 4 <= len && !(get16(frame + at + 6) & OFFSET_MASK) ? frame + head
										    : NULL);
	} else if (type == ETH_P_IPV6 && at + IP6_LEN <= len) {
		head = at + IP6_LEN;
		name_ends(ret_text, AF_INET6, frame + at + 8, frame + at + 24, frame[at + 6],
			  head + 4 <= len ? frame + head : NULL);
	} else {
		(void)snprintf(ret_text->proto, sizeof(ret_text->proto), "0x%04x", type);
	}
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Frames for tests, built from a description: what is not said is ordinary. A frame is correct in
 * every field but the checksums; a test that wants a lie builds the truth and then patches it.
 */
#ifndef TESTS_GATE_PACKET_H
#define TESTS_GATE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 80000U
#define SPEC_VLANS 4
#define SPEC_EXTS 12

/* Ordinary hosts, no bogons. */
#define PEER4 "1.2.3.4"
#define SELF4 "5.6.7.8"
#define PEER6 "2a00:1:2:3::4"
#define SELF6 "2a00:5:6:7::8"

enum spec_proto {
	P_ICMP = 1,
	P_IGMP = 2,
	P_TCP = 6,
	P_UDP = 17,
	P_GRE = 47,
	P_ESP = 50,
	P_ICMP6 = 58,
	P_NONE = 59,
	P_VRRP = 112,
	P_SCTP = 132,
	P_UNKNOWN = 253,
};

enum spec_ext {
	E_HOP = 0,
	E_ROUTING = 43,
	E_FRAGMENT = 44,
	E_AUTH = 51,
	E_DEST = 60,
	E_MOBILITY = 135,
	E_HIP = 139,
	E_SHIM = 140,
};

struct spec {
	uint8_t family; /* 4 (also 0), 6 */
	uint8_t proto;	/* 0: TCP */
	const char *src, *dst;
	uint16_t vlan[SPEC_VLANS]; /* ethertypes of the tags, outer first; ids are 101, 102, ... */
	uint8_t options;	   /* bytes of IPv4 options, a multiple of 4 */
	uint8_t ext_count;
	uint8_t ext[SPEC_EXTS]; /* IPv6 extension headers, in order */
	uint8_t ext_units;	/* length of each beyond the least, in its own unit; not of 44 */
	uint16_t offset;	/* of a fragment, bytes; IPv6: goes into every header 44 */
	bool more;
	uint8_t hops; /* 0: 64 */
	uint16_t sport, dport;
	uint8_t tcp_flags;   /* 0: SYN */
	uint8_t tcp_options; /* bytes, a multiple of 4 */
	uint8_t icmp_type;
	uint16_t data;	  /* bytes behind the transport header; of later fragments: all of it */
	uint16_t padding; /* bytes behind the IP packet */
	bool bare;	  /* no transport header, `data` only */
};

struct frame {
	size_t len;
	size_t l3, l4; /* offsets */
	uint8_t bytes[FRAME_MAX];
};

/* Where a patch counts from. */
enum patch_base { PATCH_NONE, PATCH_ETH, PATCH_L3, PATCH_L4 };

struct patch {
	enum patch_base base;
	uint8_t at;
	uint8_t bytes; /* 1 or 2 */
	uint16_t value;
};

void frame_build(struct frame *frame, const struct spec *spec);
void frame_patch(struct frame *frame, struct patch patch);
void frame_set16(struct frame *frame, size_t at, uint16_t value);

/* "IP" to 4 or 16 bytes in network order; the test fails on nonsense. Family. */
uint8_t address_parse(const char *text, uint8_t ret_addr[16]);

#endif

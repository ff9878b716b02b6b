/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * An IPv4 or IPv6 prefix; a host is a prefix of full length. Always canonical: bits beyond the
 * length are zero, bytes beyond the family's address are zero, and an IPv4-mapped IPv6 address
 * (::ffff:a.b.c.d/96 and longer) is the IPv4 one, because that is what the wire carries.
 */
#ifndef STRAZH_USER_BASE_PREFIX_H
#define STRAZH_USER_BASE_PREFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>

#define PREFIX_TEXT_LEN 50 /* longest text with length and NUL */

struct prefix {
	uint8_t addr[16]; /* network order */
	uint8_t family;	  /* 4 or 6 */
	uint8_t len;	  /* bits */
};

/* Why a text is no prefix. prefix_fault_text() says it for a person. */
enum prefix_fault {
	PREFIX_BAD_ADDRESS = 1,
	PREFIX_BAD_LENGTH,
	PREFIX_HOST_BITS, /* 10.0.0.1/8: ret_prefix is the canonical one, for the message */
	PREFIX_TRAILING,
};

/*
 * Parse `text`, `len` bytes, no terminator needed: ADDR or ADDR/LEN, nothing around it. 0, or an
 * enum prefix_fault. With PREFIX_HOST_BITS *ret_prefix is what was probably meant.
 */
int prefix_parse(const char *text, size_t len, struct prefix *ret_prefix) must_check;
const char *prefix_fault_text(int fault);

/* From bytes: 4 or 16 of them in network order. Cuts host bits off. */
struct prefix prefix_from(uint8_t family, const void *addr, uint8_t len);

/* ADDR for a host, ADDR/LEN else; into `text`, returned. IPv6 as RFC 5952 writes it. */
const char *prefix_format(const struct prefix *p, char text[PREFIX_TEXT_LEN]);

uint8_t prefix_len_max(uint8_t family); /* 32 or 128 */
/*
 * Whose deeds are one's own: IPv4 /32, IPv6 /64, whose hosts cannot be told apart, for they choose.
 * And those around it who answer for each other: /24, /48.
 */
uint8_t prefix_one_len(uint8_t family);
uint8_t prefix_net_len(uint8_t family);
/* A family that there is, and a length that it can have: of what came from elsewhere. */
bool prefix_ok(const struct prefix *p);
bool prefix_is_host(const struct prefix *p);
/* Is b inside a, or equal to it? False across families. */
bool prefix_covers(const struct prefix *a, const struct prefix *b);
/* Order: family, address, length: a prefix comes before everything inside it. */
int prefix_compare(const void *a, const void *b);

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Spoofed sources: number i of a range, and no two numbers the same address.
 *
 * A keyed permutation of the range (a Feistel network, walked until it lands inside: J. Black and
 * P. Rogaway, "Ciphers with Arbitrary Finite Domains", 2002), so that N frames come from exactly N
 * sources, spread over the whole range and in no order that a table could like.
 */
#ifndef STRAZH_TESTS_TOOLS_KIT_SOURCES_H
#define STRAZH_TESTS_TOOLS_KIT_SOURCES_H

#include <stdint.h>

#include <tests/tools/kit/frame.h>

struct source_range {
	int family;
	uint8_t base[16]; /* the first address; IPv4 in the first four bytes */
	unsigned int len; /* of its prefix */
	uint64_t size;	  /* how many sources there are */
};

/*
 * All of a prefix. Of an IPv6 prefix shorter than 64 each source has a /64 of its own, and always
 * the same address in it.
 */
struct source_range source_range_of(int family, const uint8_t *base, unsigned int len);
/* Where nobody says otherwise: 41.0.0.0 to 99.255.255.255, 2a00::/12. */
struct source_range source_range_default(int family);
/* number < range->size. For IPv4 the last 12 bytes are zero. */
void source_address(const struct source_range *range, uint64_t key, uint64_t number,
		    uint8_t ret_address[16]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses and networks as text, written as PostgreSQL writes inet and cidr: IPv6 in lower case,
 * the longest run of zeros as "::"; an inet without its length when that is the whole address; a
 * cidr always with it.
 *
 * Read more strictly than PostgreSQL does: all four parts of an IPv4 address and no leading zeros,
 * which different programs take for different addresses; no zone of an IPv6 address.
 */
#ifndef STRAZH_ORM_NETADDR_H
#define STRAZH_ORM_NETADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>

#define ORM_NETADDR_TEXT 50 /* "0000:...:255.255.255.255/128" and a NUL */

struct orm_netaddr {
	uint8_t addr[16]; /* in network order; of IPv4 the first four */
	uint8_t size;	  /* 4 or 16 */
	uint8_t bits;	  /* the length after '/' */
};
/* 0, or ORM_E_VALUE with *ret_why, a constant. */
int orm_netaddr_parse(const char *text, size_t len, bool cidr, struct orm_netaddr *ret_net,
		      const char **ret_why) must_check;
/* The length without the NUL. */
size_t orm_netaddr_emit(const struct orm_netaddr *net, bool cidr, char to[ORM_NETADDR_TEXT]);

/* ---- both in one ---- */

/* 0 with the length without NUL, or ORM_E_VALUE with *ret_why, a constant. */
int orm_inet_normal(const char *text, size_t len, char to[ORM_NETADDR_TEXT], size_t *ret_len,
		    const char **ret_why) must_check;
/* The same; bits to the right of the length must be 0. Without a length: of one address. */
int orm_cidr_normal(const char *text, size_t len, char to[ORM_NETADDR_TEXT], size_t *ret_len,
		    const char **ret_why) must_check;

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* An address with a port, in 20 bytes: canonical as in user/base/prefix.h. */
#ifndef STRAZH_USER_NET_ENDPOINT_H
#define STRAZH_USER_NET_ENDPOINT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <strazh/base/compiler.h>
#include <user/base/prefix.h>

struct endpoint {
	uint8_t addr[16]; /* network order; bytes beyond the family's are zero */
	uint16_t port;	  /* host order */
	uint8_t family;	  /* 4, 6; 0: neither (a unix socket) */
};

/* From bytes in network order, 4 or 16 of them; ::ffff:a.b.c.d becomes a.b.c.d. */
struct endpoint endpoint_of(uint8_t family, const void *addr, uint16_t port);
struct endpoint endpoint_from(const struct sockaddr_storage *address);
/* Length of what was written; 0 for family 0. */
socklen_t endpoint_to(const struct endpoint *endpoint, struct sockaddr_storage *ret_address);
/* The host; `endpoint` has a family. */
struct prefix endpoint_host(const struct endpoint *endpoint);

#endif

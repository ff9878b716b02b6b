/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The header that a proxy sends ahead of a connection to say who is behind it: the PROXY protocol,
 * version 2 (HAProxy's doc/proxy-protocol.txt, section 2.2). The text of version 1 is not taken.
 */
#ifndef STRAZH_USER_NET_PROXY_H
#define STRAZH_USER_NET_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/net/endpoint.h>

#define PROXY_MAX 2048U /* the longest header that is taken, in all */

enum proxy_condition {
	PROXY_SHORT = 1, /* so far it is a header; more bytes are needed */
	PROXY_ABSENT,	 /* it does not begin like a header */
	PROXY_BAD,	 /* it does, and is none */
};

struct proxy_header {
	size_t len; /* bytes of it: what follows is the connection's */
	/* False: the proxy speaks for itself (LOCAL), or does not know for whom (UNSPEC). */
	bool named;
	struct endpoint from, to;
};

/* 0 or enum proxy_condition. TLVs are skipped, but the checksum (CRC32C) of one is checked. */
int proxy_parse(const uint8_t *bytes, size_t len, struct proxy_header *ret_header) must_check;

#endif

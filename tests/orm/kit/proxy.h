/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A wire that breaks: a port on 127.0.0.1 before a server's. What passes may be held back, and a
 * connection may be cut after any byte, towards either side, with a FIN or a reset; or it goes
 * silent, and neither side is told. Behaviour may be changed while it runs.
 */
#ifndef TESTS_ORM_KIT_PROXY_H
#define TESTS_ORM_KIT_PROXY_H

#include <stdint.h>

struct proxy;

struct proxy_ways {
	uint32_t cut_of_million;     /* chances for each piece that passes */
	uint32_t silence_of_million; /* from here on nothing passes any more */
	uint32_t delay_us;	     /* of each piece, up to */
};

/* Before the server of this URL (postgresql://user:password@127.0.0.1:PORT/name). */
struct proxy *proxy_open(const char *url);
void proxy_close(struct proxy *p);
/* The URL with the proxy's port. */
void proxy_url(const struct proxy *p, char *to, unsigned long size);
void proxy_behave(struct proxy *p, const struct proxy_ways *ways);
uint64_t proxy_cuts(struct proxy *p);
uint64_t proxy_silences(struct proxy *p);

#endif

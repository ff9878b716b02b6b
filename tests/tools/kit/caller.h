/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Whom a tool that opens many connections passes for: addresses in a row, by turns. A program that
 * is linked with caller.o has a connect(2) that binds the socket first to the address that was said
 * last, so that libraries, too, connect from there.
 */
#ifndef STRAZH_TESTS_TOOLS_KIT_CALLER_H
#define STRAZH_TESTS_TOOLS_KIT_CALLER_H

#include <stdint.h>
#include <sys/socket.h>

#define CALLERS_MAX 65536

struct callers {
	struct sockaddr_storage first; /* family 0: the kernel chooses */
	socklen_t len;
	uint32_t count; /* addresses in a row; 0 as 1 */
	uint32_t step;	/* from one to the next; 0 as 1 */
};

/* connect(2) from here on: of number n, modulo their count. */
void caller_is(const struct callers *callers, uint32_t n);
/* That connected last; -1: none did. It is whoever's it was. */
int caller_socket(void);
/* Descriptors enough for `count`; else says so and exits with status 2. */
void caller_room(unsigned int count);
/* Of CLOCK_MONOTONIC. */
double caller_now_ms(void);

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Frames for the attacker: whole Ethernet frames with right lengths and checksums, except where a
 * kind is wrong on purpose. Source ports and sequence numbers are drawn anew for every frame.
 */
#ifndef STRAZH_TESTS_TOOLS_KIT_FRAME_H
#define STRAZH_TESTS_TOOLS_KIT_FRAME_H

#include <net/ethernet.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 256

struct frame {
	size_t len, l3, l4; /* bytes in all; where the IP and the transport header begin */
	uint8_t room[2];    /* puts the IP header on a multiple of 4 */
	uint8_t data[FRAME_MAX];
};

struct frame_ends {
	uint8_t from_mac[ETH_ALEN], to_mac[ETH_ALEN];
	int family; /* AF_INET: the first 4 bytes of from and to */
	uint8_t from[16], to[16];
	uint16_t port;	/* of the victim, host order */
	uint16_t sport; /* of the source; 0: another one for every frame */
};

void frame_udp(struct frame *frame, const struct frame_ends *ends);
void frame_tcp(struct frame *frame, const struct frame_ends *ends, uint8_t flags);
/* The first fragment, or one from the middle, of a datagram whose rest never comes. */
void frame_frag(struct frame *frame, const struct frame_ends *ends);
/* TCP or UDP that is wrong in one place; `turn` says which of nine. */
void frame_malformed(struct frame *frame, const struct frame_ends *ends, uint64_t turn);

/* splitmix64: fast, and good enough to choose addresses */
void random_seed(uint64_t seed);
uint64_t random_draw(void);

#endif

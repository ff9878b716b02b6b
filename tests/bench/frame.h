/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The frames of the bench: a TCP segment without data for the generator, a SYN, a UDP datagram. */
#ifndef TESTS_BENCH_FRAME_H
#define TESTS_BENCH_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#define FRAME_LEN 80U

/* To `mac` (6 bytes), from an address of the receiver's choice; each gives the frame's length. */
uint32_t frame_tcp(unsigned char frame[FRAME_LEN], bool ipv6);
uint32_t frame_udp(unsigned char frame[FRAME_LEN], const unsigned char mac[6], uint32_t saddr);

/* A SYN with the options of an ordinary client: SOURCE_FRAME_LEN bytes. IPv4. */
void frame_syn(unsigned char *frame);

#endif

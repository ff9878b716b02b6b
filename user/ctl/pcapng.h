/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * pcapng (draft-ietf-opsawg-pcapng): a section, an interface description for each interface that
 * comes up, enhanced packet blocks with nanoseconds and a comment. Written by hand: libpcap writes
 * no comments.
 */
#ifndef STRAZH_USER_CTL_PCAPNG_H
#define STRAZH_USER_CTL_PCAPNG_H

#include <stdint.h>
#include <stdio.h>

#include <strazh/base/compiler.h>

#define PCAPNG_INTERFACES 64U

struct pcapng {
	FILE *out;
	uint32_t snap;
	uint32_t ifindex[PCAPNG_INTERFACES];
	uint32_t interfaces;
};

struct pcapng_packet {
	uint64_t wall_ns; /* since 1970 */
	uint32_t ifindex;
	const char *ifname;
	const uint8_t *bytes;
	uint32_t caplen, len;
	const char *comment;
};

/* 0 or -errno. */
int pcapng_begin(struct pcapng *file, FILE *out, uint32_t snap) must_check;
int pcapng_write(struct pcapng *file, const struct pcapng_packet *packet) must_check;
/* Flushed; and a capture without packets names an interface, or libpcap would not read it. */
int pcapng_end(struct pcapng *file) must_check;

#endif

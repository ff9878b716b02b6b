/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What an attacker is told to do: his command line. */
#ifndef STRAZH_TESTS_TOOLS_KIT_FLOOD_H
#define STRAZH_TESTS_TOOLS_KIT_FLOOD_H

#include <net/ethernet.h>
#include <stdbool.h>
#include <stdint.h>

#include <tests/tools/kit/sources.h>

#define FLOOD_MAX 16

#define FLOOD_KINDS(X)                                                                             \
	X(UDP, "udp", "UDP datagrams")                                                             \
	X(SYN, "syn", "TCP SYNs")                                                                  \
	X(ACK, "ack", "TCP ACKs of no connection")                                                 \
	X(FRAG, "frag", "first and later fragments of datagrams that never become whole")          \
	X(MALFORMED, "malformed", "by turns: TCP flags of no stack, port 0, lying lengths, LAND")  \
	X(BANNED, "banned:ADDRESS", "UDP and TCP from this one source")

enum flood_kind {
#define X(code, name, text) FLOOD_##code,
	FLOOD_KINDS(X)
#undef X
};

struct flood_address {
	int family;
	unsigned int len; /* of a prefix */
	uint8_t bytes[16];
};

struct flood_pick {
	enum flood_kind kind;
	struct flood_address source; /* FLOOD_BANNED */
	const char *text;	     /* as given on the command line */
	uint64_t sent;
};

struct flood {
	const char *dev;
	uint8_t to_mac[ETH_ALEN], from_mac[ETH_ALEN];
	bool has_to_mac, has_from_mac;
	struct flood_address to[FLOOD_MAX], from[FLOOD_MAX], as[2];
	unsigned int tos, froms, as_len;
	struct flood_pick pick[FLOOD_MAX];
	unsigned int picks;
	unsigned int sources; /* how many distinct ones of each family, where they are spoofed */
	unsigned int rate, seconds, count;
	uint16_t port, sport;
	/* Made of the above: ranges of IPv4 and of IPv6 sources. */
	struct source_range range[2][FLOOD_MAX];
	unsigned int ranges[2];
};

/* Index of what there is once a family. */
static inline unsigned int flood_family(int family)
{
	return family == AF_INET ? 0 : 1;
}

/* The address that all but FLOOD_BANNED come from, or NULL: they are spoofed. */
const struct flood_address *flood_as(const struct flood *flood, int family);

/* Says what is wrong on stderr and exits with status 2. */
void flood_parse(int argc, char **argv, struct flood *flood);

#endif

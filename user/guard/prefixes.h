/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Hosts of one prefix add up: IPv4 /24, IPv6 /48 of /64s. What an attacker who rotates through a
 * prefix does with each address is little; that so many of its addresses are bad is not.
 *
 * A prefix is bad when at least `bad_min` distinct hosts of it were proven bad within a window, and
 * they are at least a `bad_share` of all hosts seen in it, and no fewer than its good ones. So one
 * bad host never bans its neighbours, and a carrier's pool with customers of ours in it is safe.
 * Only who has answered us is counted, as seen, as bad and as good: none of it can be spoofed.
 *
 * Hosts are bits: the last byte of an IPv4 address, a keyed hash of the /64 in a /48. Under a hash
 * hosts collide: bad ones are counted as bits (too few at worst), seen ones by linear counting
 * (K.-Y. Whang et al., A Linear-Time Probabilistic Counting Algorithm, 1990).
 */
#ifndef STRAZH_USER_GUARD_PREFIXES_H
#define STRAZH_USER_GUARD_PREFIXES_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/base/prefix.h>

#define HOST_WORDS 4U /* 256 bits */

struct host_prefix {
	uint64_t key;	   /* of its first source; 0: free */
	uint64_t until_ms; /* of its ban; 0: none */
	uint64_t seen[HOST_WORDS], bad[HOST_WORDS], good[HOST_WORDS];
	uint32_t next, window_s;
	uint16_t ban_h;
	uint8_t offences;
	bool referenced, enforced;
	bool spared; /* its ban was not carried out for who is in it */
};

struct prefixes_config {
	uint32_t room;
	uint32_t bad_min;
	float bad_share;
	uint32_t window_s;
	uint64_t seed[2];
};

struct prefixes {
	struct prefixes_config config;
	struct host_prefix *slab;
	uint32_t *heads;
	uint32_t touched, free, hand, len, banned;
};

int prefixes_init(struct prefixes *prefixes, const struct prefixes_config *config) must_check;
void prefixes_deinit(struct prefixes *prefixes);

/* Keys are those of sources. NULL: none is kept for it. */
struct host_prefix *prefixes_find(struct prefixes *prefixes, uint64_t source);
/* Made when none is kept for it; NULL: there is no room. */
struct host_prefix *prefixes_get(struct prefixes *prefixes, uint64_t source, uint32_t now_s);
/* A host of it has answered. A full table forgets one that is not banned. */
void prefixes_seen(struct prefixes *prefixes, uint64_t source, uint32_t now_s);
void prefixes_good(struct prefixes *prefixes, uint64_t source, uint32_t now_s);
/* The prefix when it is bad now and not banned yet; NULL: it is not. */
struct host_prefix *prefixes_bad(struct prefixes *prefixes, uint64_t source, uint32_t now_s);

struct host_counts {
	uint32_t seen, bad, good;
};
struct host_counts prefixes_count(const struct host_prefix *host_prefix);
struct prefix prefixes_prefix(const struct host_prefix *host_prefix);
/* The next one whose ban is over, NULL: none is left. *cursor begins at 0. */
struct host_prefix *prefixes_due(struct prefixes *prefixes, uint32_t *cursor, uint64_t now_ms);
/* until_ms 0: the ban ends, and its bad hosts are forgotten. */
void prefixes_set_ban(struct prefixes *prefixes, struct host_prefix *host_prefix,
		      uint64_t until_ms);

#endif

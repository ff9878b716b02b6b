/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A source: an IPv4 address, or an IPv6 /64 (its hosts cannot be told apart: whoever has one
 * address of it has them all). 192 bytes of facts; with its places in the indices of the roster
 * 200, see roster.h.
 */
#ifndef STRAZH_USER_GUARD_SOURCE_H
#define STRAZH_USER_GUARD_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include <user/base/prefix.h>
#include <user/guard/score.h>

enum guard_level { GUARD_FREE, GUARD_LIMITED, GUARD_BANNED };

enum guard_source_flag {
	SOURCE_REFERENCED = 1U << 0, /* was used since the hand of the roster passed by */
	SOURCE_IN_PREFIX = 1U << 1,  /* counted among the hosts of its prefix */
	SOURCE_SPARED = 1U << 2,   /* what it would get was not carried out: an alarm was raised */
	SOURCE_ENFORCED = 1U << 3, /* its limit or ban went out */
	SOURCE_BLOCKED = 1U << 4,  /* by pressure, for seconds */
	SOURCE_CROWD_TOLD = 1U << 5, /* that bad ones are in a crowd has been said */
	SOURCE_TRUST_TOLD = 1U << 6, /* the gate has it in the trusted tier */
};

/* Leaky buckets of what may happen now and then, see detect.h. */
enum source_meter {
	METER_HELLO,
	METER_RECORD,
	METER_AUTH,
	METER_CONN,
	METER_SIZE,
	METER_MALFORMED,
	METER_COUNT,
};

#define SOURCE_SHARE_ONE 1024U

struct source {
	uint64_t key;	   /* source_key() */
	uint64_t touch_ms; /* when rates and `good` were last brought up to date */
	uint64_t due_ms;   /* BANNED: its end. LIMITED: the next look at it */
	uint32_t next;	   /* roster: in its chain, or free */
	uint32_t due_at;   /* roster: place in the heap + 1; 0: nothing is due */
	struct score_slot slots[SCORE_SLOTS];
	uint32_t empty_ms[METER_COUNT];	 /* when a meter will be empty, modulo 2^32 */
	float slow_pps, fast_pps;	 /* packets above the limits, EWMA */
	float small;			 /* share of tiny ones among them, EWMA */
	uint32_t ports[GUARD_EVIDENCES]; /* bitmaps of hashed ports */
	float good;			 /* sessions that ended well, decayed */
	uint16_t live, low, mature;	 /* trust.h */
	uint16_t share;			 /* of its buckets, in SOURCE_SHARE_ONE: AIMD */
	uint32_t window_s;		 /* trust.h */
	uint32_t first_s;
	uint16_t ban_h;	  /* hour in which its last ban ends */
	uint16_t trust_h; /* hour in which its trust ends, 0: has none */
	uint16_t ports_h; /* hour in which `ports` and `bad` began */
	uint16_t bad;	  /* proven bad outcomes since then */
	uint8_t level;	  /* enum guard_level */
	uint8_t offences;
	uint8_t flags;
	uint8_t days;	  /* on which it was good, in a row without proven evidence */
	uint8_t day;	  /* the last of them, modulo 256 */
	uint8_t sessions; /* that ended well in these days, at most 255 */
	uint8_t shorts;	  /* short sessions that counted in this window */
	uint8_t doubts;	  /* proven findings in the hours of `bad`, while a crowd was behind it */
};

_Static_assert(sizeof(struct source) == 192, "three cache lines, and the budget of roster.h");

/* One number for both families, as in the rate tables: 0:ffff::/32 is a prefix of nobody. */
#define SOURCE_IP4 0xffffULL

/* `addr`: 4 or 16 bytes. */
uint64_t source_key(uint8_t family, const uint8_t *addr);
struct prefix source_prefix(uint64_t key);
static inline bool source_is_ip4(uint64_t key)
{
	return key >> 32 == SOURCE_IP4;
}
/* Two multiplications to 128 bits under a random seed: a stranger cannot choose its chain. */
static inline uint32_t source_hash(const uint64_t seed[2], uint64_t key)
{
	unsigned __int128 wide = (unsigned __int128)(key ^ seed[0]) * (seed[1] | 1);
	uint64_t once = (uint64_t)wide ^ (uint64_t)(wide >> 64);

	wide = (unsigned __int128)(once ^ seed[1]) * (seed[0] | 1);
	return (uint32_t)wide ^ (uint32_t)(wide >> 64);
}

#endif

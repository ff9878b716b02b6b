/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What this machine may get of a class of packets from all sources together, where nobody has said:
 * the limit that stops a flood under addresses of which each sends little. Of what is normal here
 * it leaves TOTAL_ROOM times as much, and of what such a machine takes anyway all (`least`). The
 * attack state shrinks both; where the machine has more than it can take, AIMD shrinks the room
 * that was learned, for whoever has taught us a high normal is not to strike with four times that.
 * Never below TOTAL_FLOOR of what is normal.
 *
 * Normal is what came through: up within seconds, down by half in a day, so that what an office
 * does by day is not forgotten at night. That goes for more load than usual as well (high), which
 * is what a service that grows brings. Within minutes only:
 *
 *	where the limit drops some of this class: what is let through is then no measure, but a
 *	limit below what is normal must not keep itself;
 *	in a critical state, and where much of all that comes is hostile;
 *	under attack with something else.
 *
 * Not at all from a flood, which would teach us to let it in: the limit drops as much as makes an
 * attack; or it drops while under attack or short of room.
 *
 * Whoever knows nothing has no limit: until it has learned for TOTAL_OPEN_MS all may come, unless
 * it strains us (a state from critical on). It learns as well while the guard only learns, and may
 * be told what was normal before a restart.
 */
#ifndef STRAZH_USER_GUARD_TOTAL_H
#define STRAZH_USER_GUARD_TOTAL_H

#include <stdbool.h>
#include <stdint.h>

#include <user/guard/attack.h>

#define TOTAL_ROOM 4
#define TOTAL_FLOOR 1.5F
#define TOTAL_RISE_MS 10000U
#define TOTAL_RISE_SLOW_MS 120000U
#define TOTAL_OPEN_MS 60000U
/* Nobody counted for so long (no guard, the machine slept): that is no time in which nothing came.
 */
#define TOTAL_GAP_MS 10000U
/* Dropped packets a second of this class: fewer are noise; so many are an attack, see attack.h. */
#define TOTAL_DROPS_PPS 1000
#define TOTAL_FLOOD_PPS 100000
#define TOTAL_HALF_MS 86400000U
#define TOTAL_MOST 100000000U

struct total {
	float normal_pps;
	uint64_t passed, dropped; /* counted so far */
	uint64_t at_ms;		  /* of that; 0: there is none */
	uint64_t learned_ms;	  /* so long it has learned */
	bool strains;		  /* the state is critical or worse */
};

struct total_seen {
	enum attack_state state;
	bool hostile; /* much of all that comes is dropped, or fails handshakes (attack.h) */
	bool short_;  /* AIMD shares out what there is: smaller limits, or there would be strain */
	/* Packets of this class since ever, dropped: above this limit. Fewer than before: the gate
	 * was loaded anew. */
	uint64_t passed, dropped;
};

void total_take(struct total *total, const struct total_seen *seen, uint64_t now_ms);
/* What was normal before a restart; what has been learned since, if it is more, stays. */
void total_know(struct total *total, float normal_pps);
/* Packets a second. scale: attack_scales[].limits of the state, or 1; share: that of AIMD, or 1. */
uint32_t total_limit(const struct total *total, uint32_t least, float scale, float share);

#endif

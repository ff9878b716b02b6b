/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What this machine may get of a class of packets from all sources together, where nobody has said:
 * the limit that stops a flood under addresses of which each sends little. Of what is normal here
 * it leaves TOTAL_ROOM times as much, and of what such a machine takes anyway all (`least`); the
 * attack state shrinks both, but never below TOTAL_FLOOR of what is normal.
 *
 * Normal is what came through: up within seconds while the state is normal, within minutes in
 * others that are not hostile, since a limit below what is normal must not keep itself; down by
 * half in a day, so that what an office does by day is not forgotten at night. Under attack nothing
 * is learned: a flood would teach us to let it in.
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
#define TOTAL_HALF_MS 86400000U
#define TOTAL_MOST 100000000U

struct total {
	float normal_pps;
	uint64_t passed;     /* counted so far */
	uint64_t at_ms;	     /* of that; 0: there is none */
	uint64_t learned_ms; /* so long it has learned */
	bool strains;	     /* the state is critical or worse */
};

/*
 * passed: packets since ever; fewer than before: the gate was loaded anew. hostile: much of what
 * comes is dropped, or fails handshakes (attack.h).
 */
void total_take(struct total *total, enum attack_state state, bool hostile, uint64_t passed,
		uint64_t now_ms);
/* What was normal before a restart; what has been learned since, if it is more, stays. */
void total_know(struct total *total, float normal_pps);
/* Packets a second. scale: attack_scales[].limits of the state, or 1. */
uint32_t total_limit(const struct total *total, uint32_t least, float scale);

#endif

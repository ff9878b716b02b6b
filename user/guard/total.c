/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/guard/total.h>

#include <math.h>

#include <strazh/base/compiler.h>

/* How fast it rises; 0: nothing is learned. */
static uint32_t rise_ms(enum attack_state state, bool hostile)
{
	if (state == ATTACK_UNDER_ATTACK || (state == ATTACK_CRITICAL && hostile))
		return 0;
	return state == ATTACK_NORMAL ? TOTAL_RISE_MS : TOTAL_RISE_SLOW_MS;
}

void total_take(struct total *total, enum attack_state state, bool hostile, uint64_t passed,
		uint64_t now_ms)
{
	uint32_t rises_ms = rise_ms(state, hostile);
	uint64_t since_ms = total->at_ms ? now_ms - MIN(total->at_ms, now_ms) : 0;
	uint64_t came = passed - MIN(total->passed, passed);
	float pps;

	if (total->at_ms && !since_ms)
		return;
	total->passed = passed;
	total->at_ms = MAX(now_ms, 1U);
	total->strains = state >= ATTACK_CRITICAL;
	if (!since_ms || !rises_ms)
		return;
	total->learned_ms += since_ms;
	pps = MIN((float)came * 1000 / (float)since_ms, (float)TOTAL_MOST);
	if (pps > total->normal_pps)
		total->normal_pps += (pps - total->normal_pps) *
				     MIN((float)since_ms / (float)rises_ms, 1.0F);
	else
		total->normal_pps *= exp2f(-(float)since_ms / (float)TOTAL_HALF_MS);
}

void total_know(struct total *total, float normal_pps)
{
	total->normal_pps = MAX(total->normal_pps, MIN(normal_pps, (float)TOTAL_MOST));
	total->learned_ms = MAX(total->learned_ms, TOTAL_OPEN_MS);
}

uint32_t total_limit(const struct total *total, uint32_t least, float scale)
{
	float room = MAX((float)least, total->normal_pps * TOTAL_ROOM) * scale;

	if (total->learned_ms < TOTAL_OPEN_MS && !total->strains)
		return TOTAL_MOST;
	return (uint32_t)MIN(MAX(room, total->normal_pps * TOTAL_FLOOR), (float)TOTAL_MOST);
}

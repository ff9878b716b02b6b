/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/guard/total.h>

#include <math.h>

#include <strazh/base/compiler.h>

/* How fast it rises; 0: nothing is learned. */
static uint32_t rise_ms(const struct total_seen *seen, float dropped_pps)
{
	bool drops = dropped_pps >= TOTAL_DROPS_PPS;

	if (dropped_pps >= TOTAL_FLOOD_PPS || (drops && seen->short_))
		return 0;
	if (seen->state == ATTACK_UNDER_ATTACK || (seen->state == ATTACK_CRITICAL && seen->hostile))
		return drops || seen->short_ ? 0 : TOTAL_RISE_SLOW_MS;
	return seen->state <= ATTACK_HIGH && !seen->hostile && !drops ? TOTAL_RISE_MS
								      : TOTAL_RISE_SLOW_MS;
}

/* Packets a second; a counter that was more before has begun anew. */
static float rate(uint64_t *was, uint64_t now, uint64_t since_ms)
{
	uint64_t more = now - MIN(*was, now);

	*was = now;
	if (!since_ms)
		return 0;
	return MIN((float)more * 1000 / (float)since_ms, (float)TOTAL_MOST);
}

void total_take(struct total *total, const struct total_seen *seen, uint64_t now_ms)
{
	uint64_t since_ms = total->at_ms ? now_ms - MIN(total->at_ms, now_ms) : 0;
	float passed_pps, dropped_pps;
	uint32_t rises_ms;

	if (total->at_ms && !since_ms)
		return;
	total->at_ms = MAX(now_ms, 1U);
	total->strains = seen->state >= ATTACK_CRITICAL;
	passed_pps = rate(&total->passed, seen->passed, since_ms);
	dropped_pps = rate(&total->dropped, seen->dropped, since_ms);
	rises_ms = rise_ms(seen, dropped_pps);
	if (!since_ms || since_ms > TOTAL_GAP_MS || !rises_ms)
		return;
	total->learned_ms += since_ms;
	if (passed_pps > total->normal_pps)
		total->normal_pps += (passed_pps - total->normal_pps) *
				     MIN((float)since_ms / (float)rises_ms, 1.0F);
	else
		total->normal_pps *= exp2f(-(float)since_ms / (float)TOTAL_HALF_MS);
}

void total_know(struct total *total, float normal_pps)
{
	total->normal_pps = MAX(total->normal_pps, MIN(normal_pps, (float)TOTAL_MOST));
	total->learned_ms = MAX(total->learned_ms, TOTAL_OPEN_MS);
}

uint32_t total_limit(const struct total *total, uint32_t least, float scale, float share)
{
	float learned = total->normal_pps * MAX(TOTAL_ROOM * MIN(scale, share), TOTAL_FLOOR);

	if (total->learned_ms < TOTAL_OPEN_MS && !total->strains)
		return TOTAL_MOST;
	return (uint32_t)MIN(MAX((float)least * scale, learned), (float)TOTAL_MOST);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/guard/total.h>

#include <math.h>

#include <strazh/base/compiler.h>

void total_take(struct total *total, enum attack_state state, uint64_t passed, uint64_t now_ms)
{
	uint64_t since_ms = total->at_ms ? now_ms - MIN(total->at_ms, now_ms) : 0;
	uint64_t came = passed - MIN(total->passed, passed);
	float pps;

	if (total->at_ms && !since_ms)
		return;
	total->passed = passed;
	total->at_ms = MAX(now_ms, 1U);
	if (!since_ms || state != ATTACK_NORMAL)
		return;
	pps = (float)came * 1000 / (float)since_ms;
	if (pps > total->normal_pps)
		total->normal_pps += (pps - total->normal_pps) *
				     MIN((float)since_ms / (float)TOTAL_RISE_MS, 1.0F);
	else
		total->normal_pps *= exp2f(-(float)since_ms / (float)TOTAL_HALF_MS);
}

uint32_t total_limit(const struct total *total, uint32_t least, float scale)
{
	float room = MAX((float)least, total->normal_pps * TOTAL_ROOM) * scale;

	return (uint32_t)MIN(MAX(room, total->normal_pps * TOTAL_FLOOR), (float)TOTAL_MOST);
}

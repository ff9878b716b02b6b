/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/feed/schedule.h>

#define RETRY_S 30U
#define RETRY_MOST_S 300U
#define DOUBLINGS 16U

static uint64_t pause_s(uint64_t every_s, unsigned failures)
{
	uint64_t most = MAX(every_s, RETRY_MOST_S), pause = MIN(every_s, RETRY_S);

	if (!failures)
		return every_s;
	return MIN(pause << MIN(failures - 1, DOUBLINGS), most);
}

uint64_t feed_schedule_ms(uint64_t every_s, unsigned failures, uint32_t chance)
{
	uint64_t ms = pause_s(every_s, failures) * 1000, tenth = ms / 10;

	return ms - tenth + (tenth * 2 * chance >> 32);
}

uint64_t feed_holds_s(uint64_t fetched_s, uint64_t expiry_s, uint64_t now_s)
{
	uint64_t age = now_s > fetched_s ? now_s - fetched_s : 0;

	return age < expiry_s ? expiry_s - age : 0;
}

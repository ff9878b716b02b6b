/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/guard/aimd.h>

#include <strazh/base/compiler.h>

#define OVER_LEAST 0.1F	    /* of a cut: less would not stop a queue from growing */
#define OVER_FULL 6.0F	    /* above `high` by so much: the whole cut */
#define PASSED_MAX_MS 1000U /* a pause is no reason for a leap */
#define QUIET_ROUNDS 7.0F   /* without congestion: growth is twice as fast, then faster yet */
#define QUIET_MAX_MS 600000U
#define ROUND_MS 750U /* a round trip, before one was measured; and the least */
#define ROUND_MAX_MS 4000U
#define RISE 0.005F /* of congestion: what is less is noise */
#define PROBE 0.01F /* of the share, grows in a round trip near the knee */

void aimd_init(struct aimd *aimd, uint64_t now_ms)
{
	*aimd = (struct aimd){
		.share = 1, .round_ms = ROUND_MS, .stepped_ms = now_ms, .congested_ms = now_ms};
}

void aimd_bound(struct aimd *aimd, float most)
{
	aimd->share = MIN(aimd->share, most);
}

static float grown(const struct aimd *aimd, const struct aimd_config *config, uint64_t now_ms)
{
	float passed = (float)MIN(now_ms - aimd->stepped_ms, PASSED_MAX_MS);
	float quiet = (float)MIN(now_ms - aimd->congested_ms, QUIET_MAX_MS) /
		      (aimd->round_ms * QUIET_ROUNDS);
	float slow = aimd->share * PROBE * (1 + quiet * quiet * quiet) * passed / aimd->round_ms;

	return aimd->share + MIN(slow, config->add_per_s * passed / 1000);
}

static float cut(const struct aimd *aimd, const struct aimd_config *config, float congestion)
{
	float over = (congestion - config->high) / OVER_FULL;

	return aimd->share * (1 - config->cut * MAX(MIN(over, 1.0F), OVER_LEAST));
}

/* How late a cut shows. */
static void measure_round(struct aimd *aimd, uint64_t now_ms)
{
	uint64_t ms = MIN(now_ms - aimd->cut_ms, ROUND_MAX_MS);

	aimd->waits = false;
	aimd->round_ms += ((float)MAX(ms, ROUND_MS) - aimd->round_ms) / 4;
}

bool aimd_step(struct aimd *aimd, const struct aimd_config *config, float congestion, bool behaves,
	       uint64_t now_ms)
{
	float share = aimd->share, was = share;
	bool falls, rises;

	if (now_ms - aimd->stepped_ms < config->settle_ms)
		return false;
	congestion = MAX(congestion, 0.0F);
	falls = congestion < aimd->last - RISE;
	rises = congestion > aimd->last + RISE;
	aimd->last = congestion;
	if (congestion >= config->low)
		aimd->congested_ms = now_ms;
	if (falls && aimd->waits)
		measure_round(aimd, now_ms);
	if (congestion > config->high && !falls) {
		if (!aimd->cut_ms || (float)(now_ms - aimd->cut_ms) >= aimd->round_ms * 1.5F) {
			aimd->cut_ms = now_ms;
			aimd->waits = true;
			share = cut(aimd, config, congestion);
		}
	} else if (congestion < config->low && behaves && !rises) {
		share = grown(aimd, config, now_ms);
	}
	aimd->stepped_ms = now_ms;
	aimd->share = MAX(MIN(share, 1.0F), config->least);
	return aimd->share < was || aimd->share > was;
}

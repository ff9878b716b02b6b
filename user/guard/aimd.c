/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/guard/aimd.h>

#include <strazh/base/compiler.h>

#define NEAR 0.9F /* of the knee: from here on growth is slow */
#define NEAR_SLOWER 16
#define OVER_LEAST 0.05F /* of a cut: less would not stop a queue from growing */
#define ALPHA_GAIN 0.5F
#define PASSED_MAX_MS 1000U /* a pause is no reason for a leap */
#define FORGET_MS 30000U    /* a knee */
#define PAUSE_MS 1000U	    /* between cuts: what one did shows by then */
#define RISE 0.005F	    /* of congestion: what is less is noise */

void aimd_init(struct aimd *aimd, uint64_t now_ms)
{
	*aimd = (struct aimd){.share = 1, .knee = 1, .stepped_ms = now_ms, .congested_ms = now_ms};
}

static float grown(const struct aimd *aimd, const struct aimd_config *config, uint64_t passed_ms)
{
	float add = config->add_per_s * (float)MIN(passed_ms, PASSED_MAX_MS) / 1000;
	float near = aimd->knee * NEAR;

	if (aimd->share < near)
		return MIN(aimd->share + add, near);
	return aimd->share + add / NEAR_SLOWER;
}

static float cut(const struct aimd *aimd, const struct aimd_config *config)
{
	float over = (aimd->alpha - config->high) / (1 - config->high);

	return aimd->share * (1 - config->cut * MAX(over, OVER_LEAST));
}

bool aimd_step(struct aimd *aimd, const struct aimd_config *config, float congestion, bool behaves,
	       uint64_t now_ms)
{
	uint64_t passed_ms = now_ms - aimd->stepped_ms;
	float share = aimd->share, was = share;
	bool falls, rises;

	congestion = MAX(MIN(congestion, 1.0F), 0.0F);
	if (passed_ms < config->settle_ms)
		return false;
	falls = congestion < aimd->last;
	rises = congestion > aimd->last + RISE;
	aimd->stepped_ms = now_ms;
	aimd->last = congestion;
	aimd->alpha += (congestion - aimd->alpha) * ALPHA_GAIN;
	if (congestion >= config->low)
		aimd->congested_ms = now_ms;
	else
		aimd->cuts = false;
	if (now_ms - aimd->congested_ms > FORGET_MS)
		aimd->knee = 1 / NEAR;
	if (congestion > config->high && !falls) {
		if (!aimd->cuts)
			aimd->knee = share;
		aimd->cuts = true;
		if (!aimd->cut_ms || now_ms - aimd->cut_ms >= PAUSE_MS) {
			aimd->cut_ms = now_ms;
			share = cut(aimd, config);
		}
	} else if (congestion < config->low && behaves && !rises) {
		share = grown(aimd, config, passed_ms);
		/* What was congested once may be free by now. */
		aimd->knee = MAX(aimd->knee, share);
	}
	aimd->share = MAX(MIN(share, 1.0F), config->least);
	return aimd->share < was || aimd->share > was;
}

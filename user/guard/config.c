/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/guard/config.h>

#include <errno.h>
#include <stddef.h>

struct guard_config guard_config_usual(void)
{
	struct guard_config config = {
		.strangers = 25000,
		.proven = 75000,
		.prefixes = 8192,
		.half_s = 600,
		.pressure_half_s = 10,
		.limit = 0.3F,
		.free = 0.2F,
		.ban = 0.7F,
		.trusted_limit = 0.5F,
		.trusted_ban = 0.9F,
		.block = 0.9F,
		.block_ms = 3000,
		.ban_s = 600,
		.ban_max_s = 7 * 86400,
		.ban_broken_s = 3600,
		.forget_h = 168,
		.share_least = 16,
		.share_least_known = 512,
		.share_add = 64,
		.review_ms = 2000,
		.limit_ms = 10000,
		.limits_s = 2000,
		.bad_outcomes = 3,
		.crowd_doubts = 16,
		.prefix_bad = 8,
		.prefix_share = 0.1F,
		.prefix_s = 3600,
		.detect = detect_config_usual(),
		.trust = trust_config_usual(),
		.attack = attack_config_usual(),
		.tiers =
			{
				[GUARD_TIER_ALL] = {0.125F, 0.3F, 0.5F, 0.16F, 0.2F, 200},
				[GUARD_TIER_TRUSTED] = {0.5F, 0.6F, 0.8F, 0.16F, 0.25F, 200},
				[GUARD_TIER_LIMITED] = {0.03125F, 0.1F, 0.3F, 0.04F, 0.7F, 200},
			},
		.admission = {0.125F, 0.6F, 0.8F, 0.12F, 0.1F, 200},
	};

	for (unsigned i = 0; i < GUARD_KIND_COUNT; i++) {
		config.weight[i] = guard_kinds[i].weight;
		config.cap[i] = guard_kinds[i].cap;
	}
	return config;
}

/* NaN is inside nothing. */
static bool inside(float value, float least, float most)
{
	return value >= least && value <= most;
}

static const char *kinds_fault(const struct guard_config *config)
{
	for (unsigned i = 0; i < GUARD_KIND_COUNT; i++)
		if (!inside(config->weight[i], 0, 0.99F) || !inside(config->cap[i], 0, 0.999F) ||
		    config->weight[i] > config->cap[i])
			return "weights are 0 to 0.99, each at most its cap, caps at most 0.999";
	return NULL;
}

static const char *bars_fault(const struct guard_config *config)
{
	if (!inside(config->half_s, 1, 1e7F) || !inside(config->pressure_half_s, 1, 60))
		return "half-lives: 1 s to 10,000,000 s; of pressure 1 s to 60 s";
	if (!inside(config->free, 0.01F, config->limit) || !inside(config->limit, 0, config->ban) ||
	    !inside(config->ban, 0, 0.98F))
		return "bars rise: 0.01 <= free <= limit <= ban <= 0.98";
	if (!inside(config->trusted_limit, config->limit, config->trusted_ban) ||
	    !inside(config->trusted_ban, config->ban, 0.98F))
		return "bars of trusted sources are not below those of others";
	if (!inside(config->block, config->limit, 1) || config->block_ms > 10000)
		return "a block by pressure lasts at most 10 s";
	if (!config->ban_s || config->ban_max_s < config->ban_s || config->ban_max_s > 400 * 86400U)
		return "bans last from 1 s to 400 days, and the longest is not below the first";
	return config->forget_h && config->forget_h <= 20000
		       ? NULL
		       : "offences are forgotten after 1 to 20,000 hours";
}

static const char *limits_fault(const struct guard_config *config)
{
	if (!config->share_least || config->share_least > config->share_least_known ||
	    config->share_least_known > SOURCE_SHARE_ONE || !config->share_add)
		return "shares are 1 to 1,024, least <= least known";
	if (config->review_ms < 100 || config->limit_ms <= config->review_ms ||
	    config->limit_ms > 600000 || !config->limits_s)
		return "100 ms <= review < limit <= 600 s";
	if (!config->prefix_bad || !inside(config->prefix_share, 0, 1) || !config->bad_outcomes ||
	    !config->crowd_doubts || config->crowd_doubts > UINT8_MAX)
		return "a prefix ban needs at least one bad host, a share of 0 to 1";
	for (unsigned i = 0; i < METER_COUNT; i++)
		if (!inside(config->detect.meters[i].burst, 1, 1e6F) ||
		    !inside(config->detect.meters[i].step, 1, 1e6F) ||
		    !inside(config->detect.meters[i].per_s, 0.0001F, 1e6F))
			return "meters: burst and step 1 to 1,000,000, at least 0.0001 a second";
	if (!config->detect.ports || config->detect.ports > 64 || !config->detect.ports_h)
		return "a scan is 1 to 64 ports, within at least an hour";
	return NULL;
}

static const char *aimd_fault(const struct aimd_config *aimd)
{
	if (!inside(aimd->least, 0.001F, 1) || !inside(aimd->low, 0, aimd->high) ||
	    !inside(aimd->high, 0, 0.99F) || !inside(aimd->add_per_s, 0.0001F, 1) ||
	    !inside(aimd->cut, 0.01F, 0.99F) || aimd->settle_ms < 10)
		return "AIMD: least 0.001 to 1, low <= high < 1, add above 0, cut 0.01 to 0.99";
	return NULL;
}

/* Below what raised it by `gap` there has to be room: a state that never falls is no state. */
static const char *attack_fault(const struct attack_config *attack)
{
	if (!inside(attack->loss_full, 0.0001F, 1) || !inside(attack->delay_full_ms, 0.1F, 1e6F) ||
	    !inside(attack->psi_full, 0.1F, 100))
		return "full strain: loss up to 1, delay from 0.1 ms, PSI up to 100";
	if (!inside(attack->gap, 0, 0.5F) || !inside(attack->high, attack->gap + 0.01F, 1) ||
	    !inside(attack->hostile, attack->gap + 0.01F, 1) || !inside(attack->critical, 0, 1) ||
	    attack->critical <= attack->high)
		return "attack: gap < high < critical <= 1, gap < hostile <= 1";
	return NULL;
}

int guard_config_check(const struct guard_config *config, const char **ret_why)
{
	const char *why = kinds_fault(config);

	if (!why)
		why = bars_fault(config);
	if (!why)
		why = limits_fault(config);
	for (unsigned i = 0; i < GUARD_TIERS && !why; i++)
		why = aimd_fault(&config->tiers[i]);
	if (!why)
		why = aimd_fault(&config->admission);
	if (!why && (!inside(config->trust.good_half_s, 1, 1e9F) ||
		     !inside(config->trust.crowd_half, 0.1F, 1e6F) || !config->trust.window_s ||
		     !inside(config->trust.live_share, 0, 1) || config->trust.short_most > 200 ||
		     config->trust.lasts_h > 20000))
		why = "trust: half-lives and windows of at least 1 s, at most 20,000 hours";
	if (!why)
		why = attack_fault(&config->attack);
	if (!why)
		return 0;
	*ret_why = why;
	return -EINVAL;
}

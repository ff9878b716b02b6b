/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/guard/attack.h>

#include <strazh/base/compiler.h>

const struct attack_scale attack_scales[ATTACK_STATE_COUNT] = {
#define X(code, name, limits, puzzle, cookies, suspicion, text)                                    \
	[ATTACK_##code] = {name, text, limits##F, puzzle, cookies, suspicion##F},
	ATTACK_STATES(X)
#undef X
};

struct attack_config attack_config_usual(void)
{
	return (struct attack_config){
		.loss_full = 0.1F,
		.delay_full_ms = 100,
		.psi_full = 60,
		.high = 0.5F,
		.critical = 0.8F,
		.hostile = 0.5F,
		.hostile_pps = 1000,
		.attack_pps = 100000,
		.hostile_s = 20,
		.gap = 0.15F,
		.rise_ms = 100,
		.fall_ms = 10000,
	};
}

static float hostility(const struct attack_config *config, const struct guard_load *load)
{
	float packets = 0, handshakes = 0;

	if (load->dropped_pps >= config->hostile_pps)
		packets = (float)load->dropped_pps /
			  ((float)load->dropped_pps + (float)load->passed_pps);
	if (load->failed_s >= config->hostile_s)
		handshakes = (float)load->failed_s /
			     ((float)load->failed_s + (float)load->proven_s);
	return MAX(packets, handshakes);
}

float attack_congestion(const struct attack_config *config, const struct guard_load *load)
{
	float worst = MAX(load->loss / config->loss_full, load->delay_ms / config->delay_full_ms);
	float ours = MAX(MIN(worst * 2, 1.0F), hostility(config, load));

	return MAX(MAX(worst, load->psi / config->psi_full * ours), 0.0F);
}

/* What may be no strain of ours: short of what is critical. */
static float alien(const struct attack_config *config, const struct guard_load *load)
{
	float most = (config->high + config->critical) / 2;

	return MIN(MAX(load->psi / config->psi_full, load->blind / config->loss_full), most);
}

/* What the figures say, with thresholds lower by `gap`. */
static enum attack_state judge(const struct attack *attack, const struct attack_config *config,
			       const struct guard_load *load, float gap)
{
	bool strained = attack->strain >= config->high - gap;
	bool held = gap > 0 && load->held;
	bool flood = (float)load->dropped_pps >= (float)config->attack_pps * (1 - gap);

	if (attack->hostility >= config->hostile - gap && (strained || flood))
		return ATTACK_UNDER_ATTACK;
	if (attack->strain >= config->critical - gap)
		return ATTACK_CRITICAL;
	if (strained || held || attack->hostility >= config->hostile - gap)
		return ATTACK_HIGH;
	return ATTACK_NORMAL;
}

/* True: a worse state has lasted; the worst that has. Each counts from its own begin. */
static bool rise(struct attack *attack, const struct attack_config *config, enum attack_state up,
		 uint64_t now_ms)
{
	enum attack_state lasted = attack->state;

	for (unsigned i = 0; i < ATTACK_STATE_COUNT; i++) {
		if (i <= up && !attack->rises[i])
			attack->rise_ms[i] = now_ms;
		attack->rises[i] = i <= up;
		if (attack->rises[i] && now_ms - attack->rise_ms[i] >= config->rise_ms)
			lasted = MAX(lasted, i);
	}
	if (lasted == attack->state)
		return false;
	attack->state = lasted;
	attack->falls = false;
	return true;
}

bool attack_step(struct attack *attack, const struct attack_config *config,
		 const struct guard_load *load, uint64_t now_ms)
{
	enum attack_state up, down;

	attack->strain = MAX(attack_congestion(config, load), load->slots);
	attack->strain = MIN(MAX(attack->strain, alien(config, load)), 1.0F);
	attack->hostility = hostility(config, load);
	up = judge(attack, config, load, 0);
	if (rise(attack, config, up, now_ms))
		return true;
	down = judge(attack, config, load, config->gap);
	if (MAX(up, down) >= attack->state) {
		attack->falls = false;
		return false;
	}
	if (!attack->falls) {
		attack->falls = true;
		attack->fall_ms = now_ms;
	}
	if (now_ms - attack->fall_ms < config->fall_ms)
		return false;
	attack->state--;
	attack->falls = false;
	return true;
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * live: sessions there are. low: the fewest there were in this window. mature: the fewest there
 * were in the last one, so each of these lasted through it, whichever they are.
 */
#include <user/guard/trust.h>

#include <math.h>

#include <strazh/base/compiler.h>

#define DAY_S 86400U
#define HOUR_S 3600U

struct trust_config trust_config_usual(void)
{
	return (struct trust_config){
		.window_s = 30,
		.short_most = 4,
		.live_share = 0.25F,
		.good_half_s = 12 * HOUR_S,
		.crowd_half = 2,
		.crowd_floor = 16,
		.days = 3,
		.sessions = 10,
		.gap_days = 14,
		.lasts_h = 30 * 24,
	};
}

/* A day with something good in it, so many sessions that ended among them. */
static void good_day(const struct trust_config *config, struct source *source, unsigned ended,
		     uint32_t now_s)
{
	uint8_t today = (uint8_t)(now_s / DAY_S), away = (uint8_t)(today - source->day);
	uint32_t until_h;

	if (!source->days || away > config->gap_days) {
		source->days = 1;
		source->sessions = 0;
	} else if (away && source->days < 255) {
		source->days++;
	}
	source->day = today;
	source->sessions = (uint8_t)MIN(source->sessions + ended, UINT8_MAX);
	if (source->days < config->days || source->sessions < config->sessions)
		return;
	until_h = now_s / HOUR_S + config->lasts_h;
	source->trust_h = (uint16_t)MAX(until_h & 0xffffU, 1U);
}

void trust_touch(const struct trust_config *config, struct source *source, uint32_t now_s)
{
	uint32_t passed = now_s > source->window_s ? now_s - source->window_s : 0;

	if (passed < config->window_s)
		return;
	source->good = source->good > 0.01F
			       ? source->good * exp2f(-(float)passed / config->good_half_s)
			       : 0;
	source->mature = source->low;
	source->low = source->live;
	source->shorts = 0;
	source->window_s = now_s;
	if (source->mature)
		good_day(config, source, 0, now_s);
}

void trust_opened(struct source *source, uint32_t count)
{
	source->live = (uint16_t)MIN(source->live + MIN(count, UINT16_MAX), UINT16_MAX);
}

void trust_lost(struct source *source)
{
	if (source->live)
		source->live--;
	source->low = MIN(source->low, source->live);
	source->mature = MIN(source->mature, source->live);
}

bool trust_ended(const struct trust_config *config, struct source *source, uint32_t lasted_ms,
		 uint32_t now_s)
{
	trust_lost(source);
	if (lasted_ms / 1000 < config->window_s && source->shorts++ >= config->short_most) {
		source->shorts--;
		return false;
	}
	source->good = MIN(source->good + 1, 65535.0F);
	good_day(config, source, 1, now_s);
	return true;
}

void trust_doubt(struct source *source, bool all)
{
	source->days = 0;
	source->sessions = 0;
	if (!all)
		return;
	source->trust_h = 0;
	source->good = 0;
}

bool trust_has(const struct source *source, uint32_t now_s)
{
	return source->trust_h && (int16_t)(source->trust_h - (uint16_t)(now_s / HOUR_S)) > 0;
}

float trust_crowd(const struct trust_config *config, const struct source *source)
{
	float live = (float)source->live * config->live_share;

	return MAX((float)source->mature, live) + source->good;
}

float trust_factor(const struct trust_config *config, const struct source *source)
{
	return 1 / (1 + trust_crowd(config, source) / config->crowd_half);
}

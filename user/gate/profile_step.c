/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A profile is in one of three states: none (size_usual 0), in force, learning (learn_until_s, with
 * or without one in force). In force and not learning it is watched, in windows whose sums at their
 * begin stand in watch_*. Learning ends watching; its end begins it anew.
 */
#include <user/gate/profile.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <user/base/clock.h>

#define LENGTH_MAX 65535UL

uint64_t profile_sum(const __u64 bins[SZ_SIZE_BINS])
{
	uint64_t sum = 0;

	for (int i = 0; i < SZ_SIZE_BINS; i++)
		sum += bins[i];
	return sum;
}

uint32_t profile_usual(const struct sz_size *sizes)
{
	uint64_t least = MAX(profile_sum(sizes->bin) / PROFILE_SHARE, (uint64_t)PROFILE_BIN_MIN);
	uint32_t usual = 0, seen = 0;

	for (int i = 0; i < SZ_SIZE_BINS; i++) {
		usual |= (uint32_t)(sizes->bin[i] >= least) << i;
		seen |= (uint32_t)(sizes->bin[i] > 0) << i;
	}
	return usual | ((usual << 1 | usual >> 1) & seen);
}

/* ---- learning ---- */

bool profile_is_due(const struct sz_service *config, uint32_t boot_s)
{
	return config->learn_until_s && boot_s >= config->learn_until_s;
}

static void watch_end(struct sz_service *config)
{
	config->watch_s = 0;
	config->drift_windows = config->attack_windows = 0;
}

void profile_begin(struct sz_service *config, uint32_t boot_s, uint32_t for_s, bool widen)
{
	if (widen)
		config->flags |= SZ_SERVICE_WIDEN;
	else
		config->flags &= (uint8_t)~SZ_SERVICE_WIDEN;
	config->learn_begin_s = MAX(boot_s, 1U);
	config->learn_until_s = config->learn_begin_s + MAX(for_s, 1U);
	watch_end(config);
}

/* More than a fifth of the odd packets are above the limits of their sources. */
static bool is_heavy(uint64_t odd, uint64_t over)
{
	return over * PROFILE_HEAVY_SHARE > odd;
}

static bool is_attack(uint64_t passed, uint64_t odd, uint64_t over)
{
	return is_heavy(odd, over) && over * PROFILE_ODD_SHARE > passed;
}

static enum profile_news learn_end(struct sz_service *config, const struct sz_size *sizes,
				   const struct profile_time *time, bool *ret_zero)
{
	const uint32_t len = config->learn_until_s - config->learn_begin_s;
	const bool widen = config->flags & SZ_SERVICE_WIDEN;

	if (widen &&
	    is_attack(profile_sum(sizes->bin), profile_sum(sizes->odd), profile_sum(sizes->over))) {
		profile_begin(config, time->boot_s, len, true);
		*ret_zero = true;
		return PROFILE_DISCARDED;
	}
	if (profile_sum(sizes->bin) < PROFILE_PACKETS_MIN) {
		config->learn_until_s = time->boot_s + MIN(len, PROFILE_EXTEND_MAX_S);
		return PROFILE_EXTENDED;
	}
	config->size_usual = profile_usual(sizes) | (widen ? config->size_usual : 0);
	config->profile_s = (uint32_t)time->wall_s;
	config->learn_begin_s = config->learn_until_s = 0;
	config->flags &= (uint8_t)~SZ_SERVICE_WIDEN;
	watch_end(config);
	return PROFILE_LEARNED;
}

/* ---- watching ---- */

struct sums {
	uint64_t passed, odd, over;
};

static void watch_begin(struct sz_service *config, const struct sums *now, uint32_t boot_s)
{
	config->watch_passed = now->passed;
	config->watch_odd = now->odd;
	config->watch_over = now->over;
	config->watch_s = MAX(boot_s, 1U);
}

static enum profile_news attack_window(struct sz_service *config)
{
	config->drift_windows = 0;
	if (config->attack_windows < UINT16_MAX)
		config->attack_windows++;
	return config->attack_windows == 1 ? PROFILE_ATTACK : PROFILE_NOTHING;
}

static enum profile_news drift_window(struct sz_service *config, const struct profile_time *time,
				      bool *ret_zero)
{
	config->attack_windows = 0;
	if (config->drift_windows < UINT16_MAX)
		config->drift_windows++;
	if (config->drift_windows < PROFILE_DRIFT_WINDOWS)
		return PROFILE_NOTHING;
	config->alarm_s = MAX(time->boot_s, 1U);
	if (config->profile_s) {
		profile_begin(config, time->boot_s, time->window_s, true);
		*ret_zero = true;
		return PROFILE_DRIFT;
	}
	/* The operator's own profile: told once, and again when it had been quiet in between. */
	return config->drift_windows == PROFILE_DRIFT_WINDOWS ? PROFILE_DRIFT : PROFILE_NOTHING;
}

static enum profile_news judge(struct sz_service *config, const struct sums *window,
			       const struct profile_time *time, bool *ret_zero)
{
	const uint64_t over = MIN(window->over, window->odd), within = window->odd - over;

	if (is_attack(window->passed, window->odd, over))
		return attack_window(config);
	if (!is_heavy(window->odd, over) && within * PROFILE_ODD_SHARE > window->passed)
		return drift_window(config, time, ret_zero);
	config->drift_windows = config->attack_windows = 0;
	return PROFILE_NOTHING;
}

static enum profile_news watch(struct sz_service *config, const struct sums *now,
			       const struct profile_time *time, bool *ret_zero)
{
	struct sums window;

	/* Counters that went back are those of a map made anew. */
	if (!config->watch_s || now->passed < config->watch_passed ||
	    now->odd < config->watch_odd || now->over < config->watch_over) {
		watch_begin(config, now, time->boot_s);
		return PROFILE_NOTHING;
	}
	window = (struct sums){now->passed - config->watch_passed, now->odd - config->watch_odd,
			       now->over - config->watch_over};
	if (time->boot_s - config->watch_s < time->window_s ||
	    window.passed + window.over < PROFILE_WATCH_MIN)
		return PROFILE_NOTHING;
	watch_begin(config, now, time->boot_s);
	return judge(config, &window, time, ret_zero);
}

enum profile_news profile_step(struct sz_service *config, const struct sz_size *sizes,
			       const struct profile_time *time, bool *ret_zero)
{
	const struct sums now = {profile_sum(sizes->bin), profile_sum(sizes->odd),
				 profile_sum(sizes->over)};

	*ret_zero = false;
	if (config->learn_until_s)
		return profile_is_due(config, time->boot_s)
			       ? learn_end(config, sizes, time, ret_zero)
			       : PROFILE_NOTHING;
	if (!config->size_usual) {
		watch_end(config);
		return PROFILE_NOTHING;
	}
	return watch(config, &now, time, ret_zero);
}

/* ---- in words ---- */

const char *profile_state(const struct sz_service *config, uint32_t boot_s,
			  char text[PROFILE_STATE_LEN])
{
	const char *now = config->profile_s ? "learned" : "set by hand";
	char left[DURATION_TEXT_LEN];

	if (!config->size_usual)
		now = config->learn_until_s ? "" : "none";
	if (!config->learn_until_s) {
		(void)snprintf(text, PROFILE_STATE_LEN, "%s", now);
	} else if (boot_s >= config->learn_until_s) {
		(void)snprintf(text, PROFILE_STATE_LEN, "%s%slearning is over: `profile show`", now,
			       now[0] ? ", " : "");
	} else {
		duration_format(config->learn_until_s - boot_s, left);
		(void)snprintf(text, PROFILE_STATE_LEN, "%s%s%s, %s left", now, now[0] ? ", " : "",
			       config->flags & SZ_SERVICE_WIDEN ? "widening" : "learning", left);
	}
	return text;
}

static uint32_t bin_of(unsigned long length)
{
	uint32_t bin = 0;

	while (bin < SZ_SIZE_BINS - 1 && length >> (bin + 1))
		bin++;
	return bin;
}

/* One number of at most `most`, and what stands behind it. */
static bool take(const char **at, unsigned long most, unsigned long *ret)
{
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	*ret = strtoul(*at, &end, 10);
	*at = end;
	return !errno && *ret <= most;
}

int profile_parse(const char *text, bool bins, uint32_t *ret_usual, char why[PROFILE_WHY_LEN])
{
	const unsigned long most = bins ? SZ_SIZE_BINS - 1 : LENGTH_MAX;
	const char *at = text;
	uint32_t usual = 0;

	do {
		unsigned long from, to;
		bool good = take(&at, most, &from);

		to = from;
		if (good && *at == '-') {
			at++;
			good = take(&at, most, &to);
		}
		if (!good || to < from || (*at && *at != ',')) {
			(void)snprintf(why, PROFILE_WHY_LEN,
				       "'%.40s': want ranges of %s up to %lu, like %s", text,
				       bins ? "bins" : "bytes", most,
				       bins ? "4-10" : "20-1480,8000-9000");
			return -EINVAL;
		}
		for (uint32_t i = bins ? (uint32_t)from : bin_of(from);
		     i <= (bins ? (uint32_t)to : bin_of(to)); i++)
			usual |= 1U << i;
	} while (*at++ == ',');
	*ret_usual = usual;
	return 0;
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Learning, and what is drift and what an attack: profile_step() with made-up clocks and counters,
 * as strazhd calls it each second.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <user/gate/profile.h>

#define WINDOW 60U
#define USUAL (1U << 5 | 1U << 6)
#define SMALL 5
#define LARGE 10

/* A service under made-up traffic. */
struct scene {
	struct sz_service config;
	struct sz_size sizes;
	uint32_t now_s;
	unsigned int news[8]; /* how often each was said */
	unsigned int zeroed;
};

static struct scene begin(uint32_t usual, uint32_t learned)
{
	return (struct scene){
		.config = {.size_usual = usual, .profile_s = learned},
		.now_s = 1000,
	};
}

static enum profile_news step(struct scene *scene)
{
	const struct profile_time time = {
		.boot_s = scene->now_s, .window_s = WINDOW, .wall_s = 1700000000};
	bool zero = true;
	enum profile_news news = profile_step(&scene->config, &scene->sizes, &time, &zero);

	scene->news[news]++;
	if (zero) {
		memset(&scene->sizes, 0, sizeof(scene->sizes));
		scene->zeroed++;
	}
	return news;
}

/* One second of traffic: usual ones, odd ones within the limits, odd ones above them. */
static void second(struct scene *scene, uint64_t usual, uint64_t within, uint64_t over)
{
	scene->sizes.bin[SMALL] += usual;
	scene->sizes.bin[LARGE] += within;
	if (!(scene->config.size_usual >> LARGE & 1)) {
		scene->sizes.odd[LARGE] += within + over;
		scene->sizes.over[LARGE] += over;
	}
	scene->now_s++;
	(void)step(scene);
}

static void seconds(struct scene *scene, unsigned int n, uint64_t usual, uint64_t within,
		    uint64_t over)
{
	while (n--)
		second(scene, usual, within, over);
}

/* ---- learning ---- */

static void what_is_usual(void **state)
{
	struct sz_size sizes = {.bin = {[3] = 4, [5] = 100000, [6] = 1, [8] = 50, [10] = 3000}};

	(void)state;
	/* 5 and 10 have their share; 6 is beside 5; 8 has 0.05 % and stands alone, 3 as well */
	assert_int_equal(profile_usual(&sizes), 1U << 5 | 1U << 6 | 1U << 10);
	sizes.bin[8] = 104;
	assert_int_equal(profile_usual(&sizes), 1U << 5 | 1U << 6 | 1U << 8 | 1U << 10);
	/* With few packets a share is nothing: five at least. */
	sizes = (struct sz_size){.bin = {[5] = 1000, [8] = 4, [12] = 5}};
	assert_int_equal(profile_usual(&sizes), 1U << 5 | 1U << 12);
	sizes = (struct sz_size){.bin = {[15] = 1000, [14] = 1, [0] = 1000, [1] = 1}};
	assert_int_equal(profile_usual(&sizes), 1U << 15 | 1U << 14 | 3U);
	sizes = (struct sz_size){0};
	assert_int_equal(profile_usual(&sizes), 0);
}

static void learns(void **state)
{
	struct scene scene = begin(0, 0);

	(void)state;
	profile_begin(&scene.config, scene.now_s, 10, false);
	seconds(&scene, 9, 300, 50, 0);
	assert_int_equal(scene.config.size_usual, 0);
	second(&scene, 300, 50, 0);
	assert_int_equal(scene.config.size_usual, 1U << SMALL | 1U << LARGE);
	assert_int_equal(scene.config.profile_s, 1700000000);
	assert_int_equal(scene.config.learn_until_s, 0);
	assert_int_equal(scene.news[PROFILE_LEARNED], 1);
}

static void too_few_go_on(void **state)
{
	struct scene scene = begin(0, 0);

	(void)state;
	profile_begin(&scene.config, scene.now_s, 10, false);
	seconds(&scene, 10, 49, 0, 0);
	assert_int_equal(scene.news[PROFILE_EXTENDED], 1);
	assert_int_equal(scene.config.size_usual, 0);
	assert_int_equal(scene.config.learn_until_s, scene.now_s + 10);
	/* Nothing is forgotten: the rest comes in the second half. */
	seconds(&scene, 10, 51, 0, 0);
	assert_int_equal(scene.news[PROFILE_LEARNED], 1);
	assert_int_equal(scene.config.size_usual, 1U << SMALL);
	assert_int_equal(scene.zeroed, 0);
}

static void a_silent_service_waits(void **state)
{
	struct scene scene = begin(0, 0);

	(void)state;
	profile_begin(&scene.config, scene.now_s, 5000, false);
	seconds(&scene, 5000, 0, 0, 0);
	assert_int_equal(scene.config.learn_until_s, scene.now_s + PROFILE_EXTEND_MAX_S);
	seconds(&scene, 100000, 0, 0, 0);
	assert_int_equal(scene.config.size_usual, 0);
	assert_int_equal(scene.news[PROFILE_LEARNED], 0);
}

/* By hand, learning again replaces; only what strazhd began by itself widens. */
static void relearning_replaces(void **state)
{
	struct scene scene = begin(1U << 12, 5);

	(void)state;
	profile_begin(&scene.config, scene.now_s, 10, false);
	seconds(&scene, 10, 1000, 0, 0);
	assert_int_equal(scene.config.size_usual, 1U << SMALL);
	scene = begin(1U << 12, 5);
	profile_begin(&scene.config, scene.now_s, 10, true);
	assert_true(scene.config.flags & SZ_SERVICE_WIDEN);
	seconds(&scene, 10, 1000, 0, 0);
	assert_int_equal(scene.config.size_usual, 1U << SMALL | 1U << 12);
	assert_false(scene.config.flags & SZ_SERVICE_WIDEN);
}

/* ---- drift ---- */

static void drift_widens(void **state)
{
	struct scene scene = begin(USUAL, 5);

	(void)state;
	second(&scene, 100, 0, 0);
	seconds(&scene, WINDOW * 3 - 1, 100, 10, 0);
	assert_int_equal(scene.news[PROFILE_DRIFT], 0);
	second(&scene, 100, 10, 0);
	assert_int_equal(scene.news[PROFILE_DRIFT], 1);
	assert_int_equal(scene.config.alarm_s, scene.now_s);
	assert_int_equal(scene.zeroed, 1);
	assert_int_equal(scene.config.size_usual, USUAL);
	seconds(&scene, WINDOW, 100, 10, 0);
	assert_int_equal(scene.news[PROFILE_LEARNED], 1);
	assert_int_equal(scene.config.size_usual, USUAL | 1U << LARGE);
	/* Quiet from then on; the alarm is kept for people. */
	seconds(&scene, WINDOW * 10, 100, 10, 0);
	assert_int_equal(scene.news[PROFILE_DRIFT], 1);
	assert_int_equal(scene.news[PROFILE_LEARNED], 1);
	assert_true(scene.config.alarm_s != 0);
}

/* Five of a hundred are odd: just not more than a twentieth of what passed. */
static void little_is_no_drift(void **state)
{
	struct scene scene = begin(USUAL, 5);

	(void)state;
	seconds(&scene, WINDOW * 20, 95, 5, 0);
	assert_int_equal(scene.news[PROFILE_DRIFT], 0);
	assert_int_equal(scene.config.drift_windows, 0);
	seconds(&scene, WINDOW * 4, 94, 6, 0);
	assert_int_equal(scene.news[PROFILE_DRIFT], 1);
}

static void windows_must_be_in_a_row(void **state)
{
	struct scene scene = begin(USUAL, 5);

	(void)state;
	second(&scene, 100, 0, 0);
	for (int i = 0; i < 10; i++) {
		seconds(&scene, WINDOW * 2, 100, 10, 0);
		seconds(&scene, WINDOW, 100, 0, 0);
	}
	assert_int_equal(scene.news[PROFILE_DRIFT], 0);
	assert_int_equal(scene.config.alarm_s, 0);
}

static void few_packets_are_not_judged(void **state)
{
	struct scene scene = begin(USUAL, 5);

	(void)state;
	second(&scene, 0, 0, 0);
	seconds(&scene, WINDOW * 3, 0, 1, 0);
	assert_int_equal(scene.news[PROFILE_DRIFT], 0);
	/* 180 so far; the window ends with the 200th */
	assert_int_equal(scene.config.drift_windows, 0);
	seconds(&scene, 20, 0, 1, 0);
	assert_int_equal(scene.config.drift_windows, 1);
}

/* ---- attack ---- */

static void attack_is_no_drift(void **state)
{
	struct scene scene = begin(USUAL, 5);

	(void)state;
	second(&scene, 100, 0, 0);
	/* One source: 100 within its limit, 900 above. */
	seconds(&scene, WINDOW * 30, 100, 100, 900);
	assert_int_equal(scene.news[PROFILE_DRIFT], 0);
	assert_int_equal(scene.news[PROFILE_LEARNED], 0);
	assert_int_equal(scene.news[PROFILE_ATTACK], 1);
	assert_int_equal(scene.config.size_usual, USUAL);
	assert_int_equal(scene.config.alarm_s, 0);
	/* It ends; the next one is told again. */
	seconds(&scene, WINDOW * 2, 100, 0, 0);
	seconds(&scene, WINDOW * 2, 100, 100, 900);
	assert_int_equal(scene.news[PROFILE_ATTACK], 2);
}

/* The line between them: a fifth of the odd ones above the limits. */
static void the_line(void **state)
{
	struct scene scene = begin(USUAL, 5);

	(void)state;
	second(&scene, 100, 0, 0);
	seconds(&scene, WINDOW * 3, 100, 80, 20);
	assert_int_equal(scene.news[PROFILE_DRIFT], 1);
	assert_int_equal(scene.news[PROFILE_ATTACK], 0);
	scene = begin(USUAL, 5);
	second(&scene, 100, 0, 0);
	seconds(&scene, WINDOW * 30, 100, 79, 21);
	assert_int_equal(scene.news[PROFILE_DRIFT], 0);
	assert_int_equal(scene.news[PROFILE_ATTACK], 1);
}

/* An attack in the third window: drift begins from 0 when it is over. */
static void attack_resets_drift(void **state)
{
	struct scene scene = begin(USUAL, 5);

	(void)state;
	second(&scene, 100, 0, 0);
	seconds(&scene, WINDOW * 2, 100, 10, 0);
	assert_int_equal(scene.config.drift_windows, 2);
	seconds(&scene, WINDOW, 100, 10, 500);
	assert_int_equal(scene.config.drift_windows, 0);
	seconds(&scene, WINDOW * 2, 100, 10, 0);
	assert_int_equal(scene.news[PROFILE_DRIFT], 0);
	seconds(&scene, WINDOW, 100, 10, 0);
	assert_int_equal(scene.news[PROFILE_DRIFT], 1);
}

/* An attack that begins while the profile is being widened must not get into it. */
static void attack_discards_widening(void **state)
{
	struct scene scene = begin(USUAL, 5);

	(void)state;
	second(&scene, 100, 0, 0);
	seconds(&scene, WINDOW * 3, 100, 10, 0);
	assert_int_equal(scene.news[PROFILE_DRIFT], 1);
	seconds(&scene, WINDOW * 5, 100, 100, 900);
	assert_int_equal(scene.news[PROFILE_DISCARDED], 5);
	assert_int_equal(scene.config.size_usual, USUAL);
	seconds(&scene, WINDOW, 100, 10, 0);
	assert_int_equal(scene.news[PROFILE_LEARNED], 1);
	assert_int_equal(scene.config.size_usual, USUAL | 1U << LARGE);
}

/* ---- the operator's own ---- */

static void by_hand_is_told_and_stays(void **state)
{
	struct scene scene = begin(USUAL, 0);

	(void)state;
	second(&scene, 100, 0, 0);
	seconds(&scene, WINDOW * 30, 100, 10, 0);
	assert_int_equal(scene.news[PROFILE_DRIFT], 1);
	assert_int_equal(scene.config.size_usual, USUAL);
	assert_int_equal(scene.config.learn_until_s, 0);
	assert_int_equal(scene.config.alarm_s, scene.now_s);
	seconds(&scene, WINDOW, 100, 0, 0);
	seconds(&scene, WINDOW * 3, 100, 10, 0);
	assert_int_equal(scene.news[PROFILE_DRIFT], 2);
}

static void none_is_not_watched(void **state)
{
	struct scene scene = begin(0, 0);

	(void)state;
	seconds(&scene, WINDOW * 10, 100, 100, 100);
	assert_int_equal(scene.news[PROFILE_NOTHING], WINDOW * 10);
	assert_int_equal(scene.config.watch_s, 0);
}

/* The map of sizes was lost and made anew. */
static void counters_that_went_back(void **state)
{
	struct scene scene = begin(USUAL, 5);

	(void)state;
	seconds(&scene, WINDOW * 2, 100, 10, 0);
	memset(&scene.sizes, 0, sizeof(scene.sizes));
	seconds(&scene, WINDOW * 2, 100, 0, 0);
	assert_int_equal(scene.news[PROFILE_DRIFT] + scene.news[PROFILE_ATTACK], 0);
	assert_int_equal(scene.config.drift_windows, 0);
}

/* ---- words ---- */

static void parses(void **state)
{
	static const struct {
		const char *text;
		bool bins;
		uint32_t want; /* 0: refused */
	} cases[] = {
		{"20-1480", false, 0x7f0},
		{"64", false, 0x40},
		{"0-1", false, 1},
		{"2-3,65535", false, 0x8002},
		{"4-10", true, 0x7f0},
		{"0,15", true, 0x8001},
		{"65536", false, 0},
		{"16", true, 0},
		{"", false, 0},
		{"9-3", false, 0},
		{"20-", false, 0},
		{"20-1480,", false, 0},
		{"x", true, 0},
		{"-5", false, 0},
		{"1 2", false, 0},
		{"20-30-40", false, 0},
		{"+5", false, 0},
		{"99999999999999999999", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char why[PROFILE_WHY_LEN] = "";
		uint32_t usual = 0xdead;
		int r = profile_parse(cases[i].text, cases[i].bins, &usual, why);

		if (r != (cases[i].want ? 0 : -EINVAL) || (!r && usual != cases[i].want))
			fail_msg("'%s': %d, %#x", cases[i].text, r, usual);
		assert_int_equal(why[0] != 0, r != 0);
		if (r)
			assert_int_equal(usual, 0xdead);
	}
}

static void states_in_words(void **state)
{
	struct sz_service config = {0};
	char text[PROFILE_STATE_LEN];

	(void)state;
	assert_string_equal(profile_state(&config, 10, text), "none");
	config.learn_begin_s = 5;
	config.learn_until_s = 190;
	assert_string_equal(profile_state(&config, 10, text), "learning, 3m left");
	config.size_usual = 1;
	config.profile_s = 7;
	assert_string_equal(profile_state(&config, 10, text), "learned, learning, 3m left");
	config.learn_until_s = 0;
	assert_string_equal(profile_state(&config, 10, text), "learned");
	config.profile_s = 0;
	assert_string_equal(profile_state(&config, 10, text), "set by hand");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_usual),
		cmocka_unit_test(learns),
		cmocka_unit_test(too_few_go_on),
		cmocka_unit_test(a_silent_service_waits),
		cmocka_unit_test(relearning_replaces),
		cmocka_unit_test(drift_widens),
		cmocka_unit_test(little_is_no_drift),
		cmocka_unit_test(windows_must_be_in_a_row),
		cmocka_unit_test(few_packets_are_not_judged),
		cmocka_unit_test(attack_is_no_drift),
		cmocka_unit_test(the_line),
		cmocka_unit_test(attack_resets_drift),
		cmocka_unit_test(attack_discards_widening),
		cmocka_unit_test(by_hand_is_told_and_stays),
		cmocka_unit_test(none_is_not_watched),
		cmocka_unit_test(counters_that_went_back),
		cmocka_unit_test(parses),
		cmocka_unit_test(states_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

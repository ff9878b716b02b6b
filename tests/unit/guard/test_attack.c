/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The state of the whole: up at once, down slowly, crowds are no attack. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>
#include <user/guard/attack.h>

static struct attack_config config;
static struct attack attack;
static uint64_t now_ms;

static int set_up(void **state)
{
	(void)state;
	config = attack_config_usual();
	attack = (struct attack){0};
	now_ms = 0;
	return 0;
}

/* In steps of 50 ms; returns how often it changed. */
static unsigned hold(const struct guard_load *load, uint64_t ms)
{
	unsigned changes = 0;

	for (uint64_t end_ms = now_ms + ms; now_ms < end_ms; now_ms += 50)
		changes += attack_step(&attack, &config, load, now_ms);
	return changes;
}

static void quiet_is_normal(void **state)
{
	struct guard_load load = {.passed_pps = 1000000,
				  .dropped_pps = 900,
				  .failed_s = 19,
				  .delay_ms = 40,
				  .psi = 25};

	(void)state;
	assert_int_equal(hold(&load, 100000), 0);
	assert_int_equal(attack.state, ATTACK_NORMAL);
}

static void an_attack_is_seen_at_once(void **state)
{
	struct guard_load load = {.passed_pps = 10000, .dropped_pps = 2000000};

	(void)state;
	assert_int_equal(hold(&load, 150), 1);
	assert_int_equal(attack.state, ATTACK_UNDER_ATTACK);
	/* And it does not flicker. */
	assert_int_equal(hold(&load, 60000), 0);
}

static void down_in_steps(void **state)
{
	struct guard_load load = {.failed_s = 1000, .proven_s = 10, .delay_ms = 200}, none = {0};

	(void)state;
	hold(&load, 1000);
	assert_int_equal(attack.state, ATTACK_UNDER_ATTACK);
	assert_int_equal(hold(&none, 9900), 0);
	assert_int_equal(hold(&none, 300), 1);
	assert_int_equal(attack.state, ATTACK_CRITICAL);
	assert_int_equal(hold(&none, 20500), 2);
	assert_int_equal(attack.state, ATTACK_NORMAL);
}

static void around_a_threshold_it_stays(void **state)
{
	struct guard_load above = {.delay_ms = 51}, below = {.delay_ms = 45};
	unsigned changes = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		changes += hold(i % 2 ? &below : &above, 200);
	assert_int_equal(changes, 1);
	/* Below what raised it, but not by the gap: for ever. */
	assert_int_equal(hold(&below, 100000), 0);
	assert_int_equal(attack.state, ATTACK_HIGH);
}

static void a_spike_is_nothing(void **state)
{
	struct guard_load spike = {.loss = 1, .failed_s = 1000}, none = {0};

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(hold(&spike, 50), 0);
		assert_int_equal(hold(&none, 50), 0);
	}
}

/* 2,000 honest clients at once: everything is full, and nothing is hostile. */
static void a_crowd_is_no_attack(void **state)
{
	struct guard_load load = {.loss = 0.5F,
				  .delay_ms = 500,
				  .psi = 90,
				  .slots = 1,
				  .passed_pps = 500000,
				  .dropped_pps = 5000,
				  .proven_s = 2000,
				  .failed_s = 30};

	(void)state;
	hold(&load, 60000);
	assert_int_equal(attack.state, ATTACK_CRITICAL);
	assert_true(attack.hostility < 0.1F);
}

/* A backup, a compile job: the machine is busy, and nobody waits for us. */
static void the_work_of_others_limits_nobody(void **state)
{
	struct guard_load load = {.psi = 100, .blind = 1, .delay_ms = 4, .passed_pps = 50000};

	(void)state;
	hold(&load, 60000);
	assert_int_equal(attack.state, ATTACK_HIGH);
	assert_true(attack_scales[ATTACK_HIGH].limits == 1);
	assert_true(attack_congestion(&config, &load) < 0.2F);
	/* Where a queue of ours stands too, or what comes is hostile, it is ours. */
	load.delay_ms = 45;
	assert_true(attack_congestion(&config, &load) > 1);
	load.delay_ms = 0;
	load.dropped_pps = 500000;
	assert_true(attack_congestion(&config, &load) > 1);
}

/* With a loss of ours, or what is hostile, the same stall is more than "high". */
static void pressure_of_ours_is_no_work_of_others(void **state)
{
	struct guard_load lost = {.psi = 100, .loss = 0.025F, .passed_pps = 50000};
	struct guard_load hostile = {.psi = 100, .dropped_pps = 50000, .passed_pps = 1000};

	(void)state;
	hold(&lost, 1000);
	assert_int_equal(attack.state, ATTACK_CRITICAL);
	set_up(NULL);
	lost.psi = 0;
	hold(&lost, 60000);
	assert_int_equal(attack.state, ATTACK_NORMAL);
	hold(&hostile, 1000);
	assert_int_equal(attack.state, ATTACK_UNDER_ATTACK);
	assert_true(attack_scales[attack.state].limits < 1);
	set_up(NULL);
	hostile.psi = 0;
	hold(&hostile, 60000);
	assert_int_equal(attack.state, ATTACK_HIGH);
}

static void thresholds_are_the_configuration_s(void **state)
{
	struct guard_load strained = {.delay_ms = 60},
			  hostile = {.dropped_pps = 60000, .passed_pps = 40000};

	(void)state;
	hold(&strained, 1000);
	assert_int_equal(attack.state, ATTACK_HIGH);
	set_up(NULL);
	config.high = 0.65F;
	hold(&strained, 1000);
	assert_int_equal(attack.state, ATTACK_NORMAL);
	config.high = 0.4F;
	config.critical = 0.55F;
	hold(&strained, 1000);
	assert_int_equal(attack.state, ATTACK_CRITICAL);
	set_up(NULL);
	hold(&hostile, 1000);
	assert_int_equal(attack.state, ATTACK_HIGH);
	set_up(NULL);
	config.hostile = 0.7F;
	hold(&hostile, 1000);
	assert_int_equal(attack.state, ATTACK_NORMAL);
}

static void scales_rise(void **state)
{
	(void)state;
	for (unsigned i = 1; i < ATTACK_STATE_COUNT; i++) {
		assert_true(attack_scales[i].limits <= attack_scales[i - 1].limits);
		assert_true(attack_scales[i].puzzle_bits >= attack_scales[i - 1].puzzle_bits);
		assert_true(attack_scales[i].cookies >= attack_scales[i - 1].cookies);
		assert_true(attack_scales[i].suspicion >= attack_scales[i - 1].suspicion);
	}
	assert_true(attack_scales[0].limits == 1 && !attack_scales[0].cookies);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(quiet_is_normal, set_up),
		cmocka_unit_test_setup(an_attack_is_seen_at_once, set_up),
		cmocka_unit_test_setup(down_in_steps, set_up),
		cmocka_unit_test_setup(around_a_threshold_it_stays, set_up),
		cmocka_unit_test_setup(a_spike_is_nothing, set_up),
		cmocka_unit_test_setup(a_crowd_is_no_attack, set_up),
		cmocka_unit_test_setup(the_work_of_others_limits_nobody, set_up),
		cmocka_unit_test_setup(pressure_of_ours_is_no_work_of_others, set_up),
		cmocka_unit_test_setup(thresholds_are_the_configuration_s, set_up),
		cmocka_unit_test(scales_rise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What all sources together may send: never below what is normal, which is learned whatever the
 * limit was before, and no attack teaches it more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>
#include <user/guard/total.h>

#define LEAST 20000U

static struct total total;
static uint64_t now_ms, passed;

/* One that knows that nothing is normal, so that it limits from the first packet on. */
static int set_up(void **state)
{
	(void)state;
	total = (struct total){0};
	now_ms = 1000000;
	passed = 12345678;
	total_know(&total, 0);
	total_take(&total, ATTACK_NORMAL, false, passed, now_ms);
	return 0;
}

static int set_up_new(void **state)
{
	(void)set_up(state);
	total = (struct total){0};
	total_take(&total, ATTACK_NORMAL, false, passed, now_ms);
	return 0;
}

/* In steps of a tick. */
static void come(uint64_t pps, unsigned seconds, enum attack_state state, bool hostile)
{
	for (unsigned i = 0; i < seconds * 4; i++) {
		now_ms += 250;
		passed += pps / 4;
		total_take(&total, state, hostile, passed, now_ms);
	}
}

static uint32_t may(enum attack_state state)
{
	return total_limit(&total, LEAST, attack_scales[state].limits);
}

/* What is sent, and the part of it that its own limit lets through. */
static void send(uint32_t pps, unsigned seconds, enum attack_state state)
{
	for (unsigned i = 0; i < seconds; i++)
		come(MIN(pps, may(state)), 1, state, false);
}

static void nothing_is_known(void **state)
{
	(void)state;
	/* What the gate had counted before is no rate. */
	assert_int_equal(may(ATTACK_NORMAL), LEAST);
	assert_int_equal(may(ATTACK_UNDER_ATTACK), LEAST / 2);
	total_take(&total, ATTACK_NORMAL, false, passed, now_ms);
	assert_int_equal(may(ATTACK_NORMAL), LEAST);
}

/* It listens for a minute before it limits, but not to an attack. */
static void a_new_one_is_open(void **state)
{
	(void)state;
	assert_int_equal(may(ATTACK_NORMAL), TOTAL_MOST);
	come(300000, 30, ATTACK_NORMAL, false);
	assert_int_equal(may(ATTACK_NORMAL), TOTAL_MOST);
	come(300000, 1, ATTACK_UNDER_ATTACK, true);
	assert_true(may(ATTACK_UNDER_ATTACK) < TOTAL_MOST);
	total_take(&total, ATTACK_CRITICAL, true, passed, now_ms += 250);
	assert_true(may(ATTACK_CRITICAL) < TOTAL_MOST);
	come(300000, 29, ATTACK_NORMAL, false);
	assert_int_equal(may(ATTACK_NORMAL), TOTAL_MOST);
	come(300000, 2, ATTACK_NORMAL, false);
	assert_in_range(may(ATTACK_NORMAL), 1100000, 1200000);
}

static void normal_is_learned(void **state)
{
	(void)state;
	come(40000, 60, ATTACK_NORMAL, false);
	assert_in_range(may(ATTACK_NORMAL), 150000, 160000);
	/* Half of the room, and more than what is normal. */
	assert_in_range(may(ATTACK_UNDER_ATTACK), 75000, 80000);
	assert_true(total_limit(&total, LEAST, 0.1F) >= 59000);
	/* The night after such a day. */
	come(0, 12 * 3600, ATTACK_NORMAL, false);
	assert_in_range(may(ATTACK_NORMAL), 100000, 120000);
}

/* Traffic above a limit that knew less of it: the limit follows, soon or in minutes. */
static void a_limit_does_not_keep_itself(void **state)
{
	(void)state;
	send(24000, 60, ATTACK_NORMAL);
	assert_true(may(ATTACK_NORMAL) > 90000);
	(void)set_up(state);
	send(50000, 600, ATTACK_HIGH);
	assert_true(may(ATTACK_HIGH) > 150000);
	(void)set_up(state);
	send(50000, 600, ATTACK_CRITICAL);
	assert_true(may(ATTACK_CRITICAL) > 150000);
}

static void a_flood_teaches_nothing(void **state)
{
	(void)state;
	come(1000, 60, ATTACK_NORMAL, false);
	come(20000, 600, ATTACK_CRITICAL, true);
	come(20000, 600, ATTACK_UNDER_ATTACK, false);
	assert_int_equal(may(ATTACK_NORMAL), LEAST);
	assert_true(total.normal_pps < 1001);
	/* What passed meanwhile is not counted afterwards either. */
	come(1000, 10, ATTACK_NORMAL, false);
	assert_true(total.normal_pps < 1001);
	/* Seconds of one that is no attack yet teach next to nothing. */
	come(20000, 5, ATTACK_HIGH, true);
	assert_int_equal(may(ATTACK_NORMAL), LEAST);
}

static void what_was_normal_is_known(void **state)
{
	(void)state;
	total_know(&total, 40000);
	assert_int_equal(may(ATTACK_NORMAL), 160000);
	total_know(&total, 10000);
	assert_int_equal(may(ATTACK_NORMAL), 160000);
	total_know(&total, 1e12F);
	assert_int_equal(may(ATTACK_NORMAL), TOTAL_MOST);
}

static void the_gate_is_loaded_anew(void **state)
{
	(void)state;
	come(1000, 60, ATTACK_NORMAL, false);
	passed = 0;
	come(1000, 60, ATTACK_NORMAL, false);
	assert_in_range((uint32_t)total.normal_pps, 990, 1010);
}

static void there_is_a_most(void **state)
{
	(void)state;
	come(4000000000, 60, ATTACK_NORMAL, false);
	assert_int_equal(may(ATTACK_NORMAL), TOTAL_MOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_is_known, set_up),
		cmocka_unit_test_setup(a_new_one_is_open, set_up_new),
		cmocka_unit_test_setup(normal_is_learned, set_up),
		cmocka_unit_test_setup(a_limit_does_not_keep_itself, set_up),
		cmocka_unit_test_setup(a_flood_teaches_nothing, set_up),
		cmocka_unit_test_setup(what_was_normal_is_known, set_up),
		cmocka_unit_test_setup(the_gate_is_loaded_anew, set_up),
		cmocka_unit_test_setup(there_is_a_most, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

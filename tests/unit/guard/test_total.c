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
static uint64_t now_ms, passed, dropped;
static bool is_short;

static void take(enum attack_state state, bool hostile)
{
	total_take(&total, &(struct total_seen){state, hostile, is_short, passed, dropped}, now_ms);
}

/* One that knows that nothing is normal, so that it limits from the first packet on. */
static int set_up(void **state)
{
	(void)state;
	total = (struct total){0};
	now_ms = 1000000;
	is_short = false;
	passed = 12345678;
	dropped = 87654321;
	total_know(&total, 0);
	take(ATTACK_NORMAL, false);
	return 0;
}

static int set_up_new(void **state)
{
	(void)set_up(state);
	total = (struct total){0};
	take(ATTACK_NORMAL, false);
	return 0;
}

/* In steps of a tick; drops: packets a second above the limit. */
static void come_and_drop(uint64_t pps, uint64_t drops, unsigned seconds, enum attack_state state,
			  bool hostile)
{
	for (unsigned i = 0; i < seconds * 4; i++) {
		now_ms += 250;
		passed += pps / 4;
		dropped += drops / 4;
		take(state, hostile);
	}
}

static void come(uint64_t pps, unsigned seconds, enum attack_state state, bool hostile)
{
	come_and_drop(pps, 0, seconds, state, hostile);
}

static uint32_t may_share(enum attack_state state, float share)
{
	return total_limit(&total, LEAST, attack_scales[state].limits, share);
}

static uint32_t may(enum attack_state state)
{
	return may_share(state, 1);
}

/* What is sent, and the part of it that its own limit lets through. */
static void send_hostile(uint32_t pps, unsigned seconds, enum attack_state state, bool hostile)
{
	for (unsigned i = 0; i < seconds; i++) {
		uint32_t pass = MIN(pps, may(state));

		come_and_drop(pass, pps - pass, 1, state, hostile);
	}
}

static void send(uint32_t pps, unsigned seconds, enum attack_state state)
{
	send_hostile(pps, seconds, state, false);
}

static void nothing_is_known(void **state)
{
	(void)state;
	/* What the gate had counted before is no rate. */
	assert_int_equal(may(ATTACK_NORMAL), LEAST);
	assert_int_equal(may(ATTACK_UNDER_ATTACK), LEAST / 2);
	take(ATTACK_NORMAL, false);
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
	now_ms += 250;
	take(ATTACK_CRITICAL, true);
	assert_true(may(ATTACK_CRITICAL) < TOTAL_MOST);
	come(300000, 28, ATTACK_NORMAL, false);
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
	assert_true(total_limit(&total, LEAST, 0.1F, 1) >= 59000);
	/* The night after such a day. */
	come(0, 12 * 3600, ATTACK_NORMAL, false);
	assert_in_range(may(ATTACK_NORMAL), 100000, 120000);
}

/* More load than usual, as PSI says it: the service grows, or somebody makes a backup. */
static void load_is_no_attack(void **state)
{
	(void)state;
	come(1000, 60, ATTACK_NORMAL, false);
	for (uint32_t pps = 1500; pps < 100000; pps += pps / 3) {
		send(pps, 4, ATTACK_HIGH);
		assert_true(may(ATTACK_HIGH) > pps + pps / 3);
	}
}

/* Traffic above a limit that knew less of it: the limit follows, soon or in minutes. */
static void a_limit_does_not_keep_itself(void **state)
{
	(void)state;
	send(24000, 60, ATTACK_NORMAL);
	assert_true(may(ATTACK_NORMAL) > 24000);
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
	come_and_drop(20000, 2000, 600, ATTACK_CRITICAL, true);
	come_and_drop(20000, 2000, 600, ATTACK_UNDER_ATTACK, false);
	assert_int_equal(may(ATTACK_NORMAL), LEAST);
	assert_true(total.normal_pps < 1001);
	/* What passed meanwhile is not counted afterwards either. */
	come(1000, 10, ATTACK_NORMAL, false);
	assert_true(total.normal_pps < 1001);
	/* Seconds of one that is no attack yet teach next to nothing. */
	come(20000, 5, ATTACK_HIGH, true);
	assert_int_equal(may(ATTACK_NORMAL), LEAST);
}

/*
 * Beside so much honest traffic of other kinds that the state stays normal, a flood passed after
 * seconds: what its limit let through was taken for normal, and four times that was let through.
 */
static void a_flood_hides_in_other_traffic(void **state)
{
	(void)state;
	send(150000, 600, ATTACK_NORMAL);
	assert_int_equal(may(ATTACK_NORMAL), LEAST);
	assert_true(total.normal_pps < 1);
	/* So little that it may be a service: minutes, not seconds. */
	send(60000, 20, ATTACK_NORMAL);
	assert_int_equal(may(ATTACK_NORMAL), LEAST);
	send(60000, 280, ATTACK_NORMAL);
	assert_true(may(ATTACK_NORMAL) > 60000);
}

/* Whoever raises what is normal up to what the machine bears, and then sends more. */
static void a_strike_after_a_rise(void **state)
{
	(void)state;
	for (uint32_t pps = 1000; pps < 300000; pps += pps / 4)
		send(pps, 5, ATTACK_NORMAL);
	send(300000, 60, ATTACK_NORMAL);
	assert_true(may(ATTACK_NORMAL) > 1100000);
	/* Each second of it is more than there is room for. */
	is_short = true;
	for (int i = 0; i < 600; i++) {
		uint32_t sent = i % 2 ? 1000000 : 500000;
		uint32_t pass = MIN(sent, may_share(ATTACK_CRITICAL, 0.125F));

		assert_true(pass <= 450000);
		come_and_drop(pass, sent - pass, 1, ATTACK_CRITICAL, false);
	}
	/* What such a machine takes anyway is not shared out: it may be a crowd's. */
	(void)set_up(state);
	come(5000, 60, ATTACK_NORMAL, false);
	assert_int_equal(may_share(ATTACK_CRITICAL, 0.125F), LEAST);
}

/* A flood of SYNs that lasts for hours, and a service of UDP that grows meanwhile. */
static void others_are_attacked(void **state)
{
	(void)state;
	come(8000, 60, ATTACK_NORMAL, false);
	for (uint32_t pps = 8000; pps < 30000; pps += pps / 20) {
		send_hostile(pps, 30, ATTACK_UNDER_ATTACK, true);
		assert_true(may(ATTACK_UNDER_ATTACK) > pps);
	}
	/* Not where there is too much of all. */
	is_short = true;
	come(40000, 60, ATTACK_UNDER_ATTACK, true);
	assert_true(total.normal_pps < 30000);
}

/* No guard for hours, or the machine slept: it has not listened meanwhile. */
static void time_without_counts(void **state)
{
	(void)state;
	come(100000, 2, ATTACK_NORMAL, false);
	now_ms += 3600000;
	take(ATTACK_NORMAL, false);
	assert_int_equal(may(ATTACK_NORMAL), TOTAL_MOST);
	come(100000, 60, ATTACK_NORMAL, false);
	assert_in_range(may(ATTACK_NORMAL), 390000, 400000);
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
	passed = dropped = 0;
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
		cmocka_unit_test_setup(load_is_no_attack, set_up),
		cmocka_unit_test_setup(a_limit_does_not_keep_itself, set_up),
		cmocka_unit_test_setup(a_flood_teaches_nothing, set_up),
		cmocka_unit_test_setup(a_flood_hides_in_other_traffic, set_up),
		cmocka_unit_test_setup(a_strike_after_a_rise, set_up),
		cmocka_unit_test_setup(others_are_attacked, set_up),
		cmocka_unit_test_setup(time_without_counts, set_up_new),
		cmocka_unit_test_setup(what_was_normal_is_known, set_up),
		cmocka_unit_test_setup(the_gate_is_loaded_anew, set_up),
		cmocka_unit_test_setup(there_is_a_most, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

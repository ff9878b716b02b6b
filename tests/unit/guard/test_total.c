/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What all sources together may send: never below what is normal, and no flood teaches it more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <user/guard/total.h>

#define LEAST 20000U

static struct total total;
static uint64_t now_ms, passed;

static int set_up(void **state)
{
	(void)state;
	total = (struct total){0};
	now_ms = 1000000;
	passed = 12345678;
	total_take(&total, ATTACK_NORMAL, passed, now_ms);
	return 0;
}

/* In steps of a tick. */
static void come(uint64_t pps, unsigned seconds, enum attack_state state)
{
	for (unsigned i = 0; i < seconds * 4; i++) {
		now_ms += 250;
		passed += pps / 4;
		total_take(&total, state, passed, now_ms);
	}
}

static uint32_t may(enum attack_state state)
{
	return total_limit(&total, LEAST, attack_scales[state].limits);
}

static void nothing_is_known(void **state)
{
	(void)state;
	/* What the gate had counted before is no rate. */
	assert_int_equal(may(ATTACK_NORMAL), LEAST);
	assert_int_equal(may(ATTACK_UNDER_ATTACK), LEAST / 2);
	total_take(&total, ATTACK_NORMAL, passed, now_ms);
	assert_int_equal(may(ATTACK_NORMAL), LEAST);
}

static void normal_is_learned(void **state)
{
	(void)state;
	come(40000, 60, ATTACK_NORMAL);
	assert_in_range(may(ATTACK_NORMAL), 150000, 160000);
	/* Half of the room, and more than what is normal. */
	assert_in_range(may(ATTACK_UNDER_ATTACK), 75000, 80000);
	assert_true(total_limit(&total, LEAST, 0.1F) >= 59000);
	/* The night after such a day. */
	come(0, 12 * 3600, ATTACK_NORMAL);
	assert_in_range(may(ATTACK_NORMAL), 100000, 120000);
}

static void a_flood_teaches_nothing(void **state)
{
	(void)state;
	come(1000, 60, ATTACK_NORMAL);
	for (unsigned i = ATTACK_HIGH; i < ATTACK_STATE_COUNT; i++)
		come(20000, 600, (enum attack_state)i);
	assert_int_equal(may(ATTACK_NORMAL), LEAST);
	assert_true(total.normal_pps < 1001);
	/* What passed meanwhile is not counted afterwards either. */
	come(1000, 10, ATTACK_NORMAL);
	assert_true(total.normal_pps < 1001);
}

static void the_gate_is_loaded_anew(void **state)
{
	(void)state;
	come(1000, 60, ATTACK_NORMAL);
	passed = 0;
	come(1000, 60, ATTACK_NORMAL);
	assert_in_range((uint32_t)total.normal_pps, 990, 1010);
}

static void there_is_a_most(void **state)
{
	(void)state;
	come(4000000000, 60, ATTACK_NORMAL);
	assert_int_equal(may(ATTACK_NORMAL), TOTAL_MOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_is_known, set_up),
		cmocka_unit_test_setup(normal_is_learned, set_up),
		cmocka_unit_test_setup(a_flood_teaches_nothing, set_up),
		cmocka_unit_test_setup(the_gate_is_loaded_anew, set_up),
		cmocka_unit_test_setup(there_is_a_most, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

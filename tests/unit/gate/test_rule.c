/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <user/gate/rule.h>

#define NOW 1000U
#define DENY SZ_TABLE_DENY

static struct say say(uint64_t lists, uint32_t operator_s, uint32_t guard_s, uint32_t feed_s)
{
	return say_make(lists, (const uint32_t[SZ_ORIGINS]){operator_s, guard_s, feed_s});
}

static void assert_say(const struct say *got, struct say want)
{
	assert_int_equal(got->lists, want.lists);
	for (int o = 0; o < SZ_ORIGINS; o++)
		assert_int_equal(got->until_s[o], want.until_s[o]);
	assert_true(say_equal(got, &want));
}

/* Every bit of every table is of one origin. */
static void bits_have_one_origin(void **state)
{
	(void)state;
	for (enum sz_table table = 0; table < SZ_TABLES; table++) {
		uint64_t all = 0;

		for (enum sz_origin o = 0; o < SZ_ORIGINS; o++) {
			assert_int_equal(all & rule_origin_bits(table, o), 0);
			all |= rule_origin_bits(table, o);
		}
		assert_true(all == ~0ULL);
		for (uint32_t bit = 0; bit < 64; bit++)
			assert_true(rule_origin_bits(table, rule_bit_origin(table, bit)) >> bit &
				    1);
	}
	assert_int_equal(rule_bit_origin(DENY, 2), SZ_ORIGIN_FEED);
	assert_int_equal(rule_bit_origin(DENY, 63), SZ_ORIGIN_FEED);
	assert_int_equal(rule_bit_origin(SZ_TABLE_NEVER, 5), SZ_ORIGIN_GUARD);
}

static void over_at_its_second(void **state)
{
	(void)state;
	assert_false(rule_is_over(0, UINT32_MAX));
	assert_false(rule_is_over(NOW + 1, NOW));
	assert_true(rule_is_over(NOW, NOW));
	assert_true(rule_is_over(1, NOW));
}

static void live_by_origin(void **state)
{
	struct say s = say(0xf, NOW, NOW + 1, 0);

	(void)state;
	assert_int_equal(say_live(DENY, &s, NOW), 0xe);
	assert_int_equal(say_live(DENY, &s, NOW + 1), 0xc);
	assert_int_equal(say_live(SZ_TABLE_NEVER, &s, NOW), 0xe);
	assert_int_equal(say_live(SZ_TABLE_NEVER, &s, NOW + 1), 0);
}

static void prune_and_drop_leave_order(void **state)
{
	struct say s = say(0xd, NOW, 77, NOW + 5);

	(void)state;
	say_prune(DENY, &s, NOW);
	assert_say(&s, say(0xc, 0, 0, NOW + 5));
	say_drop(DENY, &s, 0x4);
	assert_say(&s, say(0x8, 0, 0, NOW + 5));
	say_drop(DENY, &s, 0x8);
	assert_say(&s, say(0, 0, 0, 0));
}

static void add_replaces_its_own(void **state)
{
	struct say s = say(0, 0, 0, 0);

	(void)state;
	say_add(DENY, &s, 0, NOW + 50, NOW);
	say_add(DENY, &s, 0, NOW + 10, NOW);
	assert_say(&s, say(1, NOW + 10, 0, 0));
	say_add(DENY, &s, 1, 0, NOW);
	assert_say(&s, say(3, NOW + 10, 0, 0));
	say_add(DENY, &s, 2, NOW + 10, NOW);
	say_add(DENY, &s, 2, NOW + 5, NOW);
	assert_say(&s, say(7, NOW + 10, 0, NOW + 5));
	/* Another list of the same origin: neither may end early. */
	say_add(DENY, &s, 3, NOW + 2, NOW);
	assert_say(&s, say(0xf, NOW + 10, 0, NOW + 5));
	say_add(DENY, &s, 3, 0, NOW);
	assert_say(&s, say(0xf, NOW + 10, 0, 0));
	say_add(DENY, &s, 2, NOW + 9, NOW);
	assert_say(&s, say(0xf, NOW + 10, 0, 0));
}

static void add_revives_nothing(void **state)
{
	struct say s = say(0x4, 0, 0, NOW - 1);

	(void)state;
	say_add(DENY, &s, 3, NOW + 9, NOW);
	assert_say(&s, say(0x8, 0, 0, NOW + 9));
}

static void inherit_takes_the_longer(void **state)
{
	struct say s = say(0x1, NOW + 5, 0, 0), above = say(0x7, NOW + 9, NOW + 3, NOW - 1);

	(void)state;
	say_inherit(DENY, &s, &above, NOW);
	assert_say(&s, say(0x3, NOW + 9, NOW + 3, 0));
	above = say(0x1, 0, 0, 0);
	say_inherit(DENY, &s, &above, NOW);
	assert_say(&s, say(0x3, 0, NOW + 3, 0));
	above = say(0x1, NOW + 99, 0, 0);
	say_inherit(DENY, &s, &above, NOW);
	assert_say(&s, say(0x3, 0, NOW + 3, 0));
	/* What is over on one side does not end what lives on the other. */
	s = say(0x1, NOW - 1, 0, 0);
	say_inherit(DENY, &s, &above, NOW);
	assert_say(&s, say(0x1, NOW + 99, 0, 0));
}

/* Whatever is inherited, nothing that was live for a second is dead in it. */
static void inherit_loses_nothing(void **state)
{
	unsigned int seed = 3;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct say s[2], sum;

		for (int j = 0; j < 2; j++) {
			s[j] = say((uint64_t)rand_r(&seed) & 0xf, 0, 0, 0);
			for (int o = 0; o < SZ_ORIGINS; o++)
				s[j].until_s[o] = rand_r(&seed) % 3
							  ? NOW - 3 + (uint32_t)rand_r(&seed) % 7
							  : 0;
		}
		sum = s[0];
		say_inherit(DENY, &sum, &s[1], NOW);
		for (uint32_t t = NOW; t < NOW + 5; t++) {
			uint64_t a = say_live(DENY, &s[0], t), b = say_live(DENY, &s[1], t);

			assert_int_equal((a | b) & ~say_live(DENY, &sum, t), 0);
		}
		assert_int_equal(say_live(DENY, &sum, NOW),
				 say_live(DENY, &s[0], NOW) | say_live(DENY, &s[1], NOW));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bits_have_one_origin),
		cmocka_unit_test(over_at_its_second),
		cmocka_unit_test(live_by_origin),
		cmocka_unit_test(prune_and_drop_leave_order),
		cmocka_unit_test(add_replaces_its_own),
		cmocka_unit_test(add_revives_nothing),
		cmocka_unit_test(inherit_takes_the_longer),
		cmocka_unit_test(inherit_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* When a feed comes next, and how long a copy holds, by a clock that is a number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <user/feed/schedule.h>

static void between(uint64_t every_s, unsigned failures, uint64_t middle_s)
{
	uint64_t low = feed_schedule_ms(every_s, failures, 0);
	uint64_t high = feed_schedule_ms(every_s, failures, UINT32_MAX);
	uint64_t half = feed_schedule_ms(every_s, failures, 1U << 31);

	assert_int_equal(low, middle_s * 900);
	assert_int_equal(half, middle_s * 1000);
	assert_in_range(high, middle_s * 1100 - 1, middle_s * 1100);
}

static void test_schedule(void **state)
{
	(void)state;
	between(3600, 0, 3600);
	between(3600, 1, 30);
	between(3600, 2, 60);
	between(3600, 7, 1920);
	between(3600, 8, 3600);
	between(3600, 4000000000U, 3600);
	between(60, 1, 30);
	between(60, 5, 300);
	between(60, 50, 300);
	between(10, 0, 10);
	between(10, 1, 10);
	between(10, 6, 300);
	between(2592000, 0, 2592000);
	between(2592000, 17, 30 * 65536);
	between(2592000, 18, 30 * 65536);
}

static void test_holds(void **state)
{
	(void)state;
	assert_int_equal(feed_holds_s(1000, 100, 1000), 100);
	assert_int_equal(feed_holds_s(1000, 100, 1099), 1);
	assert_int_equal(feed_holds_s(1000, 100, 1100), 0);
	assert_int_equal(feed_holds_s(1000, 100, 900000), 0);
	/* The clock was ahead when it was fetched: not for ever. */
	assert_int_equal(feed_holds_s(900000, 100, 1000), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schedule),
		cmocka_unit_test(test_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

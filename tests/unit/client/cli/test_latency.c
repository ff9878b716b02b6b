/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <user/client/cli/latency.h>

static void nothing(void **state)
{
	static struct latency l;

	(void)state;
	assert_int_equal(latency_at(&l, 0.5), 0);
	assert_int_equal(latency_at(&l, 1), 0);
}

/* Each value is told with an error below a 32nd, and never as more than the maximum. */
static void one_value(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		for (int d = -1; d <= 1; d++) {
			struct latency l = {0};
			uint64_t ns = (1ULL << bit) + (uint64_t)d, told;

			latency_add(&l, ns);
			told = latency_at(&l, 0.5);
			assert_int_equal(told, ns); /* it is the maximum */
			if (ns > UINT64_MAX / 2)
				continue;
			latency_add(&l, UINT64_MAX);
			told = latency_at(&l, 0);
			assert_true(told >= ns && told - ns <= ns / 32);
		}
	}
}

static void shares(void **state)
{
	static struct latency l;

	(void)state;
	for (uint64_t i = 1; i <= 100000; i++)
		latency_add(&l, i * 1000);
	assert_int_equal(l.count, 100000);
	for (unsigned percent = 1; percent < 100; percent++) {
		uint64_t right = percent * 1000000ULL, told = latency_at(&l, percent / 100.0);

		assert_true(told + 1000 >= right && told <= right + right / 32 + 1000);
	}
	assert_int_equal(latency_at(&l, 1), 100000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing),
		cmocka_unit_test(one_value),
		cmocka_unit_test(shares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <orm/pool/backoff.h>

#define MS 1000000ULL

static void same_seed_same_pauses(void **state)
{
	struct orm_backoff a, b, c;
	unsigned differ = 0;

	(void)state;
	orm_backoff_init(&a, 10 * MS, 1000 * MS, 7);
	orm_backoff_init(&b, 10 * MS, 1000 * MS, 7);
	orm_backoff_init(&c, 10 * MS, 1000 * MS, 8);
	for (int i = 0; i < 50; i++) {
		uint64_t pause = orm_backoff_next_ns(&a);

		assert_true(pause == orm_backoff_next_ns(&b));
		differ += pause != orm_backoff_next_ns(&c);
	}
	assert_true(differ > 45);
}

/* Of many clients: no pause above the limit of its attempt, and their mean is half of it. */
static void full_jitter(void **state)
{
	enum { CLIENTS = 4000, ATTEMPTS = 12 };
	uint64_t sum[ATTEMPTS] = {0};

	(void)state;
	for (uint64_t seed = 0; seed < CLIENTS; seed++) {
		struct orm_backoff b;
		uint64_t most = 10 * MS;

		orm_backoff_init(&b, 10 * MS, 1000 * MS, seed);
		for (int i = 0; i < ATTEMPTS; i++) {
			uint64_t pause = orm_backoff_next_ns(&b);

			assert_true(pause <= most);
			sum[i] += pause;
			most = most * 2 > 1000 * MS ? 1000 * MS : most * 2;
		}
	}
	for (int i = 0; i < ATTEMPTS; i++) {
		uint64_t most = i < 7 ? (10 * MS) << i : 1000 * MS;
		uint64_t mean = sum[i] / CLIENTS;

		assert_true(mean > most * 47 / 100 && mean < most * 53 / 100);
	}
}

static void reset_and_limits(void **state)
{
	struct orm_backoff b;

	(void)state;
	orm_backoff_init(&b, 0, UINT64_MAX, 1);
	for (int i = 0; i < 200; i++)
		(void)orm_backoff_next_ns(&b);
	assert_true(b.most_ns == UINT64_MAX); /* it does not wrap */
	orm_backoff_reset(&b);
	assert_true(orm_backoff_next_ns(&b) <= 1);
	orm_backoff_init(&b, 100, 10, 1); /* the cap wins over the base */
	for (int i = 0; i < 100; i++)
		assert_true(orm_backoff_next_ns(&b) <= 10);
}

static void even(void **state)
{
	unsigned seen[7] = {0};
	struct orm_random r;

	(void)state;
	orm_random_init(&r, 0);
	for (int i = 0; i < 70000; i++)
		seen[orm_random_upto(&r, 6)]++;
	for (int i = 0; i < 7; i++)
		assert_in_range(seen[i], 9500, 10500);
	assert_true(orm_random_upto(&r, 0) == 0);
	for (int i = 0; i < 100; i++)
		assert_true(orm_random_next(&r) != orm_random_upto(&r, UINT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_seed_same_pauses),
		cmocka_unit_test(full_jitter),
		cmocka_unit_test(reset_and_limits),
		cmocka_unit_test(even),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

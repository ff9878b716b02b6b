/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <orm/pool/breaker.h>

#define S 1000000000ULL

static void fail_times(struct orm_breaker *b, unsigned n, uint64_t now)
{
	while (n--) {
		enum orm_ticket ticket = orm_breaker_enter(b, now);

		assert_int_equal(ticket, ORM_LET_THROUGH);
		orm_breaker_leave(b, ticket, false, now);
	}
}

static struct orm_breaker_stats read_of(struct orm_breaker *b)
{
	struct orm_breaker_stats stats;

	orm_breaker_read(b, &stats);
	return stats;
}

static void opens_after_failures_in_a_row(void **state)
{
	struct orm_breaker b;

	(void)state;
	assert_int_equal(orm_breaker_init(&b, 3, S), 0);
	assert_true(orm_breaker_is_calm(&b));
	fail_times(&b, 2, 1);
	assert_false(orm_breaker_is_calm(&b));
	orm_breaker_leave(&b, orm_breaker_enter(&b, 1), true, 1); /* not in a row any more */
	assert_true(orm_breaker_is_calm(&b));
	fail_times(&b, 2, 1);
	assert_int_equal(read_of(&b).state, ORM_CLOSED);
	fail_times(&b, 1, 1);
	assert_int_equal(read_of(&b).state, ORM_OPEN);
	assert_false(orm_breaker_would_let(&b, S));
	assert_int_equal(orm_breaker_enter(&b, S), ORM_REFUSED);
	assert_int_equal(read_of(&b).refused, 1);
	assert_int_equal(read_of(&b).opened, 1);
	orm_breaker_deinit(&b);
}

static void pauses_double_up_to_a_minute(void **state)
{
	static const uint64_t pauses[] = {1, 2, 4, 8, 16, 32, 60, 60};
	struct orm_breaker b;
	uint64_t now = 5;

	(void)state;
	assert_int_equal(orm_breaker_init(&b, 1, S), 0);
	fail_times(&b, 1, now);
	for (size_t i = 0; i < ARRAY_LEN(pauses); i++) {
		assert_false(orm_breaker_would_let(&b, now + pauses[i] * S - 1));
		assert_int_equal(orm_breaker_enter(&b, now + pauses[i] * S - 1), ORM_REFUSED);
		now += pauses[i] * S;
		assert_true(orm_breaker_would_let(&b, now));
		assert_int_equal(orm_breaker_enter(&b, now), ORM_PROBE);
		assert_false(orm_breaker_would_let(&b, now + 100 * S)); /* one probe only */
		assert_int_equal(orm_breaker_enter(&b, now + 100 * S), ORM_REFUSED);
		orm_breaker_leave(&b, ORM_PROBE, false, now);
		assert_int_equal(read_of(&b).state, ORM_OPEN);
	}
	assert_int_equal(orm_breaker_enter(&b, now + 60 * S), ORM_PROBE);
	orm_breaker_leave(&b, ORM_PROBE, true, now);
	assert_true(orm_breaker_is_calm(&b));
	assert_int_equal(read_of(&b).closed, 1);
	fail_times(&b, 1, now); /* and the pause is a short one again */
	assert_true(orm_breaker_would_let(&b, now + S));
	orm_breaker_deinit(&b);
}

static void late_results_do_not_decide(void **state)
{
	struct orm_breaker b;
	enum orm_ticket early;

	(void)state;
	assert_int_equal(orm_breaker_init(&b, 1, S), 0);
	early = orm_breaker_enter(&b, 1);
	fail_times(&b, 1, 1);
	orm_breaker_leave(&b, early, true, 2); /* began before it opened */
	assert_int_equal(read_of(&b).state, ORM_OPEN);
	assert_int_equal(orm_breaker_enter(&b, 2 * S), ORM_PROBE);
	orm_breaker_leave(&b, early, true, 2 * S);
	orm_breaker_leave(&b, early, false, 2 * S);
	orm_breaker_failed(&b, 2 * S);
	assert_int_equal(read_of(&b).state, ORM_HALF_OPEN);
	assert_int_equal(read_of(&b).opened, 1);
	orm_breaker_leave(&b, ORM_REFUSED, true, 2 * S);
	assert_int_equal(read_of(&b).state, ORM_HALF_OPEN);
	orm_breaker_leave(&b, ORM_PROBE, true, 2 * S);
	assert_int_equal(read_of(&b).state, ORM_CLOSED);
	orm_breaker_deinit(&b);
}

/* ---- threads ---- */

static struct orm_breaker shared;
static _Atomic(int) inside, most_inside;
static _Atomic(uint64_t) ticks;

static void *probe_much(void *data)
{
	(void)data;
	for (int i = 0; i < 20000; i++) {
		uint64_t now = atomic_fetch_add(&ticks, S / 10);
		enum orm_ticket ticket = orm_breaker_enter(&shared, now);

		if (ticket == ORM_PROBE) {
			int n = atomic_fetch_add(&inside, 1) + 1;

			if (n > most_inside)
				most_inside = n;
			inside--;
		}
		orm_breaker_leave(&shared, ticket, i % 3 == 0, now);
	}
	return NULL;
}

static void one_probe_among_threads(void **state)
{
	pthread_t threads[4];

	(void)state;
	assert_int_equal(orm_breaker_init(&shared, 2, S), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, probe_much, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(most_inside, 1);
	assert_true(read_of(&shared).probes > 100);
	/* Each probe closed or opened it; each closing was followed by an opening, the last maybe.
	 */
	assert_in_range(read_of(&shared).opened - read_of(&shared).probes, 0, 1);
	orm_breaker_deinit(&shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_after_failures_in_a_row),
		cmocka_unit_test(pauses_double_up_to_a_minute),
		cmocka_unit_test(late_results_do_not_decide),
		cmocka_unit_test(one_probe_among_threads),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

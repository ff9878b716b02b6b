/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include <orm/pool/keeper.h>

static atomic_uint runs;
static atomic_bool blocked;

static void count(void *data, uint64_t now_ns)
{
	sigset_t mask;

	(void)data, (void)now_ns;
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGUSR1) == 1;
	runs++;
}

static void until_runs(unsigned n)
{
	for (int i = 0; i < 10000 && runs < n; i++)
		usleep(1000);
	assert_true(runs >= n);
}

static void again_and_again(void **state)
{
	struct orm_keeper k;
	unsigned last;

	(void)state;
	runs = 0;
	assert_int_equal(orm_keeper_start(&k, ORM_NS_PER_MS, count, NULL), 0);
	until_runs(5);
	orm_keeper_stop(&k);
	assert_true(blocked);
	last = runs;
	usleep(20000);
	assert_int_equal(runs, last);
}

static void at_once_when_told(void **state)
{
	struct orm_keeper k;

	(void)state;
	runs = 0;
	assert_int_equal(orm_keeper_start(&k, 3600 * ORM_NS_PER_S, count, NULL), 0);
	for (unsigned i = 1; i <= 50; i++) {
		until_runs(i);
		orm_keeper_tell(&k);
	}
	until_runs(50);
	orm_keeper_stop(&k); /* and does not wait for the hour */
	assert_in_range(runs, 50, 51);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(again_and_again),
		cmocka_unit_test(at_once_when_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

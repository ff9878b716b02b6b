/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who gets how much while others attack: fair.h says how it is simulated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tests/unit/guard/fair.h>

static int set_up(void **state)
{
	(void)state;
	return begin();
}

static int tear_down(void **state)
{
	(void)state;
	guard_free(sim.guard);
	return 0;
}

static void in_peace_all_get_all(void **state)
{
	double jain;

	(void)state;
	run(60);
	assert_true(honest_share(&jain) > 0.999);
	assert_true(jain > 0.999);
	assert_int_equal(guard_figures(sim.guard).limited, 0);
}

static void brute_force_is_stopped(void **state)
{
	double jain, share, hostile = 0;

	(void)state;
	attack(100);
	run(5);
	share = honest_share(&jain);
	print_message("brute force: honest share %.4f in the first 5 s, jain %.4f\n", share, jain);
	assert_true(share > 0.75);
	assert_true(jain > 0.95);
	run(55);
	share = honest_share(&jain);
	for (unsigned i = HONEST; i < SOURCES; i++)
		hostile += sim.ones[i].got;
	print_message("then: honest share %.4f, jain %.4f, hostile %.1f a second\n", share, jain,
		      hostile / 55);
	assert_true(share > 0.99);
	assert_true(jain > 0.99);
	assert_true(hostile / 55 < CAPACITY / 20);
	for (unsigned i = 0; i < SOURCES; i++)
		assert_int_equal(sim.ones[i].limit < 1 || sim.ones[i].banned, i >= HONEST);
}

/* Nothing to ban: they are only too many and too greedy. */
static void greed_is_shared(void **state)
{
	double jain, share;

	(void)state;
	sim.greedy = true;
	attack(200);
	run(120);
	run(120);
	share = honest_share(&jain);
	print_message("greed: honest share %.4f, jain %.4f, limits %.3f to %.3f\n", share, jain,
		      (double)sim.least, (double)sim.most);
	assert_true(jain > 0.95);
	assert_true(share > 0.75);
	/* Settled; test_curve.c looks at swings. */
	assert_true(sim.most - sim.least < 0.05F);
	/* And it is over when it is over. */
	attack(0);
	run(60);
	run(10);
	assert_true(honest_share(&jain) > 0.999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(in_peace_all_get_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(brute_force_is_stopped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(greed_is_shared, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

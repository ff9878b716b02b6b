/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The closed loop over time, as strazhd wires it, on a fake clock: the curve is printed, and it
 * settles, does not swing, is fair, and comes back. fair.h says how it is simulated.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define STEP_MS 250U /* a tick of strazhd */
#include <tests/unit/guard/fair.h>
#include <tests/unit/guard/swings.h>

static float late_ms;

/* A pace has sixteenths: user/gate/pace.c. */
static void wire_pace(struct guard_pace *pace)
{
	for (unsigned i = 0; i < GUARD_TIERS; i++)
		pace->tiers[i] = 16.0F / (float)(uint8_t)MIN(16 / pace->tiers[i] + 0.5F, 255.0F);
}

/* What is measured comes a step late. */
static void wire_delay(float *delay_ms)
{
	float now = *delay_ms;

	*delay_ms = late_ms;
	late_ms = now;
}

struct watch {
	struct swings all, limited, admission;
	unsigned states; /* changes */
	enum attack_state state, worst;
};

static void watch_begin(struct watch *watch)
{
	const struct guard_figures now = guard_figures(sim.guard);

	*watch = (struct watch){.state = now.state, .worst = now.state};
	swings_begin(&watch->all, (double)now.pace.tiers[GUARD_TIER_ALL]);
	swings_begin(&watch->limited, (double)now.pace.tiers[GUARD_TIER_LIMITED]);
	swings_begin(&watch->admission, (double)now.pace.admission);
}

static void watch_see(struct watch *watch)
{
	const struct guard_figures now = guard_figures(sim.guard);

	swings_see(&watch->all, (double)now.pace.tiers[GUARD_TIER_ALL]);
	swings_see(&watch->limited, (double)now.pace.tiers[GUARD_TIER_LIMITED]);
	swings_see(&watch->admission, (double)now.pace.admission);
	watch->states += now.state != watch->state;
	watch->state = now.state;
	watch->worst = MAX(watch->worst, now.state);
}

/* Seconds of it, a line each five. */
static void draw(struct watch *watch, unsigned from_s, unsigned seconds)
{
	for (unsigned s = 0; s < seconds; s++) {
		struct guard_figures now;
		double got = 0, jain;

		for (unsigned i = 0; i < 1000 / STEP_MS; i++) {
			step();
			watch_see(watch);
		}
		if ((from_s + s + 1) % 5)
			continue;
		now = guard_figures(sim.guard);
		got = honest_share(&jain);
		print_message("%4u s  %-12s strain %.2f  delay %4.0f ms  all %.2f  limited %.2f  "
			      "admission %.2f  honest %.3f\n",
			      from_s + s + 1, attack_scales[now.state].name, (double)now.strain,
			      (double)sim.load.delay_ms, (double)now.pace.tiers[GUARD_TIER_ALL],
			      (double)now.pace.tiers[GUARD_TIER_LIMITED],
			      (double)now.pace.admission, got);
	}
}

static void forget_shares(void)
{
	for (unsigned i = 0; i < SOURCES; i++)
		sim.ones[i].asked = sim.ones[i].got = 0;
}

static int set_up(void **state)
{
	(void)state;
	if (begin())
		return -1;
	sim.wire_pace = wire_pace;
	sim.wire_delay = wire_delay;
	late_ms = 0;
	forget_shares();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	guard_free(sim.guard);
	return 0;
}

/* Up at once, settled within half a minute, no swings, all given back. */
static void greed(void **state)
{
	struct watch watch;
	double jain;

	(void)state;
	sim.greedy = true;
	attack(200);
	watch_begin(&watch);
	draw(&watch, 0, 60);
	assert_true(watch.worst >= ATTACK_HIGH);
	assert_true(honest_share(&jain) > 0.5);
	assert_true(jain > 0.95);
	forget_shares();
	watch_begin(&watch);
	draw(&watch, 60, 120);
	assert_true(honest_share(&jain) > 0.75);
	print_message(
		"settled: jain %.4f, turns: all %u, limited %u, admission %u; state changes %u\n",
		jain, watch.all.turns, watch.limited.turns, watch.admission.turns, watch.states);
	assert_true(jain > 0.95);
	assert_in_range(watch.all.turns, 0, 1);
	assert_in_range(watch.limited.turns, 0, 1);
	assert_in_range(watch.admission.turns, 0, 1);
	assert_in_range(watch.states, 0, 2);
	attack(0);
	forget_shares();
	watch_begin(&watch);
	draw(&watch, 180, 120);
	assert_int_equal(watch.state, ATTACK_NORMAL);
	assert_int_equal(watch.all.turns + watch.admission.turns, 0);
	assert_true(guard_figures(sim.guard).pace.tiers[GUARD_TIER_ALL] == 1);
	assert_true(guard_figures(sim.guard).pace.admission == 1);
	assert_true(honest_share(&jain) > 0.99);
}

static void brute_force(void **state)
{
	struct watch watch;
	double jain, share;

	(void)state;
	attack(100);
	watch_begin(&watch);
	draw(&watch, 0, 120);
	share = honest_share(&jain);
	print_message("honest share %.4f, jain %.4f\n", share, jain);
	/* Not "under attack": a quarter of a second after the strain is seen, who attacks is
	 * limited, and less than half of what comes is hostile. */
	assert_int_equal(watch.worst, ATTACK_CRITICAL);
	assert_true(jain > 0.95);
	assert_true(share > 0.95);
	assert_in_range(watch.all.turns, 0, 1);
	assert_in_range(watch.admission.turns, 0, 1);
	assert_int_equal(watch.state, ATTACK_NORMAL); /* they are all banned */
}

/* A load that comes and goes each few seconds: the state does not come and go with it. */
static void bursts(void **state)
{
	struct watch watch;
	double jain;

	(void)state;
	sim.greedy = true;
	watch_begin(&watch);
	for (unsigned i = 0; i < 12; i++) {
		attack(i % 2 ? 0 : 200);
		draw(&watch, i * 5, 5);
	}
	(void)honest_share(&jain);
	print_message("bursts: state changes %u, jain %.4f\n", watch.states, jain);
	assert_in_range(watch.states, 1, 4);
	assert_true(jain > 0.95);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(greed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(brute_force, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bursts, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The closed loop over all that is not known when it is built: how late it is told what a change
 * has done, how much the server can do, how much is asked of it. Nowhere does it swing, and
 * everywhere it is fair. fair.h says how it is simulated.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define STEP_MS 50U
#include <tests/unit/guard/fair.h>
#include <tests/unit/guard/swings.h>

#define LATE_MAX (1000U / STEP_MS)

/* What was measured, and when it is told. */
static struct {
	float delay_ms[LATE_MAX];
	unsigned at, steps;
} late;

static void wire_pace(struct guard_pace *pace)
{
	for (unsigned i = 0; i < GUARD_TIERS; i++)
		pace->tiers[i] = 16.0F / (float)(uint8_t)MIN(16 / pace->tiers[i] + 0.5F, 255.0F);
}

static void wire_delay(float *delay_ms)
{
	float told = late.delay_ms[late.at];

	late.delay_ms[late.at] = *delay_ms;
	late.at = (late.at + 1) % late.steps;
	*delay_ms = told;
}

struct outcome {
	unsigned turns;	    /* the most of any share, within two minutes */
	unsigned states;    /* changes */
	double jain, share; /* of honest sources */
	double used;	    /* of what the server can do */
};

/* A minute to settle, two that count. */
static struct outcome play(unsigned late_ms, double capacity, double asks)
{
	struct swings all, limited, admission;
	struct guard_figures now;
	struct outcome out = {0};
	double got = 0;

	if (begin())
		abort();
	memset(&late, 0, sizeof(late));
	late.steps = late_ms / STEP_MS;
	sim.wire_pace = wire_pace;
	sim.wire_delay = wire_delay;
	sim.tick_ms = 250;
	sim.capacity = capacity;
	sim.greedy = true;
	attack(asks);
	run(60);
	now = guard_figures(sim.guard);
	swings_begin(&all, (double)now.pace.tiers[GUARD_TIER_ALL]);
	swings_begin(&limited, (double)now.pace.tiers[GUARD_TIER_LIMITED]);
	swings_begin(&admission, (double)now.pace.admission);
	for (unsigned i = 0; i < SOURCES; i++)
		sim.ones[i].asked = sim.ones[i].got = 0;
	for (unsigned i = 0; i < 120 * 1000 / STEP_MS; i++) {
		enum attack_state was = now.state;

		step();
		now = guard_figures(sim.guard);
		out.states += was != now.state;
		swings_see(&all, (double)now.pace.tiers[GUARD_TIER_ALL]);
		swings_see(&limited, (double)now.pace.tiers[GUARD_TIER_LIMITED]);
		swings_see(&admission, (double)now.pace.admission);
	}
	for (unsigned i = 0; i < SOURCES; i++)
		got += sim.ones[i].got;
	out.turns = MAX(all.turns, MAX(limited.turns, admission.turns));
	out.share = honest_share(&out.jain);
	out.used = got / (120 * capacity);
	guard_free(sim.guard);
	return out;
}

static void judge(unsigned late_ms, double capacity, double asks)
{
	const double honest = HONEST * ASKED, hostile = HOSTILE * MIN(asks, NOMINAL);
	struct outcome o = play(late_ms, capacity, asks);

	print_message("late %4u ms, %.2f times of what can be done: turns %u, states %u, jain "
		      "%.4f, honest %.3f, used %.3f\n",
		      late_ms, (honest + hostile) / capacity, o.turns, o.states, o.jain, o.share,
		      o.used);
	assert_in_range(o.turns, 0, 1);
	/* A second late, a queue may come and go by what is critical; no limit follows that. */
	assert_in_range(o.states, 0, late_ms < 1000 ? 4 : 16);
	assert_true(o.jain > 0.95);
	assert_true(o.used > 0.95 * MIN(1, (honest + hostile) / capacity));
	/* Even parts are what an honest source can have; it gets nine tenths of that. */
	assert_true(o.share > 0.9 * MIN(1, capacity / SOURCES / ASKED));
}

static void it_never_swings(void **state)
{
	static const unsigned lates[] = {50, 150, 250, 400, 600, 800, 1000};
	static const double capacities[] = {300, 1000, 1800, 2400, 2700};
	static const double asks[] = {11, 400};

	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(capacities); c++)
		for (size_t a = 0; a < ARRAY_LEN(asks); a++)
			for (size_t l = 0; l < ARRAY_LEN(lates); l++)
				judge(lates[l], capacities[c], asks[a]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_never_swings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

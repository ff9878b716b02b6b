/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The steps of AIMD, and its curve against a queue that really fills. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>
#include <tests/unit/guard/jain.h>
#include <user/guard/config.h>

#define STEP_MS 100U

static void it_grows_and_shrinks(void **state)
{
	struct aimd_config config = {0.125F, 0.4F, 0.6F, 0.08F, 0.5F, 200};
	struct aimd aimd;
	uint64_t now_ms = 1000;

	(void)state;
	aimd_init(&aimd, now_ms);
	assert_false(aimd_step(&aimd, &config, 0, true, now_ms += 200));
	/* Far too much: to the least, in seconds, and not below. */
	for (unsigned i = 0; i < 50; i++)
		(void)aimd_step(&aimd, &config, 10, true, now_ms += 200);
	assert_true(aimd.share == 0.125F);
	/* In between it stays. */
	for (unsigned i = 0; i < 50; i++)
		assert_false(aimd_step(&aimd, &config, 0.5F, true, now_ms += 200));
	/* Who does not behave does not grow. */
	for (unsigned i = 0; i < 50; i++)
		assert_false(aimd_step(&aimd, &config, 0, false, now_ms += 200));
	/* Before the last step could show there is none. */
	assert_false(aimd_step(&aimd, &config, 0, true, now_ms += 199));
	for (unsigned i = 0; i < 300; i++)
		(void)aimd_step(&aimd, &config, 0, true, now_ms += 200);
	assert_true(aimd.share == 1);
	/* A pause is no leap. */
	(void)aimd_step(&aimd, &config, 1, true, now_ms += 200);
	(void)aimd_step(&aimd, &config, 1, true, now_ms += 200);
	aimd.share = 0.5F;
	(void)aimd_step(&aimd, &config, 0, true, now_ms + 86400000);
	assert_true(aimd.share < 0.59F);
	aimd_bound(&aimd, 0.25F);
	assert_true(aimd.share == 0.25F);
}

static void more_congestion_cuts_more(void **state)
{
	struct aimd_config config = {0.01F, 0.4F, 0.6F, 0.02F, 0.5F, 200};
	float before = 1;

	(void)state;
	for (unsigned k = 0; k < 8; k++) {
		float congestion = 1.3F + 0.5F * (float)k;
		struct aimd aimd;

		aimd_init(&aimd, 0);
		for (unsigned i = 1; i < 6; i++)
			(void)aimd_step(&aimd, &config, congestion, true, (uint64_t)i * 1000);
		assert_true(aimd.share < before);
		before = aimd.share;
	}
}

/* A server that does `capacity` a second, with a queue of half a second; more is lost. */
struct plant {
	double capacity, queue;
	struct guard_load load;
};

static void plant_step(struct plant *plant, double arrivals)
{
	double most = plant->capacity * 0.5, lost = 0;

	plant->queue += arrivals - plant->capacity * STEP_MS / 1000;
	if (plant->queue > most) {
		lost = plant->queue - most;
		plant->queue = most;
	}
	plant->queue = MAX(plant->queue, 0);
	plant->load.delay_ms = (float)(plant->queue / plant->capacity * 1000);
	plant->load.loss = arrivals > 0 ? (float)(lost / arrivals) : 0;
}

/*
 * Demand of `factor` times the capacity, let in by a share. Settled: the last two of five minutes.
 * Returns the largest distance from the mean there, as a share of it.
 */
static double settle(const struct aimd_config *config, double factor, double *ret_used)
{
	struct attack_config attack = attack_config_usual();
	struct plant plant = {.capacity = 1000};
	double least = 2, most = 0, sum = 0, used = 0, mean;
	struct aimd aimd;
	unsigned n = 0;

	aimd_init(&aimd, 0);
	for (uint64_t now_ms = STEP_MS; now_ms <= 300000; now_ms += STEP_MS) {
		double in = (double)aimd.share * plant.capacity * factor * STEP_MS / 1000;

		plant_step(&plant, in);
		(void)aimd_step(&aimd, config, attack_congestion(&attack, &plant.load), true,
				now_ms);
		if (now_ms < 180000)
			continue;
		least = MIN(least, (double)aimd.share);
		most = MAX(most, (double)aimd.share);
		sum += (double)aimd.share;
		used += MIN(in, plant.capacity * STEP_MS / 1000);
		n++;
	}
	mean = sum / n;
	*ret_used = used / (n * plant.capacity * STEP_MS / 1000);
	return MAX(most - mean, mean - least) / mean;
}

static void it_does_not_oscillate(void **state)
{
	struct guard_config config = guard_config_usual();
	static const double factors[] = {1.05, 1.2, 1.5, 2, 3, 5};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(factors); i++) {
		double used, amplitude = settle(&config.admission, factors[i], &used);

		print_message("admission, %.1f times the capacity: amplitude %.3f, used %.3f\n",
			      factors[i], amplitude, used);
		assert_true(amplitude < 0.05);
		assert_true(used > 0.98);
		amplitude = settle(&config.tiers[GUARD_TIER_ALL], factors[i], &used);
		print_message("all sources, %.1f times the capacity: amplitude %.3f, used %.3f\n",
			      factors[i], amplitude, used);
		assert_true(amplitude < 0.05);
		assert_true(used > 0.98);
	}
}

static void who_is_limited_gives_way_first(void **state)
{
	struct guard_config config = guard_config_usual();
	struct aimd tiers[GUARD_TIERS];

	(void)state;
	for (unsigned i = 0; i < GUARD_TIERS; i++)
		aimd_init(&tiers[i], 0);
	for (unsigned i = 1; i < 100; i++)
		for (unsigned k = 0; k < GUARD_TIERS; k++)
			(void)aimd_step(&tiers[k], &config.tiers[k], 0.7F, true, i * 200);
	assert_true(tiers[GUARD_TIER_LIMITED].share < tiers[GUARD_TIER_ALL].share);
	assert_true(tiers[GUARD_TIER_ALL].share < tiers[GUARD_TIER_TRUSTED].share);
	assert_true(tiers[GUARD_TIER_TRUSTED].share == 1);
}

/*
 * A machine that is stalled through and through: shares are cut where a queue of ours stands or
 * what comes is hostile, and the same without the stall, or the stall alone, cuts nobody.
 */
static void pressure_cuts_what_is_ours(void **state)
{
	static const struct {
		struct guard_load load;
		bool cuts;
	} cases[] = {
		{{.psi = 100}, false},
		{{.psi = 100, .passed_pps = 50000, .proven_s = 100}, false},
		{{.psi = 100, .blind = 1, .delay_ms = 4}, false},
		{{.psi = 100, .dropped_pps = 900, .failed_s = 19}, false}, /* noise */
		{{.psi = 100, .loss = 0.025F}, true},
		{{.loss = 0.025F}, false},
		{{.psi = 100, .delay_ms = 25}, true},
		{{.delay_ms = 25}, false},
		{{.psi = 100, .dropped_pps = 50000, .passed_pps = 1000}, true},
		{{.dropped_pps = 50000, .passed_pps = 1000}, false},
		{{.psi = 100, .failed_s = 100, .proven_s = 1}, true},
		{{.failed_s = 100, .proven_s = 1}, false},
		{{.psi = 100, .loss = 0.025F, .dropped_pps = 50000, .failed_s = 100}, true},
	};
	struct attack_config attack = attack_config_usual();
	struct guard_config config = guard_config_usual();
	const struct aimd_config *loops[] = {&config.tiers[GUARD_TIER_ALL],
					     &config.tiers[GUARD_TIER_TRUSTED],
					     &config.tiers[GUARD_TIER_LIMITED], &config.admission};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		float congestion = attack_congestion(&attack, &cases[i].load);

		for (size_t k = 0; k < ARRAY_LEN(loops); k++) {
			struct aimd aimd;

			aimd_init(&aimd, 0);
			for (uint64_t ms = 200; ms <= 20000; ms += 200)
				(void)aimd_step(&aimd, loops[k], congestion, true, ms);
			if ((aimd.share < 1) != cases[i].cuts)
				fail_msg("case %zu, loop %zu: share %.3f at congestion %.3f", i, k,
					 (double)aimd.share, (double)congestion);
		}
	}
}

static void jain(void **state)
{
	double same[] = {3, 3, 3, 3}, one[] = {8, 0, 0, 0}, none[] = {0, 0};

	(void)state;
	assert_true(jain_index(same, 4) == 1);
	assert_true(jain_index(one, 4) == 0.25);
	assert_true(jain_index(none, 2) == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_grows_and_shrinks),
		cmocka_unit_test(more_congestion_cuts_more),
		cmocka_unit_test(it_does_not_oscillate),
		cmocka_unit_test(who_is_limited_gives_way_first),
		cmocka_unit_test(pressure_cuts_what_is_ours),
		cmocka_unit_test(jain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* From load to limits: what the attack state scales, what AIMD adds, who is excepted. */
#include <tests/unit/guard/kit.h>

static const struct guard_load attacked = {.delay_ms = 90, .failed_s = 1000, .slots = 1};
static const struct guard_load quiet;

static void load(struct kit *kit, const struct guard_load *load, uint64_t ms)
{
	for (uint64_t end_ms = kit->now_ms + ms; kit->now_ms < end_ms;) {
		kit->now_ms += 100;
		guard_load(kit->guard, load, kit->now_ms);
		guard_tick(kit->guard, kit->now_ms);
	}
}

static void assert_nothing_is_held(const struct kit *kit)
{
	struct guard_pace pace = guard_figures(kit->guard).pace;

	for (unsigned i = 0; i < GUARD_TIERS; i++)
		assert_true(pace.tiers[i] == 1);
	assert_true(pace.admission == 1);
}

/* What is, and what was said of it last. */
static void assert_state(const struct kit *kit, enum attack_state state)
{
	const struct guard_record *said = &kit->record[GUARD_ACT_STATE];

	assert_int_equal(guard_figures(kit->guard).state, state);
	assert_int_equal(said->state, state);
	assert_true(said->enforced);
}

static void the_state_scales(void **state)
{
	struct guard_pace pace;
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	assert_nothing_is_held(&kit);
	for (unsigned i = 0; i < 50; i++) {
		load(&kit, &quiet, 100);
		assert_nothing_is_held(&kit);
	}
	assert_int_equal(kit.records[GUARD_ACT_STATE], 0); /* nothing to say */
	/* Hostile, but no strain: the state alone, and not for trusted sources. */
	load(&kit, &(struct guard_load){.dropped_pps = 1000000}, 300);
	assert_state(&kit, ATTACK_UNDER_ATTACK);
	pace = guard_figures(kit.guard).pace;
	assert_true(pace.tiers[GUARD_TIER_ALL] == attack_scales[ATTACK_UNDER_ATTACK].limits);
	assert_true(pace.tiers[GUARD_TIER_TRUSTED] == 1);
	assert_true(pace.admission == 1);
	/* And strain. */
	load(&kit, &attacked, 60000);
	pace = guard_figures(kit.guard).pace;
	assert_true(pace.tiers[GUARD_TIER_LIMITED] < pace.tiers[GUARD_TIER_ALL]);
	assert_true(pace.tiers[GUARD_TIER_ALL] < pace.tiers[GUARD_TIER_TRUSTED]);
	assert_true(pace.admission < 0.9F);
	/* All is given back. */
	load(&kit, &quiet, 90000);
	assert_state(&kit, ATTACK_NORMAL);
	assert_nothing_is_held(&kit);
	kit_close(&kit);
}

/* The share of those who are limited does not grow while they go on. */
static void who_does_not_behave_waits(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	float share;
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	load(&kit, &attacked, 5000);
	share = guard_figures(kit.guard).pace.tiers[GUARD_TIER_LIMITED];
	for (unsigned i = 0; i < 50; i++) {
		kit_see_many(&kit, &host, GUARD_IN_MALFORMED, 100);
		load(&kit, &quiet, 100);
	}
	assert_int_equal(guard_figures(kit.guard).limited, 1);
	assert_true(guard_figures(kit.guard).pace.tiers[GUARD_TIER_LIMITED] <= share);
	load(&kit, &quiet, 5000);
	assert_true(guard_figures(kit.guard).pace.tiers[GUARD_TIER_LIMITED] > share);
	kit_close(&kit);
}

static float pressure_of(bool under_attack)
{
	struct prefix host = kit_prefix("192.0.2.1");
	float pressure;
	struct kit kit;

	kit_open(&kit, NULL);
	if (under_attack)
		load(&kit, &attacked, 1000);
	kit_see_many(&kit, &host, GUARD_IN_MALFORMED, 21);
	pressure = kit.limit.pressure;
	kit_close(&kit);
	return pressure;
}

static float score_of_failures(bool under_attack)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct guard_kept kept;
	struct kit kit;

	kit_open(&kit, NULL);
	if (under_attack)
		load(&kit, &attacked, 1000);
	kit_see_many(&kit, &host, GUARD_IN_HELLO_BAD, 5);
	assert_true(guard_keep(kit.guard, &host, kit.now_ms, &kept));
	kit_close(&kit);
	return kept.evidence[0].nats;
}

/* Spoofable evidence weighs more in an attack; what bans weighs the same. */
static void suspicion(void **state)
{
	(void)state;
	assert_true(pressure_of(true) > pressure_of(false) + 0.1F);
	assert_true(score_of_failures(true) <= score_of_failures(false));
	assert_true(score_of_failures(true) >= score_of_failures(false));
}

/* The state is said, as what would be; so is all that is said. */
static void learning_changes_nothing(void **state)
{
	struct guard_config config = kit_config();
	struct kit kit;

	(void)state;
	config.learning = true;
	kit_open(&kit, &config);
	load(&kit, &attacked, 5000);
	assert_int_equal(guard_figures(kit.guard).state, ATTACK_UNDER_ATTACK);
	assert_true(kit.records[GUARD_ACT_STATE] > 0);
	assert_int_equal(kit.record[GUARD_ACT_STATE].state, ATTACK_UNDER_ATTACK);
	assert_int_equal(kit.enforced, 0);
	assert_string_equal(kit.record[GUARD_ACT_STATE].why_not, "learning");
	kit_close(&kit);
}

static void earn_trust(struct kit *kit, const struct prefix *host)
{
	struct observation ended = kit_of(host, GUARD_IN_SESSION_ENDED);

	ended.value = 60000;
	for (unsigned i = 0; i < 16; i++, kit->now_ms += 6 * 3600000) {
		(void)kit_see(kit, host, GUARD_IN_SESSION_PROVEN);
		(void)guard_observe(kit->guard, &ended, kit->now_ms);
	}
	assert_int_equal(kit->limit.tier, GUARD_TIER_TRUSTED);
}

/* A trusted source that was limited goes back to its tier. */
static void trust_outlives_a_limit(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct guard_kept kept;
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	earn_trust(&kit, &host);
	kit.now_ms += 2 * 86400000ULL; /* of the crowd is nothing left, of the trust most */
	assert_true(guard_keep(kit.guard, &host, kit.now_ms, &kept));
	assert_true(kept.days >= 3);
	kit_see_many(&kit, &host, GUARD_IN_HELLO_BAD, 17);
	assert_int_equal(kit.limit.tier, GUARD_TIER_LIMITED);
	assert_true(guard_keep(kit.guard, &host, kit.now_ms, &kept));
	assert_int_equal(kept.days, 0);
	kit_pass(&kit, 2 * 3600000);
	assert_int_equal(kit.limit.tier, GUARD_TIER_TRUSTED);
	assert_int_equal(kit.bans, 0);
	kit_close(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_state_scales),
		cmocka_unit_test(suspicion),
		cmocka_unit_test(who_does_not_behave_waits),
		cmocka_unit_test(trust_outlives_a_limit),
		cmocka_unit_test(learning_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

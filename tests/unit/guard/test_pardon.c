/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What is taken back, for one and for all. Once: who was spared and is so no longer stayed free
 * until the end of a ban that was never carried out; off and learning left trusted tiers in the
 * gate; forgiving everyone left scores and offences, and learning -> enforcing the prefixes.
 */
#include <tests/unit/guard/kit.h>

static void wrong(struct kit *kit, const struct prefix *host)
{
	kit_see_many(kit, host, GUARD_IN_AUTH_BAD, 100);
}

/* Enough bad hosts of 10.0.1.0/24. */
static void wrong_prefix(struct kit *kit)
{
	for (uint32_t n = 0; n < 12; n++) {
		struct prefix host = kit_host(0x100 + n);

		kit_see_many(kit, &host, GUARD_IN_HELLO_BAD, 3);
	}
}

static void spared_no_longer(void **state)
{
	struct guard_spared spared = {kit_prefix("192.0.2.0/24"), false};
	struct prefix host = kit_prefix("192.0.2.1");
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	assert_int_equal(guard_spare(kit.guard, &spared, 1, kit.now_ms), 0);
	wrong(&kit, &host);
	assert_int_equal(kit.bans, 0);
	assert_int_equal(guard_figures(kit.guard).banned, 1);
	assert_int_equal(guard_spare(kit.guard, NULL, 0, kit.now_ms), 0);
	assert_int_equal(guard_figures(kit.guard).banned, 0);
	assert_int_equal(kit.records[GUARD_ACT_UNSPARE], 1);
	/* Nothing was in the gate. */
	assert_int_equal(kit.lifts + kit.unlimits, 0);
	assert_int_equal(kit_see(&kit, &host, GUARD_IN_AUTH_BAD), GUARD_BANNED);
	assert_int_equal(kit.bans, 1);
	kit_close(&kit);
}

static void a_prefix_spared_no_longer(void **state)
{
	struct guard_spared own = {kit_prefix("10.0.1.77"), true};
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	assert_int_equal(guard_spare(kit.guard, &own, 1, kit.now_ms), 0);
	wrong_prefix(&kit);
	assert_int_equal(kit.bans, 0);
	assert_int_equal(guard_figures(kit.guard).prefixes_banned, 1);
	assert_int_equal(guard_spare(kit.guard, NULL, 0, kit.now_ms), 0);
	assert_int_equal(guard_figures(kit.guard).prefixes_banned, 0);
	wrong_prefix(&kit);
	assert_int_equal(kit.bans, 1);
	assert_int_equal(kit.ban.prefix.len, 24);
	kit_close(&kit);
}

/* What learning did not carry out is not said again each time that the lists change. */
static void learning_is_not_spared(void **state)
{
	struct guard_spared other = {kit_prefix("192.0.2.7"), false};
	struct guard_config config = kit_config();
	struct prefix host = kit_prefix("192.0.2.1");
	struct kit kit;

	(void)state;
	config.learning = true;
	kit_open(&kit, &config);
	wrong(&kit, &host);
	wrong_prefix(&kit);
	assert_int_equal(guard_spare(kit.guard, &other, 1, kit.now_ms), 0);
	assert_int_equal(guard_spare(kit.guard, NULL, 0, kit.now_ms), 0);
	assert_int_equal(guard_figures(kit.guard).banned, 1);
	assert_int_equal(guard_figures(kit.guard).prefixes_banned, 1);
	kit_close(&kit);
}

static void everyone_is_forgiven(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1"), half = kit_prefix("192.0.2.2");
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	wrong(&kit, &host);
	kit_see_many(&kit, &half, GUARD_IN_RECORD_BAD, 1);
	wrong_prefix(&kit);
	assert_int_equal(kit.bans, 2);
	guard_forgive_all(kit.guard, kit.now_ms);
	assert_int_equal(kit.lifts, 2);
	assert_true(guard_figures(kit.guard).banned + guard_figures(kit.guard).limited +
			    guard_figures(kit.guard).prefixes_banned ==
		    0);
	/* As one who is forgiven alone: its next deed is its first, and so is its next ban. */
	assert_int_equal(kit_see(&kit, &host, GUARD_IN_RECORD_BAD), GUARD_FREE);
	wrong(&kit, &host);
	assert_int_equal(kit.bans, 3);
	assert_int_equal(kit.ban.offences, 1);
	assert_true(kit.ban.until_ms - kit.now_ms == 600000);
	wrong_prefix(&kit);
	assert_int_equal(kit.ban.prefix.len, 24);
	assert_int_equal(kit.ban.offences, 1);
	kit_close(&kit);
}

/* ---- the mode ---- */

/* Good sessions on more days than trust takes. */
static void earn_trust(struct kit *kit, const struct prefix *host)
{
	struct trust_config trust = guard_config_usual().trust;

	for (unsigned n = 0; n <= MAX(trust.days, trust.sessions); n++) {
		struct observation seen = kit_of(host, GUARD_IN_SESSION_ENDED);

		(void)kit_see(kit, host, GUARD_IN_SESSION_PROVEN);
		kit->now_ms += 86400000;
		seen.value = trust.window_s * 1000 + 1;
		(void)guard_observe(kit->guard, &seen, kit->now_ms);
	}
}

static void trust_is_withdrawn(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1"), bad = kit_prefix("198.51.100.1");
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	earn_trust(&kit, &host);
	assert_int_equal(kit.limit.tier, GUARD_TIER_TRUSTED);
	wrong(&kit, &bad);
	guard_withdraw(kit.guard, kit.now_ms);
	assert_int_equal(kit.lifts, 1);
	assert_int_equal(kit.unlimits, 1);
	assert_int_equal(prefix_compare(&kit.unlimited, &host), 0);
	assert_int_equal(kit.records[GUARD_ACT_FORGIVE], 0);
	assert_int_equal(kit.records[GUARD_ACT_WITHDRAW], 1);
	/* Once. */
	guard_withdraw(kit.guard, kit.now_ms);
	assert_int_equal(kit.lifts + kit.unlimits, 2);
	kit_close(&kit);
}

/* A limited source that had trust does not get its tier back from a guard that learns. */
static void a_limit_is_withdrawn_while_learning(void **state)
{
	struct guard_config config = kit_config();
	struct prefix host = kit_prefix("192.0.2.1");
	struct kit kit;

	(void)state;
	kit_open(&kit, &config);
	earn_trust(&kit, &host);
	kit_see_many(&kit, &host, GUARD_IN_FEED_LISTED, 1);
	assert_int_equal(kit.limit.tier, GUARD_TIER_LIMITED);
	config.learning = true;
	assert_int_equal(guard_configure(kit.guard, &config), 0);
	guard_withdraw(kit.guard, kit.now_ms);
	assert_int_equal(kit.unlimits, 1);
	assert_int_equal(prefix_compare(&kit.unlimited, &host), 0);
	kit_close(&kit);
}

static void learning_is_over(void **state)
{
	struct guard_config config = kit_config();
	struct prefix bad = kit_prefix("198.51.100.1"), limited = kit_prefix("198.51.100.2");
	struct prefix good = kit_prefix("192.0.2.1");
	struct kit kit;

	(void)state;
	config.learning = true;
	kit_open(&kit, &config);
	earn_trust(&kit, &good);
	wrong(&kit, &bad);
	kit_see_many(&kit, &limited, GUARD_IN_FEED_LISTED, 1);
	wrong_prefix(&kit);
	assert_int_equal(kit.bans + kit.limits, 0);
	config.learning = false;
	assert_int_equal(guard_configure(kit.guard, &config), 0);
	guard_begin(kit.guard, kit.now_ms);
	assert_true(guard_figures(kit.guard).banned + guard_figures(kit.guard).limited +
			    guard_figures(kit.guard).prefixes_banned ==
		    0);
	assert_int_equal(kit.lifts + kit.unlimits, 0);
	/* Who earned trust has it, and all others begin anew. */
	assert_int_equal(kit.limits, 1);
	assert_int_equal(kit.limit.tier, GUARD_TIER_TRUSTED);
	assert_int_equal(prefix_compare(&kit.limit.prefix, &good), 0);
	assert_int_equal(kit_see(&kit, &bad, GUARD_IN_RECORD_BAD), GUARD_FREE);
	kit_see_many(&kit, &limited, GUARD_IN_FEED_LISTED, 1);
	assert_int_equal(kit.limit.tier, GUARD_TIER_LIMITED);
	assert_int_equal(prefix_compare(&kit.limit.prefix, &limited), 0);
	wrong_prefix(&kit);
	assert_int_equal(kit.ban.prefix.len, 24);
	kit_close(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spared_no_longer),
		cmocka_unit_test(a_prefix_spared_no_longer),
		cmocka_unit_test(learning_is_not_spared),
		cmocka_unit_test(everyone_is_forgiven),
		cmocka_unit_test(trust_is_withdrawn),
		cmocka_unit_test(a_limit_is_withdrawn_while_learning),
		cmocka_unit_test(learning_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

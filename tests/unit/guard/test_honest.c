/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Those who are no attackers and look a little like ones: monitors, wrong clocks, old keys, bad
 * networks, loops, offices. What happens to each, over days on a fake clock.
 */
#include <tests/unit/guard/kit.h>

#define HOUR_MS 3600000ULL

/* One fact each `every_ms`, for so long. */
static void go_on(struct kit *kit, const struct prefix *host, enum guard_input input,
		  uint64_t every_ms, uint64_t ms)
{
	for (uint64_t end_ms = kit->now_ms + ms; kit->now_ms < end_ms;) {
		kit->now_ms += every_ms;
		guard_tick(kit->guard, kit->now_ms);
		(void)kit_see(kit, host, input);
	}
}

/* They connect and close without a byte, each second, for days. */
static void monitors_are_nothing(void **state)
{
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	/* A dozen of them in one prefix: the probes of a cluster, of a cloud. */
	for (uint32_t s = 0; s < 3 * 86400; s++) {
		kit.now_ms += 1000;
		for (uint32_t i = 0; i < 12; i++) {
			struct prefix host = kit_host(i);

			(void)kit_see(&kit, &host, GUARD_IN_CONN_OPENED);
			(void)kit_see(&kit, &host, GUARD_IN_CONN_WASTED);
		}
		guard_tick(kit.guard, kit.now_ms);
	}
	assert_int_equal(kit.limits + kit.bans, 0);
	kit_close(&kit);
}

/* As many as the server takes from one address are in; the others of 500 try each second. */
static void refused_beside_sessions(void **state)
{
	static const unsigned live[] = {4, 16, 32, 63, 64};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(live); i++) {
		struct prefix host = kit_host(1);
		struct kit kit;

		kit_open(&kit, NULL);
		kit_see_many(&kit, &host, GUARD_IN_SESSION_PROVEN, live[i]);
		for (unsigned s = 0; s < 600; s++) {
			kit_see_many(&kit, &host, GUARD_IN_CONN_REFUSED, 500 - live[i]);
			kit_pass(&kit, 1000);
		}
		assert_int_equal(kit.bans, 0);
		assert_int_equal(kit.records[GUARD_ACT_BLOCK], 0);
		/* Half of its limits at least: sessions speak for it. */
		if (kit.limits)
			assert_true(kit.limit.slow <= 32);
		kit_close(&kit);
	}
}

/* Whoever has no session and goes on is a flood still. */
static void refused_without_sessions(void **state)
{
	struct prefix host = kit_host(1);
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	for (unsigned s = 0; s < 60 && !kit.bans; s++) {
		kit_see_many(&kit, &host, GUARD_IN_CONN_REFUSED, 1000);
		kit_pass(&kit, 1000);
	}
	assert_int_equal(kit.bans, 1);
	kit_close(&kit);
}

/* What a client does that is broken, not evil: it gets no bans of days, however long it goes on. */
static void broken_clients_are_not_banned_for_days(void **state)
{
	static const struct {
		enum guard_input input;
		uint32_t every_ms;
	} broken[] = {
		{GUARD_IN_AUTH_BAD, 1000},  /* an old key */
		{GUARD_IN_CONN_WASTED, 20}, /* a loop that tries again at once */
		{GUARD_IN_CONN_REFUSED, 5},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		struct prefix host = kit_host(1);
		uint64_t longest = 0;
		struct kit kit;

		kit_open(&kit, NULL);
		for (unsigned hour = 0; hour < 48; hour++) {
			unsigned bans = kit.bans;

			/* A minute of each hour, and whenever it is free. */
			go_on(&kit, &host, broken[i].input, broken[i].every_ms, 60000);
			if (kit.bans > bans)
				longest = MAX(longest, kit.ban.until_ms - kit.now_ms);
			kit_pass(&kit, HOUR_MS);
		}
		assert_true(kit.limits);
		assert_true(longest <= HOUR_MS);
		assert_int_equal(guard_level(kit.guard, &host, kit.now_ms), GUARD_FREE);
		kit_close(&kit);
	}
}

/* Who guesses, forges or floods garbage is not: its bans double. */
static void attackers_are(void **state)
{
	struct prefix host = kit_host(1);
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	for (unsigned i = 0; i < 12; i++) {
		kit_see_many(&kit, &host, GUARD_IN_AUTH_BAD, 100);
		kit_see_many(&kit, &host, GUARD_IN_HELLO_BAD, 100);
		kit_pass(&kit, kit.ban.until_ms - kit.now_ms + 1);
	}
	assert_true(kit.ban.offences > 6);
	assert_true(kit.ban.until_ms - kit.record[GUARD_ACT_BAN].at_ms > 24 * HOUR_MS);
	kit_close(&kit);
}

/* It goes under each tunnel, and comes back. */
static void a_bad_network(void **state)
{
	struct prefix host = kit_host(1);
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	for (unsigned i = 0; i < 5000; i++) {
		(void)kit_see(&kit, &host, GUARD_IN_CONN_OPENED);
		(void)kit_see(&kit, &host, GUARD_IN_SESSION_PROVEN);
		kit_pass(&kit, 5000);
		(void)kit_see(&kit, &host, GUARD_IN_SESSION_LOST);
		(void)kit_see(&kit, &host, GUARD_IN_CONN_WASTED);
	}
	assert_int_equal(kit.limits + kit.bans, 0);
	kit_close(&kit);
}

/* Addresses of one /64 that change each day are one source, with many sessions. */
static void an_office(void **state)
{
	struct kit kit;
	struct guard_figures figures;

	(void)state;
	kit_open(&kit, NULL);
	for (uint32_t i = 0; i < 2000; i++) {
		struct prefix host = kit_prefix("2001:db8:1:2::1");

		host.addr[12] = (uint8_t)(i >> 8);
		host.addr[15] = (uint8_t)i;
		(void)kit_see(&kit, &host, GUARD_IN_CONN_OPENED);
		(void)kit_see(&kit, &host, GUARD_IN_SESSION_PROVEN);
		/* One in ten types its key wrong, or has the port wrong. */
		if (i % 10 == 0)
			(void)kit_see(&kit, &host, GUARD_IN_AUTH_BAD);
		if (i % 10 == 1)
			(void)kit_see(&kit, &host, GUARD_IN_HELLO_BAD);
		kit_pass(&kit, 300);
	}
	figures = guard_figures(kit.guard);
	assert_int_equal(figures.proven, 1);
	assert_int_equal(kit.bans, 0);
	kit_close(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(monitors_are_nothing),
		cmocka_unit_test(refused_beside_sessions),
		cmocka_unit_test(refused_without_sessions),
		cmocka_unit_test(broken_clients_are_not_banned_for_days),
		cmocka_unit_test(attackers_are),
		cmocka_unit_test(a_bad_network),
		cmocka_unit_test(an_office),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What is not an attack and comes all at once: a night of sleep, counters that begin anew, a mode
 * that flips, tables that are full, a hundred thousand who are due.
 */
#include <stdio.h>
#include <time.h>

#include <strazh/abi/reason.h>
#include <tests/unit/guard/kit.h>

#define HOUR_MS 3600000ULL

static void busy(struct kit *kit, uint64_t ms)
{
	const struct guard_load load = {.delay_ms = 300, .failed_s = 1000, .slots = 1};

	for (uint64_t end_ms = kit->now_ms + ms; kit->now_ms < end_ms;) {
		kit->now_ms += 250;
		guard_load(kit->guard, &load, kit->now_ms);
		guard_tick(kit->guard, kit->now_ms);
	}
}

static void calm(struct kit *kit, uint64_t ms)
{
	const struct guard_load load = {0};

	for (uint64_t end_ms = kit->now_ms + ms; kit->now_ms < end_ms;) {
		kit->now_ms += 250;
		guard_load(kit->guard, &load, kit->now_ms);
		guard_tick(kit->guard, kit->now_ms);
	}
}

/* CLOCK_BOOTTIME goes on while the machine sleeps: what is over is over, and nothing leaps. */
static void a_night_of_sleep(void **state)
{
	struct prefix bad = kit_host(1), loud = kit_host(2);
	struct guard_figures figures;
	struct kit kit;
	float share;

	(void)state;
	kit_open(&kit, NULL);
	kit_see_many(&kit, &bad, GUARD_IN_HELLO_BAD, 100);
	kit_see_many(&kit, &loud, GUARD_IN_MALFORMED, 100);
	busy(&kit, 30000);
	share = guard_figures(kit.guard).pace.tiers[GUARD_TIER_ALL];
	assert_true(share < 0.5F);
	assert_int_equal(guard_figures(kit.guard).state, ATTACK_UNDER_ATTACK);
	kit.now_ms += 8 * HOUR_MS;
	guard_tick(kit.guard, kit.now_ms);
	assert_int_equal(guard_level(kit.guard, &bad, kit.now_ms), GUARD_FREE);
	assert_int_equal(kit.lifts, 1);
	guard_load(kit.guard, &(struct guard_load){0}, kit.now_ms);
	/* A step, no leap: eight hours of which nobody knows are no proof of room. */
	assert_true(guard_figures(kit.guard).pace.tiers[GUARD_TIER_ALL] < share + 0.2F);
	calm(&kit, 60000);
	figures = guard_figures(kit.guard);
	assert_int_equal(figures.limited + figures.banned, 0);
	assert_int_equal(figures.state, ATTACK_NORMAL);
	assert_true(figures.pace.tiers[GUARD_TIER_ALL] == 1 && figures.pace.admission == 1);
	kit_close(&kit);
}

/* The gate was replaced, maps were lost: smaller sums are no flood, neither then nor later. */
static void counters_begin_anew(void **state)
{
	struct sz_count sums[SZ_REASON_COUNT] = {0};
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	for (unsigned i = 0; i < 400; i++) {
		kit.now_ms += 250;
		sums[SZ_REASON_PASS].packets += 1000;
		sums[SZ_REASON_RATE_HOST].packets += 10;
		if (i % 7 == 4)
			memset(sums, 0, sizeof(sums));
		guard_counts(kit.guard, sums, kit.now_ms);
		guard_load(kit.guard, &(struct guard_load){0}, kit.now_ms);
	}
	assert_int_equal(kit.records[GUARD_ACT_STATE], 0);
	kit_close(&kit);
}

static void the_mode_flips(void **state)
{
	struct guard_config config = kit_config();
	struct prefix bad = kit_host(1), loud = kit_host(2);
	struct guard_figures figures;
	struct kit kit;

	(void)state;
	kit_open(&kit, &config);
	for (unsigned i = 0; i < 200; i++) {
		config.learning = i % 2;
		config.ban_s = 300 + i;
		assert_int_equal(guard_configure(kit.guard, &config), 0);
		if (config.learning)
			guard_withdraw(kit.guard, kit.now_ms);
		else
			guard_begin(kit.guard, kit.now_ms);
		kit_see_many(&kit, &bad, GUARD_IN_HELLO_BAD, 20);
		kit_see_many(&kit, &loud, GUARD_IN_MALFORMED, 50);
		busy(&kit, 1000);
	}
	/* It ends while learning: all that went out was taken back. */
	assert_int_equal(kit.bans, kit.lifts);
	guard_forgive_all(kit.guard, kit.now_ms);
	figures = guard_figures(kit.guard);
	assert_int_equal(figures.limited + figures.banned, 0);
	kit_close(&kit);
}

/* More strangers than there is room for, each from a prefix of its own: an honest one beside. */
static void full_tables(void **state)
{
	struct prefix honest = kit_prefix("192.0.2.1");
	struct guard_figures figures;
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	(void)kit_see(&kit, &honest, GUARD_IN_SESSION_PROVEN);
	for (uint32_t i = 0; i < 100000; i++) {
		uint8_t addr[4] = {(uint8_t)(11 + (i >> 16)), (uint8_t)(i >> 8), (uint8_t)i, 1};
		struct prefix host = prefix_from(4, addr, 32);

		kit_see_many(&kit, &host, i % 2 ? GUARD_IN_HELLO_BAD : GUARD_IN_MALFORMED, 25);
		if (i % 100 == 0)
			kit_pass(&kit, 100);
	}
	figures = guard_figures(kit.guard);
	assert_in_range(figures.strangers, 1, 500);
	assert_in_range(figures.proven, 1, 3000);
	assert_in_range(figures.limited + figures.banned, 0, figures.strangers + figures.proven);
	assert_int_equal(kit_see(&kit, &honest, GUARD_IN_SESSION_ENDED), GUARD_FREE);
	kit_pass(&kit, HOUR_MS);
	assert_int_equal(guard_figures(kit.guard).limited, 0);
	kit_close(&kit);
}

/* All were limited in the same moment, so all are due in the same: in parts. */
static void a_tick_is_bounded(void **state)
{
	struct guard_config config = guard_config_usual();
	struct timespec from, to;
	unsigned ticks = 0, was, most = 0;
	double ms;
	struct kit kit;

	(void)state;
	config.strangers = 1000;
	config.proven = 100000;
	kit_open(&kit, &config);
	for (uint32_t i = 0; i < 100000; i++) {
		struct prefix host = kit_host(i);

		kit_see_many(&kit, &host, GUARD_IN_AUTH_BAD, 3);
	}
	assert_int_equal(guard_figures(kit.guard).limited, 100000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	kit.now_ms += 2000;
	do {
		was = kit.limits + kit.unlimits;
		guard_tick(kit.guard, kit.now_ms);
		was = kit.limits + kit.unlimits - was;
		most = MAX(most, was);
		ticks++;
	} while (was);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	ms = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
	print_message("100,000 limited sources: %u ticks, %.2f ms each\n", ticks, ms / ticks);
	assert_int_equal(most, GUARD_TICK_MOST);
	assert_int_equal(ticks, 100000 / GUARD_TICK_MOST + 2);
	kit_close(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_night_of_sleep),  cmocka_unit_test(counters_begin_anew),
		cmocka_unit_test(the_mode_flips),    cmocka_unit_test(full_tables),
		cmocka_unit_test(a_tick_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

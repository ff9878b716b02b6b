/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Out to the store and back, over a boot; what a bad store says. */
#include <tests/unit/guard/kit.h>

static struct guard_kept keep(struct kit *kit, const struct prefix *host)
{
	struct guard_kept kept;

	assert_true(guard_keep(kit->guard, host, kit->now_ms, &kept));
	return kept;
}

static void a_ban_survives_a_boot(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct guard_kept kept;
	struct kit kit, next;

	(void)state;
	kit_open(&kit, NULL);
	for (unsigned i = 0; i < 3; i++) {
		kit_see_many(&kit, &host, GUARD_IN_AUTH_BAD, 20);
		kit_pass(&kit, 100000);
		if (i < 2)
			kit.now_ms = kit.ban.until_ms;
	}
	assert_int_equal(kit.bans, 3);
	kept = keep(&kit, &host);
	assert_true(kept.banned_ms == kit.ban.until_ms - kit.now_ms);
	guard_kept_age(&kept, 200000);
	kit_close(&kit);

	/* A new boot: its clock begins at 5 s. */
	kit_open(&next, NULL);
	guard_free(next.guard);
	next.now_ms = 5000;
	{
		struct guard_config config = kit_config();

		assert_int_equal(guard_new(&config, &kit_ops, &next, 5000, &next.guard), 0);
	}
	assert_int_equal(guard_restore(next.guard, &kept, next.now_ms), 0);
	assert_int_equal(next.bans, 1);
	assert_true(next.ban.until_ms - next.now_ms == 2400000 - 300000);
	assert_int_equal(kit_see(&next, &host, GUARD_IN_CONN_OPENED), GUARD_BANNED);
	/* Twice is once. */
	assert_int_equal(guard_restore(next.guard, &kept, next.now_ms), 0);
	assert_int_equal(next.bans, 1);
	next.now_ms = next.ban.until_ms;
	guard_tick(next.guard, next.now_ms);
	assert_int_equal(next.lifts, 1);
	/* Its offences came along. */
	kit_see_many(&next, &host, GUARD_IN_RECORD_BAD, 20);
	assert_true(next.ban.until_ms - next.now_ms == 4800000);
	kit_close(&next);
}

static void a_ban_that_is_over_is_over(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct guard_kept kept;
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	kit_see_many(&kit, &host, GUARD_IN_AUTH_BAD, 20);
	kept = keep(&kit, &host);
	guard_kept_age(&kept, 600000);
	kit_close(&kit);
	kit_open(&kit, NULL);
	assert_int_equal(guard_restore(kit.guard, &kept, kit.now_ms), 0);
	assert_int_equal(kit.bans, 0);
	kit_close(&kit);
}

/* Who is evicted and comes back is who it was; what it did meanwhile is added. */
static void evicted_and_back(void **state)
{
	struct guard_config config = kit_config();
	struct prefix host = kit_prefix("192.0.2.1"), other = kit_prefix("192.0.2.2");
	struct guard_kept kept, again;
	struct kit kit;

	(void)state;
	config.proven = 1;
	kit_open(&kit, &config);
	kit_see_many(&kit, &host, GUARD_IN_HELLO_BAD, 9);
	kept = keep(&kit, &host);
	(void)kit_see(&kit, &other, GUARD_IN_CONN_OPENED);
	assert_int_equal(kit.evicted, 1);
	assert_false(guard_keep(kit.guard, &host, kit.now_ms, &again));
	assert_memory_equal(&kit.kept, &kept, sizeof(kept));
	(void)kit_see(&kit, &host, GUARD_IN_SESSION_PROVEN);
	assert_int_equal(guard_restore(kit.guard, &kept, kit.now_ms), 0);
	again = keep(&kit, &host);
	assert_memory_equal(&again.evidence, &kept.evidence, sizeof(kept.evidence));
	/* Half-way to a ban it was, and goes on from there. */
	kit_see_many(&kit, &host, GUARD_IN_HELLO_BAD, 16);
	assert_int_equal(kit.bans, 1);
	kit_close(&kit);
}

static void trust_survives(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct observation ended = kit_of(&host, GUARD_IN_SESSION_ENDED);
	struct guard_kept kept;
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	ended.value = 60000;
	for (unsigned i = 0; i < 16; i++, kit.now_ms += 6 * 3600000) {
		(void)kit_see(&kit, &host, GUARD_IN_SESSION_PROVEN);
		(void)guard_observe(kit.guard, &ended, kit.now_ms);
	}
	kept = keep(&kit, &host);
	assert_in_range(kept.trusted_h, 600, 720);
	kit_close(&kit);
	kit_open(&kit, NULL);
	guard_kept_age(&kept, 48 * 3600000);
	assert_int_equal(guard_restore(kit.guard, &kept, kit.now_ms), 0);
	assert_int_equal(kit.limit.tier, GUARD_TIER_TRUSTED);
	assert_in_range(keep(&kit, &host).trusted_h, 600 - 48, 720 - 48);
	guard_kept_age(&kept, UINT64_MAX / 4);
	assert_int_equal(kept.trusted_h, 0);
	kit_close(&kit);
}

static void a_prefix_comes_back(void **state)
{
	struct guard_spared own = {kit_prefix("198.51.100.1"), true};
	struct prefix nets[] = {kit_prefix("192.0.2.0/24"), kit_prefix("2001:db8:1::/48")};
	struct prefix host = kit_prefix("192.0.2.77"), wide = kit_prefix("192.0.0.0/16");
	struct prefix ours = kit_prefix("198.51.100.0/24");
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	assert_int_equal(guard_spare(kit.guard, &own, 1, kit.now_ms), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(guard_restore_prefix(kit.guard, &nets[i], 5000, 3, kit.now_ms), 0);
		assert_int_equal(guard_restore_prefix(kit.guard, &nets[i], 5000, 3, kit.now_ms), 0);
		assert_int_equal(kit.bans, i + 1);
		assert_int_equal(prefix_compare(&kit.ban.prefix, &nets[i]), 0);
		assert_true(kit.ban.until_ms == kit.now_ms + 5000);
	}
	assert_int_equal(guard_level(kit.guard, &host, kit.now_ms), GUARD_BANNED);
	/* What lists us, what is over, what is no prefix of ours. */
	assert_int_equal(guard_restore_prefix(kit.guard, &ours, 5000, 1, kit.now_ms), 0);
	assert_int_equal(guard_restore_prefix(kit.guard, &ours, 0, 1, kit.now_ms), 0);
	assert_int_equal(guard_restore_prefix(kit.guard, &wide, 5000, 1, kit.now_ms), -EINVAL);
	assert_int_equal(kit.bans, 2);
	kit_pass(&kit, 5000);
	assert_int_equal(kit.lifts, 2);
	/* The fourth time. */
	for (uint32_t n = 0; n < 8; n++) {
		host.addr[3] = (uint8_t)n;
		kit_see_many(&kit, &host, GUARD_IN_HELLO_BAD, 3);
	}
	assert_int_equal(kit.bans, 3);
	assert_true(kit.ban.until_ms == kit.now_ms + 600000 * 8);
	kit_close(&kit);
}

static void a_bad_store(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct guard_kept kept, bad;
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	kit_see_many(&kit, &host, GUARD_IN_AUTH_BAD, 20);
	kept = keep(&kit, &host);
	kit_close(&kit);
	kit_open(&kit, NULL);
#define WITH(change)                                                                               \
	do {                                                                                       \
		bad = kept;                                                                        \
		change;                                                                            \
		assert_int_equal(guard_restore(kit.guard, &bad, kit.now_ms), -EINVAL);             \
	} while (0)
	WITH(bad.prefix.family = 0);
	WITH(bad.proven = 2);
	WITH(bad.share = 5000);
	WITH(bad.good = -1);
	WITH(bad.good = __builtin_nanf(""));
	WITH(bad.evidence[0].kind = GUARD_KIND_COUNT);
	WITH(bad.evidence[0].evidence = 2);
	WITH(bad.evidence[0].nats = __builtin_nanf(""));
	WITH(bad.evidence[0].last_ms = bad.evidence[0].since_ms + 1);
#undef WITH
	assert_int_equal(guard_figures(kit.guard).proven, 0);
	/* A ban of a thousand years is at most the longest there is. */
	bad = kept;
	bad.banned_ms = UINT64_MAX;
	bad.evidence[0].nats = 1e30F;
	assert_int_equal(guard_restore(kit.guard, &bad, kit.now_ms), 0);
	assert_true(kit.ban.until_ms == kit.now_ms + 7 * 86400000ULL);
	assert_true(kit.ban.score <= 1);
	kit_close(&kit);
}

static void count(void *context, const struct guard_kept *kept, float score, float pressure,
		  enum guard_level level)
{
	assert_true(kept->prefix.family == 4);
	assert_true(score >= 0 && score <= 1 && pressure >= 0 && pressure <= 1);
	((unsigned *)context)[level]++;
}

static void walking(void **state)
{
	unsigned levels[3] = {0}, slices = 1;
	struct kit kit;
	uint32_t cursor = 0;

	(void)state;
	kit_open(&kit, NULL);
	for (uint32_t i = 0; i < 1000; i++) {
		struct prefix host = kit_host(i * 300);

		kit_see_many(&kit, &host, i % 4 ? GUARD_IN_CONN_OPENED : GUARD_IN_SYNS, 1);
		if (i % 20 == 1)
			kit_see_many(&kit, &host, GUARD_IN_AUTH_BAD, 20);
	}
	while (guard_walk(kit.guard, &cursor, 64, kit.now_ms, count, levels))
		slices++;
	assert_int_equal(levels[0] + levels[1] + levels[2], 1000);
	assert_int_equal(levels[GUARD_BANNED], 50);
	assert_int_equal(slices, 16);
	kit_close(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ban_survives_a_boot),
		cmocka_unit_test(a_ban_that_is_over_is_over),
		cmocka_unit_test(evicted_and_back),
		cmocka_unit_test(trust_survives),
		cmocka_unit_test(a_prefix_comes_back),
		cmocka_unit_test(a_bad_store),
		cmocka_unit_test(walking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Whole stories: crowds, NAT, rotation, the gate's events, capacities. */
#include <tests/unit/guard/kit.h>

#include <strazh/abi/rate.h>
#include <strazh/abi/reason.h>

static void sizes_and_inputs(void **state)
{
	struct guard_config config = kit_config();
	struct observation seen = {.family = 5};
	struct prefix nobody = kit_prefix("::1"), host = kit_prefix("192.0.2.1");
	struct guard *guard;
	struct kit kit;

	(void)state;
	config.strangers = 0;
	assert_int_equal(guard_new(&config, &kit_ops, NULL, 0, &guard), -EINVAL);
	config = kit_config();
	config.prefixes = 0;
	assert_int_equal(guard_new(&config, &kit_ops, NULL, 0, &guard), -EINVAL);
	config = kit_config();
	config.ban = 0.1F;
	assert_int_equal(guard_new(&config, &kit_ops, NULL, 0, &guard), -EINVAL);
	kit_open(&kit, NULL);
	assert_int_equal(guard_configure(kit.guard, &config), -EINVAL);
	assert_int_equal(guard_observe(kit.guard, &seen, 0), -EINVAL);
	seen = kit_of(&host, GUARD_INPUT_COUNT);
	assert_int_equal(guard_observe(kit.guard, &seen, 0), -EINVAL);
	/* ::1 is in ::/64, which is nobody's. */
	kit_see_many(&kit, &nobody, GUARD_IN_REPORTED, 10);
	assert_int_equal(guard_figures(kit.guard).proven, 0);
	guard_free(NULL);
	kit_close(&kit);
}

/* Operations may all be missing. */
static void nobody_listens(void **state)
{
	struct guard_config config = kit_config();
	struct guard_ops none = {0};
	struct prefix host = kit_prefix("192.0.2.1");
	struct kit kit = {.now_ms = KIT_BEGIN_MS};

	(void)state;
	config.proven = config.strangers = 3;
	assert_int_equal(guard_new(&config, &none, NULL, kit.now_ms, &kit.guard), 0);
	kit_see_many(&kit, &host, GUARD_IN_AUTH_BAD, 100);
	for (uint32_t i = 0; i < 100; i++) {
		struct prefix other = kit_host(i);

		(void)kit_see(&kit, &other, GUARD_IN_AUTH_BAD);
	}
	guard_load(kit.guard, &(struct guard_load){.loss = 1}, kit.now_ms);
	kit_pass(&kit, 10000000);
	assert_int_equal(guard_figures(kit.guard).proven, 3);
	kit_close(&kit);
}

/* 2,000 sources at once, honest, each with a few refused connections and a failed handshake. */
static void a_flash_crowd(void **state)
{
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	for (unsigned round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < 2000; i++) {
			struct prefix host = kit_host(i * 7);

			(void)kit_see(&kit, &host, GUARD_IN_CONN_OPENED);
			if (i % 3 == 0)
				(void)kit_see(&kit, &host, GUARD_IN_CONN_REFUSED);
			if (round == 0 && i % 10 == 0)
				(void)kit_see(&kit, &host, GUARD_IN_HELLO_BAD);
			if (i % 50 == 0 && round == 0)
				(void)kit_see(&kit, &host, GUARD_IN_SYNS);
			(void)kit_see(&kit, &host, GUARD_IN_SESSION_PROVEN);
		}
		guard_load(kit.guard,
			   &(struct guard_load){.delay_ms = 300,
						.loss = 0.1F,
						.slots = 1,
						.proven_s = 2000,
						.failed_s = 20},
			   kit.now_ms);
		kit_pass(&kit, 100);
	}
	assert_int_equal(kit.bans + kit.limits, 0);
	assert_int_equal(guard_figures(kit.guard).limited, 0);
	assert_int_equal(guard_figures(kit.guard).state, ATTACK_CRITICAL);
	kit_close(&kit);
}

/* 500 clients behind one address, three of whom do what they can. */
static void three_bad_behind_a_nat(void **state)
{
	struct prefix nat = kit_prefix("198.51.100.7");
	struct kit kit;
	int level = GUARD_FREE;

	(void)state;
	kit_open(&kit, NULL);
	for (unsigned i = 0; i < 500; i++) {
		(void)kit_see(&kit, &nat, GUARD_IN_CONN_OPENED);
		(void)kit_see(&kit, &nat, GUARD_IN_SESSION_PROVEN);
		kit_pass(&kit, 50);
	}
	kit_pass(&kit, 60000);
	(void)kit_see(&kit, &nat, GUARD_IN_CONN_OPENED);
	kit_pass(&kit, 60000);
	/* Now and then: not even limited. */
	for (unsigned i = 0; i < 600; i++) {
		level = MAX(level, kit_see(&kit, &nat, GUARD_IN_HELLO_BAD));
		kit_pass(&kit, 1000);
	}
	assert_int_equal(level, GUARD_FREE);
	/* With all they have, for ten minutes. */
	for (unsigned i = 0; i < 600 * 90; i++) {
		level = kit_see(&kit, &nat, i % 3 ? GUARD_IN_HELLO_BAD : GUARD_IN_AUTH_BAD);
		assert_int_not_equal(level, GUARD_BANNED);
		if (i % 9 == 0)
			kit_pass(&kit, 100);
	}
	assert_int_equal(kit.bans, 0);
	assert_int_equal(kit.records[GUARD_ACT_CROWD], 1);
	assert_true(guard_figures(kit.guard).alarms >= 1);
	/* The limit leaves it half of its buckets; admission in the server does the rest. */
	assert_int_equal(kit.limit.slow, 32);
	kit_close(&kit);
}

/* The bad ones are there from the first moment, and sessions are short. */
static void three_bad_among_many_who_come_at_once(void **state)
{
	struct prefix nat = kit_prefix("198.51.100.7");
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	for (unsigned i = 0; i < 500; i++) {
		(void)kit_see(&kit, &nat, GUARD_IN_SESSION_PROVEN);
		if (i % 20 == 0)
			(void)kit_see(&kit, &nat, GUARD_IN_HELLO_BAD);
	}
	for (unsigned i = 0; i < 6000; i++) {
		assert_int_not_equal(kit_see(&kit, &nat, GUARD_IN_HELLO_BAD), GUARD_BANNED);
		if (i % 30 == 0)
			kit_pass(&kit, 100);
	}
	assert_int_equal(kit.bans, 0);
	kit_close(&kit);
}

/* Thirty bad handshakes a second are too little for a limit of such an address, but not for a word.
 */
static void a_few_in_a_crowd_are_told(void **state)
{
	struct prefix nat = kit_prefix("198.51.100.7");
	struct kit kit;
	unsigned bad = 0;

	(void)state;
	kit_open(&kit, NULL);
	for (unsigned i = 0; i < 500; i++) {
		(void)kit_see(&kit, &nat, GUARD_IN_SESSION_PROVEN);
		kit_pass(&kit, 6);
	}
	/* What 500 honest ones do wrong by accident in an hour. */
	for (unsigned i = 0; i < 360; i++) {
		(void)kit_see(&kit, &nat, GUARD_IN_HELLO_BAD);
		kit_pass(&kit, 10000);
	}
	assert_int_equal(kit.records[GUARD_ACT_CROWD], 0);
	for (; !kit.records[GUARD_ACT_CROWD] && bad < 1000; bad++) {
		assert_int_not_equal(kit_see(&kit, &nat, GUARD_IN_HELLO_BAD), GUARD_BANNED);
		kit_pass(&kit, 33);
	}
	assert_in_range(bad, 30, 120);
	assert_int_equal(kit.bans, 0);
	assert_int_equal(guard_figures(kit.guard).alarms, 1);
	/* Once. */
	kit_see_many(&kit, &nat, GUARD_IN_HELLO_BAD, 100);
	assert_int_equal(kit.records[GUARD_ACT_CROWD], 1);
	kit_close(&kit);
}

/* A few sessions, opened right before, are no crowd. */
static void a_hurried_crowd_is_none(void **state)
{
	struct prefix host = kit_prefix("198.51.100.7");
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	for (unsigned i = 0; i < 20; i++)
		(void)kit_see(&kit, &host, GUARD_IN_SESSION_PROVEN);
	kit_pass(&kit, 10000);
	kit_see_many(&kit, &host, GUARD_IN_AUTH_BAD, 40);
	assert_int_equal(kit.bans, 1);
	kit_close(&kit);
}

static void rotate(struct kit *kit, const struct prefix *host)
{
	(void)kit_see(kit, host, GUARD_IN_CONN_OPENED);
	kit_see_many(kit, host, GUARD_IN_HELLO_BAD, 3);
	kit_pass(kit, 100);
}

static void rotating_in_a_24(void **state)
{
	struct prefix net = kit_prefix("10.0.1.0/24"), neighbour = kit_prefix("10.0.2.1"), inside;
	struct kit kit;
	uint32_t n = 0;

	(void)state;
	kit_open(&kit, NULL);
	for (; n < 200 && !kit.bans; n++) {
		struct prefix host = kit_host(0x100 + n);

		rotate(&kit, &host);
	}
	assert_int_equal(n, 8);
	assert_int_equal(prefix_compare(&kit.ban.prefix, &net), 0);
	assert_int_equal(kit.record[GUARD_ACT_BAN].hosts.bad, 8);
	assert_int_equal(kit_see(&kit, &neighbour, GUARD_IN_CONN_OPENED), GUARD_FREE);
	/* Who was never seen is inside as well. */
	inside = kit_prefix("10.0.1.200");
	assert_int_equal(guard_level(kit.guard, &inside, kit.now_ms), GUARD_BANNED);
	assert_int_equal(guard_level(kit.guard, &neighbour, kit.now_ms), GUARD_FREE);
	assert_int_equal(guard_level(kit.guard, &inside, kit.now_ms + 600000), GUARD_FREE);
	guard_free(kit.guard);
	kit_open(&kit, NULL);
	for (n = 0; n < 8; n++) {
		struct prefix host = kit_host(0x100 + n);

		rotate(&kit, &host);
	}
	kit_pass(&kit, 600000);
	assert_int_equal(kit.lifts, 1);
	assert_int_equal(prefix_compare(&kit.lifted, &net), 0);
	/* Again: twice as long. */
	for (n = 0; n < 8; n++) {
		struct prefix host = kit_host(0x120 + n);

		rotate(&kit, &host);
	}
	assert_int_equal(kit.bans, 2);
	assert_true(kit.ban.until_ms - kit.now_ms > 1190000);
	assert_true(guard_forgive(kit.guard, &net, kit.now_ms));
	assert_false(guard_forgive(kit.guard, &net, kit.now_ms));
	assert_int_equal(kit.lifts, 2);
	kit_close(&kit);
}

static void rotating_in_a_64(void **state)
{
	struct prefix net = kit_prefix("2001:db8:1:2::/64");
	struct kit kit;
	unsigned n = 0;

	(void)state;
	kit_open(&kit, NULL);
	for (; n < 100 && !kit.bans; n++) {
		struct prefix host = net;

		host.addr[15] = (uint8_t)(n + 1);
		host.addr[9] = (uint8_t)(n * 3);
		(void)kit_see(&kit, &host, GUARD_IN_HELLO_BAD);
	}
	assert_true(n <= 20);
	assert_int_equal(prefix_compare(&kit.ban.prefix, &net), 0);
	kit_close(&kit);
}

static void one_bad_host_has_good_neighbours(void **state)
{
	static const char *const bad[] = {"10.0.1.9", "2001:db8:1:2::3"};
	static const char *const good[] = {"10.0.1.10", "2001:db8:1:3::3"};
	struct kit kit;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct prefix host = kit_prefix(bad[i]), neighbour = kit_prefix(good[i]);

		kit_open(&kit, NULL);
		for (unsigned round = 0; round < 20; round++) {
			kit_see_many(&kit, &host, GUARD_IN_AUTH_BAD, 1000);
			kit_pass(&kit, 3600000);
		}
		assert_true(kit.bans > 5);
		assert_true(kit.ban.prefix.len == (i ? 64 : 32));
		assert_int_equal(guard_figures(kit.guard).prefix_bans, 0);
		assert_int_equal(kit_see(&kit, &neighbour, GUARD_IN_SESSION_PROVEN), GUARD_FREE);
		kit_close(&kit);
	}
}

/* Spoofed sources of one prefix are no bad hosts of it. */
static void a_prefix_cannot_be_framed(void **state)
{
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	for (uint32_t i = 0; i < 100000; i++) {
		struct prefix host = kit_host(0x100 + i % 256);
		struct observation seen = kit_of(&host, GUARD_IN_MALFORMED);

		seen.count = 1000;
		(void)guard_observe(kit.guard, &seen, kit.now_ms++);
	}
	assert_int_equal(kit.bans, 0);
	assert_int_equal(guard_figures(kit.guard).prefixes, 0);
	kit_close(&kit);
}

static void a_spared_host_spares_its_prefix(void **state)
{
	struct guard_spared own = {kit_prefix("10.0.1.77"), true};
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	assert_int_equal(guard_spare(kit.guard, &own, 1, kit.now_ms), 0);
	for (uint32_t n = 0; n < 30; n++) {
		struct prefix host = kit_host(0x100 + n);

		rotate(&kit, &host);
	}
	assert_int_equal(kit.bans, 0);
	assert_int_equal(kit.records[GUARD_ACT_SPARED], 1);
	assert_string_equal(kit.record[GUARD_ACT_SPARED].why_not, "on the never-ban set");
	kit_close(&kit);
}

/* A list of half of a /24 bans whom it names, not the other half. */
static void a_list_is_no_neighbourhood(void **state)
{
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	for (uint32_t n = 0; n < 100; n++) {
		struct prefix host = kit_host(0x100 + n);

		(void)kit_see(&kit, &host, GUARD_IN_REPORTED);
	}
	assert_int_equal(kit.bans, 100);
	assert_int_equal(guard_figures(kit.guard).prefix_bans, 0);
	kit_close(&kit);
}

/* The feed lists us. */
static void a_feed_that_lists_our_own_address(void **state)
{
	struct guard_spared own = {kit_prefix("192.0.2.1"), true};
	struct observation seen = kit_of(&own.prefix, GUARD_IN_FEED_LISTED);
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	assert_int_equal(guard_spare(kit.guard, &own, 1, kit.now_ms), 0);
	seen.weight = 0.95F;
	assert_int_equal(guard_observe(kit.guard, &seen, kit.now_ms), GUARD_FREE);
	assert_int_equal(kit.bans + kit.limits, 0);
	assert_int_equal(kit.records[GUARD_ACT_SPARED], 1);
	kit_close(&kit);
}

/* ---- the gate ---- */

static struct sz_event event_of(const struct prefix *host, enum sz_reason reason, unsigned class)
{
	struct sz_event event = {.reason = (uint16_t)reason,
				 .family = host->family,
				 .frame_len = 60,
				 .rate_class = (uint8_t)(class + 1),
				 .flags = SZ_EVENT_PORTS};

	memcpy(event.saddr, host->addr, sizeof(event.saddr));
	event.dport = (uint16_t)(8000 >> 8 | (8000 & 0xff) << 8);
	return event;
}

/* 100 samples a second stand for a million packets, and weigh that much. */
static void samples_weigh_what_they_stand_for(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct sz_event event = event_of(&host, SZ_REASON_RATE_HOST, SZ_RATE_UDP);
	struct sz_event proven = event_of(&host, SZ_REASON_RATE_HOST, SZ_RATE_CONN);
	static struct sz_count sums[SZ_COUNT_MAX];
	struct kit kit;

	(void)state;
	memset(sums, 0, sizeof(sums));
	kit_open(&kit, NULL);
	guard_counts(kit.guard, sums, kit.now_ms);
	for (unsigned i = 0; i < 20; i++, kit.now_ms += 10)
		guard_event(kit.guard, &event, kit.now_ms);
	assert_int_equal(kit.limits, 0); /* 100 a second would be nothing */
	sums[SZ_REASON_RATE_HOST].packets = 200000;
	sums[SZ_REASON_PASS].packets = 1000;
	guard_counts(kit.guard, sums, kit.now_ms);
	guard_event(kit.guard, &event, kit.now_ms);
	assert_true(kit.limits > 0);
	assert_true(kit.limit.reasons & 1U << GUARD_KIND_HIGH_PACKET_RATE);
	/* Proven evidence is what was seen: one sample, one connection. */
	guard_event(kit.guard, &proven, kit.now_ms);
	assert_false(kit.limit.reasons & 1U << GUARD_KIND_CONNECTION_FLOOD);
	assert_int_equal(kit.bans, 0);
	guard_load(kit.guard, &(struct guard_load){0}, kit.now_ms);
	kit.now_ms += 100;
	guard_load(kit.guard, &(struct guard_load){0}, kit.now_ms);
	assert_int_equal(guard_figures(kit.guard).state, ATTACK_UNDER_ATTACK);
	/* The gate was loaded anew: counters begin again, and tell no nonsense. */
	memset(sums, 0, sizeof(sums));
	kit.now_ms += 100;
	guard_counts(kit.guard, sums, kit.now_ms);
	kit_close(&kit);
}

/* What was counted before we came is no rate. */
static void old_counters_are_no_attack(void **state)
{
	static struct sz_count sums[SZ_COUNT_MAX];
	struct kit kit;

	(void)state;
	memset(sums, 0, sizeof(sums));
	sums[SZ_REASON_DENY_HOST].packets = 1ULL << 40;
	kit_open(&kit, NULL);
	for (unsigned i = 0; i < 50; i++, kit.now_ms += 100) {
		guard_counts(kit.guard, sums, kit.now_ms);
		guard_load(kit.guard, &(struct guard_load){0}, kit.now_ms);
	}
	assert_int_equal(kit.records[GUARD_ACT_STATE], 0);
	kit_close(&kit);
}

static void cookies_prove(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct sz_event syn = event_of(&host, SZ_REASON_RATE_HOST, SZ_RATE_SYN);
	struct sz_event conn = event_of(&host, SZ_REASON_RATE_HOST, SZ_RATE_CONN);
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	for (unsigned i = 0; i < 100000; i++)
		guard_event(kit.guard, &syn, kit.now_ms += i % 2);
	assert_int_equal(kit.bans, 0);
	for (unsigned i = 0; i < 1000 && !kit.bans; i++)
		guard_event(kit.guard, &conn, kit.now_ms);
	assert_int_equal(kit.bans, 1);
	kit_close(&kit);
}

/* ---- room ---- */

static void strangers_do_not_push_out_bans(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	kit_see_many(&kit, &host, GUARD_IN_AUTH_BAD, 20);
	for (uint32_t i = 0; i < 200000; i++) {
		struct prefix stranger = kit_host(i);

		(void)kit_see(&kit, &stranger, GUARD_IN_SYNS);
	}
	assert_int_equal(guard_figures(kit.guard).strangers, 500);
	assert_int_equal(guard_figures(kit.guard).proven_evicted, 0);
	assert_int_equal(kit.evicted, 200000 - 500);
	kit_pass(&kit, 600000);
	assert_int_equal(kit.lifts, 1);
	kit_close(&kit);
}

/* So many limits of strangers go out in a second, and no more. */
static void limits_of_strangers_are_limited(void **state)
{
	struct guard_config config = kit_config();
	struct kit kit;

	(void)state;
	config.strangers = 30000;
	config.limits_s = 100;
	kit_open(&kit, &config);
	for (uint32_t i = 0; i < 20000; i++) {
		struct prefix host = kit_host(i);
		struct observation seen = kit_of(&host, GUARD_IN_PACKETS);

		seen.count = 100000;
		(void)guard_observe(kit.guard, &seen, kit.now_ms);
		if (i % 20 == 0)
			kit_pass(&kit, 1);
	}
	assert_in_range(kit.limits, 100, 300); /* a second, and what there was at its begin */
	assert_true(guard_figures(kit.guard).limits_held > 19000);
	kit_close(&kit);
}

static void a_clock_that_runs_back_stands_still(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct kit kit;
	uint64_t until_ms;

	(void)state;
	kit_open(&kit, NULL);
	kit_see_many(&kit, &host, GUARD_IN_AUTH_BAD, 20);
	until_ms = kit.ban.until_ms;
	kit.now_ms -= 500000;
	kit_see_many(&kit, &host, GUARD_IN_AUTH_BAD, 20);
	guard_tick(kit.guard, kit.now_ms);
	assert_int_equal(kit.lifts, 0);
	/* A leap of a day, as after a suspend: it is over. */
	guard_tick(kit.guard, until_ms + 86400000);
	assert_int_equal(kit.lifts, 1);
	kit_close(&kit);
}

static void trust_goes_out(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct observation ended = kit_of(&host, GUARD_IN_SESSION_ENDED);
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	ended.value = 60000;
	for (unsigned i = 0; i < 16; i++, kit.now_ms += 6 * 3600000) {
		(void)kit_see(&kit, &host, GUARD_IN_SESSION_PROVEN);
		(void)guard_observe(kit.guard, &ended, kit.now_ms);
	}
	assert_int_equal(kit.records[GUARD_ACT_TRUST], 1);
	assert_int_equal(kit.limit.tier, GUARD_TIER_TRUSTED);
	assert_int_equal(kit.limit.slow, 16);
	/* A higher bar: what would limit others does not limit it. Then it is like others. */
	kit.now_ms += 3 * 86400000ULL;
	kit.limits = 0;
	kit_see_many(&kit, &host, GUARD_IN_HELLO_BAD, 5);
	assert_int_equal(kit.limits, 0);
	kit_see_many(&kit, &host, GUARD_IN_AUTH_BAD, 50);
	assert_int_equal(kit.bans, 1);
	kit_pass(&kit, 600000);
	assert_int_equal(kit.limit.tier, GUARD_TIER_LIMITED);
	kit_close(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_and_inputs),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(a_flash_crowd),
		cmocka_unit_test(three_bad_behind_a_nat),
		cmocka_unit_test(three_bad_among_many_who_come_at_once),
		cmocka_unit_test(a_few_in_a_crowd_are_told),
		cmocka_unit_test(a_hurried_crowd_is_none),
		cmocka_unit_test(rotating_in_a_24),
		cmocka_unit_test(rotating_in_a_64),
		cmocka_unit_test(one_bad_host_has_good_neighbours),
		cmocka_unit_test(a_prefix_cannot_be_framed),
		cmocka_unit_test(a_spared_host_spares_its_prefix),
		cmocka_unit_test(a_list_is_no_neighbourhood),
		cmocka_unit_test(a_feed_that_lists_our_own_address),
		cmocka_unit_test(samples_weigh_what_they_stand_for),
		cmocka_unit_test(old_counters_are_no_attack),
		cmocka_unit_test(cookies_prove),
		cmocka_unit_test(strangers_do_not_push_out_bans),
		cmocka_unit_test(limits_of_strangers_are_limited),
		cmocka_unit_test(a_clock_that_runs_back_stands_still),
		cmocka_unit_test(trust_goes_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

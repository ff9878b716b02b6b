/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Limits and bans: bars, hysteresis, time, offences, whom nothing is done to. */
#include <strazh/abi/rate.h>
#include <strazh/abi/reason.h>
#include <tests/unit/guard/kit.h>

static void failures_ban_at_once(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct kit kit;
	int level = 0;
	unsigned n = 0;

	(void)state;
	kit_open(&kit, NULL);
	/* 100 a second: banned within 200 ms, and in the call that proves it. */
	for (; level != GUARD_BANNED && n < 20; n++, kit.now_ms += 10)
		level = kit_see(&kit, &host, GUARD_IN_HELLO_BAD);
	assert_int_equal(level, GUARD_BANNED);
	assert_true(n <= 20);
	assert_int_equal(kit.bans, 1);
	assert_int_equal(prefix_compare(&kit.ban.prefix, &host), 0);
	assert_true(kit.ban.reasons == 1U << GUARD_KIND_HANDSHAKE_FAILURE);
	assert_true(kit.ban.score > 0.7F);
	assert_true(kit.record[GUARD_ACT_BAN].enforced);
	assert_int_equal(kit.record[GUARD_ACT_BAN].shares_len, 1);
	/* Limited before that. */
	assert_true(kit.limits > 0);
	assert_int_equal(kit.limit.tier, GUARD_TIER_LIMITED);
	assert_true(kit.limit.slow > 16);
	kit_close(&kit);
}

static void few_failures_are_free(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(kit_see(&kit, &host, GUARD_IN_HELLO_BAD), GUARD_FREE);
		kit_pass(&kit, 20000); /* three a minute, for hours */
	}
	assert_int_equal(kit.limits + kit.bans, 0);
	kit_close(&kit);
}

/*
 * A live session above its limits: a port can be guessed, so for ever of it is a limit, no ban, and
 * no part of one: with a handshake that failed besides it was one.
 */
static void a_flow_above_its_limits_is_no_ban(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct observation seen = kit_of(&host, GUARD_IN_FLOW_OVER);
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	seen.count = 100000;
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_not_equal(guard_observe(kit.guard, &seen, kit.now_ms), GUARD_BANNED);
		kit_pass(&kit, 1000);
	}
	assert_true(kit.limits > 0);
	for (unsigned i = 0; i < 6; i++)
		assert_int_not_equal(kit_see(&kit, &host, GUARD_IN_HELLO_BAD), GUARD_BANNED);
	assert_int_equal(kit.bans, 0);
	kit_close(&kit);
}

/* A report that runs away now and then is limited at most; one that goes on is banned. */
static void few_floods_of_queries_are_no_ban(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct kit kit;
	int level = 0;

	(void)state;
	kit_open(&kit, NULL);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_not_equal(kit_see(&kit, &host, GUARD_IN_QUERY_FLOOD), GUARD_BANNED);
		kit_pass(&kit, 1800000);
	}
	assert_int_equal(kit.bans, 0);
	for (unsigned i = 0; i < 10 && level != GUARD_BANNED; i++) {
		level = kit_see(&kit, &host, GUARD_IN_QUERY_FLOOD);
		kit_pass(&kit, 1000);
	}
	assert_int_equal(level, GUARD_BANNED);
	kit_close(&kit);
}

static void spoofable_never_bans(void **state)
{
	static const enum guard_input inputs[] = {GUARD_IN_PACKETS, GUARD_IN_SYNS,
						  GUARD_IN_ODD_SIZE, GUARD_IN_MALFORMED,
						  GUARD_IN_PROBED};
	struct prefix host = kit_prefix("2001:db8::1");
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	for (unsigned i = 0; i < 200000; i++) {
		struct observation seen = kit_of(&host, inputs[i % ARRAY_LEN(inputs)]);

		seen.count = 1000;
		seen.value = 64;
		seen.port = (uint16_t)i;
		(void)guard_observe(kit.guard, &seen, kit.now_ms);
		kit.now_ms += i % 2;
		guard_tick(kit.guard, kit.now_ms);
	}
	assert_int_equal(kit.bans, 0);
	assert_true(kit.records[GUARD_ACT_BLOCK] > 0);
	/* For seconds: when it stops it is over. */
	assert_true(kit.limit.until_ms <= kit.now_ms + 10000);
	kit_pass(&kit, 60000);
	assert_true(kit.unlimits > 0);
	assert_int_equal(guard_figures(kit.guard).limited, 0);
	kit_close(&kit);
}

static void a_block_is_seconds(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct observation seen = kit_of(&host, GUARD_IN_PACKETS);
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	seen.count = 100000;
	seen.value = 64;
	for (unsigned i = 0; i < 50 && !kit.records[GUARD_ACT_BLOCK]; i++, kit.now_ms += 100)
		(void)guard_observe(kit.guard, &seen, kit.now_ms);
	assert_int_equal(kit.records[GUARD_ACT_BLOCK], 1);
	assert_int_equal(kit.limit.slow, UINT16_MAX);
	assert_true(kit.limit.until_ms - kit.now_ms <= 3000);
	kit_pass(&kit, 3100);
	assert_true(kit.limit.slow < UINT16_MAX);
	kit_close(&kit);
}

/* Whoever floods under the address of a client of ours does not shut it out. */
static void framing_does_not_shut_out(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct observation seen = kit_of(&host, GUARD_IN_SYNS);
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	(void)kit_see(&kit, &host, GUARD_IN_CONN_OPENED);
	(void)kit_see(&kit, &host, GUARD_IN_SESSION_PROVEN);
	seen.count = 100000;
	for (unsigned i = 0; i < 3000; i++) {
		seen.input = i % 2 ? GUARD_IN_SYNS : GUARD_IN_MALFORMED;
		(void)guard_observe(kit.guard, &seen, kit.now_ms);
		kit_pass(&kit, 10);
		assert_true(kit.limit.slow <= 32); /* half of its buckets at least */
	}
	assert_true(kit.limits > 0);
	assert_int_equal(kit.bans + kit.records[GUARD_ACT_BLOCK], 0);
	kit_close(&kit);
}

static void send_for(struct kit *kit, const struct prefix *host, enum guard_input input,
		     uint32_t each, unsigned seconds)
{
	struct observation seen = kit_of(host, input);

	seen.count = each;
	for (unsigned i = 0; i < seconds * 10; i++) {
		seen.port = input == GUARD_IN_PROBED ? (uint16_t)(i * 7 + 1) : 0;
		(void)guard_observe(kit->guard, &seen, kit->now_ms);
		kit_pass(kit, 100);
	}
}

/* A few forged packets a second would else throttle whoever their sender wants. */
static void probes_and_broken_packets_take_no_share(void **state)
{
	static const enum guard_input inputs[] = {GUARD_IN_PROBED, GUARD_IN_MALFORMED,
						  GUARD_IN_ODD_SIZE};
	struct kit kit;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
		struct prefix host = kit_host(1);

		kit_open(&kit, NULL);
		send_for(&kit, &host, inputs[i], inputs[i] == GUARD_IN_PROBED ? 1 : 1000, 60);
		assert_true(kit.limits > 0);
		assert_int_equal(kit.limit.slow, 16);
		assert_int_equal(kit.records[GUARD_ACT_BLOCK], 0);
		kit_close(&kit);
	}
}

/* A proxy that brings more SYNs than the default limits, to a service that nobody told us of. */
static void syns_alone_keep_half(void **state)
{
	struct prefix host = kit_host(1), other = kit_host(2);
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	send_for(&kit, &host, GUARD_IN_SYNS, 10000, 60);
	assert_true(kit.limits > 0);
	assert_in_range(kit.limit.slow, 17, 32);
	assert_int_equal(kit.records[GUARD_ACT_BLOCK], 0);
	/* Forged probes under its address change nothing. */
	send_for(&kit, &host, GUARD_IN_PROBED, 1, 10);
	assert_true(kit.limit.slow <= 32);
	assert_int_equal(kit.records[GUARD_ACT_BLOCK], 0);
	/* Other packets have no such bound. */
	send_for(&kit, &other, GUARD_IN_PACKETS, 10000, 60);
	assert_true(kit.limit.slow > 32);
	assert_int_equal(kit.records[GUARD_ACT_BLOCK], 0);
	kit_close(&kit);
}

static uint64_t ban_again(struct kit *kit, const struct prefix *host)
{
	unsigned bans = kit->bans;

	for (unsigned i = 0; i < 100 && kit->bans == bans; i++)
		(void)kit_see(kit, host, GUARD_IN_RECORD_BAD);
	assert_int_equal(kit->bans, bans + 1);
	return kit->ban.until_ms - kit->now_ms;
}

static void bans_double_and_are_lifted_on_time(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	uint64_t for_ms, last_ms = 300000, most_ms = 7 * 86400000ULL;
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	for (unsigned i = 1; i <= 14; i++) {
		for_ms = ban_again(&kit, &host);
		assert_true(for_ms == MIN(last_ms * 2, most_ms));
		last_ms = for_ms;
		assert_int_equal(kit.lifts, i - 1);
		kit.now_ms += for_ms - 1;
		guard_tick(kit.guard, kit.now_ms);
		assert_int_equal(kit.lifts, i - 1);
		kit.now_ms++;
		guard_tick(kit.guard, kit.now_ms);
		assert_int_equal(kit.lifts, i);
		assert_int_equal(prefix_compare(&kit.lifted, &host), 0);
	}
	assert_true(last_ms == most_ms);
	/* A week is one offence less, and 14 weeks all of them. */
	kit.now_ms += 15 * 7 * 86400000ULL;
	guard_tick(kit.guard, kit.now_ms);
	assert_true(ban_again(&kit, &host) == 600000);
	kit_close(&kit);
}

static void on_the_way_down_it_is_limited(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct guard_config config = kit_config();
	struct kit kit;

	(void)state;
	config.half_s = 3600;
	kit_open(&kit, &config);
	(void)ban_again(&kit, &host);
	kit_pass(&kit, 600000);
	assert_int_equal(kit.lifts, 1);
	/* Its score is above "free": it comes back with small buckets, which grow. */
	assert_int_equal(guard_figures(kit.guard).limited, 1);
	assert_true(kit.limit.slow > 16);
	kit_pass(&kit, 120000);
	assert_int_equal(kit.limit.slow, 16);
	/* Below 0.3 but not below 0.2 it stays limited. */
	kit_pass(&kit, 7800000);
	assert_true(kit.limit.score > 0.2F && kit.limit.score < 0.3F);
	assert_int_equal(kit.unlimits, 0);
	kit_pass(&kit, 6 * 3600000);
	assert_int_equal(kit.unlimits, 1);
	assert_int_equal(guard_figures(kit.guard).limited, 0);
	kit_close(&kit);
}

static void spared_is_an_alarm(void **state)
{
	struct guard_spared spared[] = {{kit_prefix("192.0.2.0/28"), GUARD_SPARED_ALLOW},
					{kit_prefix("2001:db8::/32"), GUARD_SPARED_NEVER},
					{kit_prefix("198.51.100.1"), GUARD_SPARED_PROXY}};
	struct prefix hosts[] = {kit_prefix("192.0.2.1"), kit_prefix("2001:db8::1"),
				 kit_prefix("198.51.100.1")};
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	assert_int_equal(guard_spare(kit.guard, spared, 3, kit.now_ms), 0);
	for (unsigned i = 0; i < 3; i++) {
		kit_see_many(&kit, &hosts[i], GUARD_IN_AUTH_BAD, 100);
		assert_int_equal(kit_see(&kit, &hosts[i], GUARD_IN_AUTH_BAD), GUARD_FREE);
		/* Once on the way up, once where it would be banned; not 100 times. */
		assert_int_equal(kit.records[GUARD_ACT_SPARED], 2 * (i + 1));
		assert_false(kit.record[GUARD_ACT_SPARED].enforced);
		assert_non_null(kit.record[GUARD_ACT_SPARED].why_not);
	}
	assert_int_equal(kit.bans + kit.limits, 0);
	assert_string_equal(kit.record[GUARD_ACT_SPARED].why_not, "a proxy of the server's");
	assert_int_equal(guard_figures(kit.guard).alarms, 6);
	kit_pass(&kit, 3600000);
	assert_int_equal(kit.lifts + kit.unlimits, 0);
	kit_close(&kit);
}

static void spared_later_is_lifted(void **state)
{
	struct guard_spared spared = {kit_prefix("192.0.2.0/24"), false};
	struct prefix host = kit_prefix("192.0.2.1"), other = kit_prefix("198.51.100.1");
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	(void)ban_again(&kit, &host);
	(void)ban_again(&kit, &other);
	assert_int_equal(guard_spare(kit.guard, &spared, 1, kit.now_ms), 0);
	assert_int_equal(kit.lifts, 1);
	assert_int_equal(prefix_compare(&kit.lifted, &host), 0);
	assert_int_equal(guard_spare(kit.guard, &spared, GUARD_SPARED_MAX + 1, kit.now_ms), -E2BIG);
	kit_close(&kit);
}

static void learning_only_says(void **state)
{
	struct guard_config config = kit_config();
	struct prefix host = kit_prefix("192.0.2.1");
	struct kit kit;

	(void)state;
	config.learning = true;
	kit_open(&kit, &config);
	kit_see_many(&kit, &host, GUARD_IN_AUTH_BAD, 100);
	assert_int_equal(kit_see(&kit, &host, GUARD_IN_AUTH_BAD), GUARD_FREE);
	assert_int_equal(kit.records[GUARD_ACT_BAN], 1);
	assert_string_equal(kit.record[GUARD_ACT_BAN].why_not, "learning");
	kit_pass(&kit, 3600000);
	assert_int_equal(kit.records[GUARD_ACT_LIFT], 1);
	assert_int_equal(kit.bans + kit.limits + kit.lifts + kit.unlimits, 0);
	/* Nothing that was not done is held against it. */
	config.learning = false;
	assert_int_equal(guard_configure(kit.guard, &config), 0);
	assert_true(ban_again(&kit, &host) == 600000);
	kit_close(&kit);
}

static void forgiven(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1"), other = kit_prefix("192.0.2.2");
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	(void)ban_again(&kit, &host);
	assert_false(guard_forgive(kit.guard, &other, kit.now_ms));
	assert_true(guard_forgive(kit.guard, &host, kit.now_ms));
	assert_int_equal(kit.lifts, 1);
	assert_int_equal(kit.records[GUARD_ACT_FORGIVE], 1);
	assert_int_equal(kit_see(&kit, &host, GUARD_IN_CONN_OPENED), GUARD_FREE);
	kit_pass(&kit, 700000);
	assert_int_equal(kit.lifts, 1);
	assert_true(ban_again(&kit, &host) == 600000);
	kit_close(&kit);
}

/* A feed alone limits, and more than that bans. */
static void a_feed_is_not_a_verdict(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	kit_see_many(&kit, &host, GUARD_IN_FEED_LISTED, 50); /* the same feed, loaded again */
	assert_int_equal(kit.bans, 0);
	assert_int_equal(guard_figures(kit.guard).limited, 1);
	kit_see_many(&kit, &host, GUARD_IN_AUTH_BAD, 3);
	assert_int_equal(kit.bans, 1);
	kit_close(&kit);
}

/* As long as the feed says so, and fading from then on. */
static void a_listing_holds(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct observation seen = kit_of(&host, GUARD_IN_FEED_LISTED);
	struct guard_kept kept;
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	seen.value = 86400;
	(void)guard_observe(kit.guard, &seen, kit.now_ms);
	kit_pass(&kit, 80000000);
	assert_true(kit.limit.score > 0.69F);
	assert_int_equal(kit.unlimits, 0);
	/* The store knows how long. */
	assert_true(guard_keep(kit.guard, &host, kit.now_ms, &kept));
	assert_true(kept.evidence[0].holds_ms == 6400000);
	guard_kept_age(&kept, 6400000 + 600000);
	assert_true(kept.evidence[0].holds_ms == 0 && kept.evidence[0].last_ms == 600000);
	kit_pass(&kit, 6400000 + 3600000);
	assert_int_equal(kit.unlimits, 1);
	kit_close(&kit);
}

static void a_report_bans(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	assert_int_equal(kit_see(&kit, &host, GUARD_IN_REPORTED), GUARD_BANNED);
	assert_int_equal(kit.bans, 1);
	kit_close(&kit);
}

/* The next ban of the /24, and how long it lasts. */
static uint64_t ban_prefix(struct kit *kit, enum guard_input input)
{
	uint64_t before = guard_figures(kit->guard).prefix_bans;

	for (uint32_t n = 0; n < 200 * 30; n++) {
		struct prefix host = kit_host(0x100 + n / 30);

		(void)kit_see(kit, &host, input);
		if (guard_figures(kit->guard).prefix_bans == before)
			continue;
		assert_int_equal(kit->ban.prefix.len, 24);
		return kit->ban.until_ms - kit->now_ms;
	}
	fail_msg("the prefix was not banned");
	return 0;
}

/* An old key in a rack of clients shuts the prefix out no longer than it would a host. */
static void a_prefix_that_may_be_broken(void **state)
{
	static const enum guard_input inputs[] = {GUARD_IN_AUTH_BAD, GUARD_IN_HELLO_BAD};
	struct kit kit;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		uint64_t for_ms = 0;

		kit_open(&kit, NULL);
		for (unsigned round = 0; round < 6; round++) {
			for_ms = ban_prefix(&kit, inputs[i]);
			kit_pass(&kit, for_ms + 1000);
		}
		if (inputs[i] == GUARD_IN_AUTH_BAD)
			assert_in_range(for_ms, 600000, 3600000);
		else
			assert_true(for_ms > 3600000);
		kit_close(&kit);
	}
}

/* We are the client: the ports are our own sockets', and nobody looked for them. */
static void answers_are_no_scan(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct sz_event event = {.reason = SZ_REASON_RATE_FLOW,
				 .family = 4,
				 .frame_len = 60,
				 .rate_class = SZ_RATE_FLOW + 1,
				 .flags = SZ_EVENT_PORTS};
	struct guard_kept kept;
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	memcpy(event.saddr, host.addr, sizeof(event.saddr));
	for (unsigned i = 0; i < 400; i++, kit.now_ms += 10) {
		event.proto = i % 2 ? 17 : 6;
		event.dport = (uint16_t)(40000 + i * 7);
		guard_event(kit.guard, &event, kit.now_ms);
	}
	assert_true(guard_keep(kit.guard, &host, kit.now_ms, &kept));
	for (size_t i = 0; i < ARRAY_LEN(kept.evidence); i++)
		assert_false(kept.evidence[i].count &&
			     kept.evidence[i].kind == GUARD_KIND_SCAN_PATTERN);
	assert_int_equal(kit.bans, 0);
	kit_close(&kit);
}

/* As services tell of them: many in a second are one, and one is no ban. */
static void floods_of_queries_ban(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(kit_see(&kit, &host, GUARD_IN_QUERY_FLOOD), GUARD_LIMITED);
	kit_pass(&kit, 1500);
	assert_int_equal(kit_see(&kit, &host, GUARD_IN_QUERY_FLOOD), GUARD_LIMITED);
	assert_int_equal(kit.bans, 0);
	kit_pass(&kit, 1500);
	assert_int_equal(kit_see(&kit, &host, GUARD_IN_QUERY_FLOOD), GUARD_BANNED);
	assert_int_equal(kit.bans, 1);
	kit_close(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_ban_at_once),
		cmocka_unit_test(few_failures_are_free),
		cmocka_unit_test(a_flow_above_its_limits_is_no_ban),
		cmocka_unit_test(few_floods_of_queries_are_no_ban),
		cmocka_unit_test(spoofable_never_bans),
		cmocka_unit_test(a_block_is_seconds),
		cmocka_unit_test(framing_does_not_shut_out),
		cmocka_unit_test(probes_and_broken_packets_take_no_share),
		cmocka_unit_test(syns_alone_keep_half),
		cmocka_unit_test(bans_double_and_are_lifted_on_time),
		cmocka_unit_test(on_the_way_down_it_is_limited),
		cmocka_unit_test(spared_is_an_alarm),
		cmocka_unit_test(spared_later_is_lifted),
		cmocka_unit_test(learning_only_says),
		cmocka_unit_test(forgiven),
		cmocka_unit_test(a_feed_is_not_a_verdict),
		cmocka_unit_test(a_listing_holds),
		cmocka_unit_test(a_report_bans),
		cmocka_unit_test(a_prefix_that_may_be_broken),
		cmocka_unit_test(answers_are_no_scan),
		cmocka_unit_test(floods_of_queries_ban),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Each detector: what makes it fire, and what is honest and does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>
#include <user/guard/detect.h>

static struct detect_config config;
static struct score_rules rules;
static struct source source;
static uint64_t now_ms;
static unsigned fired[GUARD_KIND_COUNT][GUARD_EVIDENCES];
static uint64_t counted[GUARD_KIND_COUNT];

static int set_up(void **state)
{
	(void)state;
	now_ms = 1000000000;
	config = detect_config_usual();
	for (unsigned i = 0; i < GUARD_KIND_COUNT; i++) {
		rules.nats[i] = score_nats(guard_kinds[i].weight);
		rules.most[i] = score_nats(guard_kinds[i].cap);
	}
	rules.half_ds[0] = rules.half_ds[1] = 100;
	source = (struct source){.touch_ms = now_ms, .ports_h = (uint16_t)(now_ms / 3600000)};
	for (unsigned i = 0; i < METER_COUNT; i++)
		source.empty_ms[i] = (uint32_t)now_ms;
	memset(fired, 0, sizeof(fired));
	memset(counted, 0, sizeof(counted));
	return 0;
}

static void see(struct observation seen)
{
	struct detection found[DETECT_MAX];
	unsigned len;

	detect_touch(&source, now_ms);
	len = detect_feed(&config, &source, &seen, now_ms, found);
	assert_true(len <= DETECT_MAX);
	for (unsigned i = 0; i < len; i++) {
		assert_true(found[i].times && found[i].count);
		fired[found[i].kind][found[i].evidence] += found[i].times;
		counted[found[i].kind] += found[i].count;
		/* As the guard does: a rate that stays is told from a new one by it. */
		score_add(source.slots, &rules, found[i].kind,
			  (enum guard_evidence)found[i].evidence, rules.nats[found[i].kind],
			  found[i].count, false, (uint32_t)(now_ms / 100), 0);
	}
}

static unsigned all_fired(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < GUARD_KIND_COUNT; i++)
		n += fired[i][0] + fired[i][1];
	return n;
}

/* `pps` packets a second for `ms`, as events of the gate come: one in 10 ms. */
static void flood(enum guard_input input, uint32_t pps, uint32_t len, uint32_t ms)
{
	for (uint32_t i = 0; i < ms; i += 10, now_ms += 10)
		see((struct observation){
			.input = (uint8_t)input, .count = pps / 100, .value = len});
}

static void high_rate(void **state)
{
	(void)state;
	flood(GUARD_IN_PACKETS, 100, 1000, 20000);
	assert_int_equal(all_fired(), 0);
	flood(GUARD_IN_PACKETS, 1000, 1000, 5000);
	/* Once a second, not once a packet. */
	assert_in_range(fired[GUARD_KIND_HIGH_PACKET_RATE][GUARD_SPOOFABLE], 3, 6);
	assert_int_equal(fired[GUARD_KIND_SMALL_PACKET_FLOOD][GUARD_SPOOFABLE], 0);
	/* The packets in between are in the story as well. */
	assert_in_range(source.slots[0].count, 3000, 5000);
}

static void within_200_ms(void **state)
{
	uint64_t begin_ms = now_ms;

	(void)state;
	while (!fired[GUARD_KIND_HIGH_PACKET_RATE][GUARD_SPOOFABLE]) {
		see((struct observation){.input = GUARD_IN_PACKETS, .count = 100, .value = 1000});
		now_ms += 10;
	}
	assert_true(now_ms - begin_ms <= 200);
}

static void bursts(void **state)
{
	(void)state;
	/* An honest client's: 100 packets too many, now and then. */
	for (unsigned i = 0; i < 50; i++) {
		flood(GUARD_IN_PACKETS, 1000, 1400, 100);
		now_ms += 10000;
	}
	assert_int_equal(all_fired(), 0);
	flood(GUARD_IN_PACKETS, 20000, 1400, 100);
	assert_int_equal(fired[GUARD_KIND_BURST_TRAFFIC][GUARD_SPOOFABLE], 1);
}

static void small_packets(void **state)
{
	(void)state;
	flood(GUARD_IN_PACKETS, 5000, 60, 4000);
	assert_true(fired[GUARD_KIND_SMALL_PACKET_FLOOD][GUARD_SPOOFABLE] > 0);
	set_up(NULL);
	/* Half of them are small, as the acknowledgements of a download are. */
	for (unsigned i = 0; i < 400; i++)
		flood(GUARD_IN_PACKETS, 5000, i % 2 ? 60 : 1400, 10);
	assert_int_equal(fired[GUARD_KIND_SMALL_PACKET_FLOOD][GUARD_SPOOFABLE], 0);
}

static void syns_are_a_flood_of_connections(void **state)
{
	(void)state;
	flood(GUARD_IN_SYNS, 2000, 60, 2000);
	assert_true(fired[GUARD_KIND_CONNECTION_FLOOD][GUARD_SPOOFABLE] > 0);
	assert_int_equal(fired[GUARD_KIND_CONNECTION_FLOOD][GUARD_PROVEN], 0);
	assert_int_equal(fired[GUARD_KIND_SMALL_PACKET_FLOOD][GUARD_SPOOFABLE], 0);
}

static void outcomes_above_their_meter(void **state)
{
	static const struct {
		enum guard_input input;
		unsigned kind, fine, fires_at;
		uint32_t every_ms;
	} of[] = {
		{GUARD_IN_HELLO_BAD, GUARD_KIND_HANDSHAKE_FAILURE, 4, 5, 11000},
		{GUARD_IN_RECORD_BAD, GUARD_KIND_BAD_RECORD, 1, 2, 101000},
		{GUARD_IN_AUTH_BAD, GUARD_KIND_AUTH_FAILURE, 2, 3, 21000},
		{GUARD_IN_CONN_WASTED, GUARD_KIND_CONNECTION_FLOOD, 64, 65, 130},
		{GUARD_IN_COOKIE_OVER, GUARD_KIND_CONNECTION_FLOOD, 64, 65, 130},
		{GUARD_IN_ODD_SIZE, GUARD_KIND_UNUSUAL_PACKET_SIZE, 200, 201, 51},
		{GUARD_IN_MALFORMED, GUARD_KIND_MALFORMED, 20, 21, 1010},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(of); i++) {
		enum guard_evidence evidence = guard_inputs[of[i].input].evidence;

		set_up(NULL);
		for (unsigned n = 0; n < of[i].fine; n++)
			see((struct observation){.input = (uint8_t)of[i].input});
		assert_int_equal(all_fired(), 0);
		see((struct observation){.input = (uint8_t)of[i].input});
		assert_int_equal(fired[of[i].kind][evidence], 1);
		assert_int_equal(all_fired(), 1);
		/* As slowly as it leaks, for ever. */
		set_up(NULL);
		for (unsigned n = 0; n < 5000; n++, now_ms += of[i].every_ms)
			see((struct observation){.input = (uint8_t)of[i].input});
		assert_int_equal(all_fired(), 0);
	}
}

/* Many at once are as many observations, and are counted. */
static void many_at_once(void **state)
{
	(void)state;
	see((struct observation){.input = GUARD_IN_HELLO_BAD, .count = 100});
	assert_int_equal(fired[GUARD_KIND_HANDSHAKE_FAILURE][GUARD_PROVEN], 24);
	assert_int_equal(counted[GUARD_KIND_HANDSHAKE_FAILURE], 96);
	see((struct observation){.input = GUARD_IN_HELLO_BAD, .count = UINT32_MAX});
	see((struct observation){.input = GUARD_IN_PACKETS, .count = UINT32_MAX, .value = 60});
	assert_true(source.slow_pps > 0);
}

/* 1,000 a second are a ban in less than 200 ms: two findings, as kind.h weighs them. */
static void a_flood_of_connections_within_200_ms(void **state)
{
	uint64_t begin_ms = now_ms;

	(void)state;
	while (fired[GUARD_KIND_CONNECTION_FLOOD][GUARD_PROVEN] < 2) {
		see((struct observation){.input = GUARD_IN_CONN_WASTED});
		now_ms++;
	}
	assert_true(now_ms - begin_ms <= 120);
	/* A browser: thirty spare connections, again and again. */
	set_up(NULL);
	for (unsigned i = 0; i < 100; i++, now_ms += 6000)
		see((struct observation){.input = GUARD_IN_CONN_WASTED, .count = 30});
	assert_int_equal(all_fired(), 0);
}

static void sessions_pay_for_connections(void **state)
{
	(void)state;
	/* 500 clients behind one address, at once: 468 find no half-open slot and come again. */
	see((struct observation){.input = GUARD_IN_CONN_REFUSED, .count = 468});
	assert_int_equal(all_fired(), 0);
	for (unsigned i = 0; i < 500; i++, now_ms++) {
		see((struct observation){.input = GUARD_IN_SESSION_PROVEN});
		see((struct observation){.input = GUARD_IN_CONN_REFUSED, .count = 3});
	}
	assert_int_equal(all_fired(), 0);
	/* Nobody pays for these. */
	for (unsigned i = 0; i < 2000; i++)
		see((struct observation){.input = GUARD_IN_CONN_REFUSED});
	assert_true(fired[GUARD_KIND_CONNECTION_FLOOD][GUARD_PROVEN] >= 2);
}

static void a_slow_scan(void **state)
{
	unsigned probes = 0;

	(void)state;
	/* A port in ten minutes. */
	for (; probes < 40 && !fired[GUARD_KIND_SCAN_PATTERN][GUARD_SPOOFABLE]; probes++) {
		see((struct observation){.input = GUARD_IN_PROBED,
					 .port = (uint16_t)(20 + probes * 37)});
		now_ms += 600000;
	}
	assert_in_range(probes, 9, 20);
	/* Proven: connections that came to be. */
	set_up(NULL);
	for (probes = 0; probes < 20; probes++)
		see((struct observation){.input = GUARD_IN_CONN_OPENED,
					 .port = (uint16_t)(1000 + probes)});
	assert_int_equal(fired[GUARD_KIND_SCAN_PATTERN][GUARD_PROVEN], 1);
}

static void services_are_no_scan(void **state)
{
	static const uint16_t ports[] = {22, 25, 53, 80, 443, 8000};

	(void)state;
	for (unsigned i = 0; i < 10000; i++, now_ms += 977)
		see((struct observation){.input = GUARD_IN_CONN_OPENED,
					 .port = ports[i % ARRAY_LEN(ports)]});
	assert_int_equal(all_fired(), 0);
	/* Spoofed ports and proven ones do not add up. */
	for (unsigned i = 0; i < 6; i++)
		see((struct observation){.input = GUARD_IN_PROBED, .port = (uint16_t)(3000 + i)});
	assert_int_equal(fired[GUARD_KIND_SCAN_PATTERN][GUARD_PROVEN], 0);
	/* One port a day is nobody's scan. */
	set_up(NULL);
	for (unsigned i = 0; i < 200; i++, now_ms += 86400000)
		see((struct observation){.input = GUARD_IN_PROBED, .port = (uint16_t)(i + 1)});
	assert_int_equal(all_fired(), 0);
}

static void ports_are_estimated(void **state)
{
	(void)state;
	assert_true(detect_ports(0) == 0);
	assert_true(detect_ports(1) > 0.9F && detect_ports(1) < 1.1F);
	assert_true(detect_ports(UINT32_MAX) > 64);
}

/* The time of a meter is kept modulo 2^32 ms. */
static void silence_empties_meters(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		see((struct observation){.input = GUARD_IN_AUTH_BAD});
		now_ms += (uint64_t)i * 86400000;
	}
	assert_int_equal(all_fired(), 0);
}

static void others_have_judged(void **state)
{
	(void)state;
	see((struct observation){.input = GUARD_IN_SQL_INJECTION});
	assert_int_equal(fired[GUARD_KIND_SQL_INJECTION][GUARD_PROVEN], 1);
	for (unsigned i = 0; i < 10; i++) {
		see((struct observation){.input = GUARD_IN_QUERY_FLOOD, .count = 500});
		see((struct observation){.input = GUARD_IN_FLOW_OVER, .count = 500});
	}
	assert_int_equal(fired[GUARD_KIND_QUERY_FLOOD][GUARD_PROVEN], 1);
	assert_int_equal(fired[GUARD_KIND_HIGH_PACKET_RATE][GUARD_SPOOFABLE], 1);
	see((struct observation){.input = GUARD_IN_FEED_LISTED, .weight = 0.2F});
	see((struct observation){.input = GUARD_IN_REPORTED});
	assert_int_equal(all_fired(), 5);
}

/* A valid cookie is a connection like another: the same meter, and a session pays for it. */
static void cookies_are_connections(void **state)
{
	(void)state;
	see((struct observation){.input = GUARD_IN_COOKIE_OVER, .count = 40});
	see((struct observation){.input = GUARD_IN_CONN_WASTED, .count = 24});
	assert_int_equal(all_fired(), 0);
	see((struct observation){.input = GUARD_IN_COOKIE_OVER});
	assert_int_equal(fired[GUARD_KIND_CONNECTION_FLOOD][GUARD_PROVEN], 1);
	assert_int_equal(all_fired(), 1);
	set_up(NULL);
	for (unsigned i = 0; i < 500; i++) {
		see((struct observation){.input = GUARD_IN_SESSION_PROVEN});
		see((struct observation){.input = GUARD_IN_COOKIE_OVER, .count = 4});
	}
	assert_int_equal(all_fired(), 0);
}

/*
 * What gate and server have judged is one observation a second however much it is, adds up with
 * nothing else that is measured here, and is over when it ends.
 */
static void what_is_said_is_no_flood(void **state)
{
	static const struct {
		enum guard_input input;
		unsigned kind;
		enum guard_evidence evidence;
	} of[] = {
		{GUARD_IN_FLOW_OVER, GUARD_KIND_HIGH_PACKET_RATE, GUARD_SPOOFABLE},
		{GUARD_IN_QUERY_FLOOD, GUARD_KIND_QUERY_FLOOD, GUARD_PROVEN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(of); i++) {
		set_up(NULL);
		for (unsigned n = 0; n < 100; n++, now_ms += 10)
			see((struct observation){.input = (uint8_t)of[i].input, .count = 1000000});
		assert_int_equal(fired[of[i].kind][of[i].evidence], 1);
		/* The others of that second are in the story. */
		assert_int_equal(source.slots[0].count, SCORE_COUNT_MAX);
		see((struct observation){.input = (uint8_t)of[i].input});
		assert_int_equal(fired[of[i].kind][of[i].evidence], 2);
		assert_int_equal(all_fired(), 2);
		assert_true(source.slow_pps <= 0 && source.fast_pps <= 0);
		/* No meter was charged: what is fine is fine as ever. */
		see((struct observation){.input = GUARD_IN_CONN_WASTED, .count = 64});
		see((struct observation){.input = GUARD_IN_HELLO_BAD, .count = 4});
		see((struct observation){.input = GUARD_IN_RECORD_BAD});
		assert_int_equal(all_fired(), 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(high_rate, set_up),
		cmocka_unit_test_setup(within_200_ms, set_up),
		cmocka_unit_test_setup(bursts, set_up),
		cmocka_unit_test_setup(small_packets, set_up),
		cmocka_unit_test_setup(syns_are_a_flood_of_connections, set_up),
		cmocka_unit_test_setup(outcomes_above_their_meter, set_up),
		cmocka_unit_test_setup(many_at_once, set_up),
		cmocka_unit_test_setup(a_flood_of_connections_within_200_ms, set_up),
		cmocka_unit_test_setup(sessions_pay_for_connections, set_up),
		cmocka_unit_test_setup(a_slow_scan, set_up),
		cmocka_unit_test_setup(services_are_no_scan, set_up),
		cmocka_unit_test_setup(ports_are_estimated, set_up),
		cmocka_unit_test_setup(silence_empties_meters, set_up),
		cmocka_unit_test_setup(others_have_judged, set_up),
		cmocka_unit_test_setup(cookies_are_connections, set_up),
		cmocka_unit_test_setup(what_is_said_is_no_flood, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Scans that take hours, on a fake clock, from the fact to the verdict: what nobody would see by a
 * rate. Whoever only sends SYNs may be anybody, and is limited for moments; whoever connects is
 * known, and is limited for longer; who asks for the few ports that there are is neither.
 */
#include <stdlib.h>

#include <tests/unit/guard/kit.h>

#include <strazh/base/compiler.h>

#define HOUR_MS 3600000ULL
#define BETWEEN_MS (HOUR_MS / 6)
#define WHY_LEN 2000

static void touch(struct kit *kit, const struct prefix *host, enum guard_input input, unsigned port)
{
	struct observation seen = kit_of(host, input);

	seen.port = (uint16_t)port;
	(void)guard_observe(kit->guard, &seen, kit->now_ms);
}

/* A port in ten minutes, for so many hours; returns how often it was limited. */
static unsigned scan(struct kit *kit, const struct prefix *host, enum guard_input input,
		     unsigned hours)
{
	unsigned before = kit->records[GUARD_ACT_LIMIT];

	for (unsigned i = 0; i < hours * 6; i++) {
		touch(kit, host, input, 20 + i * 37);
		kit_pass(kit, BETWEEN_MS);
	}
	return kit->records[GUARD_ACT_LIMIT] - before;
}

static void assert_why(struct kit *kit, const struct prefix *host, const char *wanted)
{
	char text[WHY_LEN];

	assert_in_range(guard_why(kit->guard, host, kit->now_ms, text, sizeof(text)), 1,
			WHY_LEN - 1);
	if (!strstr(text, wanted))
		fail_msg("'%s' is not in: %s", wanted, text);
}

static void by_syns(void **state)
{
	struct prefix host = kit_host(66);
	const struct guard_record *record;
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	/* Each dozen of ports is seen; that is two hours. */
	assert_in_range(scan(&kit, &host, GUARD_IN_PROBED, 24), 6, 14);
	assert_int_equal(kit.bans, 0);
	record = &kit.record[GUARD_ACT_LIMIT];
	assert_int_equal(record->reasons, 1U << GUARD_KIND_SCAN_PATTERN);
	assert_true(record->score == 0);
	/* Spoofable: over within a minute. */
	assert_int_equal(guard_level(kit.guard, &host, kit.now_ms), GUARD_FREE);
	assert_true(kit.unlimits > 0);
	kit_close(&kit);
}

static void by_connections(void **state)
{
	struct prefix host = kit_host(67);
	struct kit kit;
	unsigned ports = 0;

	(void)state;
	kit_open(&kit, NULL);
	while (!kit.limits && ports < 40) {
		touch(&kit, &host, GUARD_IN_CONN_OPENED, 1000 + ports++);
		if (!kit.limits)
			kit_pass(&kit, BETWEEN_MS);
	}
	/* Within the two hours that a dozen of ports takes. */
	assert_in_range(ports, 9, 18);
	assert_int_equal(guard_level(kit.guard, &host, kit.now_ms), GUARD_LIMITED);
	assert_why(&kit, &host, "ScanPattern: ");
	assert_why(&kit, &host, "ports scanned");
	/* Proven: it lasts, but a scan alone, so slow, bans nobody. */
	kit_pass(&kit, 60000);
	assert_int_equal(guard_level(kit.guard, &host, kit.now_ms), GUARD_LIMITED);
	(void)scan(&kit, &host, GUARD_IN_CONN_OPENED, 24);
	assert_int_equal(kit.bans, 0);
	kit_pass(&kit, 2 * HOUR_MS);
	assert_int_equal(guard_level(kit.guard, &host, kit.now_ms), GUARD_FREE);
	kit_close(&kit);
}

/* The same at a port a second: what is proven adds up. */
static void in_a_hurry(void **state)
{
	struct prefix host = kit_host(68);
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	for (unsigned i = 0; i < 600 && !kit.bans; i++) {
		touch(&kit, &host, GUARD_IN_CONN_OPENED, 1000 + i);
		kit_pass(&kit, 1000);
	}
	assert_int_equal(kit.bans, 1);
	assert_why(&kit, &host, "ports scanned");
	kit_close(&kit);
}

static void who_uses_what_there_is(void **state)
{
	static const uint16_t ports[] = {22, 53, 443, 8000};
	struct prefix host = kit_host(1);
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	for (unsigned i = 0; i < 24 * 6; i++) {
		touch(&kit, &host, GUARD_IN_CONN_OPENED, ports[i % ARRAY_LEN(ports)]);
		touch(&kit, &host, GUARD_IN_PROBED, ports[i % ARRAY_LEN(ports)] + 1U);
		kit_pass(&kit, BETWEEN_MS);
	}
	assert_int_equal(kit.limits + kit.bans, 0);
	kit_close(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_syns),
		cmocka_unit_test(by_connections),
		cmocka_unit_test(in_a_hurry),
		cmocka_unit_test(who_uses_what_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

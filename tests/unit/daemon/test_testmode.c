/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Test mode: what it relaxes, that it is nothing else and never less, and when it is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <user/daemon/config/config_guard.h>
#include <user/daemon/testmode.h>
#include <user/guard/guard.h>

static struct config_faults faults;

static struct config *read_text(const char *text)
{
	struct config *config = config_new();

	memset(&faults, 0, sizeof(faults));
	assert_non_null(config);
	assert_int_equal(config_read(config, "f", text, strlen(text), &faults), 0);
	config_check(config, &faults);
	assert_int_equal(faults.total, 0);
	return config;
}

static void off(void **state)
{
	struct config *config = read_text("");
	struct guard_config guard = guard_config_usual(), was = guard;
	struct sources_limits limits = {1000, 100, 10, 1};

	(void)state;
	assert_false(testmode_is_on(config));
	testmode_relax_guard(config, &guard);
	testmode_relax_sources(config, &limits);
	assert_memory_equal(&guard, &was, sizeof(guard));
	assert_int_equal(limits.source_total, 10);
	assert_int_equal(limits.source_half_open, 1);
	config_free(config);
}

static void on(void **state)
{
	struct config *config = read_text("[daemon]\ntest_mode = on\n");
	struct sources_limits limits = {1000, 100, 10, 1}, wide = {1000, 100, 5000, 5000};
	struct guard_config guard = config_guard(config);
	const char *why = "";

	(void)state;
	testmode_relax_sources(config, &limits);
	assert_int_equal(limits.total, 1000);
	assert_int_equal(limits.half_open, 100);
	assert_int_equal(limits.source_total, 1000);
	assert_int_equal(limits.source_half_open, 100);
	testmode_relax_sources(config, &wide);
	assert_int_equal(wide.source_total, 5000);
	if (guard_config_check(&guard, &why))
		fail_msg("%s", why);
	assert_true(guard.ban > 0.97F && guard.limit > 0.97F && guard.block > 0.99F);
	config_free(config);
}

/* All that load makes, for minutes: neither limited nor banned; an attack is more than that. */
static void whom_it_bans(void **state)
{
	static const enum guard_input load[] = {GUARD_IN_CONN_WASTED, GUARD_IN_CONN_REFUSED,
						GUARD_IN_QUERY_FLOOD, GUARD_IN_PACKETS,
						GUARD_IN_SYNS,	      GUARD_IN_ODD_SIZE};
	struct config *config = read_text("[daemon]\ntest_mode = on\n[guard]\nmode = enforce\n");
	struct guard_config guard_config = config_guard(config);
	struct observation seen = {.addr = {192, 0, 2, 1}, .family = 4};
	const struct guard_ops none = {0};
	struct guard *guard;
	uint64_t now_ms = 1000000;
	int level = GUARD_FREE;

	(void)state;
	assert_int_equal(guard_new(&guard_config, &none, NULL, now_ms, &guard), 0);
	for (unsigned i = 0; i < 200000; i++) {
		seen.input = (uint8_t)load[i % ARRAY_LEN(load)];
		seen.value = 64;
		seen.count = 100;
		assert_int_equal(guard_observe(guard, &seen, now_ms++), GUARD_FREE);
	}
	/* They are seen, and would be banned otherwise. */
	assert_true(guard_figures(guard).observations > 100);
	for (unsigned i = 0; i < 1000 && level != GUARD_BANNED; i++) {
		seen.input = i % 2 ? GUARD_IN_HELLO_BAD : GUARD_IN_AUTH_BAD;
		level = guard_observe(guard, &seen, now_ms++);
	}
	assert_int_equal(level, GUARD_BANNED);
	guard_free(guard);
	config_free(config);
}

static void each_minute(void **state)
{
	uint32_t said_s = 0;

	(void)state;
	assert_true(testmode_is_due(&said_s, 0)); /* at once, even in the first second of a boot */
	assert_false(testmode_is_due(&said_s, 1));
	assert_false(testmode_is_due(&said_s, 60));
	assert_true(testmode_is_due(&said_s, 61));
	assert_false(testmode_is_due(&said_s, 120));
	assert_true(testmode_is_due(&said_s, 121));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(off),
		cmocka_unit_test(on),
		cmocka_unit_test(whom_it_bans),
		cmocka_unit_test(each_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

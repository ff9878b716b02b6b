/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* [store]: what is kept for how long, and how much may wait, reaches the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <tests/unit/daemon/config_text.h>
#include <user/daemon/config/config_store.h>

#define DAY_MS 86400000LL

/* What nobody says is what the store would take by itself. */
static void test_usual(void **state)
{
#define X(type, name, value, text) .name = value,
	const struct store_options usual = {STORE_OPTIONS(X)};
#undef X
	struct config *config = read_text("");
	struct store_options options = config_store(config);

	(void)state;
	assert_int_equal(options.backlog_max, usual.backlog_max);
	assert_int_equal(options.bans_keep_ms, usual.bans_keep_ms);
	assert_int_equal(options.sources_keep_ms, usual.sources_keep_ms);
	assert_int_equal(options.alerts_keep_ms, usual.alerts_keep_ms);
	assert_int_equal(options.audit_keep_ms, usual.audit_keep_ms);
	/* Not a key: left to the store. */
	assert_int_equal(options.retain_every_ms, 0);
	config_free(config);
}

static void test_values(void **state)
{
	struct config *config = read_text(
		"[store]\nbacklog = 100\nbans_keep = 1s\nsources_keep = 10d\n"
		"alerts_keep = 3650d\naudit_keep = 0\n");
	struct store_options options = config_store(config);

	(void)state;
	assert_int_equal(faults.total, 0);
	assert_int_equal(options.backlog_max, 100);
	assert_int_equal(options.bans_keep_ms, 1000);
	assert_int_equal(options.sources_keep_ms, 10 * DAY_MS);
	assert_int_equal(options.alerts_keep_ms, 3650 * DAY_MS);
	/* For ever. */
	assert_int_equal(options.audit_keep_ms, -1);
	config_free(config);
}

static void test_refused(void **state)
{
	static const char *const rows[][3] = {
		{"backlog = 15", "store.backlog", "'15': a number from 16 to 1000000"},
		{"bans_keep = 3651d", "store.bans_keep", "'3651d': a time from 0 to 3650d"},
		{"audit_keep = ever", "store.audit_keep", "'ever': a time from 0 to 3650d"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[100];
		struct config *config;

		snprintf(text, sizeof(text), "[store]\n%s\n", rows[i][0]);
		config = read_text(text);
		assert_int_equal(faults.total, 1);
		assert_string_equal(faults.list[0].where, "f:2");
		assert_string_equal(faults.list[0].key, rows[i][1]);
		assert_string_equal(faults.list[0].why, rows[i][2]);
		config_free(config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usual),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* [guard]: each bound of each key is one that the guard takes, alone and with all others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <user/daemon/config_guard.h>

static struct config_faults faults;

static struct config *read_text(const char *text)
{
	struct config *config = config_new();

	memset(&faults, 0, sizeof(faults));
	assert_non_null(config);
	assert_int_equal(config_read(config, "f", text, strlen(text), &faults), 0);
	config_check(config, &faults);
	return config;
}

static void takes(const char *text)
{
	struct config *config = read_text(text);
	struct guard_config guard = config_guard(config);
	const char *why = "";

	if (faults.total)
		fail_msg("%s%s", text, faults.list[0].why);
	if (guard_config_check(&guard, &why))
		fail_msg("%s%s", text, why);
	config_free(config);
}

static void refuses(const char *text, const char *key, const char *why)
{
	struct config *config = read_text(text);

	assert_int_equal(faults.total, 1);
	assert_string_equal(faults.list[0].key, key);
	if (!strstr(faults.list[0].why, why))
		fail_msg("%s", faults.list[0].why);
	config_free(config);
}

static void test_usual(void **state)
{
	struct config *config = read_text("");
	struct guard_config guard = config_guard(config), usual = guard_config_usual();

	(void)state;
	assert_int_equal(config_guard_mode(config), GUARDING_LEARN);
	assert_true(guard.learning);
	assert_float_equal(guard.half_s, usual.half_s, 0.01);
	assert_float_equal(guard.free, usual.free, 1e-6);
	assert_float_equal(guard.limit, usual.limit, 1e-6);
	assert_float_equal(guard.ban, usual.ban, 1e-6);
	assert_float_equal(guard.trusted_limit, usual.trusted_limit, 1e-6);
	assert_float_equal(guard.trusted_ban, usual.trusted_ban, 1e-6);
	assert_float_equal(guard.block, usual.block, 1e-6);
	assert_int_equal(guard.ban_s, usual.ban_s);
	assert_int_equal(guard.ban_max_s, usual.ban_max_s);
	config_free(config);
}

static void test_modes(void **state)
{
	static const struct {
		const char *text;
		enum guarding_mode mode;
		bool learning;
	} cases[] = {
		{"[guard]\nmode = off\n", GUARDING_OFF, true},
		{"[guard]\nmode = learn\n", GUARDING_LEARN, true},
		{"[guard]\nmode = enforce\n", GUARDING_ENFORCE, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct config *config = read_text(cases[i].text);

		assert_int_equal(config_guard_mode(config), cases[i].mode);
		assert_int_equal(config_guard(config).learning, cases[i].learning);
		config_free(config);
	}
}

static void test_values(void **state)
{
	struct config *config = read_text("[guard]\nhalf_life = 1h\nlimit = 40\nban = 80\n"
					  "ban_time = 1m\nban_time_most = 1d\n");
	struct guard_config guard = config_guard(config);

	(void)state;
	assert_int_equal(faults.total, 0);
	assert_float_equal(guard.half_s, 3600, 0.01);
	assert_float_equal(guard.limit, 0.4, 1e-6);
	assert_float_equal(guard.ban, 0.8, 1e-6);
	assert_int_equal(guard.ban_s, 60);
	assert_int_equal(guard.ban_max_s, 86400);
	config_free(config);
}

/* Every least and most of two keys at once, and the order among them. */
static void test_bounds(void **state)
{
	(void)state;
	takes("[guard]\nlimit = 1\nban = 1\n");
	takes("[guard]\nlimit = 1\nban = 98\n");
	takes("[guard]\nlimit = 90\nban = 90\n");
	takes("[guard]\nlimit = 90\nban = 98\n");
	takes("[guard]\nhalf_life = 1s\nban_time = 1s\nban_time_most = 1s\n");
	takes("[guard]\nhalf_life = 30d\nban_time = 400d\nban_time_most = 400d\n");
	refuses("[guard]\nlimit = 71\n", "guard.limit", "above guard.ban, 70");
	refuses("[guard]\nban = 29\n", "guard.limit", "above guard.ban, 29");
	refuses("[guard]\nban_time = 8d\n", "guard.ban_time", "more than guard.ban_time_most, ");
	refuses("[guard]\nban = 99\n", "guard.ban", "a number from 1 to 98");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usual),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

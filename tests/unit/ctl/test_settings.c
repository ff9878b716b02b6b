/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <errno.h>

#include <cmocka.h>

#include <strazh/abi/limits.h>
#include <strazh/base/compiler.h>
#include <user/ctl/settings.h>

static void expect(const struct sz_settings *settings, const char *name, const char *value)
{
	char now[32] = "";

	assert_true(settings_get(settings, name, now, sizeof(now)));
	assert_string_equal(now, value);
}

static void put(struct sz_settings *settings, const char *name, const char *value)
{
	char why[SETTINGS_WHY_LEN] = "";

	if (settings_put(settings, name, value, why))
		fail_msg("%s %s: %s", name, value, why);
}

static void test_zero_is_the_default(void **state)
{
	struct sz_settings zero = {0};

	(void)state;
	expect(&zero, "mode", "enforce");
	expect(&zero, "rate.mode", "auto");
	expect(&zero, "events.per_second", "100");
	expect(&zero, "events.per_second", "100");
	expect(&zero, "bogon.martian", "on");
	expect(&zero, "bogon.private", "off");
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		assert_true(settings_is_default(&zero, settings_all[i].name));
	assert_int_equal(settings_mend(&zero), 0);
}

static void test_put_then_get(void **state)
{
	static const struct {
		const char *name, *value;
	} cases[] = {
		{"mode", "observe"},	     {"mode", "enforce"},
		{"rate.mode", "enforce"},    {"rate.mode", "observe"},
		{"rate.mode", "auto"},	     {"rate.mode", "enforce"},
		{"events.per_second", "1"},  {"events.per_second", "1000"},
		{"bogon.linklocal", "on"},   {"bogon.private", "on"},
		{"bogon.private", "off"},    {"bogon.martian", "off"},
		{"bogon.martian", "on"},     {"events.per_second", "7"},
		{"bogon.unspecified", "on"}, {"bogon.linklocal", "on"},
	};
	struct sz_settings settings = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		put(&settings, cases[i].name, cases[i].value);
		expect(&settings, cases[i].name, cases[i].value);
		assert_int_equal(settings_mend(&settings), 0);
	}
}

static void test_flags_do_not_mix(void **state)
{
	struct sz_settings settings = {0};

	(void)state;
	put(&settings, "mode", "observe");
	put(&settings, "rate.mode", "enforce");
	assert_int_equal(settings.flags, SZ_SET_OBSERVE | SZ_SET_RATE_ENFORCE);
	put(&settings, "mode", "enforce");
	assert_int_equal(settings.flags, SZ_SET_RATE_ENFORCE);
	put(&settings, "bogon.private", "on");
	put(&settings, "bogon.reserved", "off");
	assert_int_equal(SZ_BOGON_DEFAULT ^ settings.bogon_flip,
			 SZ_BOGON_MARTIAN | SZ_BOGON_PRIVATE);
}

/* The operator's word is before the guard's, and where he has none the latter holds. */
static void test_whose_word_holds(void **state)
{
	struct sz_settings settings = {0};

	(void)state;
	assert_false(sz_rates_drop(settings.flags));
	put(&settings, "rate.mode", "enforce");
	assert_true(sz_rates_drop(settings.flags));
	settings.flags |= SZ_SET_RATE_GUARD;
	put(&settings, "rate.mode", "observe");
	assert_false(sz_rates_drop(settings.flags));
	put(&settings, "rate.mode", "auto");
	assert_int_equal(settings.flags, SZ_SET_RATE_GUARD);
	assert_true(sz_rates_drop(settings.flags));
	assert_true(settings_is_default(&settings, "rate.mode"));
	assert_int_equal(settings_mend(&settings), 0);
	settings.flags &= ~SZ_SET_RATE_GUARD;
	assert_false(sz_rates_drop(settings.flags));
}

static void test_wrong_values(void **state)
{
	static const struct {
		const char *name, *value;
		int error;
		const char *said;
	} cases[] = {
		{"mode", "maybe", -EINVAL, "observe or enforce"},
		{"mode", "auto", -EINVAL, "observe or enforce"},
		{"rate.mode", "off", -EINVAL, "auto, observe or enforce"},
		{"events.per_second", "0", -EINVAL, "1 to"},
		{"events.per_second", "-5", -EINVAL, "1 to"},
		{"events.per_second", "5x", -EINVAL, "'5x'"},
		{"events.per_second", "99999999999999999999", -EINVAL, "1 to"},
		{"events.per_second", "", -EINVAL, "1 to"},
		{"bogon.private", "yes", -EINVAL, "on or off"},
		{"rate.mod", "5", -ENOENT, "did you mean rate.mode?"},
		{"rate.pps", "5", -ENOENT, "`strazhctl rate set udp --pps"},
		{"rate.burst", "", -ENOENT, "limits are of classes"},
		{"colour", "red", -ENOENT, "`strazhctl set` shows all"},
	};
	struct sz_settings settings = {0}, zero = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char why[SETTINGS_WHY_LEN] = "";

		assert_int_equal(settings_put(&settings, cases[i].name, cases[i].value, why),
				 cases[i].error);
		if (!strstr(why, cases[i].said))
			fail_msg("'%s' does not say '%s'", why, cases[i].said);
		assert_memory_equal(&settings, &zero, sizeof(zero));
	}
}

static void test_mend(void **state)
{
	struct sz_settings settings = {.flags = 0xf0 | SZ_SET_OBSERVE,
				       .bogon_flip = 0x100 | SZ_BOGON_PRIVATE};

	(void)state;
	assert_int_equal(settings_mend(&settings), 2);
	assert_int_equal(settings.flags, SZ_SET_OBSERVE);
	assert_int_equal(settings.bogon_flip, SZ_BOGON_PRIVATE);
	assert_int_equal(settings_mend(&settings), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zero_is_the_default), cmocka_unit_test(test_put_then_get),
		cmocka_unit_test(test_flags_do_not_mix),    cmocka_unit_test(test_whose_word_holds),
		cmocka_unit_test(test_wrong_values),	    cmocka_unit_test(test_mend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

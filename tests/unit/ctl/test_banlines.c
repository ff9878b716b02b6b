/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <errno.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>
#include <user/ctl/banlines.h>

static void test_good_lines(void **state)
{
	static const struct {
		const char *line, *prefix;
		uint64_t for_s;
		const char *reason;
	} cases[] = {
		{"192.0.2.1", "192.0.2.1", 0, NULL},
		{"192.0.2.0/24 10m", "192.0.2.0/24", 600, NULL},
		{"  2001:db8::1\t1h   tried   doors  \r", "2001:db8::1", 3600, "tried   doors"},
		{"192.0.2.1 tried doors", "192.0.2.1", 0, "tried doors"},
		{"192.0.2.1 # spam", "192.0.2.1", 0, "# spam"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char line[100], why[BANLINE_WHY_LEN], text[PREFIX_TEXT_LEN];
		struct banline parsed;

		(void)snprintf(line, sizeof(line), "%s", cases[i].line);
		assert_int_equal(banline_parse(line, &parsed, why), 0);
		assert_string_equal(prefix_format(&parsed.prefix, text), cases[i].prefix);
		assert_int_equal(parsed.for_s, cases[i].for_s);
		if (cases[i].reason)
			assert_string_equal(parsed.reason, cases[i].reason);
		else
			assert_null(parsed.reason);
	}
}

static void test_empty_lines(void **state)
{
	static const char *const cases[] = {"", "   ", "# a comment", "; another", "\r"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char line[40], why[BANLINE_WHY_LEN];
		struct banline parsed;

		(void)snprintf(line, sizeof(line), "%s", cases[i]);
		assert_int_equal(banline_parse(line, &parsed, why), BANLINE_EMPTY);
	}
}

static void test_bad_lines(void **state)
{
	static const struct {
		const char *line, *said;
	} cases[] = {
		{"nonsense", "'nonsense'"},	    {"10.0.0.1/8 10m", "did you mean 10.0.0.0/8?"},
		{"192.0.2.1 10x spam", "'10x'"},    {"192.0.2.1 0", "'0'"},
		{"192.0.2.1, 10m", "'192.0.2.1,'"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char line[40], why[BANLINE_WHY_LEN] = "";
		struct banline parsed;

		(void)snprintf(line, sizeof(line), "%s", cases[i].line);
		assert_int_equal(banline_parse(line, &parsed, why), -EINVAL);
		if (!strstr(why, cases[i].said))
			fail_msg("'%s' does not say %s", why, cases[i].said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_lines),
		cmocka_unit_test(test_empty_lines),
		cmocka_unit_test(test_bad_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

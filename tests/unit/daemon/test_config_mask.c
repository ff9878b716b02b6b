/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* No password is shown, wherever it stands in a URL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <user/daemon/config/config_mask.h>

static void urls(void **state)
{
	static const char *const rows[][2] = {
		{"", ""},
		{"none", "none"},
		{"sqlite:///var/lib/strazh/strazh.db", "sqlite:///var/lib/strazh/strazh.db"},
		{"postgresql://host/db", "postgresql://host/db"},
		{"postgresql://user@host/db", "postgresql://user@host/db"},
		{"postgresql://user:SECRET@host:5432/db", "postgresql://user:***@host:5432/db"},
		{"postgresql://user:SECRET@a,b/db?x=1", "postgresql://user:***@a,b/db?x=1"},
		{"postgresql://user:SE@CRET@host/db", "postgresql://user:***@host/db"},
		{"postgresql://user:SE/CR?ET@host/db", "postgresql://user:***@host/db"},
		{"postgresql:///db?password=SECRET", "postgresql:///db?password=***"},
		{"postgresql:///db?a=b&password=SECRET&c=d",
		 "postgresql:///db?a=b&password=***&c=d"},
		{"postgresql:///db?sslpassword=SECRET", "postgresql:///db?sslpassword=***"},
		{"postgresql:///db?%70assword=SECRET", "postgresql:///db?%70assword=***"},
		{"postgresql:///db?password=SECRET@x", "postgresql:///db?password=***"},
		{"user:SECRET@host", "user:***@host"},
	};
	char shown[CONFIG_LINE_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_string_equal(config_mask(CFG_STORE_URL, rows[i][0], shown), rows[i][1]);
		assert_null(strstr(shown, "SECRET"));
	}
	/* Of other keys nothing is hidden. */
	assert_string_equal(config_mask(CFG_SERVER_NAME, "a:b@c", shown), "a:b@c");
}

static void is_cut(void **state)
{
	char shown[16];

	(void)state;
	assert_string_equal(config_mask_url("postgresql://user:SECRET@host/db", shown, 16),
			    "postgresql://us");
	assert_string_equal(config_mask_url("postgresql:///db?password=SECRET", shown, 8),
			    "postgre");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(urls), cmocka_unit_test(is_cut)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

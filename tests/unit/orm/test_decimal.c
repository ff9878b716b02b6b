/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Texts on the right were printed by PostgreSQL 15 for the input on the left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <strazh/orm/error.h>

#include <orm/base/decimal.h>

static void forms(void **state)
{
	static const char *const pairs[][2] = {
		{"0", "0"},
		{"-0", "0"},
		{"-0.00", "0.00"},
		{"1.50", "1.50"},
		{"+01.50", "1.50"},
		{".5", "0.5"},
		{"5.", "5"},
		{"-.5", "-0.5"},
		{"1e3", "1000"},
		{"1.5e-2", "0.015"},
		{"1.50E1", "15.0"},
		{"15e-1", "1.5"},
		{"0e5", "0"},
		{"0.0e1", "0"},
		{"0e-3", "0.000"},
		{"0.005e3", "5"},
		{"0.005e2", "0.5"},
		{"123456e-6", "0.123456"},
		{"00012", "12"},
		{"1e-3", "0.001"},
		{"12.34e1", "123.4"},
		{"nan", "NaN"},
		{"-Infinity", "-Infinity"},
		{"inf", "Infinity"},
		{"99999999999999999999999999999999.10", "99999999999999999999999999999999.10"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct orm_decimal d;
		const char *why = NULL;
		char text[80], longer[80];

		memset(longer, '0', sizeof(longer)); /* what follows is not read */
		memcpy(longer, pairs[i][0], strlen(pairs[i][0]));
		if (orm_decimal_parse(longer, strlen(pairs[i][0]), &d, &why))
			fail_msg("'%s': %s", pairs[i][0], why);
		orm_decimal_emit(&d, text);
		assert_string_equal(text, pairs[i][1]);
		assert_int_equal(orm_decimal_len(&d), strlen(pairs[i][1]));
	}
}

static void refused(void **state)
{
	static const char *const bad[] = {"",	  ".",		"-",	    "e5",	"1e",
					  "1e+",  "1.2.3",	"1 ",	    " 1",	"0x1",
					  "1_0",  "--1",	"+-1",	    "1e5.0",	"1,5",
					  "nano", "1e99999999", "1e131072", "1e-16384", "-nan"};
	struct orm_decimal d;
	const char *why;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (orm_decimal_parse(bad[i], strlen(bad[i]), &d, &why) != ORM_E_VALUE)
			fail_msg("'%s' was taken", bad[i]);
}

static void limits(void **state)
{
	struct orm_decimal d;
	const char *why;
	char *text;

	(void)state;
	assert_int_equal(orm_decimal_parse("1e131071", 8, &d, &why), 0);
	assert_int_equal(orm_decimal_len(&d), 131072);
	text = malloc(131073);
	assert_non_null(text);
	orm_decimal_emit(&d, text);
	assert_int_equal(strlen(text), 131072);
	assert_int_equal(strspn(text + 1, "0"), 131071);
	free(text);
	assert_int_equal(orm_decimal_parse("1e-16383", 8, &d, &why), 0);
	assert_int_equal(orm_decimal_len(&d), 16385);
	assert_int_equal(orm_decimal_parse("0e131072", 8, &d, &why), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),
		cmocka_unit_test(refused),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

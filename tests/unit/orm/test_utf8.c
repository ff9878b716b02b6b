/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>

#include <orm/base/utf8.h>

/* Behind 0 to 16 plain characters, so that each way through the words of eight is taken. */
static void expect(const char *text, size_t len, enum orm_utf8 want)
{
	char longer[64];

	for (size_t before = 0; before <= 16; before++)
		for (size_t after = 0; after <= 9; after++) {
			memset(longer, 'x', sizeof(longer));
			memcpy(longer + before, text, len);
			if (orm_utf8_check(longer, before + len + after) != want)
				fail_msg("%zu + %zu bytes from 0x%02x, + %zu", before, len,
					 (unsigned char)text[0], after);
		}
}

static void good(void **state)
{
	static const char *const texts[] = {
		"a",	  "\x7f",   "\x01",	  "\xc2\x80",	"\u07ff", "\u0800", "\ud7ff",
		"\ue000", "\uffff", "\U00010000", "\U0010ffff", "Привет", "€uro",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		expect(texts[i], strlen(texts[i]), ORM_UTF8_OK);
	assert_int_equal(orm_utf8_check(NULL, 0), ORM_UTF8_OK);
}

static void bad(void **state)
{
	static const char *const texts[] = {
		"\x80",		    /* goes on, without a beginning */
		"\xc0\x80",	    /* NUL, overlong */
		"\xc1\xbf",	    /* overlong */
		"\xe0\x9f\xbf",	    /* overlong */
		"\xf0\x8f\xbf\xbf", /* overlong */
		"\xed\xa0\x80",	    /* a surrogate */
		"\xf4\x90\x80\x80", /* above U+10FFFF */
		"\xf5\x80\x80\x80",
		"\xff",
		"\xc3",
		"\xe2\x82",
		"\xf0\x9f\x98",
		"\xc3(",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		expect(texts[i], strlen(texts[i]), ORM_UTF8_BAD);
}

static void nul(void **state)
{
	(void)state;
	expect("\0", 1, ORM_UTF8_NUL);
	assert_int_equal(orm_utf8_check("ab\0\xff", 4), ORM_UTF8_NUL); /* what comes first */
	assert_int_equal(orm_utf8_check("ab\xff\0", 4), ORM_UTF8_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
		cmocka_unit_test(nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

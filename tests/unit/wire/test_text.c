/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Clean text: each rule of RFC 3629, and no control characters. */
#include "exact.h"

#include <stdbool.h>

#include <strazh/base/compiler.h>
#include <user/wire/text.h>

static bool clean(const char *bytes, size_t len)
{
	uint8_t *copy = exact(bytes, len);
	bool is = text_clean(copy, len);

	free(copy);
	return is;
}

#define CLEAN(text) clean(text, sizeof(text) - 1)

static void test_clean(void **state)
{
	(void)state;
	assert_true(CLEAN(""));
	assert_true(CLEAN(" ~"));
	assert_true(CLEAN("\xc2\xa0\xdf\xbf"));
	assert_true(CLEAN("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"));
	assert_true(CLEAN("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"));
	assert_true(CLEAN("стража"));
}

static void test_controls(void **state)
{
	char byte;

	(void)state;
	for (int c = 0; c < 0x20; c++) {
		byte = (char)c;
		assert_false(clean(&byte, 1));
	}
	assert_false(CLEAN("\x7f"));
	assert_false(CLEAN("\xc2\x80"));
	assert_false(CLEAN("\xc2\x9f"));
	assert_false(CLEAN("a\0b"));
}

static void test_not_utf8(void **state)
{
	char byte;

	(void)state;
	for (int c = 0x80; c <= 0xff; c++) {
		byte = (char)c;
		assert_false(clean(&byte, 1)); /* alone: a tail, no lead, or cut */
	}
	assert_false(CLEAN("\xc0\xaf"));	 /* '/' in two bytes */
	assert_false(CLEAN("\xc1\xbf"));	 /* the same below 80 */
	assert_false(CLEAN("\xe0\x9f\xbf"));	 /* two bytes would do */
	assert_false(CLEAN("\xed\xa0\x80"));	 /* a surrogate */
	assert_false(CLEAN("\xf0\x8f\xbf\xbf")); /* three bytes would do */
	assert_false(CLEAN("\xf4\x90\x80\x80")); /* above U+10FFFF */
	assert_false(CLEAN("\xf5\x80\x80\x80"));
	assert_false(CLEAN("\xe2\x82")); /* cut */
	assert_false(CLEAN("\xe2\x82"
			   "a")); /* a tail that is none */
	assert_false(CLEAN("\xe2\x82\xc2"));
	assert_false(CLEAN("a\xf0\x9f\x98"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_controls),
		cmocka_unit_test(test_not_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

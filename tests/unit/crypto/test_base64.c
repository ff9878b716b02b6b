/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One text for each value, and one value for each text that is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <user/crypto/base64.h>

/* RFC 4648, section 10. */
static void test_rfc(void **state)
{
	static const char *const pairs[][2] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		char text[16], back[16];
		size_t len = 99;

		base64_emit(pairs[i][0], strlen(pairs[i][0]), text);
		assert_string_equal(text, pairs[i][1]);
		assert_int_equal(strlen(text), BASE64_LEN(strlen(pairs[i][0])));
		assert_int_equal(base64_parse(text, strlen(text), sizeof(back), back, &len), 0);
		assert_int_equal(len, strlen(pairs[i][0]));
		assert_memory_equal(back, pairs[i][0], len);
	}
}

static void test_each_digit(void **state)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	(void)state;
	for (unsigned int v = 0; v < 64; v++) {
		const uint8_t bytes[3] = {(uint8_t)(v << 2 | v >> 4), (uint8_t)(v << 4 | v >> 2),
					  (uint8_t)(v << 6 | v)};
		char text[5];
		uint8_t back[3];
		size_t len;

		base64_emit(bytes, 3, text);
		for (size_t i = 0; i < 4; i++)
			assert_int_equal(text[i], alphabet[v]);
		assert_int_equal(base64_parse(text, 4, 3, back, &len), 0);
		assert_memory_equal(back, bytes, 3);
	}
	for (unsigned int c = 0; c < 256; c++) {
		char text[4] = {'A', 'A', (char)c, 'A'};
		uint8_t back[3];
		size_t len;
		int want = c && strchr(alphabet, (int)c) ? 0 : BASE64_BAD;

		assert_int_equal(base64_parse(text, 4, 3, back, &len), want);
	}
}

static void test_refuses(void **state)
{
	static const char *const texts[] = {
		"Z",	"Zg",	"Zg=",	 "Zh==",  "Zm9=",   "Zg==Zg==", "Zg= =", "Z===",
		"====", "=Zg=", "Zm 9v", " Zg==", "Zg==\n", "Zm9v\n",	"Zm-v",	 "Zm_v",
	};
	uint8_t back[16];
	size_t len = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_int_equal(base64_parse(texts[i], strlen(texts[i]), sizeof(back), back, &len),
				 BASE64_BAD);
	assert_int_equal(base64_parse("Zm9v", 4, 2, back, &len), BASE64_LONG);
	assert_int_equal(base64_parse("Zm8=", 4, 2, back, &len), 0);
	assert_int_equal(len, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc),
		cmocka_unit_test(test_each_digit),
		cmocka_unit_test(test_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "exact.h"

#include <user/wire/tunnel.h>

static int open_parse(const uint8_t *bytes, size_t len, struct tunnel_open *ret_open)
{
	uint8_t *copy = exact(bytes, len);
	int r = tunnel_open_parse(copy, len, ret_open);

	free(copy);
	return r;
}

static void test_open(void **state)
{
	char name[TUNNEL_NAME_MAX];
	uint8_t bytes[TUNNEL_OPEN_MAX + 1] = {0};
	struct tunnel_open open = {.window = 65536, .name = name}, got;

	(void)state;
	memset(name, 'n', sizeof(name));
	for (uint8_t n = 1; n <= TUNNEL_NAME_MAX; n++) {
		open.name_len = n;
		assert_int_equal(tunnel_open_emit(&open, bytes), 5U + n);
		assert_int_equal(tunnel_open_parse(bytes, 5U + n, &got), 0);
		assert_int_equal(got.window, 65536);
		assert_int_equal(got.name_len, n);
		assert_ptr_equal(got.name, bytes + 5);
		assert_int_equal(open_parse(bytes, 6U + n, &got), TUNNEL_LONG);
		for (size_t len = 0; len < 5U + n; len++)
			assert_int_equal(open_parse(bytes, len, &got), TUNNEL_SHORT);
	}
	assert_memory_equal(bytes, "\0\1\0\0\x40nnn", 8);
	for (int n = 0; n < 256; n++) {
		bytes[4] = (uint8_t)n;
		if (!n || n > TUNNEL_NAME_MAX)
			assert_int_equal(open_parse(bytes, sizeof(bytes), &got), TUNNEL_NAME);
	}
	bytes[4] = 3;
	bytes[6] = 0x1b;
	assert_int_equal(open_parse(bytes, 8, &got), TUNNEL_NAME);
}

static void test_credit(void **state)
{
	static const struct {
		uint32_t credit;
		int want;
	} cases[] = {
		{0, TUNNEL_CREDIT},	     {1, 0},
		{TUNNEL_WINDOW_MAX, 0},	     {TUNNEL_WINDOW_MAX + 1, TUNNEL_CREDIT},
		{UINT32_MAX, TUNNEL_CREDIT},
	};
	uint8_t bytes[TUNNEL_OPEN_MAX] = {0};
	uint32_t got;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tunnel_open open = {.window = cases[i].credit, .name = "x", .name_len = 1};

		assert_int_equal(tunnel_credit_emit(cases[i].credit, bytes), 4);
		got = 7;
		assert_int_equal(tunnel_credit_parse(bytes, 4, &got), cases[i].want);
		assert_int_equal(got, cases[i].want ? 7 : cases[i].credit);
		tunnel_open_emit(&open, bytes);
		assert_int_equal(tunnel_open_parse(bytes, 6, &open), cases[i].want);
	}
	for (size_t len = 0; len < 4; len++)
		assert_int_equal(tunnel_credit_parse(bytes, len, &got), TUNNEL_SHORT);
	assert_int_equal(tunnel_credit_parse(bytes, 5, &got), TUNNEL_LONG);
}

static void test_close(void **state)
{
	uint8_t bytes[2] = {0}, got;

	(void)state;
	for (int b = 0; b < 256; b++) {
		int known = b <= TUNNEL_LIMIT;

		bytes[0] = (uint8_t)b;
		assert_int_equal(tunnel_close_parse(bytes, 1, &got), known ? 0 : TUNNEL_WHY);
		assert_non_null(tunnel_reason_text((uint8_t)b));
	}
	assert_int_equal(tunnel_close_emit(TUNNEL_RESET, bytes), 1);
	assert_int_equal(bytes[0], 1);
	assert_int_equal(tunnel_close_parse(bytes, 1, &got), 0);
	assert_int_equal(got, TUNNEL_RESET);
	assert_int_equal(tunnel_close_parse(bytes, 0, &got), TUNNEL_SHORT);
	assert_int_equal(tunnel_close_parse(bytes, 2, &got), TUNNEL_LONG);
	assert_string_equal(tunnel_reason_text(TUNNEL_RESET), "the connection was reset");
}

static void test_texts(void **state)
{
	(void)state;
	check_texts(tunnel_condition_text, TUNNEL_WHY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_credit),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

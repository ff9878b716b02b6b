/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "exact.h"

#include <user/wire/retry.h>

static void test_round_trip(void **state)
{
	struct retry retry = {.bits = 20, .challenge = "0123456789abcde"}, again;
	uint8_t body[RETRY_LEN];

	(void)state;
	retry_emit(&retry, body);
	assert_int_equal(body[0], 20);
	assert_memory_equal(body + 1, "0123456789abcde", 16);
	assert_int_equal(retry_parse(body, sizeof(body), &again), 0);
	assert_memory_equal(&again, &retry, sizeof(again));
}

static void test_each_length(void **state)
{
	struct retry retry;

	(void)state;
	for (size_t len = 0; len < 3 * RETRY_LEN; len++) {
		uint8_t *body = calloc(1, len ? len : 1);

		assert_non_null(body);
		if (len)
			body[0] = PH_PUZZLE_BITS_MIN;
		assert_int_equal(retry_parse(body, len, &retry), len == 17 ? 0 : RETRY_LENGTH);
		free(body);
	}
}

static void test_each_number_of_bits(void **state)
{
	struct retry retry = {.bits = 1};

	(void)state;
	for (int bits = 0; bits < 256; bits++) {
		uint8_t body[RETRY_LEN] = {(uint8_t)bits};

		if (bits >= 14 && bits <= 22) {
			assert_int_equal(retry_parse(body, sizeof(body), &retry), 0);
			assert_int_equal(retry.bits, bits);
			retry.bits = 1;
		} else {
			assert_int_equal(retry_parse(body, sizeof(body), &retry), RETRY_BITS);
			assert_int_equal(retry.bits, 1);
		}
	}
}

static void test_texts(void **state)
{
	(void)state;
	check_texts(retry_condition_text, RETRY_BITS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_each_length),
		cmocka_unit_test(test_each_number_of_bits),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

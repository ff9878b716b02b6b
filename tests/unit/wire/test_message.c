/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "exact.h"

#include <stdbool.h>

#include <user/wire/message.h>
#include <user/wire/text.h>

static void test_layout(void **state)
{
	const struct ph_message message = {
		.service = PH_S_RELAY,
		.opcode = 18,
		.content = PH_IMAGE,
		.priority = PH_BULK,
		.request = 0x01020304,
		.payload = (const uint8_t *)"body",
		.len = 4,
	};
	uint8_t bytes[PH_MESSAGE_HEAD + 4];
	struct ph_message got;

	(void)state;
	assert_ptr_equal(message_emit(&message, bytes), bytes + 8);
	memcpy(bytes + 8, message.payload, 4);
	assert_memory_equal(bytes, "\2\x12\2\0\1\2\3\4body", 12);
	assert_int_equal(message_parse(bytes, sizeof(bytes), PH_BULK, &got), 0);
	assert_ptr_equal(got.payload, bytes + 8);
	assert_int_equal(got.service, message.service);
	assert_int_equal(got.opcode, message.opcode);
	assert_int_equal(got.content, message.content);
	assert_int_equal(got.priority, PH_BULK);
	assert_int_equal(got.request, message.request);
	assert_int_equal(got.len, 4);
}

static void test_lengths(void **state)
{
	uint8_t *bytes = calloc(1, PH_PLAIN_MAX + 1);
	struct ph_message untouched = {.request = 9}, got = untouched;

	(void)state;
	assert_non_null(bytes);
	for (size_t len = 0; len < PH_MESSAGE_HEAD; len++) {
		uint8_t *copy = exact(bytes, len);

		assert_int_equal(message_parse(copy, len, 0, &got), MESSAGE_SHORT);
		assert_memory_equal(&got, &untouched, sizeof(got));
		free(copy);
	}
	assert_int_equal(message_parse(bytes, PH_MESSAGE_HEAD, 0, &got), 0);
	assert_int_equal(got.len, 0);
	assert_int_equal(message_parse(bytes, PH_PLAIN_MAX, 0, &got), 0);
	assert_int_equal(got.len, PH_MESSAGE_MAX);
	assert_int_equal(message_parse(bytes, PH_PLAIN_MAX + 1, 0, &got), MESSAGE_LONG);
	free(bytes);
}

static void test_zero(void **state)
{
	struct ph_message got;

	(void)state;
	for (int b = 0; b < 256; b++) {
		uint8_t bytes[8] = {0, 0, 0, (uint8_t)b};

		assert_int_equal(message_parse(bytes, 8, 0, &got), b ? MESSAGE_ZERO : 0);
	}
}

static void test_contents(void **state)
{
	(void)state;
	assert_int_equal(PH_POSTS, 0x01);
	assert_int_equal(PH_IMAGE, 0x02);
	assert_string_equal(content_name(0x00), "binary");
	assert_string_equal(content_name(0x01), "compressed posts");
	assert_string_equal(content_name(0x02), "image");
	assert_string_equal(content_name(0x7f), "unknown");
	assert_string_equal(content_name(0x80), "application");
	assert_string_equal(content_name(0xff), "application");
	for (int i = 0; i < 256; i++)
		assert_non_null(content_name((uint8_t)i));
}

static void test_errors(void **state)
{
	uint8_t bytes[ERROR_LEN_MAX + 1];
	struct ph_error got;
	size_t len;

	(void)state;
	len = error_emit(PH_C_ABSENT, "no such room", bytes);
	assert_int_equal(len, 14);
	assert_memory_equal(bytes, "\0\5no such room", len);
	assert_int_equal(error_parse(bytes, len, &got), 0);
	assert_int_equal(got.code, PH_C_ABSENT);
	assert_int_equal(got.len, 12);
	assert_ptr_equal(got.text, bytes + 2);
	assert_int_equal(error_parse(bytes, 2, &got), 0); /* without a text */
	for (len = 0; len < 2; len++) {
		uint8_t *copy = exact(bytes, len);

		assert_int_equal(error_parse(copy, len, &got), ERROR_SHORT);
		free(copy);
	}
	bytes[3] = '\n';
	assert_int_equal(error_parse(bytes, 14, &got), ERROR_TEXT);
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(error_parse(bytes, ERROR_LEN_MAX, &got), 0);
	assert_int_equal(error_parse(bytes, ERROR_LEN_MAX + 1, &got), ERROR_TEXT);
}

/* A text that is too long is cut between two characters. */
static void test_long_error(void **state)
{
	char text[400];
	uint8_t bytes[ERROR_LEN_MAX];
	struct ph_error got;

	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		size_t len;

		memset(text, 'a', shift);
		for (size_t i = shift; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "\xe2\x82\xac", 4);
		len = error_emit(PH_C_LIMIT, text, bytes);
		assert_in_range(len, ERROR_LEN_MAX - 3, ERROR_LEN_MAX);
		assert_int_equal(error_parse(bytes, len, &got), 0);
	}
	memset(text, 'b', ERROR_TEXT_MAX);
	text[ERROR_TEXT_MAX] = '\0';
	assert_int_equal(error_emit(PH_C_LIMIT, text, bytes), ERROR_LEN_MAX);
}

static void test_codes(void **state)
{
	(void)state;
	for (uint16_t i = PH_C_UNKNOWN; i <= PH_C_CLOSING; i++)
		assert_string_not_equal(code_text(i), code_text(0));
	assert_string_equal(code_text(0), code_text(PH_C_CLOSING + 1));
	check_texts(message_condition_text, ERROR_TEXT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout), cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_zero),   cmocka_unit_test(test_contents),
		cmocka_unit_test(test_errors), cmocka_unit_test(test_long_error),
		cmocka_unit_test(test_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

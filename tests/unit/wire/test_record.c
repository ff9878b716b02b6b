/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Heads: every byte of them. Padding: every length there is, against a plain model. */
#include "exact.h"

#include <stdbool.h>

#include <user/wire/record.h>

static const struct record_head some = {
	.type = PH_DATA, .flags = PH_FLAG_EPOCH | 2, .len = 0x1230, .n = 0x0102030405060708};

static int parse(const uint8_t *bytes, size_t len, struct record_head *ret_head)
{
	uint8_t *copy = exact(bytes, len);
	int r = record_parse(copy, len, ret_head);

	free(copy);
	return r;
}

static void test_layout(void **state)
{
	uint8_t bytes[PH_RECORD_HEAD + 1];
	struct record_head head;

	(void)state;
	assert_ptr_equal(record_emit(&some, bytes), bytes + PH_RECORD_HEAD);
	assert_memory_equal(bytes, "\xb0\x82\x12\x30\0\0\0\0\1\2\3\4\5\6\7\10", 16);
	assert_int_equal(parse(bytes, 16, &head), 0);
	assert_int_equal(head.type, some.type);
	assert_int_equal(head.flags, some.flags);
	assert_int_equal(head.len, some.len);
	assert_true(head.n == some.n);
	assert_int_equal(record_wire_len(&head), 16 + 0x1230 + 16 + 32);
	bytes[16] = 0xff; /* not of the head */
	assert_int_equal(parse(bytes, 17, &head), 0);
}

static void test_each_truncation(void **state)
{
	struct record_head untouched = {.n = 5}, head = untouched;
	uint8_t bytes[PH_RECORD_HEAD];

	(void)state;
	record_emit(&some, bytes);
	for (size_t len = 0; len < sizeof(bytes); len++) {
		assert_int_equal(parse(bytes, len, &head), RECORD_MORE);
		assert_memory_equal(&head, &untouched, sizeof(head));
	}
}

static void test_types_and_flags(void **state)
{
	static const char types[] = "\xa2\xa4\xa5\xb0\xb1\xb2\xbf";
	struct record_head head;
	uint8_t bytes[PH_RECORD_HEAD];

	(void)state;
	record_emit(&some, bytes);
	for (int b = 0; b < 256; b++) {
		bool known = b && strchr(types, b);

		bytes[0] = (uint8_t)b;
		assert_int_equal(parse(bytes, 16, &head), known ? 0 : RECORD_TYPE);
		assert_int_equal(parse(bytes, 1, &head), known ? RECORD_MORE : RECORD_TYPE);
	}
	bytes[0] = PH_DATA;
	for (int b = 0; b < 256; b++) {
		bool known = (b & 0x7c) == 0;

		bytes[1] = (uint8_t)b;
		assert_int_equal(parse(bytes, 16, &head), known ? 0 : RECORD_FLAGS);
		assert_int_equal(parse(bytes, 2, &head), known ? RECORD_MORE : RECORD_FLAGS);
	}
}

static void test_each_length(void **state)
{
	struct record_head head;
	uint8_t bytes[PH_RECORD_HEAD];

	(void)state;
	record_emit(&some, bytes);
	for (unsigned len = 0; len <= UINT16_MAX; len++) {
		bool right = len >= 16 && len <= 65520 && len % 16 == 0;

		bytes[2] = (uint8_t)(len >> 8);
		bytes[3] = (uint8_t)len;
		assert_int_equal(record_parse(bytes, 16, &head), right ? 0 : RECORD_LENGTH);
		assert_int_equal(record_parse(bytes, 4, &head),
				 right ? RECORD_MORE : RECORD_LENGTH);
	}
}

static void test_zero_bytes(void **state)
{
	struct record_head head;
	uint8_t bytes[PH_RECORD_HEAD];

	(void)state;
	for (size_t i = 4; i < 8; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			record_emit(&some, bytes);
			bytes[i] = (uint8_t)(1 << bit);
			assert_int_equal(parse(bytes, i + 1, &head), RECORD_ZERO);
			assert_int_equal(parse(bytes, 16, &head), RECORD_ZERO);
		}
	}
}

/* ---- padding ---- */

static size_t model_padded(size_t len, bool classes)
{
	static const size_t all[] = {64,   128,	 256,	512,   1024, 2048,
				     4096, 8192, 16384, 32768, 65520};

	for (size_t i = 0; classes && i < ARRAY_LEN(all); i++)
		if (len < all[i])
			return all[i];
	return (len + 16) / 16 * 16;
}

static void test_each_plaintext_length(void **state)
{
	uint8_t *text = malloc(PH_CIPHER_MAX);
	size_t got;

	(void)state;
	assert_non_null(text);
	for (int classes = 0; classes < 2; classes++) {
		/* All lengths near an edge and a sample of those between. */
		for (size_t len = 0; len <= PH_PLAIN_MAX; len += len % 64 < 34 ? 1 : 29) {
			size_t padded = record_padded_len(len, classes);

			assert_int_equal(padded, model_padded(len, classes));
			memset(text, 0xaa, padded);
			record_pad(text, len, padded);
			assert_int_equal(text[len], 0x80);
			got = SIZE_MAX;
			assert_int_equal(record_unpad(text, padded, classes, &got), 0);
			assert_int_equal(got, len);
		}
	}
	assert_int_equal(record_padded_len(PH_PLAIN_MAX + 1, false), 0);
	assert_int_equal(record_padded_len(PH_PLAIN_MAX + 1, true), 0);
	assert_int_equal(record_padded_len(SIZE_MAX, true), 0);
	free(text);
}

/* What a reader finds who looks for the last byte that is not zero, and pads again. */
static int model_unpad(const uint8_t *text, size_t padded, bool classes, size_t *ret_len)
{
	size_t i = padded;

	while (i && !text[i - 1])
		i--;
	if (!i || text[i - 1] != 0x80 || model_padded(i - 1, classes) != padded)
		return RECORD_PADDING;
	*ret_len = i - 1;
	return 0;
}

static void compare(const uint8_t *text, size_t padded, bool classes)
{
	size_t got = 77, want = 77;
	uint8_t *copy = exact(text, padded);
	int r = record_unpad(copy, padded, classes, &got);

	assert_int_equal(r, model_unpad(text, padded, classes, &want));
	assert_int_equal(got, want);
	free(copy);
}

/* The 0x80 at each place, each other byte in its place, a second one before and behind it. */
static void test_wrong_padding(void **state)
{
	static const size_t lens[] = {16, 32, 64, 128, 256, 512};
	uint8_t text[512];

	(void)state;
	for (size_t l = 0; l < ARRAY_LEN(lens); l++) {
		for (size_t at = 0; at < lens[l]; at++) {
			for (int classes = 0; classes < 2; classes++) {
				memset(text, 0x80, sizeof(text));
				memset(text + at + 1, 0, sizeof(text) - at - 1);
				compare(text, lens[l], classes);
				text[at] = 0x01;
				compare(text, lens[l], classes);
				text[at] = 0x81;
				compare(text, lens[l], classes);
				text[at] = 0;
				compare(text, lens[l], classes);
				memset(text, 0, sizeof(text));
				text[at] = 0x80;
				compare(text, lens[l], classes);
			}
		}
		memset(text, 0, sizeof(text));
		compare(text, lens[l], false);
		compare(text, lens[l], true);
	}
}

static void test_each_last_byte(void **state)
{
	uint8_t text[64] = {0};
	size_t got;

	(void)state;
	for (int b = 0; b < 256; b++) {
		text[60] = (uint8_t)b;
		assert_int_equal(record_unpad(text, 64, false, &got),
				 b == 0x80 ? 0 : RECORD_PADDING);
		assert_int_equal(record_unpad(text, 64, true, &got),
				 b == 0x80 ? 0 : RECORD_PADDING);
	}
}

static void test_lengths_that_are_none(void **state)
{
	uint8_t *text = calloc(1, PH_CIPHER_MAX + 16);
	size_t got = 3;

	(void)state;
	assert_non_null(text);
	for (size_t len = 0; len <= PH_CIPHER_MAX + 16; len++) {
		bool block = len && len % 16 == 0 && len <= PH_CIPHER_MAX;
		bool class = len == 65520 || (len >= 64 && len <= 32768 && !(len & (len - 1)));

		if (len)
			text[len - 1] = 0x80;
		assert_int_equal(record_unpad(text, len, false, &got), block ? 0 : RECORD_PADDING);
		assert_int_equal(record_unpad(text, len, true, &got), class ? 0 : RECORD_PADDING);
		if (len)
			text[len - 1] = 0;
	}
	free(text);
}

static void test_texts(void **state)
{
	(void)state;
	check_texts(record_condition_text, RECORD_PADDING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_each_truncation),
		cmocka_unit_test(test_types_and_flags),
		cmocka_unit_test(test_each_length),
		cmocka_unit_test(test_zero_bytes),
		cmocka_unit_test(test_each_plaintext_length),
		cmocka_unit_test(test_wrong_padding),
		cmocka_unit_test(test_each_last_byte),
		cmocka_unit_test(test_lengths_that_are_none),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

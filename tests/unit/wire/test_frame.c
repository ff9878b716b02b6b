/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Frames: every prefix of one, every type and suite, every length at its bounds. */
#include "exact.h"

#include <stdbool.h>

#include <user/wire/frame.h>

static int parse(const uint8_t *bytes, size_t len, struct frame *ret_frame)
{
	uint8_t *copy = exact(bytes, len);
	int r = frame_parse(copy, len, ret_frame);

	if (!r)
		ret_frame->body = bytes + (ret_frame->body - copy);
	free(copy);
	return r;
}

static void test_round_trip(void **state)
{
	static const size_t lens[] = {1, 48, 255, 256, PH_FRAME_MAX};
	uint8_t bytes[FRAME_LEN_MAX + 1] = {0};
	struct frame frame;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		assert_ptr_equal(frame_emit(PH_CLIENT_HELLO, PH_NK1, lens[i], bytes),
				 bytes + PH_FRAME_HEAD);
		/* One byte of the next frame is there already. */
		assert_int_equal(parse(bytes, PH_FRAME_HEAD + lens[i] + 1, &frame), 0);
		assert_int_equal(frame.type, PH_CLIENT_HELLO);
		assert_int_equal(frame.suite, PH_NK1);
		assert_int_equal(frame.len, lens[i]);
		assert_ptr_equal(frame.body, bytes + PH_FRAME_HEAD);
	}
}

static void test_bytes(void **state)
{
	uint8_t head[PH_FRAME_HEAD];

	(void)state;
	frame_emit(PH_SERVER_HELLO, PH_XX | PH_SUITE_HYBRID, 0x0123, head);
	assert_memory_equal(head, "\xa1\x14\x01\x23", 4);
}

static void test_each_prefix(void **state)
{
	uint8_t bytes[FRAME_LEN_MAX] = {0};
	struct frame untouched = {.type = 7}, frame = untouched;

	(void)state;
	frame_emit(PH_CLIENT_HELLO, PH_XK1, PH_FRAME_MAX, bytes);
	for (size_t len = 0; len < sizeof(bytes); len++) {
		assert_int_equal(parse(bytes, len, &frame), FRAME_MORE);
		assert_memory_equal(&frame, &untouched, sizeof(frame));
	}
	assert_int_equal(parse(bytes, sizeof(bytes), &frame), 0);
}

static void test_each_type(void **state)
{
	struct frame frame;

	(void)state;
	for (int type = 0; type < 256; type++) {
		const uint8_t bytes[] = {(uint8_t)type, PH_NK1, 0, 1, 0};
		bool known = type == 0xa0 || type == 0xa1 || type == 0xa2 || type == 0xac;

		assert_int_equal(parse(bytes, sizeof(bytes), &frame), known ? 0 : FRAME_TYPE);
		assert_int_equal(parse(bytes, 1, &frame), known ? FRAME_MORE : FRAME_TYPE);
	}
}

static void test_each_suite(void **state)
{
	struct frame frame;

	(void)state;
	for (int suite = 0; suite < 256; suite++) {
		const uint8_t bytes[] = {PH_CLIENT_HELLO, (uint8_t)suite, 0, 1, 0};
		bool known = (suite >= 0x01 && suite <= 0x05) || (suite >= 0x11 && suite <= 0x15);

		assert_int_equal(suite_known((uint8_t)suite), known);
		assert_int_equal(parse(bytes, sizeof(bytes), &frame), known ? 0 : FRAME_SUITE);
		assert_int_equal(parse(bytes, 2, &frame), known ? FRAME_MORE : FRAME_SUITE);
	}
}

/* A length is refused by the head, before a byte of the body came. */
static void test_lengths(void **state)
{
	struct frame frame;

	(void)state;
	for (unsigned len = 0; len <= UINT16_MAX; len++) {
		const uint8_t bytes[] = {PH_RETRY, PH_NK1, (uint8_t)(len >> 8), (uint8_t)len};
		int want = !len ? FRAME_EMPTY : len > PH_FRAME_MAX ? FRAME_LONG : FRAME_MORE;

		assert_int_equal(parse(bytes, sizeof(bytes), &frame), want);
	}
}

static void test_texts(void **state)
{
	(void)state;
	check_texts(frame_condition_text, FRAME_EMPTY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_each_prefix), cmocka_unit_test(test_each_type),
		cmocka_unit_test(test_each_suite),  cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

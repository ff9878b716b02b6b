/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A hello has one encoding: whatever else comes has a condition of its own. */
#include "exact.h"

#include <stdbool.h>

#include <strazh/base/compiler.h>
#include <user/wire/bytes.h>
#include <user/wire/hello.h>

static uint8_t ones[PH_FRAME_MAX];

/* A hello under construction. */
struct built {
	uint8_t bytes[2 * PH_FRAME_MAX];
	size_t len;
};

static void begin(struct built *b, uint8_t suite)
{
	memset(b->bytes, 0x11, sizeof(b->bytes));
	b->len = hello_noise_len(suite);
}

static void add(struct built *b, uint8_t type, size_t len)
{
	uint8_t *at = put_be16(put_byte(b->bytes + b->len, type), (uint16_t)len);

	memset(at, type, len);
	b->len += 3 + len;
}

static int parse(uint8_t suite, const struct built *b, struct hello *ret_hello)
{
	uint8_t *copy = exact(b->bytes, b->len);
	int r = hello_parse(suite, copy, b->len, ret_hello);

	free(copy);
	return r;
}

static void expect(uint8_t suite, const struct built *b, int want)
{
	struct hello untouched, hello;

	memset(&untouched, 0x5a, sizeof(untouched));
	memcpy(&hello, &untouched, sizeof(hello));
	assert_int_equal(parse(suite, b, &hello), want);
	if (want)
		assert_memory_equal(&hello, &untouched, sizeof(hello));
}

static void test_plain(void **state)
{
	struct hello hello;
	struct built b;

	(void)state;
	begin(&b, PH_NK1);
	assert_int_equal(b.len, 48);
	assert_int_equal(hello_parse(PH_NK1, b.bytes, b.len, &hello), 0);
	assert_ptr_equal(hello.noise, b.bytes);
	assert_int_equal(hello.noise_len, 48);
	assert_int_equal(hello.sent_len, 0);
	assert_false(hello.extensions.has_offer);
	assert_null(hello.extensions.server_key);
	assert_null(hello.extensions.solution);
	assert_null(hello.extensions.ticket);
	assert_null(hello.extensions.kem_key);
}

static const struct {
	uint8_t suite;
	struct hello_extensions extensions;
} trips[] = {
	{PH_NK1, {0}},
	{PH_NK1, {.has_offer = true, .offer = 0}},
	{PH_XK1, {.has_offer = true, .offer = 0xffff, .server_key = ones, .solution = ones}},
	{PH_NX, {.solution = ones}},
	{PH_RESUME, {.ticket = ones, .ticket_len = 1}},
	{PH_RESUME, {.server_key = ones, .ticket = ones, .ticket_len = 200}},
	{PH_XX | PH_SUITE_HYBRID, {.server_key = ones, .kem_key = ones}},
	/* The longest there is fills a frame to its last byte. */
	{PH_RESUME | PH_SUITE_HYBRID,
	 {.has_offer = true,
	  .offer = PH_OFFER_STRICT | PH_OFFER_CLASSES,
	  .server_key = ones,
	  .solution = ones,
	  .ticket = ones,
	  .ticket_len = HELLO_TICKET_MAX,
	  .kem_key = ones}},
};

static bool same_bytes(const uint8_t *a, const uint8_t *b, size_t len)
{
	return !a == !b && (!a || memcmp(a, b, len) == 0);
}

static void test_round_trips(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(trips); i++) {
		const struct hello_extensions *x = &trips[i].extensions;
		size_t noise_len = hello_noise_len(trips[i].suite), len;
		const struct hello_extensions *y;
		struct hello hello;
		uint8_t bytes[PH_FRAME_MAX], again[PH_FRAME_MAX];

		memset(bytes, 0x22, sizeof(bytes));
		len = noise_len + hello_extensions_len(x);
		assert_in_range(len, 48, PH_FRAME_MAX);
		assert_ptr_equal(hello_extensions_emit(x, bytes + noise_len), bytes + len);
		assert_int_equal(hello_parse(trips[i].suite, bytes, len, &hello), 0);
		y = &hello.extensions;
		assert_int_equal(y->has_offer, x->has_offer);
		assert_int_equal(y->offer, x->offer);
		assert_true(same_bytes(y->server_key, x->server_key, 8));
		assert_true(same_bytes(y->solution, x->solution, 8));
		assert_int_equal(y->ticket_len, x->ticket_len);
		assert_true(same_bytes(y->ticket, x->ticket, x->ticket_len));
		assert_true(same_bytes(y->kem_key, x->kem_key, PH_KEM_KEY_LEN));
		assert_int_equal(hello.sent_len, len - noise_len);
		hello_extensions_emit(y, again);
		assert_memory_equal(again, hello.sent, hello.sent_len);
	}
	assert_int_equal(64 + hello_extensions_len(&trips[ARRAY_LEN(trips) - 1].extensions),
			 PH_FRAME_MAX);
}

static void test_each_truncation(void **state)
{
	static const size_t lens[] = {2, 8, 8, 100, PH_KEM_KEY_LEN};
	const uint8_t suite = PH_RESUME | PH_SUITE_HYBRID;
	size_t ends[ARRAY_LEN(lens) + 1], whole;
	struct built b;

	(void)state;
	begin(&b, suite);
	ends[0] = b.len;
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		add(&b, (uint8_t)(i + 1), lens[i]);
		ends[i + 1] = b.len;
	}
	whole = b.len;
	expect(suite, &b, 0);
	for (b.len = 0; b.len < whole; b.len++) {
		int want = b.len < 64 ? HELLO_SHORT : HELLO_CUT;

		for (size_t i = 0; i < ARRAY_LEN(lens); i++)
			if (b.len == ends[i])
				want = i < 4 ? HELLO_TICKET : HELLO_KEM;
		expect(suite, &b, want);
	}
}

static void test_each_type_alone(void **state)
{
	struct built b;

	(void)state;
	for (int type = 0; type < 256; type++) {
		bool known = type >= 1 && type <= 5;

		begin(&b, PH_NK1);
		b.bytes[b.len++] = (uint8_t)type; /* one byte is enough to know */
		expect(PH_NK1, &b, known ? HELLO_CUT : HELLO_UNKNOWN);
	}
}

static void test_each_length(void **state)
{
	(void)state;
	for (uint8_t type = 1; type <= 5; type++) {
		for (size_t len = 0; len + 3 + 64 <= PH_FRAME_MAX; len++) {
			bool right = (type == 1 && len == 2) || (type == 2 && len == 8) ||
				     (type == 3 && len == 8) || (type == 5 && len == 1184) ||
				     (type == 4 && len >= 1 && len <= HELLO_TICKET_MAX);
			uint8_t suite = type == 4   ? PH_RESUME
					: type == 5 ? PH_NK1 | PH_SUITE_HYBRID
						    : PH_NK1;
			struct built b;

			begin(&b, suite);
			add(&b, type, len);
			expect(suite, &b, right ? 0 : HELLO_LENGTH);
		}
	}
}

static void test_order(void **state)
{
	struct built b;

	(void)state;
	begin(&b, PH_NK1);
	add(&b, 2, 8);
	add(&b, 1, 2);
	expect(PH_NK1, &b, HELLO_ORDER);
	begin(&b, PH_NK1);
	add(&b, 3, 8);
	add(&b, 3, 8);
	expect(PH_NK1, &b, HELLO_TWICE);
	begin(&b, PH_NK1);
	add(&b, 1, 2);
	add(&b, 6, 2);
	expect(PH_NK1, &b, HELLO_UNKNOWN);
}

static void test_what_a_suite_needs(void **state)
{
	struct built b;

	(void)state;
	begin(&b, PH_XK1);
	add(&b, 4, 32);
	expect(PH_XK1, &b, HELLO_TICKET);
	begin(&b, PH_RESUME);
	expect(PH_RESUME, &b, HELLO_TICKET);
	begin(&b, PH_NX);
	add(&b, 5, PH_KEM_KEY_LEN);
	expect(PH_NX, &b, HELLO_KEM);
	expect(PH_NX | PH_SUITE_HYBRID, &b, 0);
	begin(&b, PH_NX);
	expect(PH_NX | PH_SUITE_HYBRID, &b, HELLO_KEM);
}

static void test_long(void **state)
{
	struct built b;

	(void)state;
	begin(&b, PH_NK1);
	b.len = PH_FRAME_MAX + 1;
	expect(PH_NK1, &b, HELLO_LONG);
	b.len = PH_FRAME_MAX;
	expect(PH_NK1, &b, HELLO_UNKNOWN);
}

static void test_finish(void **state)
{
	uint8_t payload[FINISH_LEN], capabilities[8] = {1, 2, 3, 4, 5, 6, 7, 8}, got[8] = {0};

	(void)state;
	finish_emit(capabilities, payload);
	assert_memory_equal(payload, "\1\2\3\4\5\6\7\10\0\0\0\0\0\0\0\0", 16);
	assert_true(finish_parse(payload, got));
	assert_memory_equal(got, capabilities, 8);
	memset(got, 0, 8);
	for (size_t i = 8; i < 16; i++) {
		payload[i] = 0x10;
		assert_false(finish_parse(payload, got));
		payload[i] = 0;
	}
	assert_memory_equal(got, "\0\0\0\0\0\0\0\0", 8);
}

static void test_texts(void **state)
{
	(void)state;
	check_texts(hello_condition_text, HELLO_KEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_each_truncation),
		cmocka_unit_test(test_each_type_alone),
		cmocka_unit_test(test_each_length),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_what_a_suite_needs),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_finish),
		cmocka_unit_test(test_texts),
	};

	memset(ones, 0xee, sizeof(ones));
	return cmocka_run_group_tests(tests, NULL, NULL);
}

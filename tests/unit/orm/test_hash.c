/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <orm/base/hash.h>

/* Key 00..0f, message 00..n-1: the vectors of SipHash-1-3 that the tests of Rust's core have. */
static void vectors(void **state)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} known[] = {
		{0, 0xabac0158050fc4dcULL}, {1, 0xc9f49bf37d57ca93ULL}, {2, 0x82cb9b024dc7d44dULL},
		{3, 0x8bf80ab8e7ddf7fbULL}, {7, 0xd3927d989bb11140ULL}, {8, 0x369095118d299a8eULL},
	};
	const uint64_t key[2] = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
	uint8_t message[64];

	(void)state;
	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_true(orm_hash(key, message, known[i].len) == known[i].hash);
}

static void every_bit_counts(void **state)
{
	const uint64_t key[2] = {1, 2}, other[2] = {1, 3};
	uint8_t message[40] = {0};

	(void)state;
	for (size_t len = 0; len < sizeof(message); len++) {
		uint64_t hash = orm_hash(key, message, len);

		assert_true(hash != orm_hash(key, message, len + 1));
		assert_true(hash != orm_hash(other, message, len));
		for (size_t bit = 0; bit < len * 8; bit++) {
			message[bit / 8] ^= (uint8_t)(1U << bit % 8);
			assert_true(hash != orm_hash(key, message, len));
			message[bit / 8] = 0;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors),
		cmocka_unit_test(every_bit_counts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

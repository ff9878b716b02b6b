/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The hash table, its hash, and the ring of bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include <user/service/htable.h>
#include <user/service/ring.h>

#define THINGS 5000

/* As CPython 3.11 hashes bytes with PYTHONHASHSEED=0: SipHash-1-3 under the key 0. */
static void test_hash(void **state)
{
	const uint64_t key[2] = {0, 0}, other[2] = {0, 1};

	(void)state;
	assert_true(htable_hash(key, "hall", 4) == 0x26bbe97adc06a8e3U);
	assert_true(htable_hash(key, "12345678", 8) == 0x3489982430560a87U);
	assert_true(htable_hash(key, "a longer name of a room", 23) == 0x2962b1708f2df74U);
	assert_true(htable_hash(other, "hall", 4) != htable_hash(key, "hall", 4));
}

static void test_table(void **state)
{
	static struct htable_node things[THINGS];
	struct htable table;

	(void)state;
	assert_int_equal(htable_init(&table), 0);
	/* Each number twice. */
	for (uint64_t i = 0; i < THINGS; i++)
		htable_add(&table, &things[i], htable_number(i / 2));
	assert_int_equal(table.count, THINGS);
	for (uint64_t i = 0; i < THINGS; i += 2) {
		struct htable_node *first = htable_first(&table, htable_number(i / 2)), *second;

		assert_non_null(first);
		second = htable_next(first, htable_number(i / 2));
		assert_true((first == &things[i] && second == &things[i + 1]) ||
			    (second == &things[i] && first == &things[i + 1]));
		assert_null(htable_next(second, htable_number(i / 2)));
	}
	assert_null(htable_first(&table, htable_number(THINGS)));
	for (uint64_t i = 0; i < THINGS; i += 2)
		htable_remove(&table, &things[i]);
	for (uint64_t i = 0; i < THINGS; i += 2)
		assert_ptr_equal(htable_first(&table, htable_number(i / 2)), &things[i + 1]);
	for (uint64_t i = 1; i < THINGS; i += 2)
		htable_remove(&table, &things[i]);
	assert_int_equal(table.count, 0);
	htable_deinit(&table);
}

/* Bytes by count, in and out in pieces of changing length. */
static void test_ring(void **state)
{
	uint8_t bytes[3000];
	size_t in = 0, out = 0;
	struct iovec parts[2];
	struct ring ring;

	(void)state;
	ring_init(&ring, 10000);
	assert_int_equal(ring_parts(&ring, parts), 0);
	for (unsigned turn = 0; turn < 2000; turn++) {
		size_t len = turn * 37 % sizeof(bytes), taken = turn * 53 % 2900;
		int r, n;

		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)((in + i) * 7);
		r = ring_add(&ring, bytes, len);
		assert_int_equal(r, in - out + len > 10000 ? -ENOBUFS : 0);
		in += r ? 0 : len;
		assert_int_equal(ring.len, in - out);
		n = ring_parts(&ring, parts);
		for (size_t at = 0, part = 0; part < (size_t)n; part++)
			for (size_t i = 0; i < parts[part].iov_len; i++)
				assert_int_equal(((uint8_t *)parts[part].iov_base)[i],
						 (uint8_t)((out + at++) * 7));
		taken = MIN(taken, ring.len);
		ring_drop(&ring, taken);
		out += taken;
	}
	assert_true(in > 1000000);
	ring_drop(&ring, ring.len);
	assert_null(ring.bytes);
	ring_deinit(&ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_ring),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

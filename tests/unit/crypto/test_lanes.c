/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Each way that this processor has, beside hmac() one after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <user/crypto/lanes.h>

#define MOST 70

static uint8_t secrets[MOST][32], texts[MOST][LANES_TEXT_MAX], wanted[MOST][32];
/* A byte on each side, which nobody may touch. */
static uint8_t macs[MOST][34];
static struct hmac_key keys[MOST];

static int setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MOST; i++) {
		for (unsigned j = 0; j < 32; j++)
			secrets[i][j] = (uint8_t)(i * 29 + j * 3 + 1);
		for (unsigned j = 0; j < LANES_TEXT_MAX; j++)
			texts[i][j] = (uint8_t)(i * 13 + j * 11 + 5);
		hmac_key_set(&keys[i], secrets[i], 32);
	}
	return 0;
}

static void expect(size_t n, size_t len, bool one)
{
	memset(macs, 0xa5, sizeof(macs));
	for (size_t i = 0; i < n; i++)
		hmac(&keys[one ? 0 : i], texts[i], len, wanted[i]);
}

static void check(size_t n)
{
	for (size_t i = 0; i < MOST; i++) {
		assert_int_equal(macs[i][0], 0xa5);
		assert_int_equal(macs[i][33], 0xa5);
		if (i < n)
			assert_memory_equal(macs[i] + 1, wanted[i], 32);
		else
			assert_int_equal(macs[i][1], 0xa5);
	}
}

static void each_way(enum lanes_way way, size_t n, size_t len)
{
	struct lane lanes[MOST];
	struct lane_once once[MOST];

	for (int one = 0; one < 2; one++) {
		expect(n, len, one);
		for (size_t i = 0; i < n; i++)
			lanes[i] = (struct lane){&keys[one ? 0 : i], texts[i], macs[i] + 1};
		lanes_hmac(way, lanes, n, len);
		check(n);
	}
	expect(n, len, false);
	for (size_t i = 0; i < n; i++)
		once[i] = (struct lane_once){secrets[i], texts[i], macs[i] + 1};
	lanes_hmac_once(way, once, n, len);
	check(n);
}

static void every_way(enum lanes_way way)
{
	if (way > lanes_best()) {
		print_error("# this processor has no instructions for it\n");
		skip();
	}
	for (size_t n = 0; n <= MOST; n++) {
		each_way(way, n, 18);
		each_way(way, n, 32);
	}
	for (size_t len = 0; len <= LANES_TEXT_MAX; len++) {
		each_way(way, 1, len);
		each_way(way, 3, len);
		each_way(way, 29, len);
	}
}

static void one_after_the_other(void **state)
{
	(void)state;
	every_way(LANES_ONE);
}

static void two_by_sha_ni(void **state)
{
	(void)state;
	every_way(LANES_TWO);
}

static void sixteen_by_avx512(void **state)
{
	(void)state;
	every_way(LANES_SIXTEEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_after_the_other),
		cmocka_unit_test(two_by_sha_ni),
		cmocka_unit_test(sixteen_by_avx512),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

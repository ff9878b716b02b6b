/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <user/crypto/hash.h>
#include <user/session/puzzle.h>

/* Zero bits that SHA-256(challenge | key | solution) begins with, counted one by one. */
static unsigned zeros(const struct puzzle *puzzle, const uint8_t *key, const uint8_t *solution)
{
	uint8_t text[PH_CHALLENGE_LEN + PH_KEY_LEN + PUZZLE_SOLUTION_LEN], digest[32];
	unsigned n = 0;

	memcpy(text, puzzle->challenge, PH_CHALLENGE_LEN);
	memcpy(text + PH_CHALLENGE_LEN, key, PH_KEY_LEN);
	memcpy(text + PH_CHALLENGE_LEN + PH_KEY_LEN, solution, PUZZLE_SOLUTION_LEN);
	sha256(text, sizeof(text), digest);
	while (n < 256 && !(digest[n / 8] & 0x80 >> n % 8))
		n++;
	return n;
}

static void test_fits_counts_bits(void **state)
{
	struct puzzle puzzle = {.challenge = {1, 2, 3}};
	uint8_t key[PH_KEY_LEN] = {4, 5, 6};

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		uint8_t solution[PUZZLE_SOLUTION_LEN] = {(uint8_t)(i >> 8), (uint8_t)i};
		unsigned n = zeros(&puzzle, key, solution);

		for (unsigned bits = 0; bits < 256; bits++) {
			puzzle.bits = (uint8_t)bits;
			assert_int_equal(puzzle_fits(&puzzle, key, solution), n >= bits);
		}
	}
}

static void test_solving(void **state)
{
	uint8_t key[PH_KEY_LEN] = {9}, solution[PUZZLE_SOLUTION_LEN], again[PUZZLE_SOLUTION_LEN];

	(void)state;
	for (unsigned bits = 0; bits <= PH_PUZZLE_BITS_MIN; bits++) {
		struct puzzle puzzle = {.challenge = {(uint8_t)bits}, .bits = (uint8_t)bits};
		uint64_t at_once = 0, in_steps = 0;

		assert_true(puzzle_solve(&puzzle, key, UINT64_MAX, &at_once, solution));
		assert_true(zeros(&puzzle, key, solution) >= bits);
		while (!puzzle_solve(&puzzle, key, 10, &in_steps, again))
			;
		assert_int_equal(at_once, in_steps);
		assert_memory_equal(solution, again, sizeof(again));
		/* Once found it is found at the first try. */
		assert_true(puzzle_solve(&puzzle, key, 1, &in_steps, again));
	}
}

static void test_unsolved_is_untouched(void **state)
{
	struct puzzle puzzle = {.bits = 200};
	uint8_t key[PH_KEY_LEN] = {0}, solution[PUZZLE_SOLUTION_LEN] = {1};
	uint64_t counter = 0;

	(void)state;
	assert_false(puzzle_solve(&puzzle, key, 100, &counter, solution));
	assert_int_equal(counter, 100);
	assert_int_equal(solution[0], 1);
	assert_false(puzzle_solve(&puzzle, key, 0, &counter, solution));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fits_counts_bits),
		cmocka_unit_test(test_solving),
		cmocka_unit_test(test_unsolved_is_untouched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

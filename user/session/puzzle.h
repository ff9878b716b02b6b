/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work that a Retry asks for: eight bytes such that SHA-256(challenge | client key | solution)
 * begins with `bits` zero bits. Checked with one hash, found with 2^bits of them on average.
 */
#ifndef STRAZH_USER_SESSION_PUZZLE_H
#define STRAZH_USER_SESSION_PUZZLE_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <strazh/wire/phantom.h>

#define PUZZLE_SOLUTION_LEN 8

struct puzzle {
	uint8_t challenge[PH_CHALLENGE_LEN];
	uint8_t bits;
};

bool puzzle_fits(const struct puzzle *puzzle, const uint8_t client_key[PH_KEY_LEN],
		 const uint8_t solution[PUZZLE_SOLUTION_LEN]) must_check;
/* At most `tries` of them, going on at *counter (0 to begin with). False: not found yet. */
bool puzzle_solve(const struct puzzle *puzzle, const uint8_t client_key[PH_KEY_LEN], uint64_t tries,
		  uint64_t *counter, uint8_t ret_solution[PUZZLE_SOLUTION_LEN]) must_check;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Model. No state: challenge and key are hashed once, each try goes on from a copy of that. */
#include <endian.h>
#include <string.h>

#include <user/crypto/hash.h>
#include <user/session/puzzle.h>

static void begin(const struct puzzle *puzzle, const uint8_t client_key[PH_KEY_LEN],
		  struct sha256 *ret_begun)
{
	sha256_init(ret_begun);
	sha256_add(ret_begun, puzzle->challenge, sizeof(puzzle->challenge));
	sha256_add(ret_begun, client_key, PH_KEY_LEN);
}

/* bits is at most 64 here: what asks for more is never solved. */
static bool fits(const struct sha256 *begun, unsigned bits, const uint8_t *solution)
{
	struct sha256 s = *begun;
	uint8_t digest[32];
	uint64_t head;

	sha256_add(&s, solution, PUZZLE_SOLUTION_LEN);
	sha256_end(&s, digest);
	memcpy(&head, digest, sizeof(head));
	head = be64toh(head);
	return bits < 64 ? !bits || head >> (64 - bits) == 0 : !head && bits == 64;
}

bool puzzle_fits(const struct puzzle *puzzle, const uint8_t client_key[PH_KEY_LEN],
		 const uint8_t solution[PUZZLE_SOLUTION_LEN])
{
	struct sha256 begun;

	begin(puzzle, client_key, &begun);
	return fits(&begun, puzzle->bits, solution);
}

bool puzzle_solve(const struct puzzle *puzzle, const uint8_t client_key[PH_KEY_LEN], uint64_t tries,
		  uint64_t *counter, uint8_t ret_solution[PUZZLE_SOLUTION_LEN])
{
	struct sha256 begun;

	begin(puzzle, client_key, &begun);
	for (; tries; tries--, ++*counter) {
		uint64_t be = htobe64(*counter);

		if (fits(&begun, puzzle->bits, (const uint8_t *)&be)) {
			memcpy(ret_solution, &be, sizeof(be));
			return true;
		}
	}
	return false;
}

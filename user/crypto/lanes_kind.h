/* SPDX-License-Identifier: Apache-2.0 */
/* The ways inside lanes.c. For the files of this folder only. */
#ifndef STRAZH_USER_CRYPTO_LANES_KIND_H
#define STRAZH_USER_CRYPTO_LANES_KIND_H

#include <string.h>

#include <user/crypto/lanes.h>

extern const uint32_t sha256_k[64]; /* FIPS 180-4, 4.2.2 */

static inline uint32_t lanes_word(const uint8_t *at)
{
	uint32_t word;

	memcpy(&word, at, 4);
	return __builtin_bswap32(word);
}

/* The `rest` bytes behind the last whole word, and the bit that ends a text. Not by memcpy(): with
 * a length that is no constant it is a call. */
static inline uint32_t lanes_last(const uint8_t *at, size_t rest)
{
	uint32_t word = 0;

	for (size_t i = 0; i < rest; i++)
		word = word << 8 | at[i];
	return (word << 8 | 0x80) << (24 - 8 * rest);
}

/* SHA-NI; 1 or 2 blocks, words in the host's order (the block's are turned already). */
bool lanes_two_here(void);
void lanes_two(uint32_t *a, const uint32_t *block_a, uint32_t *b, const uint32_t *block_b);

/* AVX-512; at most 16. */
bool lanes_sixteen_here(void);
void lanes_sixteen_hmac(const struct lane *lanes, size_t n, size_t text_len);
void lanes_sixteen_hmac_once(const struct lane_once *lanes, size_t n, size_t text_len);

#endif

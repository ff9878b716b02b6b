/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256's compression function by OpenSSL's low-level interface, which picks SHA-NI, AVX2 or
 * plain code by itself. The interface is deprecated since 3.0, and the only one that shows the
 * state: the EVP one allocates, and its HMAC hashes the pads anew for each message (5.5 us for the
 * keys and the signature of a record against 0.4). Deprecated functions stay for all of OpenSSL 3.
 *
 * For the files of this folder only.
 */
#ifndef STRAZH_USER_CRYPTO_COMPRESS_H
#define STRAZH_USER_CRYPTO_COMPRESS_H

#include <stdint.h>
#include <string.h>

#include <openssl/sha.h>

#define COMPRESS_BLOCK 64

_Static_assert(sizeof(SHA_LONG) == sizeof(uint32_t), "SHA256_CTX.h is an array of 32-bit words");

static const uint32_t sha256_first[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

/* Only the words are used; what they were before is the caller's. */
static inline void compress(SHA256_CTX *ctx, const uint8_t block[COMPRESS_BLOCK])
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	SHA256_Transform(ctx, block);
#pragma GCC diagnostic pop
}

/* Whole blocks. */
static inline void compress_many(SHA256_CTX *ctx, const uint8_t *blocks, size_t n)
{
	/* A context on a block's border: then it goes through them in one call, without a copy. */
	ctx->num = 0;
	ctx->Nl = 0;
	ctx->Nh = 0;
	ctx->md_len = SHA256_DIGEST_LENGTH;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	SHA256_Update(ctx, blocks, n * COMPRESS_BLOCK);
#pragma GCC diagnostic pop
}

static inline void put_be32s(uint8_t *to, const uint32_t *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t word = __builtin_bswap32(words[i]);

		memcpy(to + 4 * i, &word, 4);
	}
}

static inline void put_be64(uint8_t *to, uint64_t value)
{
	value = __builtin_bswap64(value);
	memcpy(to, &value, 8);
}

#endif

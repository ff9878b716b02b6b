/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4), HMAC (RFC 2104) and HKDF (RFC 5869) of it. A keyed HMAC keeps the states
 * after its two pads (midstates), so that a short message costs two compressions and not four. No
 * state, no allocation, no failure. What held a key is wiped by its owner.
 */
#ifndef STRAZH_USER_CRYPTO_HASH_H
#define STRAZH_USER_CRYPTO_HASH_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_LEN 32

struct sha256 {
	uint32_t state[8];
	uint64_t len;
	uint8_t block[64];
};
void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *bytes, size_t len);
void sha256_end(struct sha256 *s, uint8_t ret_digest[32]);
void sha256(const void *bytes, size_t len, uint8_t ret_digest[32]);

/* Midstates: after the inner and the outer pad. */
struct hmac_key {
	uint32_t inner[8];
	uint32_t outer[8];
};
void hmac_key_set(struct hmac_key *key, const void *secret, size_t len);
void hmac(const struct hmac_key *key, const void *bytes, size_t len, uint8_t ret_mac[32]);
/* Of several pieces. */
struct hmac {
	struct sha256 inner;
	uint32_t outer[8];
};
void hmac_init(struct hmac *h, const struct hmac_key *key);
void hmac_add(struct hmac *h, const void *bytes, size_t len);
void hmac_end(struct hmac *h, uint8_t ret_mac[32]);

/* One block of HKDF-Expand: HMAC(key, info | 0x01). info_len at most 119. */
void kdf_expand1(const struct hmac_key *key, const void *info, size_t info_len,
		 uint8_t ret_key[32]);
/* The HKDF of Noise, section 4.3: n of 2 or 3 outputs. `input` may be of length 0. */
void kdf_noise(const uint8_t chaining_key[32], const void *input, size_t len, unsigned n,
	       uint8_t ret_out[][32]);

#endif

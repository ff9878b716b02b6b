/* SPDX-License-Identifier: Apache-2.0 */
/* HKDF (RFC 5869) as far as the protocol uses it. */
#include <assert.h>

#include <user/crypto/hash.h>
#include <user/crypto/wipe.h>

#define INFO_MAX 119

void kdf_expand1(const struct hmac_key *key, const void *info, size_t info_len, uint8_t ret_key[32])
{
	uint8_t text[INFO_MAX + 1];

	assert(info_len <= INFO_MAX);
	if (info_len)
		memcpy(text, info, info_len);
	text[info_len] = 1;
	hmac(key, text, info_len + 1, ret_key);
}

/*
 *	temp = HMAC(ck, input); out1 = HMAC(temp, 0x01); out[i] = HMAC(temp, out[i - 1] | i)
 *
 * `input` and the outputs may be the same memory as the chaining key.
 */
void kdf_noise(const uint8_t chaining_key[32], const void *input, size_t len, unsigned n,
	       uint8_t ret_out[][32])
{
	uint8_t text[SHA256_LEN + 1], temp[SHA256_LEN];
	struct hmac_key key;

	hmac_key_set(&key, chaining_key, SHA256_LEN);
	hmac(&key, input, len, temp);
	hmac_key_set(&key, temp, sizeof(temp));
	for (unsigned i = 0; i < n; i++) {
		size_t before = i ? SHA256_LEN : 0;

		if (before)
			memcpy(text, ret_out[i - 1], before);
		text[before] = (uint8_t)(i + 1);
		hmac(&key, text, before + 1, ret_out[i]);
	}
	wipe(&key, sizeof(key));
	wipe(temp, sizeof(temp));
	wipe(text, sizeof(text));
}

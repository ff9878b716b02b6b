/* SPDX-License-Identifier: Apache-2.0 */
/* Ed25519: certificates and messages of a relay; not on the way of a record. */
#include <errno.h>

#include <openssl/err.h>

#include <user/crypto/state.h>
#include <user/crypto/wipe.h>

#define KEY_LEN 32
#define SIGNATURE_LEN 64

static EVP_PKEY *secret_key(const uint8_t secret[32])
{
	return EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, secret, KEY_LEN);
}

int sign_public(struct crypto *c, const uint8_t secret[32], uint8_t ret_public[32])
{
	EVP_PKEY *key = secret_key(secret);
	uint8_t public[KEY_LEN];
	size_t len = KEY_LEN;
	int r = -EIO;

	(void)c;
	if (key && EVP_PKEY_get_raw_public_key(key, public, &len) == 1 && len == KEY_LEN) {
		memcpy(ret_public, public, KEY_LEN);
		r = 0;
	} else {
		ERR_clear_error();
	}
	EVP_PKEY_free(key);
	return r;
}

int sign_generate(struct crypto *c, uint8_t ret_secret[32], uint8_t ret_public[32])
{
	own_wiped struct secret32 secret;
	int r;

	r = crypto_random(secret.bytes, KEY_LEN);
	if (!r)
		r = sign_public(c, secret.bytes, ret_public);
	if (!r)
		memcpy(ret_secret, secret.bytes, KEY_LEN);
	return r;
}

int sign_make(struct crypto *c, const uint8_t secret[32], const void *text, size_t len,
	      uint8_t ret_signature[64])
{
	EVP_PKEY *key = secret_key(secret);
	uint8_t signature[SIGNATURE_LEN];
	size_t made = SIGNATURE_LEN;
	int r = -EIO;

	if (key && EVP_DigestSignInit_ex(c->sign, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
	    EVP_DigestSign(c->sign, signature, &made, text, len) == 1 && made == SIGNATURE_LEN) {
		memcpy(ret_signature, signature, SIGNATURE_LEN);
		r = 0;
	} else {
		ERR_clear_error();
	}
	/* The context holds the key, which is cleared when its last holder lets go. */
	EVP_MD_CTX_reset(c->sign);
	EVP_PKEY_free(key);
	return r;
}

int sign_check(struct crypto *c, const uint8_t public[32], const void *text, size_t len,
	       const uint8_t signature[64])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, public, KEY_LEN);
	int r = -EIO;

	if (key && EVP_DigestVerifyInit_ex(c->sign, NULL, NULL, NULL, NULL, key, NULL) == 1)
		r = EVP_DigestVerify(c->sign, signature, SIGNATURE_LEN, text, len) == 1
			    ? 0
			    : CRYPTO_BAD;
	if (r)
		ERR_clear_error();
	EVP_MD_CTX_reset(c->sign);
	EVP_PKEY_free(key);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ML-KEM-768 through names that OpenSSL resolves at run time: these calls are older than the
 * algorithm, so what is built with 3.0 uses it where it runs on 3.5.
 */
#include <errno.h>
#include <stdlib.h>

#include <openssl/err.h>

#include <user/crypto/state.h>
#include <user/crypto/wipe.h>

#define PUBLIC_LEN 1184
#define TEXT_LEN 1088
#define SHARED_LEN 32

struct kem_key {
	EVP_PKEY *pkey;
};

bool kem_available(const struct crypto *c)
{
	return c->kem;
}

void kem_key_free(struct kem_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

int kem_generate(struct crypto *c, struct kem_key **ret_key, uint8_t ret_public[1184])
{
	struct kem_key *key;
	uint8_t public[PUBLIC_LEN];
	size_t len = PUBLIC_LEN;

	if (!c->kem)
		return -ENOTSUP;
	key = calloc(1, sizeof(*key));
	if (!key)
		return -ENOMEM;
	key->pkey = EVP_PKEY_Q_keygen(NULL, NULL, KEM_NAME);
	if (!key->pkey || EVP_PKEY_get_raw_public_key(key->pkey, public, &len) != 1 ||
	    len != PUBLIC_LEN) {
		ERR_clear_error();
		kem_key_free(key);
		return -EIO;
	}
	memcpy(ret_public, public, PUBLIC_LEN);
	*ret_key = key;
	return 0;
}

int kem_encapsulate(struct crypto *c, const uint8_t public[1184], uint8_t ret_text[1088],
		    uint8_t ret_shared[32])
{
	own_wiped struct secret32 shared = {0};
	size_t text_len = TEXT_LEN, shared_len = SHARED_LEN;
	uint8_t text[TEXT_LEN];
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *key;
	int r = -EIO;

	if (!c->kem)
		return -ENOTSUP;
	/* FIPS 203, 7.2: the modulus check; it is all that a key can fail. */
	key = EVP_PKEY_new_raw_public_key_ex(NULL, KEM_NAME, NULL, public, PUBLIC_LEN);
	if (!key) {
		ERR_clear_error();
		return CRYPTO_BAD;
	}
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	if (ctx && EVP_PKEY_encapsulate_init(ctx, NULL) == 1 &&
	    EVP_PKEY_encapsulate(ctx, text, &text_len, shared.bytes, &shared_len) == 1 &&
	    text_len == TEXT_LEN && shared_len == SHARED_LEN) {
		memcpy(ret_text, text, TEXT_LEN);
		memcpy(ret_shared, shared.bytes, SHARED_LEN);
		r = 0;
	} else {
		ERR_clear_error();
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return r;
}

int kem_decapsulate(struct crypto *c, struct kem_key *key, const uint8_t text[1088],
		    uint8_t ret_shared[32])
{
	own_wiped struct secret32 shared = {0};
	size_t len = SHARED_LEN;
	EVP_PKEY_CTX *ctx;
	int r = -EIO;

	if (!c->kem)
		return -ENOTSUP;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	if (ctx && EVP_PKEY_decapsulate_init(ctx, NULL) == 1 &&
	    EVP_PKEY_decapsulate(ctx, shared.bytes, &len, text, TEXT_LEN) == 1 &&
	    len == SHARED_LEN) {
		memcpy(ret_shared, shared.bytes, SHARED_LEN);
		r = 0;
	} else {
		ERR_clear_error();
	}
	EVP_PKEY_CTX_free(ctx);
	return r;
}

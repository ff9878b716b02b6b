/* SPDX-License-Identifier: Apache-2.0 */
/*
 * X25519. OpenSSL's public interface wants an EVP_PKEY, which is allocated, for each key. An import
 * of a secret key alone also computes its public key, which would double the price of a shared
 * secret; so dh_shared() imports it with a public key of zeros that the derivation never reads.
 * OpenSSL clears a secret key when it is freed.
 */
#include <errno.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/proverr.h>

#include <user/crypto/state.h>
#include <user/crypto/wipe.h>

#define LEN 32

static const uint8_t zeros[LEN];

/* NULL: no memory. Either half may be NULL. */
static EVP_PKEY *import(struct crypto *c, const uint8_t *secret, const uint8_t *public)
{
	OSSL_PARAM params[3], *next = params;
	EVP_PKEY *key = NULL;

	/* It copies what it is given; only the type of the parameter is not const. */
	if (secret)
		*next++ = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY,
							    (void *)(uintptr_t)secret, LEN);
	if (public)
		*next++ = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
							    (void *)(uintptr_t) public, LEN);
	*next = OSSL_PARAM_construct_end();
	if (EVP_PKEY_fromdata(c->x25519, &key, secret ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
			      params) != 1)
		return NULL;
	return key;
}

int dh_public(struct crypto *c, const uint8_t secret[32], uint8_t ret_public[32])
{
	EVP_PKEY *key = import(c, secret, NULL);
	uint8_t public[LEN];
	size_t len = LEN;
	int r = -EIO;

	if (key && EVP_PKEY_get_raw_public_key(key, public, &len) == 1 && len == LEN) {
		memcpy(ret_public, public, LEN);
		r = 0;
	} else {
		ERR_clear_error();
	}
	EVP_PKEY_free(key);
	return r;
}

int dh_generate(struct crypto *c, uint8_t ret_secret[32], uint8_t ret_public[32])
{
	own_wiped struct secret32 secret;
	int r;

	r = crypto_random(secret.bytes, LEN);
	if (!r)
		r = dh_public(c, secret.bytes, ret_public);
	if (!r)
		memcpy(ret_secret, secret.bytes, LEN);
	return r;
}

static int derive(EVP_PKEY *ours, EVP_PKEY *theirs, uint8_t *to)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, ours, NULL);
	size_t len = LEN;
	int r = -EIO;

	if (ctx && EVP_PKEY_derive_init(ctx) == 1 &&
	    EVP_PKEY_derive_set_peer_ex(ctx, theirs, 0) == 1) {
		/* The provider refuses a result of zeros, and has no other reason to fail so. */
		if (EVP_PKEY_derive(ctx, to, &len) == 1)
			r = len == LEN ? 0 : -EIO;
		else if (ERR_GET_REASON(ERR_peek_last_error()) == PROV_R_FAILED_DURING_DERIVATION)
			r = CRYPTO_ZERO;
	}
	EVP_PKEY_CTX_free(ctx);
	return r;
}

int dh_shared(struct crypto *c, const uint8_t secret[32], const uint8_t public[32],
	      uint8_t ret_shared[32])
{
	own_wiped struct secret32 shared = {0};
	EVP_PKEY *ours, *theirs;
	int r = -EIO;

	ERR_clear_error();
	ours = import(c, secret, zeros);
	theirs = import(c, NULL, public);
	if (ours && theirs)
		r = derive(ours, theirs, shared.bytes);
	/* Whatever OpenSSL says of it. */
	if (!r && crypto_same(shared.bytes, zeros, LEN))
		r = CRYPTO_ZERO;
	if (!r)
		memcpy(ret_shared, shared.bytes, LEN);
	else
		ERR_clear_error();
	if (r == CRYPTO_ZERO)
		wipe(ret_shared, LEN);
	EVP_PKEY_free(ours);
	EVP_PKEY_free(theirs);
	return r;
}

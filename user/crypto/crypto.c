/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One struct crypto: made whole or not at all. OpenSSL keeps a queue of errors per thread; whoever
 * fails in this folder leaves it empty, since nobody above reads it.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <user/crypto/state.h>

void crypto_free(struct crypto *c)
{
	if (!c)
		return;
	gcm_deinit(&c->gcm);
	EVP_PKEY_CTX_free(c->x25519);
	EVP_MD_CTX_free(c->sign);
	EVP_KEM_free(c->kem);
	free(c);
}

int crypto_new(struct crypto **ret_crypto)
{
	struct crypto *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	r = gcm_init(&c->gcm);
	if (r)
		goto fail;
	c->sign = EVP_MD_CTX_new();
	c->x25519 = EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
	r = -ENOMEM;
	if (!c->sign || !c->x25519)
		goto fail;
	r = -EIO;
	if (EVP_PKEY_fromdata_init(c->x25519) != 1)
		goto fail;
	c->kem = EVP_KEM_fetch(NULL, KEM_NAME, NULL);
	ERR_clear_error(); /* it need not be there */
	*ret_crypto = c;
	return 0;
fail:
	ERR_clear_error();
	crypto_free(c);
	return r;
}

int crypto_random(void *to, size_t len)
{
	uint8_t *at = to;

	while (len) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

bool crypto_same(const void *a, const void *b, size_t len)
{
	return !CRYPTO_memcmp(a, b, len);
}

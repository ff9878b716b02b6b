/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each context got its cipher once, in gcm_init(); an init without a cipher then sets key and nonce
 * only, in the memory that the provider allocated at that time. OpenSSL has no call that clears a
 * key and keeps this memory, so a key is forgotten by setting another, of zeros: it runs over
 * the AES schedule and GHASH's table.
 */
#include <user/crypto/gcm.h>

#include <errno.h>
#include <limits.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include <user/crypto/crypto.h>
#include <user/crypto/wipe.h>

#define TAG_LEN 16

static const uint8_t zeros[32];

void gcm_deinit(struct gcm *gcm)
{
	EVP_CIPHER_CTX_free(gcm->seal);
	EVP_CIPHER_CTX_free(gcm->open);
	*gcm = (struct gcm){0};
}

int gcm_init(struct gcm *gcm)
{
	EVP_CIPHER *aes;
	int ok;

	*gcm = (struct gcm){.seal = EVP_CIPHER_CTX_new(), .open = EVP_CIPHER_CTX_new()};
	aes = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	ok = gcm->seal && gcm->open && aes &&
	     EVP_EncryptInit_ex2(gcm->seal, aes, zeros, zeros, NULL) &&
	     EVP_DecryptInit_ex2(gcm->open, aes, zeros, zeros, NULL);
	EVP_CIPHER_free(aes); /* the contexts hold it */
	if (ok)
		return 0;
	gcm_deinit(gcm);
	ERR_clear_error();
	return aes ? -ENOMEM : -EIO;
}

void gcm_forget_seal(struct gcm *gcm)
{
	(void)EVP_EncryptInit_ex2(gcm->seal, NULL, zeros, NULL, NULL);
}

void gcm_forget_open(struct gcm *gcm)
{
	(void)EVP_DecryptInit_ex2(gcm->open, NULL, zeros, NULL, NULL);
}

int gcm_seal(struct gcm *gcm, const struct gcm_text *t, uint8_t ret_tag[16])
{
	OSSL_PARAM tag[] = {
		OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, ret_tag, TAG_LEN),
		OSSL_PARAM_END,
	};
	EVP_CIPHER_CTX *ctx = gcm->seal;
	uint8_t none[1];
	int n;

	if (t->len > INT_MAX || t->ad_len > INT_MAX)
		return -EINVAL;
	if (!EVP_EncryptInit_ex2(ctx, NULL, t->key, t->nonce, NULL))
		return -EIO;
	if (t->ad_len && !EVP_EncryptUpdate(ctx, NULL, &n, t->ad, (int)t->ad_len))
		return -EIO;
	if (t->len && !EVP_EncryptUpdate(ctx, t->to, &n, t->from, (int)t->len))
		return -EIO;
	if (!EVP_EncryptFinal_ex(ctx, none, &n) || !EVP_CIPHER_CTX_get_params(ctx, tag))
		return -EIO;
	return 0;
}

int gcm_open(struct gcm *gcm, const struct gcm_text *t, const uint8_t tag[16])
{
	uint8_t wanted[TAG_LEN];
	const OSSL_PARAM params[] = {
		OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, wanted, TAG_LEN),
		OSSL_PARAM_END,
	};
	EVP_CIPHER_CTX *ctx = gcm->open;
	uint8_t none[1];
	int n;

	if (t->len > INT_MAX || t->ad_len > INT_MAX)
		return -EINVAL;
	memcpy(wanted, tag, sizeof(wanted));
	if (!EVP_DecryptInit_ex2(ctx, NULL, t->key, t->nonce, params))
		return -EIO;
	if (t->ad_len && !EVP_DecryptUpdate(ctx, NULL, &n, t->ad, (int)t->ad_len))
		return -EIO;
	if (t->len && !EVP_DecryptUpdate(ctx, t->to, &n, t->from, (int)t->len)) {
		wipe(t->to, t->len);
		return -EIO;
	}
	if (EVP_DecryptFinal_ex(ctx, none, &n) > 0)
		return 0;
	if (t->len)
		wipe(t->to, t->len);
	return CRYPTO_BAD;
}

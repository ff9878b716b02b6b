/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM, keyed anew for each message, in one context that is allocated once. The context
 * holds the schedule of the last key until gcm_forget(). For the files of this folder only; others
 * use aead_seal() or an engine.
 */
#ifndef STRAZH_USER_CRYPTO_GCM_H
#define STRAZH_USER_CRYPTO_GCM_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include <strazh/base/compiler.h>

struct gcm {
	EVP_CIPHER *aes; /* keeps the provider */
	void *ctx;	 /* the provider's */
};

int gcm_init(struct gcm *gcm) must_check; /* -ENOMEM, -EIO */
void gcm_deinit(struct gcm *gcm);

struct gcm_text {
	const uint8_t *key;   /* 32 */
	const uint8_t *nonce; /* 12 */
	const void *ad;
	size_t ad_len;
	const void *from;
	void *to; /* may be `from` */
	size_t len;
};

/* -EIO. */
int gcm_seal(struct gcm *gcm, const struct gcm_text *text, uint8_t ret_tag[16]) must_check;
/* CRYPTO_BAD, and what was written to `to` is wiped. */
int gcm_open(struct gcm *gcm, const struct gcm_text *text, const uint8_t tag[16]) must_check;

/* Overwrite what is left of the last key with a schedule of zeros. */
void gcm_forget(struct gcm *gcm);

#endif

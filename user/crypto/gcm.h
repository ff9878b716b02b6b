/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM over one EVP context for each direction, keyed anew for each message. The contexts
 * hold the schedule of the last key until gcm_forget(). For the files of this folder only; others
 * use aead_seal() or an engine.
 */
#ifndef STRAZH_USER_CRYPTO_GCM_H
#define STRAZH_USER_CRYPTO_GCM_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include <strazh/base/compiler.h>

struct gcm {
	EVP_CIPHER_CTX *seal;
	EVP_CIPHER_CTX *open;
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

/* -EINVAL: longer than an int says. -EIO. */
int gcm_seal(struct gcm *gcm, const struct gcm_text *text, uint8_t ret_tag[16]) must_check;
/* CRYPTO_BAD, and what was written to `to` is wiped. */
int gcm_open(struct gcm *gcm, const struct gcm_text *text, const uint8_t tag[16]) must_check;

/* Overwrite what is left of the last keys with a schedule of zeros. */
void gcm_forget_seal(struct gcm *gcm);
void gcm_forget_open(struct gcm *gcm);

#endif

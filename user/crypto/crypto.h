/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cryptography as Phantom needs it, over OpenSSL. Everything is fetched once: a struct crypto holds
 * the algorithms and one context of each kind, so that nothing is looked up or allocated per call.
 * One thread at a time; each reactor and each client has its own.
 *
 * No branch and no address depends on a secret but for verdicts that a peer learns anyway; what is
 * used of OpenSSL included, on x86-64 with AES-NI (tests/unit/crypto/test_consttime.c, and the one
 * in tests/unit/session). ML-KEM is not proven so.
 *
 * Functions return 0; -errno (-ENOMEM, -EIO: OpenSSL failed); or what they name, above 0, which a
 * peer can cause.
 */
#ifndef STRAZH_USER_CRYPTO_CRYPTO_H
#define STRAZH_USER_CRYPTO_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>

struct crypto;

enum crypto_condition {
	CRYPTO_ZERO = 1, /* the shared secret is all zeros: a point of low order */
	CRYPTO_BAD,	 /* a tag or signature does not fit */
};

int crypto_new(struct crypto **ret_crypto) must_check;
void crypto_free(struct crypto *crypto); /* NULL is fine; secrets are wiped */

/* From the kernel, and never less than asked for. */
int crypto_random(void *to, size_t len) must_check;
/* In constant time. */
bool crypto_same(const void *a, const void *b, size_t len) must_check;

/* ---- X25519 (RFC 7748) ---- */
int dh_generate(struct crypto *c, uint8_t ret_secret[32], uint8_t ret_public[32]) must_check;
int dh_public(struct crypto *c, const uint8_t secret[32], uint8_t ret_public[32]) must_check;
/* CRYPTO_ZERO, and ret_shared is wiped. */
int dh_shared(struct crypto *c, const uint8_t secret[32], const uint8_t public[32],
	      uint8_t ret_shared[32]) must_check;

/* ---- AES-256-GCM, tag of 16 bytes; `to` may be `from` ---- */
int aead_seal(struct crypto *c, const uint8_t key[32], const uint8_t nonce[12], const void *ad,
	      size_t ad_len, const void *from, size_t len, void *to,
	      uint8_t ret_tag[16]) must_check;
/* CRYPTO_BAD: nothing of `to` may be used; it is wiped. */
int aead_open(struct crypto *c, const uint8_t key[32], const uint8_t nonce[12], const void *ad,
	      size_t ad_len, const void *from, size_t len, const uint8_t tag[16],
	      void *to) must_check;

/* ---- Ed25519 (RFC 8032) ---- */
int sign_generate(struct crypto *c, uint8_t ret_secret[32], uint8_t ret_public[32]) must_check;
int sign_public(struct crypto *c, const uint8_t secret[32], uint8_t ret_public[32]) must_check;
int sign_make(struct crypto *c, const uint8_t secret[32], const void *text, size_t len,
	      uint8_t ret_signature[64]) must_check;
/* CRYPTO_BAD. */
int sign_check(struct crypto *c, const uint8_t public[32], const void *text, size_t len,
	       const uint8_t signature[64]) must_check;

/* ---- ML-KEM-768 (FIPS 203), where OpenSSL has it: 3.5 and later ---- */
bool kem_available(const struct crypto *c) must_check;
struct kem_key; /* a secret key */
int kem_generate(struct crypto *c, struct kem_key **ret_key, uint8_t ret_public[1184]) must_check;
void kem_key_free(struct kem_key *key);
/* The server's half. CRYPTO_BAD: not a key. */
int kem_encapsulate(struct crypto *c, const uint8_t public[1184], uint8_t ret_text[1088],
		    uint8_t ret_shared[32]) must_check;
/* A wrong text gives a wrong secret, not an error. */
int kem_decapsulate(struct crypto *c, struct kem_key *key, const uint8_t text[1088],
		    uint8_t ret_shared[32]) must_check;

#endif

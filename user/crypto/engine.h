/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records sealed and opened, many at a time, in place. A record lies in one piece of memory as it
 * is on the wire: header 16 | C | tag 16 | signature 32 (strazh/wire/phantom.h). For operation n:
 *
 *	k_enc = Expand1(seed, "PHS1 enc" | type | n)   nonce = iv xor (0^32 | n)
 *	k_mac = Expand1(seed, "PHS1 mac" | type | n)   C, tag = AES-256-GCM(k_enc, nonce, header, P)
 *						       signature = HMAC(k_mac, header | tag)
 *
 * Each key lives for one operation and is wiped with it. Two engines: "openssl" is always there and
 * is the oracle; "ipsec-mb" (Intel's multi-buffer library) where the processor has what it takes.
 * Which one is faster for how many records is measured, not guessed: engine.c says.
 *
 * An engine belongs to one thread.
 */
#ifndef STRAZH_USER_CRYPTO_ENGINE_H
#define STRAZH_USER_CRYPTO_ENGINE_H

#include <user/crypto/crypto.h>
#include <user/crypto/hash.h>

struct engine;

/* What all operations of a block of a direction have in common. */
struct record_key {
	struct hmac_key seed;
	uint8_t iv[12];
};

struct record_op {
	const struct record_key *key;
	uint8_t *record; /* header, filled in; then P (seal) or C, tag, signature (open) */
	uint32_t len;	 /* of C: a multiple of 16, at least 16 */
	int result;	 /* 0; open: or CRYPTO_BAD, and what was C is wiped */
};

/* name NULL: the best that there is. -ENOENT: no such engine on this machine. */
int engine_new(const char *name, struct engine **ret_engine) must_check;
void engine_free(struct engine *engine); /* NULL is fine; keys are wiped */
const char *engine_name(const struct engine *engine);
/* The names of all that work on this machine, the best first; NULL ends them. */
const char *const *engine_names(void);

/* 0 or -errno; then `result` of each says how it went. The signature is compared in constant time
 * and before anything is decrypted. */
int engine_seal(struct engine *engine, struct record_op *ops, size_t n) must_check;
int engine_open(struct engine *engine, struct record_op *ops, size_t n) must_check;

#endif

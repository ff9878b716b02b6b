/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an engine is inside: the same way for all (batch.c) through keys and signatures, and a
 * cipher of its own. For the files of this folder only.
 */
#ifndef STRAZH_USER_CRYPTO_ENGINE_KIND_H
#define STRAZH_USER_CRYPTO_ENGINE_KIND_H

#include <user/crypto/engine.h>
#include <user/crypto/lanes.h>
#include <user/crypto/record.h>

/* What is made for one operation; all of it is secret. */
struct slot {
	uint8_t enc_info[RECORD_INFO + 1];
	uint8_t mac_info[RECORD_INFO + 1];
	uint8_t enc[32];
	uint8_t mac[32];
	uint8_t text[RECORD_SIGNED];
	uint8_t sig[RECORD_SIG];
};

struct engine_kind {
	const char *name;
	/* -ENOENT: the processor has not what it takes. */
	int (*make)(struct engine **ret_engine);
	void (*drop)(struct engine *engine);
	/* In place, under a key of 32 bytes. */
	int (*encrypt)(struct engine *engine, const struct record_op *op, const uint8_t *key);
	/* CRYPTO_BAD: the tag is not the record's, and the text is wiped. */
	int (*decrypt)(struct engine *engine, const struct record_op *op, const uint8_t *key);
	/* What the cipher keeps of the last key. */
	void (*forget)(struct engine *engine);
};

#define BATCH 64

/* The first member of each engine's own struct. */
struct engine {
	const struct engine_kind *kind;
	enum lanes_way way;
	struct lane lanes[2 * BATCH];
	struct lane_once signs[BATCH];
	struct slot slots[BATCH];
};

extern const struct engine_kind engine_openssl;
extern const struct engine_kind engine_ipsecmb;

int batch_seal(struct engine *engine, struct record_op *ops, size_t n) must_check;
int batch_open(struct engine *engine, struct record_op *ops, size_t n) must_check;

#endif

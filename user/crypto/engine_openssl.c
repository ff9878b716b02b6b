/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM by OpenSSL; with LANES_ONE, hashes by OpenSSL as well, this is the oracle (engine.c).
 *
 * What remains of a key afterwards: nothing. The cipher's context holds the schedule of the last
 * record's key until the end of the batch, which sets zeros over it.
 */
#include <errno.h>
#include <stdlib.h>

#include <user/crypto/engine_kind.h>
#include <user/crypto/gcm.h>
#include <user/crypto/wipe.h>

struct openssl {
	struct engine engine;
	struct gcm gcm;
};

static struct gcm *gcm_of(struct engine *engine)
{
	return &((struct openssl *)engine)->gcm;
}

static struct gcm_text text_of(const struct record_op *op, const uint8_t *key, uint8_t *nonce)
{
	record_nonce(nonce, op->key->iv, op->record);
	return (struct gcm_text){
		.key = key,
		.nonce = nonce,
		.ad = op->record,
		.ad_len = RECORD_HEAD,
		.from = record_text(op->record),
		.to = record_text(op->record),
		.len = op->len,
	};
}

static int encrypt(struct engine *engine, const struct record_op *op, const uint8_t *key)
{
	uint8_t nonce[RECORD_NONCE];
	struct gcm_text text = text_of(op, key, nonce);

	return gcm_seal(gcm_of(engine), &text, record_tag(op->record, op->len));
}

static int decrypt(struct engine *engine, const struct record_op *op, const uint8_t *key)
{
	uint8_t nonce[RECORD_NONCE];
	struct gcm_text text = text_of(op, key, nonce);

	return gcm_open(gcm_of(engine), &text, record_tag(op->record, op->len));
}

static void forget(struct engine *engine)
{
	gcm_forget(gcm_of(engine));
}

static int make(struct engine **ret_engine)
{
	struct openssl *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	r = gcm_init(&e->gcm);
	if (r) {
		free(e);
		return r;
	}
	*ret_engine = &e->engine;
	return 0;
}

static void drop(struct engine *engine)
{
	gcm_deinit(gcm_of(engine));
	wipe(engine, sizeof(struct openssl));
	free(engine);
}

const struct engine_kind engine_openssl = {
	.name = "openssl",
	.make = make,
	.drop = drop,
	.encrypt = encrypt,
	.decrypt = decrypt,
	.forget = forget,
};

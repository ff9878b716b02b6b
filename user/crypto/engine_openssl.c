/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracle: one record after the other, nothing allocated. A signature costs four compressions
 * (two pads of a key that lives once, two of the message), a key two; with AES's own schedule that
 * is what a record of 64 bytes takes its time for.
 *
 * What remains of a key afterwards: nothing in memory of ours. The EVP context holds the schedule
 * of the last record's encryption key until the end of the call, which sets zeros over it.
 */
#include <stdlib.h>

#include <errno.h>

#include <user/crypto/engine_kind.h>
#include <user/crypto/gcm.h>
#include <user/crypto/record.h>
#include <user/crypto/wipe.h>

struct openssl {
	struct engine engine;
	struct gcm gcm;
};

static struct openssl *of(struct engine *engine)
{
	return (struct openssl *)engine;
}

static void derive(const struct record_op *op, const char *label, struct secret32 *ret_key)
{
	uint8_t info[RECORD_INFO];

	record_info(info, label, op->record);
	kdf_expand1(&op->key->seed, info, sizeof(info), ret_key->bytes);
}

static void sign(const struct record_op *op, uint8_t ret_sig[RECORD_SIG])
{
	own_wiped struct secret32 mac;
	uint8_t text[RECORD_SIGNED];
	struct hmac_key key;

	derive(op, RECORD_LABEL_MAC, &mac);
	hmac_key_set(&key, mac.bytes, sizeof(mac.bytes));
	record_signed(text, op->record, op->len);
	hmac(&key, text, sizeof(text), ret_sig);
	wipe(&key, sizeof(key));
}

static void text_of(const struct record_op *op, const struct secret32 *key, uint8_t *nonce,
		    struct gcm_text *ret_text)
{
	record_nonce(nonce, op->key->iv, op->record);
	*ret_text = (struct gcm_text){
		.key = key->bytes,
		.nonce = nonce,
		.ad = op->record,
		.ad_len = RECORD_HEAD,
		.from = record_text(op->record),
		.to = record_text(op->record),
		.len = op->len,
	};
}

static int seal_one(struct openssl *e, struct record_op *op)
{
	own_wiped struct secret32 enc;
	uint8_t nonce[RECORD_NONCE];
	struct gcm_text text;
	int r;

	derive(op, RECORD_LABEL_ENC, &enc);
	text_of(op, &enc, nonce, &text);
	r = gcm_seal(&e->gcm, &text, record_tag(op->record, op->len));
	if (!r)
		sign(op, record_sig(op->record, op->len));
	return r;
}

static int open_one(struct openssl *e, struct record_op *op)
{
	own_wiped struct secret32 enc;
	uint8_t sig[RECORD_SIG], nonce[RECORD_NONCE];
	struct gcm_text text;

	sign(op, sig);
	if (!crypto_same(sig, record_sig(op->record, op->len), RECORD_SIG)) {
		/* It is the right one for a forged record, and nobody else's business. */
		wipe(sig, sizeof(sig));
		wipe(record_text(op->record), op->len);
		return CRYPTO_BAD;
	}
	derive(op, RECORD_LABEL_ENC, &enc);
	text_of(op, &enc, nonce, &text);
	return gcm_open(&e->gcm, &text, record_tag(op->record, op->len));
}

static int seal_all(struct engine *engine, struct record_op *ops, size_t n)
{
	struct openssl *e = of(engine);
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		r = ops[i].result = seal_one(e, &ops[i]);
	gcm_forget_seal(&e->gcm);
	return r;
}

static int open_all(struct engine *engine, struct record_op *ops, size_t n)
{
	struct openssl *e = of(engine);
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++)
		r = ops[i].result = open_one(e, &ops[i]);
	gcm_forget_open(&e->gcm);
	return r < 0 ? r : 0;
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
	struct openssl *e = of(engine);

	gcm_deinit(&e->gcm);
	free(e);
}

const struct engine_kind engine_openssl = {
	.name = "openssl",
	.make = make,
	.drop = drop,
	.seal = seal_all,
	.open = open_all,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records BATCH at a time, each step for all of them: both keys; the ciphers; the signing keys'
 * pads; the signatures. To open: both keys, pads, signatures and their comparison, and then the
 * ciphers of those that are genuine. Steps, and not records, because hashes of different records
 * run side by side (lanes.h); even the two keys of one record do.
 *
 * A key lives for its batch; the slots are wiped at its end.
 */
#include <user/crypto/engine_kind.h>
#include <user/crypto/wipe.h>

static void derive(struct engine *e, const struct record_op *ops, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct slot *s = &e->slots[i];

		record_info(s->enc_info, RECORD_LABEL_ENC, ops[i].record);
		record_info(s->mac_info, RECORD_LABEL_MAC, ops[i].record);
		s->enc_info[RECORD_INFO] = s->mac_info[RECORD_INFO] = 1; /* Expand1 */
		e->lanes[2 * i] = (struct lane){&ops[i].key->seed, s->enc_info, s->enc};
		e->lanes[2 * i + 1] = (struct lane){&ops[i].key->seed, s->mac_info, s->mac};
	}
	lanes_hmac(e->way, e->lanes, 2 * n, RECORD_INFO + 1);
}

/* To the record, or to the slot for a comparison. */
static void sign(struct engine *e, const struct record_op *ops, size_t n, bool seal)
{
	for (size_t i = 0; i < n; i++) {
		struct slot *s = &e->slots[i];

		record_signed(s->text, ops[i].record, ops[i].len);
		e->signs[i] = (struct lane_once){
			.secret = s->mac,
			.text = s->text,
			.mac = seal ? record_sig(ops[i].record, ops[i].len) : s->sig,
		};
	}
	lanes_hmac_once(e->way, e->signs, n, RECORD_SIGNED);
}

static void forget(struct engine *e, size_t n)
{
	wipe(e->slots, n * sizeof(e->slots[0]));
	e->kind->forget(e);
}

static int seal_some(struct engine *e, struct record_op *ops, size_t n)
{
	int r = 0;

	derive(e, ops, n);
	for (size_t i = 0; i < n && !r; i++)
		r = e->kind->encrypt(e, &ops[i], e->slots[i].enc);
	if (!r)
		sign(e, ops, n, true);
	for (size_t i = 0; i < n && !r; i++)
		ops[i].result = 0;
	forget(e, n);
	return r;
}

static int open_one(struct engine *e, struct record_op *op, const struct slot *s)
{
	if (crypto_same(s->sig, record_sig(op->record, op->len), RECORD_SIG))
		return e->kind->decrypt(e, op, s->enc);
	wipe(record_text(op->record), op->len);
	return CRYPTO_BAD;
}

static int open_some(struct engine *e, struct record_op *ops, size_t n)
{
	int r = 0;

	derive(e, ops, n);
	sign(e, ops, n, false);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = ops[i].result = open_one(e, &ops[i], &e->slots[i]);
	forget(e, n);
	return r < 0 ? r : 0;
}

int batch_seal(struct engine *engine, struct record_op *ops, size_t n)
{
	int r = 0;

	for (size_t at = 0; at < n && !r; at += BATCH)
		r = seal_some(engine, ops + at, MIN(n - at, (size_t)BATCH));
	return r;
}

int batch_open(struct engine *engine, struct record_op *ops, size_t n)
{
	int r = 0;

	for (size_t at = 0; at < n && !r; at += BATCH)
		r = open_some(engine, ops + at, MIN(n - at, (size_t)BATCH));
	return r;
}

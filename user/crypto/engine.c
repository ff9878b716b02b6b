/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which engines this machine has, and a door in front of them. The oracle is OpenSSL alone, one
 * hash after the other; what else there is must agree with it before it is used at all: it seals
 * the same records as the oracle, byte for byte, and opens them again; else it does not exist.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include <user/crypto/engine_kind.h>
#include <user/crypto/record.h>

/* The best first. */
static const struct engine_kind *const kinds[] = {&engine_ipsecmb, &engine_openssl};
#define KINDS ARRAY_LEN(kinds)

const char *engine_name(const struct engine *engine)
{
	return engine->kind->name;
}

void engine_free(struct engine *engine)
{
	if (engine)
		engine->kind->drop(engine);
}

static bool well_formed(const struct record_op *ops, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ops[i].len < RECORD_PAD || ops[i].len % RECORD_PAD ||
		    ops[i].len > RECORD_CIPHER_MAX)
			return false;
	return true;
}

int engine_seal(struct engine *engine, struct record_op *ops, size_t n)
{
	return well_formed(ops, n) ? batch_seal(engine, ops, n) : -EINVAL;
}

int engine_open(struct engine *engine, struct record_op *ops, size_t n)
{
	return well_formed(ops, n) ? batch_open(engine, ops, n) : -EINVAL;
}

/* ---- agreement ---- */

/* Enough records for a full batch and a rest, of lengths on both sides of each way inside. */
#define TRIAL 70
#define TRIAL_MAX 2048
#define TRIAL_SIZE (RECORD_HEAD + TRIAL_MAX + RECORD_TAG + RECORD_SIG)

struct trial {
	struct record_key key[2];
	uint8_t records[TRIAL][TRIAL_SIZE];
	struct record_op ops[TRIAL];
};

static void trial_fill(struct trial *t)
{
	memset(t, 0, sizeof(*t));
	for (unsigned k = 0; k < 2; k++) {
		uint8_t secret[32];

		memset(secret, (int)(0x41 + k), sizeof(secret));
		hmac_key_set(&t->key[k].seed, secret, sizeof(secret));
		memset(t->key[k].iv, (int)(0x61 + k), sizeof(t->key[k].iv));
	}
	for (unsigned i = 0; i < TRIAL; i++) {
		uint32_t len = RECORD_PAD << i % 8;

		for (unsigned j = 0; j < RECORD_HEAD + len; j++)
			t->records[i][j] = (uint8_t)(i * 31 + j * 7);
		t->ops[i] = (struct record_op){
			.key = &t->key[i % 2],
			.record = t->records[i],
			.len = len,
			.result = -EIO,
		};
	}
}

/* What it sealed must open again, all but one: a record with a bit turned. */
static bool opens(struct engine *engine, struct trial *t, const struct trial *plain)
{
	const unsigned bad = TRIAL / 2;

	record_text(t->records[bad])[3] ^= 1;
	record_tag(t->records[bad], t->ops[bad].len)[5] ^= 1;
	if (batch_open(engine, t->ops, TRIAL))
		return false;
	for (unsigned i = 0; i < TRIAL; i++) {
		if (t->ops[i].result != (i == bad ? CRYPTO_BAD : 0))
			return false;
		if (i != bad &&
		    memcmp(t->records[i], plain->records[i], RECORD_HEAD + t->ops[i].len))
			return false;
	}
	return true;
}

/* 0, -ENOENT: it does not; or what the oracle failed with. */
static int compare(struct engine *engine, struct engine *oracle)
{
	struct trial *ours = calloc(3, sizeof(*ours)), *wanted, *plain;
	int r = -ENOMEM;

	if (!ours)
		return r;
	wanted = ours + 1;
	plain = ours + 2;
	trial_fill(ours);
	trial_fill(wanted);
	trial_fill(plain);
	r = batch_seal(oracle, wanted->ops, TRIAL);
	if (!r && (batch_seal(engine, ours->ops, TRIAL) ||
		   memcmp(ours->records, wanted->records, sizeof(ours->records)) ||
		   !opens(engine, ours, plain)))
		r = -ENOENT;
	free(ours);
	return r;
}

static int raise_one(const struct engine_kind *kind, enum lanes_way way, struct engine **ret_engine)
{
	int r = kind->make(ret_engine);

	if (r)
		return r;
	(*ret_engine)->kind = kind;
	(*ret_engine)->way = way;
	return 0;
}

static int make(const struct engine_kind *kind, struct engine **ret_engine)
{
	struct engine *engine, *oracle;
	int r = raise_one(kind, lanes_best(), &engine);

	if (r)
		return r;
	r = raise_one(&engine_openssl, LANES_ONE, &oracle);
	if (!r) {
		r = compare(engine, oracle);
		engine_free(oracle);
	}
	if (r == -ENOENT && kind == &engine_openssl) {
		/* Then it is the lanes that are wrong. */
		engine->way = LANES_ONE;
		r = 0;
	}
	if (r)
		engine_free(engine);
	else
		*ret_engine = engine;
	return r;
}

int engine_new(const char *name, struct engine **ret_engine)
{
	int r = -ENOENT;

	for (size_t i = 0; i < KINDS && r == -ENOENT; i++)
		if (!name || !strcmp(name, kinds[i]->name))
			r = make(kinds[i], ret_engine);
	return r;
}

/* ---- names ---- */

static const char *names[KINDS + 1];

static void find_names(void)
{
	struct engine *engine;
	size_t n = 0;

	for (size_t i = 0; i < KINDS; i++) {
		if (make(kinds[i], &engine))
			continue;
		names[n++] = kinds[i]->name;
		engine_free(engine);
	}
}

const char *const *engine_names(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, find_names);
	return names;
}

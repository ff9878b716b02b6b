/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A record sealed and opened: both keys derived, the text padded to 16 and sealed, the signature;
 * by each engine, alone (each call one record) and in a batch of 64 (x64). Beside it, in turn, so
 * that noise meets both: AES-256-GCM alone by EVP, of the same plaintext under a key that never
 * changes.
 */
#include <tests/bench/wire/bench.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include <strazh/wire/phantom.h>
#include <user/crypto/engine.h>

#define RECORDS 64
#define ROUNDS 25
#define BYTES_A_ROUND (4U << 20) /* about a millisecond */
#define ENGINES_MAX 4

static const struct size {
	const char *name;
	uint32_t plain;
} sizes[] = {{"64", 64}, {"1k", 1024}, {"16k", 16384}};

static uint8_t *records[RECORDS], *sealed[RECORDS];
static struct record_key key;

/* What one way took, in ns a record. */
struct contest {
	struct engine *engine;
	size_t batch;
	struct samples seal, open;
};

struct peer {
	EVP_CIPHER_CTX *seal, *open;
	struct samples seal_ns, open_ns;
};

static uint32_t cipher_len(uint32_t plain)
{
	return plain / PH_PAD * PH_PAD + PH_PAD;
}

static void fill_ops(struct record_op *ops, uint32_t len)
{
	for (size_t i = 0; i < RECORDS; i++)
		ops[i] = (struct record_op){.key = &key, .record = records[i], .len = len};
}

static void restore(uint32_t len)
{
	for (size_t i = 0; i < RECORDS; i++)
		memcpy(records[i], sealed[i], PH_RECORD_HEAD + len + PH_RECORD_TAIL);
}

/* All records once, sealed or opened. */
static double once(const struct contest *c, struct record_op *ops,
		   int (*run)(struct engine *, struct record_op *, size_t))
{
	double begin = cpu_ns();

	for (size_t i = 0; i < RECORDS; i += c->batch)
		if (run(c->engine, ops + i, c->batch))
			die("the engine failed");
	return (cpu_ns() - begin) / RECORDS;
}

static void compete(struct contest *c, const struct size *size)
{
	struct record_op ops[RECORDS];
	uint32_t len = cipher_len(size->plain);
	unsigned turns = BYTES_A_ROUND / (RECORDS * (len + 2048)) + 1;
	double seal = 0, open = 0;

	fill_ops(ops, len);
	for (unsigned t = 0; t < turns; t++) {
		seal += once(c, ops, engine_seal);
		restore(len);
		open += once(c, ops, engine_open);
		for (size_t i = 0; i < RECORDS; i++)
			if (ops[i].result)
				die("a record of ours does not open");
	}
	samples_add(&c->seal, seal / turns);
	samples_add(&c->open, open / turns);
}

/* As a program does it that keeps to the manual: init with a nonce, header, text, tag. */
static bool peer_seal(EVP_CIPHER_CTX *ctx, uint8_t *record, uint32_t len)
{
	int n;

	return EVP_EncryptInit_ex2(ctx, NULL, NULL, record, NULL) &&
	       EVP_EncryptUpdate(ctx, NULL, &n, record, PH_RECORD_HEAD) &&
	       EVP_EncryptUpdate(ctx, record + 16, &n, record + 16, (int)len) &&
	       EVP_EncryptFinal_ex(ctx, record + 16 + len, &n) &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, record + 16 + len);
}

static bool peer_open(EVP_CIPHER_CTX *ctx, uint8_t *record, uint32_t len)
{
	uint8_t none[16];
	int n;

	return EVP_DecryptInit_ex2(ctx, NULL, NULL, record, NULL) &&
	       EVP_DecryptUpdate(ctx, NULL, &n, record, PH_RECORD_HEAD) &&
	       EVP_DecryptUpdate(ctx, record + 16, &n, record + 16, (int)len) &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, record + 16 + len) &&
	       EVP_DecryptFinal_ex(ctx, none, &n) > 0;
}

static void peer_compete(struct peer *p, const struct size *size)
{
	unsigned turns = BYTES_A_ROUND / (RECORDS * (size->plain + 2048)) + 1;
	double seal = 0, open = 0, begin;

	for (unsigned t = 0; t < turns; t++) {
		begin = cpu_ns();
		for (size_t i = 0; i < RECORDS; i++)
			if (!peer_seal(p->seal, records[i], size->plain))
				die("EVP does not seal");
		seal += (cpu_ns() - begin) / RECORDS;
		begin = cpu_ns();
		for (size_t i = 0; i < RECORDS; i++)
			if (!peer_open(p->open, records[i], size->plain))
				die("EVP does not open");
		open += (cpu_ns() - begin) / RECORDS;
	}
	samples_add(&p->seal_ns, seal / turns);
	samples_add(&p->open_ns, open / turns);
}

static void tell(struct contest *c, struct peer *p, const struct size *size, bool seal)
{
	struct samples *ours = seal ? &c->seal : &c->open;
	struct samples *theirs = seal ? &p->seal_ns : &p->open_ns;
	char name[64];

	snprintf(name, sizeof(name), "wire.%s_%s_ns.%s%s", seal ? "seal" : "open", size->name,
		 engine_name(c->engine), c->batch > 1 ? ".x64" : "");
	report(name, samples_at(ours, 50), "ns", "EVP AES-256-GCM, one key",
	       samples_at(theirs, 50) / samples_at(ours, 50), ours);
}

static void bench_size(const struct size *size, struct engine *const *engines, struct peer *p)
{
	static struct contest all[2 * ENGINES_MAX];
	struct record_op ops[RECORDS];
	size_t n = 0;

	p->seal_ns.count = p->open_ns.count = 0;
	for (size_t e = 0; engines[e]; e++) {
		all[n++] = (struct contest){.engine = engines[e], .batch = 1};
		all[n++] = (struct contest){.engine = engines[e], .batch = RECORDS};
	}
	fill_ops(ops, cipher_len(size->plain));
	for (size_t i = 0; i < RECORDS; i++) {
		memset(records[i], (int)i, PH_RECORD_MAX);
	}
	if (engine_seal(engines[0], ops, RECORDS))
		die("the engine failed");
	for (size_t i = 0; i < RECORDS; i++)
		memcpy(sealed[i], records[i], PH_RECORD_MAX);
	for (unsigned round = 0; round < ROUNDS; round++) {
		peer_compete(p, size);
		for (size_t i = 0; i < n; i++) {
			/* The same texts each time; the peer has no padding and no signature. */
			restore(cipher_len(size->plain));
			compete(&all[i], size);
		}
	}
	for (size_t i = 0; i < n; i++) {
		tell(&all[i], p, size, true);
		tell(&all[i], p, size, false);
	}
}

void bench_record(void)
{
	static const uint8_t secret[32] = {1}, nonce[12];
	struct engine *engines[ENGINES_MAX + 1] = {0};
	const char *const *names = engine_names();
	struct peer peer = {.seal = EVP_CIPHER_CTX_new(), .open = EVP_CIPHER_CTX_new()};

	pin(0);
	for (size_t i = 0; i < RECORDS; i++) {
		records[i] = malloc(PH_RECORD_MAX);
		sealed[i] = malloc(PH_RECORD_MAX);
		if (!records[i] || !sealed[i])
			die("no memory");
	}
	hmac_key_set(&key.seed, secret, sizeof(secret));
	for (size_t e = 0; names[e] && e < ENGINES_MAX; e++)
		if (engine_new(names[e], &engines[e]))
			die("no engine '%s'", names[e]);
	if (!EVP_EncryptInit_ex2(peer.seal, EVP_aes_256_gcm(), secret, nonce, NULL) ||
	    !EVP_DecryptInit_ex2(peer.open, EVP_aes_256_gcm(), secret, nonce, NULL))
		die("no AES-256-GCM");
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		bench_size(&sizes[i], engines, &peer);
	for (size_t e = 0; engines[e]; e++)
		engine_free(engines[e]);
	EVP_CIPHER_CTX_free(peer.seal);
	EVP_CIPHER_CTX_free(peer.open);
	for (size_t i = 0; i < RECORDS; i++) {
		free(records[i]);
		free(sealed[i]);
	}
}

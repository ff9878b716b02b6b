/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Each engine beside a reference that is written from the protocol's text with OpenSSL's EVP calls,
 * and so shares nothing with either of them; then beside one another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <strazh/wire/phantom.h>
#include <user/crypto/engine.h>
#include <user/crypto/record.h>

#include <tests/unit/crypto/hex.h>

_Static_assert(RECORD_HEAD == PH_RECORD_HEAD, "of a record");
_Static_assert(RECORD_TAG == PH_TAG_LEN, "of a record");
_Static_assert(RECORD_SIG == PH_SIG_LEN, "of a record");
_Static_assert(RECORD_PAD == PH_PAD, "of a record");
_Static_assert(RECORD_CIPHER_MAX == PH_CIPHER_MAX, "of a record");

#define MANY 300 /* records in the largest batch */

static const char *const *names;
static struct engine *engines[3];

static int setup(void **state)
{
	(void)state;
	names = engine_names();
	for (size_t i = 0; names[i]; i++)
		if (engine_new(names[i], &engines[i]))
			return -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; names[i]; i++)
		engine_free(engines[i]);
	engine_free(NULL);
	return 0;
}

/* Numbers that are the same in every run. */
static uint64_t seed = 1;
static uint32_t next(void)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33);
}

static void fill(void *to, size_t len)
{
	uint8_t *at = to;

	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)next();
}

/* ---- the reference ---- */

struct secrets {
	uint8_t seed[32];
	uint8_t iv[12];
	struct record_key key;
};

static void secrets_make(struct secrets *s)
{
	fill(s->seed, sizeof(s->seed));
	fill(s->iv, sizeof(s->iv));
	hmac_key_set(&s->key.seed, s->seed, sizeof(s->seed));
	memcpy(s->key.iv, s->iv, sizeof(s->iv));
}

static void expand(const struct secrets *s, const char *label, const uint8_t *head, uint8_t key[32])
{
	uint8_t info[18];

	memcpy(info, label, 8);
	info[8] = head[0];
	memcpy(info + 9, head + 8, 8);
	info[17] = 1;
	assert_non_null(HMAC(EVP_sha256(), s->seed, 32, info, sizeof(info), key, NULL));
}

static void reference_seal(const struct secrets *s, uint8_t *record, uint32_t len)
{
	uint8_t enc[32], mac[32], nonce[12], text[32];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	expand(s, "PHS1 enc", record, enc);
	expand(s, "PHS1 mac", record, mac);
	memcpy(nonce, s->iv, sizeof(nonce));
	for (unsigned i = 0; i < 8; i++)
		nonce[4 + i] ^= record[8 + i];
	assert_int_equal(EVP_EncryptInit(ctx, EVP_aes_256_gcm(), enc, nonce), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, record, 16), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, record + 16, &n, record + 16, (int)len), 1);
	assert_int_equal(EVP_EncryptFinal(ctx, text, &n), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, record + 16 + len), 1);
	EVP_CIPHER_CTX_free(ctx);
	memcpy(text, record, 16);
	memcpy(text + 16, record + 16 + len, 16);
	assert_non_null(
		HMAC(EVP_sha256(), mac, 32, text, sizeof(text), record + 16 + len + 16, NULL));
}

/* ---- batches ---- */

struct batch {
	size_t n;
	struct secrets secrets[3]; /* sessions that share a batch */
	struct record_op ops[MANY];
	uint8_t *plain[MANY];
	uint8_t *sealed[MANY]; /* by the reference */
	uint8_t *record[MANY];
};

static size_t size_of(uint32_t len)
{
	return PH_RECORD_HEAD + len + PH_RECORD_TAIL;
}

static void batch_make(struct batch *b, size_t n, uint32_t most)
{
	b->n = n;
	for (size_t i = 0; i < 3; i++)
		secrets_make(&b->secrets[i]);
	for (size_t i = 0; i < n; i++) {
		uint32_t len = (1 + next() % (most / 16)) * 16;
		struct secrets *s = &b->secrets[next() % 3];

		b->plain[i] = calloc(1, size_of(len));
		b->sealed[i] = malloc(size_of(len));
		b->record[i] = malloc(size_of(len));
		assert_true(b->plain[i] && b->sealed[i] && b->record[i]);
		fill(b->plain[i], PH_RECORD_HEAD + len);
		memcpy(b->sealed[i], b->plain[i], size_of(len));
		reference_seal(s, b->sealed[i], len);
		b->ops[i] = (struct record_op){.key = &s->key, .record = b->record[i], .len = len};
	}
}

/* The records as they were before sealing, or as they are after. */
static void batch_reset(struct batch *b, uint8_t *const *from)
{
	for (size_t i = 0; i < b->n; i++) {
		memcpy(b->record[i], from[i], size_of(b->ops[i].len));
		b->ops[i].result = -EIO;
	}
}

static void batch_free(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		free(b->plain[i]);
		free(b->sealed[i]);
		free(b->record[i]);
	}
}

static void assert_sealed(const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		assert_int_equal(b->ops[i].result, 0);
		assert_memory_equal(b->record[i], b->sealed[i], size_of(b->ops[i].len));
	}
}

static void assert_opened(const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		size_t len = PH_RECORD_HEAD + b->ops[i].len;

		assert_int_equal(b->ops[i].result, 0);
		assert_memory_equal(b->record[i], b->plain[i], len);
		/* Tag and signature stay. */
		assert_memory_equal(b->record[i] + len, b->sealed[i] + len, PH_RECORD_TAIL);
	}
}

static void seal_and_open(size_t n, uint32_t most)
{
	static struct batch b;

	batch_make(&b, n, most);
	for (size_t e = 0; names[e]; e++) {
		batch_reset(&b, b.plain);
		assert_int_equal(engine_seal(engines[e], b.ops, n), 0);
		assert_sealed(&b);
		assert_int_equal(engine_open(engines[e], b.ops, n), 0);
		assert_opened(&b);
	}
	batch_free(&b);
}

/* ---- tests ---- */

static void names_and_new(void **state)
{
	struct engine *engine = NULL;
	size_t n = 0;

	(void)state;
	while (names[n]) {
		assert_string_equal(engine_name(engines[n]), names[n]);
		n++;
	}
	assert_true(n);
	assert_string_equal(names[n - 1], "openssl");
	assert_int_equal(engine_new("none such", &engine), -ENOENT);
	assert_null(engine);
	assert_int_equal(engine_new(NULL, &engine), 0);
	assert_string_equal(engine_name(engine), names[0]);
	engine_free(engine);
}

static void every_length(void **state)
{
	static uint8_t record[PH_RECORD_MAX], plain[PH_RECORD_MAX], sealed[PH_RECORD_MAX];
	struct secrets s;

	(void)state;
	secrets_make(&s);
	for (uint32_t len = 16; len <= PH_CIPHER_MAX; len += len < 4096 ? 16 : 16 * 61) {
		struct record_op op = {.key = &s.key, .record = record, .len = len};

		fill(plain, 16 + len);
		memcpy(sealed, plain, 16 + len);
		reference_seal(&s, sealed, len);
		for (size_t e = 0; names[e]; e++) {
			memcpy(record, plain, 16 + len);
			op.result = -EIO;
			assert_int_equal(engine_seal(engines[e], &op, 1), 0);
			assert_int_equal(op.result, 0);
			assert_memory_equal(record, sealed, size_of(len));
			assert_int_equal(engine_open(engines[e], &op, 1), 0);
			assert_int_equal(op.result, 0);
			assert_memory_equal(record, plain, 16 + len);
		}
	}
}

static void every_batch(void **state)
{
	(void)state;
	for (size_t n = 1; n <= MANY; n += n < 140 ? 1 : 20)
		seal_and_open(n, 256);
	seal_and_open(MANY, 2048);
	seal_and_open(40, PH_CIPHER_MAX);
}

static void no_records(void **state)
{
	(void)state;
	for (size_t e = 0; names[e]; e++) {
		assert_int_equal(engine_seal(engines[e], NULL, 0), 0);
		assert_int_equal(engine_open(engines[e], NULL, 0), 0);
	}
}

/* A length that no record has: nothing is touched. */
static void odd_lengths(void **state)
{
	static const uint32_t lens[] = {0, 1, 15, 17, 31, PH_CIPHER_MAX + 1, PH_CIPHER_MAX + 16};
	uint8_t records[2][128] = {{0}}, zeros[128] = {0};
	struct secrets s;

	(void)state;
	secrets_make(&s);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct record_op ops[] = {
			{.key = &s.key, .record = records[0], .len = 16},
			{.key = &s.key, .record = records[1], .len = lens[i]},
		};

		for (size_t e = 0; names[e]; e++) {
			assert_int_equal(engine_seal(engines[e], ops, 2), -EINVAL);
			assert_int_equal(engine_open(engines[e], ops, 2), -EINVAL);
			assert_memory_equal(records[0], zeros, sizeof(zeros));
			assert_memory_equal(records[1], zeros, sizeof(zeros));
		}
	}
}

/* One bit of each byte of one record of a batch: that one is bad and wiped, the others open. */
static void each_byte_tampered(void **state)
{
	static struct batch b;
	uint8_t zeros[256] = {0};

	(void)state;
	batch_make(&b, 9, 256);
	for (size_t e = 0; names[e]; e++) {
		for (size_t which = 0; which < b.n; which += 4) {
			uint32_t len = b.ops[which].len;

			for (size_t at = 0; at < size_of(len); at++) {
				batch_reset(&b, b.sealed);
				b.record[which][at] ^= (uint8_t)(1 << next() % 8);
				assert_int_equal(engine_open(engines[e], b.ops, b.n), 0);
				assert_int_equal(b.ops[which].result, CRYPTO_BAD);
				assert_memory_equal(b.record[which] + 16, zeros, len);
				for (size_t i = 0; i < b.n; i++) {
					if (i == which)
						continue;
					assert_int_equal(b.ops[i].result, 0);
					assert_memory_equal(b.record[i], b.plain[i],
							    16 + b.ops[i].len);
				}
			}
		}
	}
	batch_free(&b);
}

/* A forger who knows k_mac cannot make the cipher say anything: the tag is checked as well. */
static void tag_is_checked(void **state)
{
	uint8_t record[PH_RECORD_HEAD + 64 + PH_RECORD_TAIL], text[32], mac[32], zeros[64] = {0};
	struct secrets s;

	(void)state;
	secrets_make(&s);
	for (size_t e = 0; names[e]; e++) {
		struct record_op op = {.key = &s.key, .record = record, .len = 64};

		fill(record, sizeof(record));
		reference_seal(&s, record, 64);
		record[16] ^= 1; /* the signature covers header and tag */
		assert_int_equal(engine_open(engines[e], &op, 1), 0);
		assert_int_equal(op.result, CRYPTO_BAD);
		assert_memory_equal(record + 16, zeros, 64);

		fill(record, sizeof(record));
		reference_seal(&s, record, 64);
		record[16 + 64] ^= 1;
		expand(&s, "PHS1 mac", record, mac);
		memcpy(text, record, 16);
		memcpy(text + 16, record + 16 + 64, 16);
		assert_non_null(HMAC(EVP_sha256(), mac, 32, text, 32, record + 16 + 64 + 16, NULL));
		assert_int_equal(engine_open(engines[e], &op, 1), 0);
		assert_int_equal(op.result, CRYPTO_BAD);
		assert_memory_equal(record + 16, zeros, 64);
	}
}

static void wrong_keys(void **state)
{
	static struct batch b;
	struct secrets other;

	(void)state;
	secrets_make(&other);
	batch_make(&b, 70, 128);
	for (size_t e = 0; names[e]; e++) {
		batch_reset(&b, b.sealed);
		for (size_t i = 0; i < b.n; i++)
			b.ops[i].key = &other.key;
		assert_int_equal(engine_open(engines[e], b.ops, b.n), 0);
		for (size_t i = 0; i < b.n; i++)
			assert_int_equal(b.ops[i].result, CRYPTO_BAD);
	}
	batch_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_new),  cmocka_unit_test(every_length),
		cmocka_unit_test(every_batch),	  cmocka_unit_test(no_records),
		cmocka_unit_test(odd_lengths),	  cmocka_unit_test(each_byte_tampered),
		cmocka_unit_test(tag_is_checked), cmocka_unit_test(wrong_keys),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

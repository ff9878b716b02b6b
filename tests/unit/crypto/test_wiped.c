/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * After a call no key of its operation is anywhere in the process that it can write: heap, stack,
 * the contexts of OpenSSL and of libipsec-mb. The test looks for them byte by byte, as whoever has
 * a core dump would. It knows them only under a mask, so that it does not find itself.
 *
 * What it looks for: either half of each key (an AES-256 schedule begins with them) and of each
 * secret, as bytes and as words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include <strazh/wire/phantom.h>
#include <user/crypto/engine.h>
#include <user/crypto/wipe.h>

#include <user/base/sanitized.h>

#define MASK 0x5a
#define PART 16
#define MOST 600
#define SIZE (PH_RECORD_HEAD + 2048 + PH_RECORD_TAIL) /* of the longest record here */

/* By mask, all in one place. */
static struct {
	uint8_t bytes[MOST][PART];
	size_t n;
} masked;

static void look_for(const uint8_t *key)
{
	assert_true(masked.n < MOST);
	for (size_t i = 0; i < PART; i++)
		masked.bytes[masked.n][i] = key[i] ^ MASK;
	masked.n++;
	/* And as words in the order of the processor, as SHA-256 computes with it. */
	assert_true(masked.n < MOST);
	for (size_t i = 0; i < PART; i++)
		masked.bytes[masked.n][i] = key[i ^ 3] ^ MASK;
	masked.n++;
}

/* Byte by byte: nothing here makes a copy of a key. */
static bool is_at(const uint8_t *at, const uint8_t *mask)
{
	for (size_t i = 0; i < PART; i++)
		if ((at[i] ^ mask[i]) != MASK)
			return false;
	return true;
}

static unsigned two(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static size_t found_in(const uint8_t *from, size_t len)
{
	static bool begins[1 << 16]; /* with these two bytes: they decide for almost all places */
	size_t found = 0;

	memset(begins, 0, sizeof(begins));
	for (size_t k = 0; k < masked.n; k++)
		begins[two(masked.bytes[k]) ^ (MASK << 8 | MASK)] = true;
	for (size_t i = 0; i + PART <= len; i++) {
		if (!begins[two(from + i)])
			continue;
		for (size_t k = 0; k < masked.n; k++)
			found += is_at(from + i, masked.bytes[k]);
	}
	return found;
}

/* In all memory that is ours to write. */
static size_t found(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	size_t n = 0;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		char rights[5];

		if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) != 3)
			continue;
		if (!strncmp(rights, "rw", 2))
			n += found_in((const uint8_t *)from, to - from);
	}
	fclose(maps);
	return n;
}

/* The keys of operation n, and a stack below us without them. */
static __attribute__((noinline)) void know_keys(const struct record_key *key, const uint8_t *head)
{
	static const char *const labels[] = {"PHS1 enc", "PHS1 mac"};
	uint8_t info[17], out[32];

	for (size_t i = 0; i < 2; i++) {
		memcpy(info, labels[i], 8);
		info[8] = head[0];
		memcpy(info + 9, head + 8, 8);
		kdf_expand1(&key->seed, info, sizeof(info), out);
		look_for(out);
		look_for(out + PART);
	}
	wipe(out, sizeof(out));
}

static void the_search_finds(void **state)
{
	uint8_t key[32];
	volatile uint8_t *keep = malloc(32);

	(void)state;
	assert_non_null((void *)(uintptr_t)keep);
	assert_int_equal(crypto_random(key, sizeof(key)), 0);
	masked.n = 0;
	look_for(key);
	assert_true(found() >= 1);
	for (size_t i = 0; i < 32; i++)
		keep[i] = key[i];
	wipe(key, sizeof(key));
	assert_true(found() >= 1);
	wipe((void *)(uintptr_t)keep, 32);
	assert_int_equal(found(), 0);
	free((void *)(uintptr_t)keep);
}

static void an_engine(const char *name, size_t n, uint32_t len)
{
	struct record_op ops[64];
	uint8_t *records = calloc(n, SIZE), secret[32];
	struct record_key key;
	struct engine *engine;

	assert_non_null(records);
	assert_int_equal(engine_new(name, &engine), 0);
	assert_int_equal(crypto_random(secret, sizeof(secret)), 0);
	assert_int_equal(crypto_random(key.iv, sizeof(key.iv)), 0);
	hmac_key_set(&key.seed, secret, sizeof(secret));
	masked.n = 0;
	look_for(secret);
	look_for(secret + PART);
	wipe(secret, sizeof(secret));
	for (size_t i = 0; i < n; i++) {
		uint8_t *record = records + i * SIZE;

		record[0] = PH_DATA;
		record[15] = (uint8_t)i;
		ops[i] = (struct record_op){.key = &key, .record = record, .len = len};
		know_keys(&key, record);
	}
	assert_int_equal(engine_seal(engine, ops, n), 0);
	assert_int_equal(found(), 0);
	records[PH_RECORD_HEAD + len] ^= 1; /* one is bad */
	assert_int_equal(engine_open(engine, ops, n), 0);
	assert_int_equal(ops[0].result, CRYPTO_BAD);
	assert_int_equal(found(), 0);
	engine_free(engine);
	free(records);
}

static void records(void **state)
{
	const char *const *names = engine_names();

	(void)state;
	for (size_t i = 0; names[i]; i++) {
		an_engine(names[i], 1, 64);
		an_engine(names[i], 3, 1024);
		an_engine(names[i], 64, 64);
		an_engine(names[i], 17, 2048);
	}
}

/* Left alone: the caller's copies of secret and result, which it wipes here. */
static void handshake(void **state)
{
	uint8_t secret[32], public[32], shared[32], out[3][32], nonce[12] = {0}, tag[16];
	struct crypto *c;

	(void)state;
	masked.n = 0;
	assert_int_equal(crypto_new(&c), 0);
	assert_int_equal(dh_generate(c, secret, public), 0);
	look_for(secret);
	look_for(secret + PART);
	assert_int_equal(dh_shared(c, secret, public, shared), 0);
	look_for(shared);
	look_for(shared + PART);
	kdf_noise(secret, shared, sizeof(shared), 3, out);
	for (size_t i = 0; i < 3; i++)
		look_for(out[i]);
	assert_int_equal(aead_seal(c, out[1], nonce, NULL, 0, "text", 4, shared, tag), 0);
	wipe(secret, sizeof(secret));
	wipe(shared, sizeof(shared));
	wipe(out, sizeof(out));
	assert_int_equal(found(), 0);
	crypto_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_search_finds),
		cmocka_unit_test(records),
		cmocka_unit_test(handshake),
	};

	if (SANITIZED) {
		/* Terabytes of its memory are mapped, and copies are kept of what was freed. */
		puts("1..0 # SKIP a sanitizer's own memory is searched as well");
		return 0;
	}

	return cmocka_run_group_tests(tests, NULL, NULL);
}

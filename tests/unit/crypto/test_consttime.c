/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Constant time (ctgrind.h) of comparing, of keys that are derived, of records. The handshake and
 * the channel are in tests/unit/session/test_consttime.c.
 *
 * The one thing that may depend on a secret is the verdict on a record, which the sender learns in
 * any case; the branches that act on it are named below. Valgrind's processor has neither SHA-NI
 * nor AVX-512, so it is the ways LANES_ONE and AVX2 that are seen here; the others have no branch
 * and no table that a word of a message could choose.
 */
#include <strazh/wire/phantom.h>
#include <user/crypto/engine.h>

#include <tests/unit/crypto/ctgrind.h>

/* The verdicts: of the signature; of the tag, by each engine. */
static const char verdicts[] = "{\n   signature\n   Memcheck:Cond\n   fun:open_one\n}\n"
			       "{\n   tag\n   Memcheck:Cond\n   fun:decrypt\n}\n"
			       "{\n   tag by OpenSSL\n   Memcheck:Cond\n   obj:*/libcrypto.so.3\n"
			       "   obj:*/libcrypto.so.3\n   fun:run\n   fun:gcm_open\n}\n";

/* ---- the parts, under valgrind; 0 is right ---- */

static int part_same(void)
{
	uint8_t a[32] = {1}, b[32] = {1};
	bool same[2];

	secret(a, sizeof(a));
	secret(b, sizeof(b));
	same[0] = crypto_same(a, b, sizeof(a));
	b[31] ^= 1;
	same[1] = crypto_same(a, b, sizeof(a));
	public(same, sizeof(same));
	return !(same[0] && !same[1]);
}

/* What the test is worth: the same with memcmp() must be found. */
static int part_leaky(void)
{
	uint8_t a[32] = {1}, b[32] = {1};
	volatile int seen = 0;

	secret(a, sizeof(a));
	for (size_t i = 0; i < sizeof(a); i++) {
		if (a[i] != b[i])
			break;
		seen = seen + 1;
	}
	return 0;
}

static int part_kdf(void)
{
	uint8_t key[32] = {1}, input[32] = {2}, out[3][32], mac[32], text[200] = {3};
	struct hmac_key k;

	secret(key, sizeof(key));
	secret(input, sizeof(input));
	secret(text, sizeof(text));
	kdf_noise(key, input, sizeof(input), 3, out);
	hmac_key_set(&k, out[0], sizeof(out[0]));
	kdf_expand1(&k, "PHS1 seed", 9, mac);
	hmac(&k, text, sizeof(text), mac);
	hmac_key_set(&k, text, sizeof(text));
	hmac(&k, mac, sizeof(mac), mac);
	return 0;
}

/* A record of ours, one with a bad signature, one whose signature fits a bad tag. */
static int part_open(const char *name)
{
	enum { PLAIN = 64, SIZE = PH_RECORD_HEAD + PLAIN + PH_RECORD_TAIL, COUNT = 12 };
	static uint8_t records[COUNT][SIZE];
	static struct record_op ops[COUNT];
	struct record_key key = {.iv = {5}};
	uint8_t seed[32] = {7};
	struct engine *engine;
	int r;

	if (engine_new(name, &engine))
		return 2;
	hmac_key_set(&key.seed, seed, sizeof(seed));
	for (size_t i = 0; i < COUNT; i++) {
		records[i][0] = PH_DATA;
		records[i][15] = (uint8_t)i;
		ops[i] = (struct record_op){.key = &key, .record = records[i], .len = PLAIN};
	}
	if (engine_seal(engine, ops, COUNT))
		return 3;
	records[1][SIZE - 1] ^= 1;
	records[2][PH_RECORD_HEAD] ^= 1;
	secret(&key, sizeof(key));
	r = engine_open(engine, ops, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		public(&ops[i].result, sizeof(ops[i].result));
		r |= ops[i].result != (i == 1 || i == 2 ? CRYPTO_BAD : 0);
	}
	public(&key, sizeof(key));
	secret(&key, sizeof(key));
	r |= engine_seal(engine, ops, COUNT);
	engine_free(engine);
	return r;
}

static int part(const char *name)
{
	if (!strcmp(name, "nothing"))
		return 0;
	if (!strcmp(name, "same"))
		return part_same();
	if (!strcmp(name, "leaky"))
		return part_leaky();
	if (!strcmp(name, "kdf"))
		return part_kdf();
	return part_open(name);
}

/* ---- the tests ---- */

static void comparing(void **state)
{
	(void)state;
	expect("same", 0);
}

static void a_leak_is_found(void **state)
{
	(void)state;
	expect("leaky", FOUND);
}

static void deriving(void **state)
{
	(void)state;
	expect("kdf", 0);
}

static void opening(void **state)
{
	const char *const *names = engine_names();

	(void)state;
	for (size_t i = 0; names[i]; i++)
		expect(names[i], 0);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comparing),
		cmocka_unit_test(a_leak_is_found),
		cmocka_unit_test(deriving),
		cmocka_unit_test(opening),
	};

	return argc > 1 ? part(argv[1]) : ctgrind_run(tests, verdicts);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include <user/crypto/crypto.h>

#include <tests/unit/crypto/hex.h>

static struct crypto *crypto;

static int setup(void **state)
{
	(void)state;
	return crypto_new(&crypto);
}

static int teardown(void **state)
{
	(void)state;
	crypto_free(crypto);
	crypto_free(NULL);
	return 0;
}

static void random_bytes(void **state)
{
	static uint8_t big[100000], none[1];
	size_t zeros = 0;

	(void)state;
	assert_int_equal(crypto_random(big, sizeof(big)), 0);
	for (size_t i = 0; i < sizeof(big); i++)
		zeros += !big[i];
	assert_in_range(zeros, 1, sizeof(big) / 64);
	assert_int_equal(crypto_random(none, 0), 0);
	assert_int_equal(none[0], 0);
}

static void same(void **state)
{
	uint8_t a[33], b[33];

	(void)state;
	memset(a, 1, sizeof(a));
	memset(b, 1, sizeof(b));
	assert_true(crypto_same(a, b, sizeof(a)));
	assert_true(crypto_same(a, b, 0));
	for (size_t i = 0; i < sizeof(a); i++) {
		b[i] ^= 0x80;
		assert_false(crypto_same(a, b, sizeof(a)));
		b[i] ^= 0x80;
	}
}

/* RFC 7748, section 5.2, and 6.1. */
static void x25519_of_the_rfc(void **state)
{
	uint8_t k[32], u[32], shared[32];

	(void)state;
	unhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4", k, 32);
	unhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c", u, 32);
	assert_int_equal(dh_shared(crypto, k, u, shared), 0);
	assert_hex(shared, "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
	unhex("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d", k, 32);
	unhex("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493", u, 32);
	assert_int_equal(dh_shared(crypto, k, u, shared), 0);
	assert_hex(shared, "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

/* Section 6.1: both sides. */
static void x25519_of_two(void **state)
{
	static const char *const secrets[] = {
		"77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
		"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
	};
	static const char *const publics[] = {
		"8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
		"de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
	};
	uint8_t secret[2][32], public[2][32], shared[32];

	(void)state;
	for (int i = 0; i < 2; i++) {
		unhex(secrets[i], secret[i], 32);
		assert_int_equal(dh_public(crypto, secret[i], public[i]), 0);
		assert_hex(public[i], publics[i]);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(dh_shared(crypto, secret[i], public[!i], shared), 0);
		assert_hex(shared,
			   "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
	}
}

/* Section 5.2: k and u go round a thousand times. */
static void x25519_iterated(void **state)
{
	uint8_t k[32] = {9}, u[32] = {9}, next[32];

	(void)state;
	for (unsigned i = 1; i <= 1000; i++) {
		assert_int_equal(dh_shared(crypto, k, u, next), 0);
		memcpy(u, k, 32);
		memcpy(k, next, 32);
		if (i == 1)
			assert_hex(k, "422c8e7a6227d7bca1350b3e2bb7279f"
				      "7897b87bb6854b783c60e80311ae3079");
	}
	assert_hex(k, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

/* Points of order 1, 2, 4 and 8, and one over the field's prime. */
static void x25519_low_order(void **state)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	uint8_t secret[32], public[32], shared[32], zeros[32] = {0};

	(void)state;
	assert_int_equal(dh_generate(crypto, secret, public), 0);
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		memset(shared, 0x5a, sizeof(shared));
		unhex(points[i], public, 32);
		assert_int_equal(dh_shared(crypto, secret, public, shared), CRYPTO_ZERO);
		assert_memory_equal(shared, zeros, 32);
	}
}

static void x25519_generated(void **state)
{
	uint8_t a[32], a_public[32], b[32], b_public[32], one[32], two[32];

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(dh_generate(crypto, a, a_public), 0);
		assert_int_equal(dh_generate(crypto, b, b_public), 0);
		assert_memory_not_equal(a, b, 32);
		assert_int_equal(dh_shared(crypto, a, b_public, one), 0);
		assert_int_equal(dh_shared(crypto, b, a_public, two), 0);
		assert_memory_equal(one, two, 32);
		assert_int_equal(dh_public(crypto, a, one), 0);
		assert_memory_equal(one, a_public, 32);
	}
}

/* McGrew and Viega, test case 16. */
static void aead_of_the_paper(void **state)
{
	static const char plain[] = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a"
				    "721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
	uint8_t key[32], nonce[12], ad[20], text[60], tag[16];

	(void)state;
	unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", key, 32);
	unhex("cafebabefacedbaddecaf888", nonce, 12);
	unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2", ad, 20);
	unhex(plain, text, 60);
	assert_int_equal(aead_seal(crypto, key, nonce, ad, 20, text, 60, text, tag), 0);
	assert_hex(text, "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
			 "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662");
	assert_hex(tag, "76fc6ece0f4e1768cddf8853bb2d551b");
	assert_int_equal(aead_open(crypto, key, nonce, ad, 20, text, 60, tag, text), 0);
	assert_hex(text, plain);
}

/* One bit of anything is another message; nothing of the plaintext comes out. */
static void aead_tampered(void **state)
{
	uint8_t key[32] = {1}, nonce[12] = {2}, ad[16] = {3}, tag[16], text[40], out[40];
	uint8_t none[40] = {0};
	struct {
		uint8_t *bytes;
		size_t len;
	} parts[] = {{key, 32}, {nonce, 12}, {ad, 16}, {tag, 16}, {text, 40}};

	(void)state;
	memset(text, 0x77, sizeof(text));
	assert_int_equal(aead_seal(crypto, key, nonce, ad, 16, text, 40, text, tag), 0);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		for (size_t bit = 0; bit < parts[i].len * 8; bit++) {
			parts[i].bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			memset(out, 0xee, sizeof(out));
			assert_int_equal(aead_open(crypto, key, nonce, ad, 16, text, 40, tag, out),
					 CRYPTO_BAD);
			assert_memory_equal(out, none, sizeof(out));
			parts[i].bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
	assert_int_equal(aead_open(crypto, key, nonce, ad, 15, text, 40, tag, out), CRYPTO_BAD);
	assert_int_equal(aead_open(crypto, key, nonce, ad, 16, text, 39, tag, out), CRYPTO_BAD);
	assert_int_equal(aead_open(crypto, key, nonce, ad, 16, text, 40, tag, out), 0);
	assert_int_equal(out[39], 0x77);
}

/* Noise seals empty payloads, and its last messages have no associated data. */
static void aead_of_nothing(void **state)
{
	uint8_t key[32] = {1}, nonce[12] = {2}, tag[16], other[16];

	(void)state;
	assert_int_equal(aead_seal(crypto, key, nonce, NULL, 0, NULL, 0, NULL, tag), 0);
	assert_int_equal(aead_open(crypto, key, nonce, NULL, 0, NULL, 0, tag, NULL), 0);
	assert_int_equal(aead_seal(crypto, key, nonce, "a", 1, NULL, 0, NULL, other), 0);
	assert_memory_not_equal(tag, other, 16);
	assert_int_equal(aead_open(crypto, key, nonce, NULL, 0, NULL, 0, other, NULL), CRYPTO_BAD);
}

/* RFC 8032, section 7.1, tests 1 and 3. */
static void ed25519_of_the_rfc(void **state)
{
	static const struct {
		const char *secret, *public, *text, *signature;
	} cases[] = {
		{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		 "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
		 "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
		 "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
		{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
		 "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
		 "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290"
		 "ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
	};
	uint8_t secret[32], public[32], text[2], signature[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = unhex(cases[i].text, text, sizeof(text));

		unhex(cases[i].secret, secret, 32);
		assert_int_equal(sign_public(crypto, secret, public), 0);
		assert_hex(public, cases[i].public);
		assert_int_equal(sign_make(crypto, secret, text, len, signature), 0);
		assert_hex(signature, cases[i].signature);
		assert_int_equal(sign_check(crypto, public, text, len, signature), 0);
	}
}

static void ed25519_tampered(void **state)
{
	uint8_t secret[32], public[32], signature[64], text[20] = {0};

	(void)state;
	assert_int_equal(sign_generate(crypto, secret, public), 0);
	assert_int_equal(sign_make(crypto, secret, text, sizeof(text), signature), 0);
	for (size_t bit = 0; bit < 64 * 8; bit++) {
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(sign_check(crypto, public, text, sizeof(text), signature),
				 CRYPTO_BAD);
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < 32 * 8; bit++) {
		public[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(sign_check(crypto, public, text, sizeof(text), signature),
				 CRYPTO_BAD);
		public[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(sign_check(crypto, public, text, 19, signature), CRYPTO_BAD);
	assert_int_equal(sign_check(crypto, public, text, sizeof(text), signature), 0);
}

static void kem(void **state)
{
	uint8_t public[1184], text[1088], one[32], two[32];
	struct kem_key *key = NULL;

	(void)state;
	assert_int_equal(kem_generate(crypto, &key, public), 0);
	assert_int_equal(kem_encapsulate(crypto, public, text, one), 0);
	assert_int_equal(kem_decapsulate(crypto, key, text, two), 0);
	assert_memory_equal(one, two, 32);
	text[7] ^= 1;
	assert_int_equal(kem_decapsulate(crypto, key, text, two), 0);
	assert_memory_not_equal(one, two, 32);
	memset(public, 0xff, sizeof(public)); /* coefficients above q */
	assert_int_equal(kem_encapsulate(crypto, public, text, one), CRYPTO_BAD);
	kem_key_free(key);
}

/* Each call says so, and gives nothing. */
static void kem_not_there(void **state)
{
	uint8_t public[1184] = {0}, text[1088] = {0}, shared[32] = {0}, none[1184] = {0};
	struct kem_key *key = NULL;

	(void)state;
	assert_int_equal(kem_generate(crypto, &key, public), -ENOTSUP);
	assert_null(key);
	assert_int_equal(kem_encapsulate(crypto, public, text, shared), -ENOTSUP);
	assert_int_equal(kem_decapsulate(crypto, NULL, text, shared), -ENOTSUP);
	assert_memory_equal(public, none, sizeof(public));
	assert_memory_equal(text, none, sizeof(text));
	assert_memory_equal(shared, none, sizeof(shared));
	kem_key_free(NULL);
}

/* OpenSSL's answer is what decides which of the two is run: tests/e2e/96-hybrid.sh runs the other.
 */
static bool openssl_has_kem(void)
{
	EVP_KEM *kem_found = EVP_KEM_fetch(NULL, "ML-KEM-768", NULL);

	ERR_clear_error();
	EVP_KEM_free(kem_found);
	return kem_found != NULL;
}

int main(void)
{
	const struct CMUnitTest kem_there = cmocka_unit_test(kem),
				kem_missing = cmocka_unit_test(kem_not_there);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_bytes),
		cmocka_unit_test(same),
		cmocka_unit_test(x25519_of_the_rfc),
		cmocka_unit_test(x25519_of_two),
		cmocka_unit_test(x25519_iterated),
		cmocka_unit_test(x25519_low_order),
		cmocka_unit_test(x25519_generated),
		cmocka_unit_test(aead_of_the_paper),
		cmocka_unit_test(aead_tampered),
		cmocka_unit_test(aead_of_nothing),
		cmocka_unit_test(ed25519_of_the_rfc),
		cmocka_unit_test(ed25519_tampered),
		openssl_has_kem() ? kem_there : kem_missing,
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

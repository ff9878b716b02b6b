/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include <user/crypto/hash.h>

#include <tests/unit/crypto/hex.h>

/* FIPS 180-4, the examples of NIST. */
static void sha256_of_the_standard(void **state)
{
	static const char two[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	uint8_t digest[32];
	struct sha256 s;
	uint8_t as[1000];

	(void)state;
	sha256("", 0, digest);
	assert_hex(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256("abc", 3, digest);
	assert_hex(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256(two, strlen(two), digest);
	assert_hex(digest, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	memset(as, 'a', sizeof(as));
	sha256_init(&s);
	for (unsigned i = 0; i < 1000; i++)
		sha256_add(&s, as, sizeof(as));
	sha256_end(&s, digest);
	assert_hex(digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* All lengths over several blocks, in pieces of all sizes, beside OpenSSL's own interface. */
static void sha256_in_pieces(void **state)
{
	uint8_t bytes[300], digest[32], wanted[32];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + 3);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		assert_int_equal(EVP_Digest(bytes, len, wanted, NULL, EVP_sha256(), NULL), 1);
		sha256(bytes, len, digest);
		assert_memory_equal(digest, wanted, 32);
		for (size_t piece = 1; piece < 140; piece += 13) {
			struct sha256 s;

			sha256_init(&s);
			for (size_t at = 0; at < len; at += piece)
				sha256_add(&s, bytes + at, len - at < piece ? len - at : piece);
			sha256_end(&s, digest);
			assert_memory_equal(digest, wanted, 32);
		}
	}
}

/* RFC 4231, section 4. */
static void hmac_of_the_rfc(void **state)
{
	static const struct {
		const char *key, *text, *mac;
	} cases[] = {
		{"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
		 "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
		 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		 "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
		 "dddddddddddddddddddddddddddddddd",
		 "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
		{"0102030405060708090a0b0c0d0e0f10111213141516171819",
		 "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
		 "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
		 "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
		{"0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
		 "546573742057697468205472756e636174696f6e", "a3b6167473100ee06e0c796c2955552b"},
	};
	/* Cases 6 and 7: a key longer than a block. */
	static const char six[] = "Test Using Larger Than Block-Size Key - Hash Key First";
	static const char seven[] =
		"This is a test using a larger than block-size key and a larger t"
		"han block-size data. The key needs to be hashed before being use"
		"d by the HMAC algorithm.";
	uint8_t secret[131], text[64], mac[32];
	struct hmac_key key;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		hmac_key_set(&key, secret, unhex(cases[i].key, secret, sizeof(secret)));
		hmac(&key, text, unhex(cases[i].text, text, sizeof(text)), mac);
		assert_hex(mac, cases[i].mac);
	}
	memset(secret, 0xaa, sizeof(secret));
	hmac_key_set(&key, secret, sizeof(secret));
	hmac(&key, six, strlen(six), mac);
	assert_hex(mac, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	hmac(&key, seven, strlen(seven), mac);
	assert_hex(mac, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

/* Around the length at which the last block no longer holds text and padding. */
static void hmac_in_pieces(void **state)
{
	uint8_t bytes[200], whole[32], pieces[32];
	struct hmac_key key;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 5);
	hmac_key_set(&key, "key", 3);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		struct hmac h;

		hmac(&key, bytes, len, whole);
		hmac_init(&h, &key);
		hmac_add(&h, bytes, len / 3);
		hmac_add(&h, bytes + len / 3, len - len / 3);
		hmac_end(&h, pieces);
		assert_memory_equal(whole, pieces, 32);
	}
}

/* RFC 5869, appendix A.1 to A.3: PRK is an HMAC, the first block of OKM an Expand1. */
static void hkdf_of_the_rfc(void **state)
{
	static const struct {
		const char *ikm, *salt, *info, *prk, *first;
	} cases[] = {
		{"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
		 "f0f1f2f3f4f5f6f7f8f9",
		 "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
		 "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"},
		{"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223242526272"
		 "8292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
		 "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283848586878"
		 "8898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
		 "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d"
		 "8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
		 "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
		 "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"},
		{"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
		 "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
		 "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"},
	};
	uint8_t ikm[80], salt[80], info[80], out[32];
	struct hmac_key key;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		hmac_key_set(&key, salt, unhex(cases[i].salt, salt, sizeof(salt)));
		hmac(&key, ikm, unhex(cases[i].ikm, ikm, sizeof(ikm)), out);
		assert_hex(out, cases[i].prk);
		hmac_key_set(&key, out, sizeof(out));
		kdf_expand1(&key, info, unhex(cases[i].info, info, sizeof(info)), out);
		assert_hex(out, cases[i].first);
	}
}

/* It is HKDF with the chaining key as salt and no info (Noise, section 4.3). */
static void noise_is_hkdf(void **state)
{
	uint8_t ck[32], input[32], out[3][32], block[33 + 1], t[32], prk[32];
	struct hmac_key key;

	(void)state;
	memset(ck, 0x11, sizeof(ck));
	memset(input, 0x22, sizeof(input));
	for (size_t len = 0; len <= 32; len += 32) {
		for (unsigned n = 2; n <= 3; n++) {
			memset(out, 0xee, sizeof(out));
			kdf_noise(ck, input, len, n, out);
			hmac_key_set(&key, ck, sizeof(ck));
			hmac(&key, input, len, prk);
			hmac_key_set(&key, prk, sizeof(prk));
			kdf_expand1(&key, "", 0, t);
			for (unsigned i = 0; i < n; i++) {
				assert_memory_equal(out[i], t, 32);
				memcpy(block, t, 32);
				block[32] = (uint8_t)(i + 2);
				hmac(&key, block, 33, t);
			}
			if (n == 2)
				assert_int_equal(out[2][0], 0xee);
		}
	}
}

/* What the handshake does with it: the first output is the new chaining key. */
static void noise_in_place(void **state)
{
	uint8_t keys[3][32], out[3][32];

	(void)state;
	memset(keys, 0x33, sizeof(keys));
	kdf_noise(keys[0], keys[1], 32, 3, out);
	kdf_noise(keys[0], keys[1], 32, 3, keys);
	assert_memory_equal(keys, out, sizeof(keys));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_of_the_standard), cmocka_unit_test(sha256_in_pieces),
		cmocka_unit_test(hmac_of_the_rfc),	  cmocka_unit_test(hmac_in_pieces),
		cmocka_unit_test(hkdf_of_the_rfc),	  cmocka_unit_test(noise_is_hkdf),
		cmocka_unit_test(noise_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

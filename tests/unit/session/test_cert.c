/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <user/crypto/hash.h>
#include <user/session/cert.h>

static struct crypto *c;
static uint8_t root_secret[32], root[32], key[PH_KEY_LEN] = {1, 2, 3};

static int open_crypto(void **state)
{
	(void)state;
	return crypto_new(&c) || sign_generate(c, root_secret, root);
}

static int close_crypto(void **state)
{
	(void)state;
	crypto_free(c);
	return 0;
}

static void test_round_trip(void **state)
{
	uint8_t bytes[PH_CERT_MAX], got[PH_KEY_LEN], digest[32];
	char name[PH_NAME_MAX + 2];
	size_t len;

	(void)state;
	sha256(root, sizeof(root), digest);
	for (size_t n = 1; n <= PH_NAME_MAX; n++) {
		memset(name, 'n', n);
		name[n] = 0;
		assert_int_equal(cert_make(c, root_secret, key, name, 100, 200, bytes, &len), 0);
		assert_int_equal(len, 9 + 32 + 8 + 8 + 8 + 1 + n + 64);
		assert_memory_equal(bytes, "PHS1 cert", 9);
		assert_memory_equal(bytes + 9 + 32 + 16, digest, 8);
		assert_int_equal(cert_check(c, bytes, len, root, name, 100, got), 0);
		assert_int_equal(cert_check(c, bytes, len, root, name, 200, got), 0);
		assert_memory_equal(got, key, sizeof(got));
	}
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	assert_int_equal(cert_make(c, root_secret, key, name, 1, 2, bytes, &len), -EINVAL);
	assert_int_equal(cert_make(c, root_secret, key, "", 1, 2, bytes, &len), -EINVAL);
	assert_int_equal(cert_make(c, root_secret, key, "a\nb", 1, 2, bytes, &len), -EINVAL);
	assert_int_equal(cert_make(c, root_secret, key, "a", 2, 1, bytes, &len), -EINVAL);
}

static void test_refused(void **state)
{
	uint8_t bytes[PH_CERT_MAX], got[PH_KEY_LEN] = {0x55}, other[32], other_secret[32];
	size_t len;
	int r;

	(void)state;
	assert_int_equal(sign_generate(c, other_secret, other), 0);
	assert_int_equal(cert_make(c, root_secret, key, "strazh", 100, 200, bytes, &len), 0);
	assert_int_equal(cert_check(c, bytes, len, root, "strazh", 99, got), CERT_FAULT_TIME);
	assert_int_equal(cert_check(c, bytes, len, root, "strazh", 201, got), CERT_FAULT_TIME);
	assert_int_equal(cert_check(c, bytes, len, root, "strazi", 150, got), CERT_FAULT_NAME);
	assert_int_equal(cert_check(c, bytes, len, root, "straz", 150, got), CERT_FAULT_NAME);
	assert_int_equal(cert_check(c, bytes, len, other, "strazh", 150, got), CERT_FAULT_ROOT);
	for (size_t to = 0; to < len; to++)
		assert_int_equal(cert_check(c, bytes, to, root, "strazh", 150, got),
				 CERT_FAULT_LAYOUT);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		r = cert_check(c, bytes, len, root, "strazh", 150, got);
		assert_true(r == CERT_FAULT_LAYOUT || r == CERT_FAULT_ROOT);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	/* Nothing was given out by what was refused. */
	assert_int_equal(got[0], 0x55);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, open_crypto, close_crypto);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "exact.h"

#include <user/wire/cert.h>

static struct cert make(size_t name_len)
{
	struct cert cert = {.not_before = 1000, .not_after = 1000, .name_len = (uint8_t)name_len};

	memset(cert.key, 0x11, sizeof(cert.key));
	memset(cert.key_id, 0x22, sizeof(cert.key_id));
	memset(cert.name, 'n', name_len);
	memset(cert.signature, 0x33, sizeof(cert.signature));
	return cert;
}

static int parse(const uint8_t *bytes, size_t len, struct cert *ret_cert)
{
	uint8_t *copy = exact(bytes, len);
	int r = cert_parse(copy, len, ret_cert);

	free(copy);
	return r;
}

static void test_layout(void **state)
{
	struct cert cert = make(3);
	uint8_t bytes[PH_CERT_MAX];

	(void)state;
	cert.not_before = 0x0102030405060708;
	cert.not_after = 0x1102030405060708;
	cert_emit(&cert, bytes);
	assert_int_equal(cert_signed_len(&cert), 9 + 32 + 8 + 8 + 8 + 1 + 3);
	assert_int_equal(cert_len(&cert), 9 + 32 + 8 + 8 + 8 + 1 + 3 + 64);
	assert_memory_equal(bytes, "PHS1 cert", 9);
	assert_memory_equal(bytes + 9, cert.key, 32);
	assert_memory_equal(bytes + 41, "\1\2\3\4\5\6\7\10\x11\2\3\4\5\6\7\10", 16);
	assert_memory_equal(bytes + 57, cert.key_id, 8);
	assert_memory_equal(bytes + 65, "\3nnn", 4);
	assert_memory_equal(bytes + 69, cert.signature, 64);
}

static void test_each_name_length(void **state)
{
	uint8_t bytes[PH_CERT_MAX + 1] = {0};
	struct cert got;

	(void)state;
	for (size_t n = 1; n <= PH_NAME_MAX; n++) {
		struct cert cert = make(n);

		cert_emit(&cert, bytes);
		assert_int_equal(parse(bytes, cert_len(&cert), &got), 0);
		assert_memory_equal(&got, &cert, sizeof(cert));
		assert_int_equal(strlen(got.name), n);
	}
	assert_int_equal(cert_len(&got), PH_CERT_MAX);
	assert_int_equal(parse(bytes, PH_CERT_MAX + 1, &got), CERT_TRAILING);
}

static void test_each_truncation(void **state)
{
	struct cert cert = make(40), got = make(1), before = got;
	uint8_t bytes[PH_CERT_MAX];

	(void)state;
	cert_emit(&cert, bytes);
	for (size_t len = 0; len < cert_len(&cert); len++) {
		assert_int_equal(parse(bytes, len, &got), CERT_SHORT);
		assert_memory_equal(&got, &before, sizeof(got));
	}
}

static void test_magic(void **state)
{
	struct cert cert = make(4), got;
	uint8_t bytes[PH_CERT_MAX];

	(void)state;
	for (size_t i = 0; i < CERT_MAGIC_LEN; i++) {
		cert_emit(&cert, bytes);
		bytes[i] ^= 0x20;
		assert_int_equal(parse(bytes, cert_len(&cert), &got), CERT_MAGIC);
	}
}

static void test_times(void **state)
{
	struct cert cert = make(4), got;
	uint8_t bytes[PH_CERT_MAX];

	(void)state;
	cert.not_after = 999;
	cert_emit(&cert, bytes);
	assert_int_equal(parse(bytes, cert_len(&cert), &got), CERT_TIMES);
	cert.not_after = UINT64_MAX;
	cert_emit(&cert, bytes);
	assert_int_equal(parse(bytes, cert_len(&cert), &got), 0);
}

static void test_names(void **state)
{
	struct cert cert = make(0), got;
	uint8_t bytes[PH_CERT_MAX];

	(void)state;
	cert_emit(&cert, bytes);
	assert_int_equal(parse(bytes, cert_len(&cert), &got), CERT_NAME);
	cert = make(4);
	cert.name[2] = '\0'; /* "nn" and something that a comparison of strings would not see */
	cert_emit(&cert, bytes);
	assert_int_equal(parse(bytes, cert_len(&cert), &got), CERT_NAME);
	cert.name[2] = (char)0xff;
	cert_emit(&cert, bytes);
	assert_int_equal(parse(bytes, cert_len(&cert), &got), CERT_NAME);
}

static void test_texts(void **state)
{
	(void)state;
	check_texts(cert_condition_text, CERT_TRAILING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),		cmocka_unit_test(test_each_name_length),
		cmocka_unit_test(test_each_truncation), cmocka_unit_test(test_magic),
		cmocka_unit_test(test_times),		cmocka_unit_test(test_names),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

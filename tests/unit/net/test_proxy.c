/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* PROXY v2 headers as the specification draws them, cut and bent in every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <user/net/proxy.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

/* 192.0.2.1:1000 to 198.51.100.7:8000 */
static const uint8_t tcp4[] = SIGNATURE "\x21\x11\x00\x0c"
					"\xc0\x00\x02\x01\xc6\x33\x64\x07\x03\xe8\x1f\x40";
#define TCP4_LEN (sizeof(tcp4) - 1)
/* 2001:db8::1 port 1000 to 2001:db8::2 port 8000, then NOOP of 2 bytes */
static const uint8_t tcp6[] = SIGNATURE "\x21\x21\x00\x29"
					"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
					"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x03\xe8\x1f\x40"
					"\x04\x00\x02zz";
#define TCP6_LEN (sizeof(tcp6) - 1)

/* A copy of exactly `len` bytes: a sanitizer sees what is read behind them. */
static int parse(const uint8_t *bytes, size_t len, struct proxy_header *ret_header)
{
	uint8_t *copy = malloc(len ? len : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	r = proxy_parse(copy, len, ret_header);
	free(copy);
	return r;
}

static void test_tcp4(void **state)
{
	struct proxy_header header = {0};
	uint8_t more[TCP4_LEN + 5] = {0};

	(void)state;
	memcpy(more, tcp4, TCP4_LEN);
	assert_int_equal(parse(more, sizeof(more), &header), 0);
	assert_int_equal(header.len, TCP4_LEN);
	assert_true(header.named);
	assert_int_equal(header.from.family, 4);
	assert_memory_equal(header.from.addr, "\xc0\x00\x02\x01", 4);
	assert_int_equal(header.from.port, 1000);
	assert_memory_equal(header.to.addr, "\xc6\x33\x64\x07", 4);
	assert_int_equal(header.to.port, 8000);
}

static void test_tcp6(void **state)
{
	struct proxy_header header = {0};

	(void)state;
	assert_int_equal(parse(tcp6, TCP6_LEN, &header), 0);
	assert_int_equal(header.len, TCP6_LEN);
	assert_int_equal(header.from.family, 6);
	assert_memory_equal(header.from.addr, tcp6 + 16, 16);
	assert_int_equal(header.from.port, 1000);
	assert_memory_equal(header.to.addr, tcp6 + 32, 16);
}

static void test_each_beginning(void **state)
{
	struct proxy_header header;

	(void)state;
	for (size_t len = 0; len < TCP4_LEN; len++)
		assert_int_equal(parse(tcp4, len, &header), PROXY_SHORT);
	for (size_t len = 0; len < TCP6_LEN; len++)
		assert_int_equal(parse(tcp6, len, &header), PROXY_SHORT);
}

/* LOCAL whatever its family says, and PROXY of an unknown one: nobody is named, all is skipped. */
static void test_local(void **state)
{
	uint8_t bytes[TCP6_LEN];
	struct proxy_header header = {.named = true};

	(void)state;
	memcpy(bytes, tcp6, TCP6_LEN);
	bytes[12] = 0x20;
	for (unsigned family = 0; family < 256; family++) {
		bytes[13] = (uint8_t)family;
		assert_int_equal(parse(bytes, TCP6_LEN, &header), 0);
		assert_false(header.named);
		assert_int_equal(header.len, TCP6_LEN);
	}
	bytes[12] = 0x21;
	bytes[13] = 0;
	header.named = true;
	assert_int_equal(parse(bytes, TCP6_LEN, &header), 0);
	assert_false(header.named);
}

static int bent(size_t at, uint8_t value)
{
	uint8_t bytes[TCP4_LEN];
	struct proxy_header header;

	memcpy(bytes, tcp4, TCP4_LEN);
	bytes[at] = value;
	return parse(bytes, TCP4_LEN, &header);
}

static void test_bent(void **state)
{
	(void)state;
	for (size_t i = 0; i < 12; i++)
		assert_int_equal(bent(i, tcp4[i] ^ 1), PROXY_ABSENT);
	assert_int_equal(bent(12, 0x11), PROXY_BAD); /* version */
	assert_int_equal(bent(12, 0x22), PROXY_BAD); /* command */
	for (unsigned family = 1; family < 256; family++)
		if (family != 0x11 && family != 0x21)
			assert_int_equal(bent(13, (uint8_t)family), PROXY_BAD);
	assert_int_equal(bent(13, 0x21), PROXY_BAD); /* too short for its family */
	assert_int_equal(bent(15, 11), PROXY_BAD);
	assert_int_equal(bent(15, 13), PROXY_SHORT);
	assert_int_equal(bent(14, 0x08), PROXY_BAD); /* longer than PROXY_MAX */
	assert_int_equal(
		proxy_parse((const uint8_t *)"PROXY TCP4 1.2.3.4", 18, &(struct proxy_header){0}),
		PROXY_ABSENT);
}

/* Value as an independent CRC-32C implementation gives it for this header. */
static void test_checksum(void **state)
{
	static const uint8_t plain[] = SIGNATURE "\x21\x11\x00\x13"
						 "\xc0\x00\x02\x01\xc6\x33\x64\x07\x03\xe8\x1f\x40"
						 "\x03\x00\x04\xa7\x68\x41\x93";
	uint8_t bytes[sizeof(plain) - 1];
	struct proxy_header header;

	(void)state;
	memcpy(bytes, plain, sizeof(bytes));
	assert_int_equal(parse(bytes, sizeof(bytes), &header), 0);
	for (size_t i = 16; i < sizeof(bytes); i++) {
		if (i == 28) /* the type: another TLV, which nobody checks */
			continue;
		bytes[i] ^= 0x40;
		assert_int_equal(parse(bytes, sizeof(bytes), &header), PROXY_BAD);
		bytes[i] ^= 0x40;
	}
}

static void test_tlvs(void **state)
{
	uint8_t bytes[TCP6_LEN];
	struct proxy_header header;

	(void)state;
	memcpy(bytes, tcp6, TCP6_LEN);
	bytes[TCP6_LEN - 3] = 3; /* longer than what there is */
	assert_int_equal(parse(bytes, TCP6_LEN, &header), PROXY_BAD);
	bytes[TCP6_LEN - 3] = 1; /* a byte is left that is no TLV */
	assert_int_equal(parse(bytes, TCP6_LEN, &header), PROXY_BAD);
	bytes[TCP6_LEN - 3] = 2;
	bytes[TCP6_LEN - 5] = 3; /* a checksum of two bytes */
	assert_int_equal(parse(bytes, TCP6_LEN, &header), PROXY_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp4),  cmocka_unit_test(test_tcp6),
		cmocka_unit_test(test_local), cmocka_unit_test(test_each_beginning),
		cmocka_unit_test(test_bent),  cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_tlvs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include <user/base/prefix.h>

static int parse(const char *text, struct prefix *p)
{
	return prefix_parse(text, strlen(text), p);
}

/* What goes in, and how it is written. */
static void reads_and_writes(void **state)
{
	static const char *const pairs[][2] = {
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"1.2.3.4", "1.2.3.4"},
		{"255.255.255.255/32", "255.255.255.255"},
		{"10.0.0.0/8", "10.0.0.0/8"},
		{"128.0.0.0/1", "128.0.0.0/1"},
		{"::", "::"},
		{"::/0", "::/0"},
		{"::1", "::1"},
		{"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
		{"2001:db8::/32", "2001:db8::/32"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, /* RFC 5952 4.2.2 */
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},	  /* 4.2.3: the longest run */
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},	  /* the first of equals */
		{"1:0:0:0:0:0:0:0", "1::"},
		{"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
		{"::1.2.3.4", "::102:304"},
		{"::ffff:1.2.3.4", "1.2.3.4"},
		{"::ffff:1.2.3.0/120", "1.2.3.0/24"},
		{"::ffff:0:0/96", "0.0.0.0/0"},
		{"fe80::1234:5678:9abc:def0/128", "fe80::1234:5678:9abc:def0"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127",
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127"},
	};
	char text[PREFIX_TEXT_LEN];
	struct prefix p, q;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		if (parse(pairs[i][0], &p))
			fail_msg("'%s' is refused", pairs[i][0]);
		assert_string_equal(prefix_format(&p, text), pairs[i][1]);
		assert_int_equal(parse(text, &q), 0);
		assert_memory_equal(&p, &q, sizeof(p));
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *text;
		int fault;
	} bad[] = {
		{"", PREFIX_BAD_ADDRESS},
		{"1.2.3", PREFIX_BAD_ADDRESS},
		{"1.2.3.", PREFIX_BAD_ADDRESS},
		{"1.2.3.4.5", PREFIX_BAD_ADDRESS},
		{"256.1.1.1", PREFIX_BAD_ADDRESS},
		{"1.2.3.1000", PREFIX_BAD_ADDRESS},
		{"01.2.3.4", PREFIX_BAD_ADDRESS},
		{"1.2.3.-4", PREFIX_BAD_ADDRESS},
		{" 1.2.3.4", PREFIX_BAD_ADDRESS},
		{"/8", PREFIX_BAD_ADDRESS},
		{"host.example", PREFIX_BAD_ADDRESS},
		{":", PREFIX_BAD_ADDRESS},
		{":::", PREFIX_BAD_ADDRESS},
		{"1::2::3", PREFIX_BAD_ADDRESS},
		{"12345::", PREFIX_BAD_ADDRESS},
		{"fe80::1%eth0", PREFIX_BAD_ADDRESS},
		{"1:2:3:4:5:6:7:8:9", PREFIX_BAD_ADDRESS},
		{"1.2.3.4/", PREFIX_BAD_LENGTH},
		{"1.2.3.4/33", PREFIX_BAD_LENGTH},
		{"1.2.3.4/-1", PREFIX_BAD_LENGTH},
		{"1.2.3.4/032", PREFIX_BAD_LENGTH},
		{"1.2.3.4/x", PREFIX_BAD_LENGTH},
		{"::/129", PREFIX_BAD_LENGTH},
		{"::/1000", PREFIX_BAD_LENGTH},
		{"1.2.3.4/24x", PREFIX_TRAILING},
		{"1.2.3.4 5", PREFIX_TRAILING},
		{"1.2.3.4,5", PREFIX_TRAILING},
		{"10.0.0.1/8", PREFIX_HOST_BITS},
		{"2001:db8::1/64", PREFIX_HOST_BITS},
		{"::ffff:1.2.3.4/95", PREFIX_HOST_BITS},
	};
	struct prefix p;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int r = parse(bad[i].text, &p);

		if (r != bad[i].fault)
			fail_msg("'%s': fault %d, should be %d", bad[i].text, r, bad[i].fault);
		assert_true(strlen(prefix_fault_text(r)) > 10);
	}
	assert_int_equal(prefix_parse("1.2.3.4\0", 8, &p), PREFIX_BAD_ADDRESS);
}

static void suggests_without_host_bits(void **state)
{
	char text[PREFIX_TEXT_LEN];
	struct prefix p;

	(void)state;
	assert_int_equal(parse("10.1.2.3/15", &p), PREFIX_HOST_BITS);
	assert_string_equal(prefix_format(&p, text), "10.0.0.0/15");
	assert_int_equal(parse("2001:db8::ffff/121", &p), PREFIX_HOST_BITS);
	assert_string_equal(prefix_format(&p, text), "2001:db8::ff80/121");
}

/* No terminator is read, no byte behind the length. */
static void takes_no_terminator(void **state)
{
	struct prefix p, q;

	(void)state;
	assert_int_equal(prefix_parse("10.0.0.0/88", 10, &p), 0);
	assert_int_equal(parse("10.0.0.0/8", &q), 0);
	assert_memory_equal(&p, &q, sizeof(p));
	assert_int_equal(prefix_parse("2001:db8::1234", 11, &p), 0);
	assert_int_equal(parse("2001:db8::1", &q), 0);
	assert_memory_equal(&p, &q, sizeof(p));
}

static void covers_as_bits_say(void **state)
{
	static const struct {
		const char *a, *b;
		bool covers;
	} cases[] = {
		{"0.0.0.0/0", "1.2.3.4", true},
		{"10.0.0.0/8", "10.255.255.255", true},
		{"10.0.0.0/8", "11.0.0.0", false},
		{"10.0.0.0/9", "10.127.0.0/16", true},
		{"10.0.0.0/9", "10.128.0.0", false},
		{"10.0.0.0/16", "10.0.0.0/8", false},
		{"1.2.3.4", "1.2.3.4", true},
		{"::/0", "1.2.3.4", false},
		{"0.0.0.0/0", "::1", false},
		{"2001:db8::/33", "2001:db8:8000::", false},
		{"2001:db8::/33", "2001:db8:7fff::", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct prefix a, b;

		assert_int_equal(parse(cases[i].a, &a), 0);
		assert_int_equal(parse(cases[i].b, &b), 0);
		if (prefix_covers(&a, &b) != cases[i].covers)
			fail_msg("%s covers %s: wrong", cases[i].a, cases[i].b);
	}
}

static void order_puts_covers_first(void **state)
{
	static const char *const order[] = {"0.0.0.0/0", "10.0.0.0/8",	 "10.0.0.0/9", "10.0.0.0",
					    "10.0.0.1",	 "10.1.0.0/16",	 "11.0.0.0/8", "::/0",
					    "::",	 "2001:db8::/32"};
	struct prefix at[ARRAY_LEN(order)];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		assert_int_equal(parse(order[i], &at[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		for (size_t j = 0; j < ARRAY_LEN(order); j++) {
			int r = prefix_compare(&at[i], &at[j]);

			assert_true(i < j ? r < 0 : i > j ? r > 0 : r == 0);
		}
}

static void from_bytes_is_canonical(void **state)
{
	static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, 1, 2, 3, 4};
	struct prefix p = prefix_from(6, mapped, 128), q = prefix_from(4, mapped + 12, 32);
	uint8_t all[16];

	(void)state;
	assert_memory_equal(&p, &q, sizeof(p));
	p = prefix_from(6, mapped, 95);
	assert_int_equal(p.family, 6);
	memset(all, 0xff, sizeof(all));
	for (uint8_t len = 0; len <= 128; len++) {
		p = prefix_from(6, all, len);
		for (unsigned int bit = 0; bit < 128; bit++)
			assert_int_equal(p.addr[bit / 8] >> (7 - bit % 8) & 1, bit < len);
		p = prefix_from(4, all, len);
		assert_int_equal(p.len, len < 32 ? len : 32);
		for (unsigned int bit = 0; bit < 128; bit++)
			assert_int_equal(p.addr[bit / 8] >> (7 - bit % 8) & 1,
					 bit < 32 && bit < len);
	}
}

/* The C library as the other opinion. */
static void agrees_with_inet_pton(void **state)
{
	static const char letters[] = "0123456789abcdef:.";
	unsigned int seed = 5, good = 0;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		uint8_t addr[16] = {0};
		char text[24] = {0};
		struct prefix p;
		int len = 1 + rand_r(&seed) % 14, want;

		for (int j = 0; j < len; j++)
			text[j] = letters[rand_r(&seed) % (i % 2 ? 11 : 18)];
		if (i % 2)
			for (int j = 1; j < len; j++)
				text[j] = rand_r(&seed) % 3 ? text[j] : '.';
		want = inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, addr) == 1;
		assert_int_equal(parse(text, &p) == 0, want);
		good += (unsigned int)want;
		if (want && p.family == (strchr(text, ':') ? 6 : 4))
			assert_memory_equal(p.addr, addr, sizeof(addr));
	}
	assert_true(good > 500);
}

static void of_elsewhere(void **state)
{
	static const struct {
		uint8_t family, len;
		bool ok;
	} rows[] = {{4, 0, true},    {4, 32, true},   {4, 33, false}, {6, 0, true},
		    {6, 128, true},  {6, 129, false}, {0, 0, false},  {5, 8, false},
		    {255, 8, false}, {4, 255, false}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct prefix p = {.family = rows[i].family, .len = rows[i].len};

		assert_int_equal(prefix_ok(&p), rows[i].ok);
	}
	assert_true(prefix_one_len(4) == 32 && prefix_one_len(6) == 64);
	assert_true(prefix_net_len(4) == 24 && prefix_net_len(6) == 48);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_elsewhere),
		cmocka_unit_test(reads_and_writes),
		cmocka_unit_test(refuses),
		cmocka_unit_test(suggests_without_host_bits),
		cmocka_unit_test(takes_no_terminator),
		cmocka_unit_test(covers_as_bits_say),
		cmocka_unit_test(order_puts_covers_first),
		cmocka_unit_test(from_bytes_is_canonical),
		cmocka_unit_test(agrees_with_inet_pton),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

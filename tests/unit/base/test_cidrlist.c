/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <user/base/cidrlist.h>

static struct cidrlist parse_len(const char *text, size_t len)
{
	struct cidrlist list;

	assert_int_equal(cidrlist_parse(text, len, &list), 0);
	return list;
}

/* The entries, joined by blanks, and the number of faults. */
static void expect(const char *text, const char *entries, size_t faults)
{
	struct cidrlist list = parse_len(text, strlen(text));
	char joined[4096] = "", one[PREFIX_TEXT_LEN];
	size_t len = 0;

	for (size_t i = 0; i < list.count; i++)
		len += (size_t)snprintf(joined + len, sizeof(joined) - len, "%s%s", i ? " " : "",
					prefix_format(&list.entries[i], one));
	assert_string_equal(joined, entries);
	assert_int_equal(list.faults_total, faults);
	cidrlist_deinit(&list);
}

static void firehol(void **state)
{
	(void)state;
	expect("#\n# firehol_level1\n#\n# Maintainer      : FireHOL\n#\n"
	       "5.188.10.0/23\n1.10.16.0/20\n2.56.192.0/22\n45.9.148.1\n",
	       "1.10.16.0/20 2.56.192.0/22 5.188.10.0/23 45.9.148.1", 0);
}

static void spamhaus_text(void **state)
{
	(void)state;
	expect("; Spamhaus DROP List 2024/01/01 - (c) 2024 The Spamhaus Project SLU\n"
	       "; Last-Modified: Mon, 01 Jan 2024 10:00:00 GMT\n"
	       "1.10.16.0/20 ; SBL256894\n1.19.0.0/16 ; SBL434604\n2a06:e480::/29 ; SBL301771\n",
	       "1.10.16.0/20 1.19.0.0/16 2a06:e480::/29", 0);
}

static void spamhaus_json(void **state)
{
	(void)state;
	expect("{\"cidr\":\"1.10.16.0/20\",\"sblid\":\"SBL256894\",\"rir\":\"apnic\"}\n"
	       "{ \"sblid\" : \"SBL1\", \"cidr\" : \"2a06:e480::/29\" }\n"
	       "{\"type\":\"metadata\",\"timestamp\":1704103200,\"records\":2}\n",
	       "1.10.16.0/20 2a06:e480::/29", 0);
	expect("{\"sblid\":\"x\"}\n{\"cidr\":\"1.2.3.4\n{\"cidr\":5}\n{\"cidr\":\"x\"}\n{\n", "",
	       5);
}

static void ipset_save(void **state)
{
	(void)state;
	expect("create bad hash:net family inet hashsize 1024 maxelem 65536 timeout 60 bucketsize "
	       "12\n"
	       "flush bad\n"
	       "add bad 1.2.3.4 timeout 60\n"
	       "add bad 10.0.0.0/8 comment \"see nomatch, # and ; here\"\n"
	       "add bad 192.0.2.0-192.0.2.255 packets 1 bytes 60\n"
	       "add bad6 2001:db8::/32 timeout 0 skbmark 0x1/0x1\n",
	       "1.2.3.4 10.0.0.0/8 192.0.2.0/24 2001:db8::/32", 0);
	expect("add bad 10.1.0.0/16 nomatch\n"
	       "add bad 10.1.0.1,tcp:80\n"
	       "add bad 10.1.0.0/16,eth0 timeout 9\n"
	       "add bad\n"
	       "add bad 00:11:22:33:44:55\n"
	       "destroy bad\n",
	       "", 5);
}

static void ranges(void **state)
{
	(void)state;
	expect("192.0.2.1-192.0.2.6\n", "192.0.2.1 192.0.2.2/31 192.0.2.4/31 192.0.2.6", 0);
	expect("0.0.0.0-255.255.255.255\n", "0.0.0.0/0", 0);
	expect("0.0.0.1 - 255.255.255.254\n",
	       "0.0.0.1 0.0.0.2/31 0.0.0.4/30 0.0.0.8/29 0.0.0.16/28 0.0.0.32/27 0.0.0.64/26 "
	       "0.0.0.128/25 0.0.1.0/24 0.0.2.0/23 0.0.4.0/22 0.0.8.0/21 0.0.16.0/20 0.0.32.0/19 "
	       "0.0.64.0/18 0.0.128.0/17 0.1.0.0/16 0.2.0.0/15 0.4.0.0/14 0.8.0.0/13 0.16.0.0/12 "
	       "0.32.0.0/11 0.64.0.0/10 0.128.0.0/9 1.0.0.0/8 2.0.0.0/7 4.0.0.0/6 8.0.0.0/5 "
	       "16.0.0.0/4 32.0.0.0/3 64.0.0.0/2 128.0.0.0/2 192.0.0.0/3 224.0.0.0/4 240.0.0.0/5 "
	       "248.0.0.0/6 252.0.0.0/7 254.0.0.0/8 255.0.0.0/9 255.128.0.0/10 255.192.0.0/11 "
	       "255.224.0.0/12 255.240.0.0/13 255.248.0.0/14 255.252.0.0/15 255.254.0.0/16 "
	       "255.255.0.0/17 255.255.128.0/18 255.255.192.0/19 255.255.224.0/20 "
	       "255.255.240.0/21 255.255.248.0/22 255.255.252.0/23 255.255.254.0/24 "
	       "255.255.255.0/25 255.255.255.128/26 255.255.255.192/27 255.255.255.224/28 "
	       "255.255.255.240/29 255.255.255.248/30 255.255.255.252/31 255.255.255.254",
	       0);
	expect("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n", "::/0", 0);
	expect("2001:db8::-2001:db8:0:2:ffff:ffff:ffff:ffff\n", "2001:db8::/63 2001:db8:0:2::/64",
	       0);
	expect("192.0.2.9-192.0.2.9\n", "192.0.2.9", 0);
	expect("192.0.2.9-192.0.2.8\n1.2.3.4-::1\n1.2.3.0/24-1.2.4.0/24\n1.2.3.4-\n-1.2.3.4\n-\n"
	       "1.2.3.4-1.2.3.5-1.2.3.6\n",
	       "", 7);
}

static void layout_of_lines(void **state)
{
	(void)state;
	expect("\xef\xbb\xbf"
	       "1.2.3.4\r\n\r\n  5.6.7.8 \t\r\n9.9.9.9# x\r\n\t# only this\n::1",
	       "1.2.3.4 5.6.7.8 9.9.9.9 ::1", 0);
	expect("", "", 0);
	expect("\xef\xbb\xbf", "", 0);
	expect("\n\n\n", "", 0);
	expect("1.2.3.4", "1.2.3.4", 0);
	/* Host bits are cut off, doubles go, mapped addresses are IPv4. */
	expect("10.1.2.3/8\n10.9.9.9/8\n10.0.0.0/8\n::ffff:10.0.0.0/104\n2001:db8::5/32\n",
	       "10.0.0.0/8 2001:db8::/32", 0);
	expect("1.2.3.4/0\n", "0.0.0.0/0", 0);
}

static void bad_lines_are_told(void **state)
{
	static const char text[] =
		"1.2.3.4\n<html>\x1b[31m\n5.6.7.8/99\n\n1.2.3\n"
		"a long line that goes on and on and on, much longer than what is "
		"kept of it for the message\n6.6.6.6\n"
		"x\nx\nx\nx\nx\nx\nx";
	struct cidrlist list = parse_len(text, sizeof(text) - 1);

	(void)state;
	assert_int_equal(list.count, 2);
	assert_int_equal(list.lines, 14);
	assert_int_equal(list.faults_total, 11);
	assert_int_equal(list.faults[0].line, 2);
	assert_string_equal(list.faults[0].text, "<html>?[31m");
	assert_int_equal(list.faults[1].line, 3);
	assert_non_null(strstr(list.faults[1].why, "length"));
	assert_int_equal(list.faults[2].line, 5);
	assert_int_equal(list.faults[3].line, 6);
	assert_int_equal(strlen(list.faults[3].text), 63);
	assert_int_equal(list.faults[7].line, 11);
	cidrlist_deinit(&list);
}

static void a_zero_byte_is_no_end(void **state)
{
	static const char text[] = "1.2.3.4\0\n5.6.7.8\n\0\n9.9.9.9";
	struct cidrlist list = parse_len(text, sizeof(text) - 1);

	(void)state;
	assert_int_equal(list.count, 2);
	assert_int_equal(list.faults_total, 2);
	cidrlist_deinit(&list);
}

/* A million random lines against sorting and inet_pton. */
static void sorts_a_million(void **state)
{
	size_t n = 1000000, len = 0;
	char *text = malloc(n * 20 + 20);
	struct prefix *want = malloc(n * sizeof(*want));
	struct cidrlist list;
	unsigned int seed = 11;
	size_t unique = 0;

	(void)state;
	assert_non_null(text);
	assert_non_null(want);
	for (size_t i = 0; i < n; i++) {
		uint32_t addr = (uint32_t)rand_r(&seed) << 12 ^ (uint32_t)rand_r(&seed);
		uint8_t bytes[4] = {(uint8_t)(addr >> 24), (uint8_t)(addr >> 16),
				    (uint8_t)(addr >> 8), (uint8_t)addr};
		unsigned int bits = i % 10 ? 32 : 8 + (unsigned int)rand_r(&seed) % 25;

		len += (size_t)snprintf(text + len, 20, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2],
					bytes[3]);
		len += (size_t)snprintf(text + len, 20, i % 10 ? "\n" : "/%u\n", bits);
		want[i] = prefix_from(4, bytes, (uint8_t)bits);
	}
	qsort(want, n, sizeof(*want), prefix_compare);
	for (size_t i = 0; i < n; i++)
		if (!i || prefix_compare(&want[i], &want[i - 1]) != 0)
			want[unique++] = want[i];
	assert_int_equal(cidrlist_parse(text, len, &list), 0);
	assert_int_equal(list.faults_total, 0);
	assert_int_equal(list.count, unique);
	assert_memory_equal(list.entries, want, unique * sizeof(*want));
	cidrlist_deinit(&list);
	free(text);
	free(want);
}

static void too_many(void **state)
{
	static const char line[] = "1.2.3.4\n";
	size_t n = CIDRLIST_MAX + 1, size = sizeof(line) - 1;
	char *text = malloc(n * size);
	struct cidrlist list = {.count = 99};

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < n; i++)
		memcpy(text + i * size, line, size);
	assert_int_equal(cidrlist_parse(text, n * size, &list), CIDRLIST_TOO_MANY);
	assert_int_equal(list.count, 99);
	assert_int_equal(cidrlist_parse(text, (n - 1) * size, &list), 0);
	assert_int_equal(list.count, 1);
	cidrlist_deinit(&list);
	memcpy(text + (n - 1) * size, "::1    \n", size);
	assert_int_equal(cidrlist_parse(text, n * size, &list), CIDRLIST_TOO_MANY);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(firehol),
		cmocka_unit_test(spamhaus_text),
		cmocka_unit_test(spamhaus_json),
		cmocka_unit_test(ipset_save),
		cmocka_unit_test(ranges),
		cmocka_unit_test(layout_of_lines),
		cmocka_unit_test(bad_lines_are_told),
		cmocka_unit_test(a_zero_byte_is_no_end),
		cmocka_unit_test(sorts_a_million),
		cmocka_unit_test(too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Lists as they are published: plain ones, and the first column of CSV. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <user/feed/text.h>

static void parsed(enum feed_format format, const char *text, const char *want, size_t wrong)
{
	char copy[512], shown[512] = "", one[PREFIX_TEXT_LEN];
	struct cidrlist list;
	size_t at = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	assert_int_equal(feed_text_parse(format, copy, strlen(copy), 100, &list), 0);
	for (size_t i = 0; i < list.count; i++)
		at += (size_t)snprintf(shown + at, sizeof(shown) - at, "%s%s", i ? " " : "",
				       prefix_format(&list.entries[i], one));
	assert_string_equal(shown, want);
	assert_int_equal(list.faults_total, wrong);
	cidrlist_deinit(&list);
}

static void test_plain(void **state)
{
	(void)state;
	parsed(FEED_AUTO, "# c\n192.0.2.1\r\n198.51.100.0/24 ; SBL\n2001:db8::1\n",
	       "192.0.2.1 "
	       "198.51.100.0/24 2001:db8::1",
	       0);
	parsed(FEED_AUTO, "192.0.2.1\n192.0.2.2\nnone, at all\n", "192.0.2.1 192.0.2.2", 1);
	parsed(FEED_AUTO, "{\"cidr\":\"192.0.2.0/24\",\"sblid\":\"1\"}\n", "192.0.2.0/24", 0);
	parsed(FEED_AUTO, "add x 192.0.2.1 comment \"a, b\"\n", "192.0.2.1", 0);
	parsed(FEED_PLAIN, "192.0.2.1,x\n", "", 1);
	parsed(FEED_AUTO, "", "", 0);
}

static void test_csv(void **state)
{
	(void)state;
	parsed(FEED_AUTO, "address,score\n\"192.0.2.1\",3\n192.0.2.64/26,4,x\n",
	       "192.0.2.1 192.0.2.64/26", 0);
	parsed(FEED_AUTO, "#first,last\n2001:db8::/32, \"a\"\n'192.0.2.1',\n",
	       "192.0.2.1 "
	       "2001:db8::/32",
	       0);
	parsed(FEED_CSV, "192.0.2.1\n192.0.2.2,b\n", "192.0.2.1 192.0.2.2", 0);
	parsed(FEED_CSV, "192.0.2.1,a\nname,b\n", "192.0.2.1", 1); /* names come first, or not */
	parsed(FEED_CSV, ",\n,,\n", "", 0);
}

static void test_too_many(void **state)
{
	char text[] = "192.0.2.1\n192.0.2.2\n192.0.2.3\n";
	struct cidrlist list;

	(void)state;
	assert_int_equal(feed_text_parse(FEED_PLAIN, text, strlen(text), 2, &list),
			 FEED_TEXT_TOO_MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

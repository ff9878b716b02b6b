/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Which copies are believed, and which of their entries are taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <user/base/cidrlist.h>
#include <user/feed/judge.h>

static void test_judge(void **state)
{
	char why[FEED_WHY_LEN];

	(void)state;
	assert_int_equal(feed_judge(0, 5, 5, 0, why), 0);
	assert_int_equal(feed_judge(0, 0, 1, 0, why), 0); /* a comment alone */
	assert_int_equal(feed_judge(0, 0, 0, 0, why), 1);
	assert_string_equal(why, "it is empty");
	assert_int_equal(feed_judge(0, 90, 100, 10, why), 0);
	assert_int_equal(feed_judge(0, 89, 100, 11, why), 1);
	assert_string_equal(why, "11 of 100 lines are wrong; at most 10 % may be");
	assert_int_equal(feed_judge(100, 10, 10, 0, why), 0);
	assert_int_equal(feed_judge(100, 9, 9, 0, why), 1);
	assert_string_equal(why, "9 entries where 100 were: it shrank by more than 90 %");
	assert_int_equal(feed_judge(19, 0, 1, 0, why), 0);
	assert_int_equal(feed_judge(20, 1, 1, 0, why), 1);
}

static struct cidrlist list_of(const char *text)
{
	struct cidrlist list;

	assert_int_equal(cidrlist_parse(text, strlen(text), &list), 0);
	assert_int_equal(list.faults_total, 0);
	return list;
}

static void sieved(const char *entries, const char *allow, bool wide, const char *left,
		   unsigned too_wide, unsigned allowed)
{
	struct cidrlist of = list_of(entries), by = list_of(allow), want = list_of(left);
	struct feed_sieve sieve;
	size_t count = feed_sieve(of.entries, of.count, by.entries, by.count, wide, &sieve);

	assert_int_equal(count, want.count);
	for (size_t i = 0; i < count; i++)
		assert_memory_equal(&of.entries[i], &want.entries[i], sizeof(struct prefix));
	assert_int_equal(sieve.wide, too_wide);
	assert_int_equal(sieve.allowed, allowed);
	assert_int_equal(sieve.first.family != 0, too_wide + allowed != 0);
	cidrlist_deinit(&of);
	cidrlist_deinit(&by);
	cidrlist_deinit(&want);
}

static void test_sieve(void **state)
{
	(void)state;
	sieved("0.0.0.0/0\n8.0.0.0/7\n10.0.0.0/8\n::/0\n2000::/15\n2001::/16", "", false,
	       "10.0.0.0/8\n2001::/16", 4, 0);
	sieved("0.0.0.0/0\n10.0.0.0/8", "", true, "0.0.0.0/0\n10.0.0.0/8", 0, 0);
	sieved("10.0.0.1\n10.0.0.2\n10.0.1.0/24\n10.0.2.0/24\n2001:db8::1",
	       "9.0.0.0/8\n10.0.0.2\n10.0.1.0/24\n10.0.2.1\n2001:db8::/32", false,
	       "10.0.0.1\n10.0.2.0/24", 0, 3);
	sieved("10.0.0.1\n10.5.0.1\n10.9.0.1\n11.0.0.1", "10.0.0.0/8\n10.1.0.0/16\n10.6.0.1", false,
	       "11.0.0.1", 0, 3);
	sieved("", "10.0.0.0/8", false, "", 0, 0);
}

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525U + 1013904223U;
	return *seed >> 8;
}

/* Against each with each, of a small world where much overlaps. */
static void test_sieve_model(void **state)
{
	uint32_t seed = 4;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		char text[2][1024];
		struct cidrlist of, by;
		struct feed_sieve sieve;
		size_t want = 0, count;

		for (int t = 0; t < 2; t++) {
			size_t at = 0;
			unsigned n = next(&seed) % 12;

			text[t][0] = '\0';
			for (unsigned i = 0; i < n; i++)
				at += (size_t)snprintf(text[t] + at, sizeof(text[t]) - at,
						       "10.%u.%u.0/%u\n", next(&seed) % 3,
						       next(&seed) % 4, 8 + next(&seed) % 17);
		}
		of = list_of(text[0]);
		by = list_of(text[1]);
		for (size_t i = 0; i < of.count; i++) {
			bool covered = false;

			for (size_t k = 0; k < by.count; k++)
				covered |= prefix_covers(&by.entries[k], &of.entries[i]);
			want += !covered;
		}
		count = feed_sieve(of.entries, of.count, by.entries, by.count, false, &sieve);
		assert_int_equal(count, want);
		cidrlist_deinit(&of);
		cidrlist_deinit(&by);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_sieve),
		cmocka_unit_test(test_sieve_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

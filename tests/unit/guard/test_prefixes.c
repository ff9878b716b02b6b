/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* When hosts of one prefix make it bad, and when not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <user/guard/prefixes.h>
#include <user/guard/source.h>

static struct prefixes prefixes;

static int set_up(void **state)
{
	struct prefixes_config config = {.room = 20,
					 .bad_min = 8,
					 .bad_share = 0.1F,
					 .window_s = 3600,
					 .seed = {0x9e3779b97f4a7c15ULL, 0xc2b2ae3d27d4eb4fULL}};

	(void)state;
	return prefixes_init(&prefixes, &config);
}

static int tear_down(void **state)
{
	(void)state;
	prefixes_deinit(&prefixes);
	return 0;
}

static uint64_t ip4(unsigned net, unsigned host)
{
	uint8_t addr[4] = {203, 0, (uint8_t)net, (uint8_t)host};

	return source_key(4, addr);
}

static uint64_t ip6(unsigned net, unsigned host)
{
	uint8_t addr[16] = {0x20,	  1, 0xd, 0xb8, 0, (uint8_t)net, (uint8_t)(host >> 8),
			    (uint8_t)host};

	return source_key(6, addr);
}

static void eight_hosts(void **state)
{
	(void)state;
	/* One host, however often. */
	for (unsigned i = 0; i < 1000; i++)
		assert_null(prefixes_bad(&prefixes, ip4(1, 7), 10));
	for (unsigned i = 0; i < 6; i++)
		assert_null(prefixes_bad(&prefixes, ip4(1, i), 10));
	assert_non_null(prefixes_bad(&prefixes, ip4(1, 6), 10));
	/* And seven beside them in another prefix are not it. */
	for (unsigned i = 0; i < 7; i++)
		assert_null(prefixes_bad(&prefixes, ip4(2, i), 10));
}

static void a_tenth_of_those_seen(void **state)
{
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 250; i++)
		prefixes_seen(&prefixes, ip4(1, i), 10);
	while (!prefixes_bad(&prefixes, ip4(1, n), 10))
		n++;
	assert_int_equal(n + 1, 25);
}

static void no_more_good_than_bad(void **state)
{
	unsigned n = 0;

	(void)state;
	for (unsigned i = 100; i < 130; i++)
		prefixes_good(&prefixes, ip4(1, i), 10);
	while (!prefixes_bad(&prefixes, ip4(1, n), 10))
		n++;
	assert_int_equal(n + 1, 30);
}

static void a_48_of_64s(void **state)
{
	struct host_prefix *bad = NULL;
	struct prefix prefix;
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		prefixes_seen(&prefixes, ip6(1, i * 251), 10);
	assert_in_range(prefixes_count(prefixes_find(&prefixes, ip6(1, 0))).seen, 170, 230);
	while (!bad)
		bad = prefixes_bad(&prefixes, ip6(1, n++ * 251), 10);
	assert_in_range(n, 17, 26);
	prefix = prefixes_prefix(bad);
	assert_int_equal(prefix.family, 6);
	assert_int_equal(prefix.len, 48);
	assert_true(prefix.addr[5] == 1 && !prefix.addr[6] && !prefix.addr[7]);
}

static void windows_pass(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 7; i++)
		assert_null(prefixes_bad(&prefixes, ip4(1, i), 10));
	assert_null(prefixes_bad(&prefixes, ip4(1, 8), 3700));
	assert_int_equal(prefixes_count(prefixes_find(&prefixes, ip4(1, 0))).bad, 1);
	assert_int_equal(prefixes_count(prefixes_find(&prefixes, ip4(1, 0))).seen, 8);
}

static void bans_and_room(void **state)
{
	struct host_prefix *at;
	uint32_t cursor = 0;

	(void)state;
	for (unsigned net = 0; net < 20; net++) {
		prefixes_seen(&prefixes, ip4(net, 1), 10);
		at = prefixes_find(&prefixes, ip4(net, 1));
		prefixes_set_ban(&prefixes, at, 1000 + net);
	}
	/* All are banned: there is room for nobody, and nobody's ban is lost. */
	prefixes_seen(&prefixes, ip4(100, 1), 10);
	assert_null(prefixes_find(&prefixes, ip4(100, 1)));
	assert_null(prefixes_bad(&prefixes, ip4(100, 1), 10));
	assert_int_equal(prefixes.banned, 20);
	assert_null(prefixes_due(&prefixes, &cursor, 999));
	cursor = 0;
	while ((at = prefixes_due(&prefixes, &cursor, 1009)))
		prefixes_set_ban(&prefixes, at, 0);
	assert_int_equal(prefixes.banned, 10);
	for (unsigned net = 100; net < 200; net++)
		prefixes_seen(&prefixes, ip4(net, 1), 10);
	assert_int_equal(prefixes.len, 20);
	assert_int_equal(prefixes.banned, 10);
	assert_non_null(prefixes_find(&prefixes, ip4(199, 1)));
}

static void sizes(void **state)
{
	struct prefixes_config config = {.room = 0};
	struct prefixes none;

	(void)state;
	assert_int_equal(prefixes_init(&none, &config), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(eight_hosts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_tenth_of_those_seen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_more_good_than_bad, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_48_of_64s, set_up, tear_down),
		cmocka_unit_test_setup_teardown(windows_pass, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bans_and_room, set_up, tear_down),
		cmocka_unit_test(sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Texts on the right were printed by PostgreSQL 15 for the input on the left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>
#include <strazh/orm/error.h>

#include <orm/base/netaddr.h>

typedef int (*normal)(const char *text, size_t len, char to[ORM_NETADDR_TEXT], size_t *ret_len,
		      const char **ret_why);

static void expect(normal f, const char *in, const char *out)
{
	char text[ORM_NETADDR_TEXT] = "";
	const char *why = NULL;
	size_t len = 0;
	char longer[80];

	/* The input's end is its length: more digits follow. */
	snprintf(longer, sizeof(longer), "%s77777777", in);
	if (f(longer, strlen(in), text, &len, &why))
		fail_msg("'%s': %s", in, why);
	assert_string_equal(text, out);
	assert_int_equal(len, strlen(out));
}

static void inets(void **state)
{
	(void)state;
	expect(orm_inet_normal, "192.168.1.5", "192.168.1.5");
	expect(orm_inet_normal, "192.168.1.5/32", "192.168.1.5");
	expect(orm_inet_normal, "192.168.1.5/24", "192.168.1.5/24");
	expect(orm_inet_normal, "0.0.0.0/0", "0.0.0.0/0");
	expect(orm_inet_normal, "255.255.255.255", "255.255.255.255");
	expect(orm_inet_normal, "2001:DB8::1", "2001:db8::1");
	expect(orm_inet_normal, "2001:0db8:0000:0000:0000:0000:0000:0001/128", "2001:db8::1");
	expect(orm_inet_normal, "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");
	expect(orm_inet_normal, "1:0:2:0:3:0:4:0", "1:0:2:0:3:0:4:0");
	expect(orm_inet_normal, "::/0", "::/0");
	expect(orm_inet_normal, "::", "::");
	expect(orm_inet_normal, "::1", "::1");
	expect(orm_inet_normal, "::ffff:10.1.2.3", "::ffff:10.1.2.3");
	expect(orm_inet_normal, "::ffff:a01:203", "::ffff:10.1.2.3");
	expect(orm_inet_normal, "::10.1.2.3", "::10.1.2.3");
	expect(orm_inet_normal, "fe80::1/10", "fe80::1/10");
}

static void cidrs(void **state)
{
	(void)state;
	expect(orm_cidr_normal, "10.0.0.0/8", "10.0.0.0/8");
	expect(orm_cidr_normal, "10.1.2.3", "10.1.2.3/32");
	expect(orm_cidr_normal, "0.0.0.0/0", "0.0.0.0/0");
	expect(orm_cidr_normal, "10.255.255.254/31", "10.255.255.254/31");
	expect(orm_cidr_normal, "2001:DB8::/32", "2001:db8::/32");
	expect(orm_cidr_normal, "::1", "::1/128");
	expect(orm_cidr_normal, "::/0", "::/0");
	expect(orm_cidr_normal, "2001:db8:8000::/33", "2001:db8:8000::/33");
}

static void refused(void **state)
{
	static const char *const bad[] = {
		"",
		"10",
		"10.0/8",
		"1.2.3",
		"1.2.3.4.5",
		"256.0.0.1",
		"01.2.3.4",
		"1.2.3.4/33",
		"1.2.3.4/",
		"1.2.3.4/-1",
		"1.2.3.4/024",
		"1.2.3.4/8 ",
		" 1.2.3.4",
		"1.2.3.4/0008",
		"::1/129",
		":::",
		"fe80::1%lo",
		"1:2:3:4:5:6:7",
		"::g",
		"1.2.3.4/8/8",
		"localhost",
		"/8",
		"1.2.3.4\n",
		"2001:0db8:0000:0000:0000:0000:0000:0001:0000:0000:0000:0000:0000",
	};
	char text[ORM_NETADDR_TEXT] = "as it was";
	const char *why;
	size_t len = 99;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (orm_inet_normal(bad[i], strlen(bad[i]), text, &len, &why) != ORM_E_VALUE ||
		    orm_cidr_normal(bad[i], strlen(bad[i]), text, &len, &why) != ORM_E_VALUE)
			fail_msg("'%s' was taken", bad[i]);
		assert_non_null(why);
	}
	assert_int_equal(orm_inet_normal("1.2.3.4\0x", 9, text, &len, &why), ORM_E_VALUE);
	assert_string_equal(text, "as it was");
	assert_int_equal(len, 99);
}

static void host_bits(void **state)
{
	static const char *const bad[] = {"10.0.0.1/8",	     "10.128.0.0/8",	  "0.0.0.1/0",
					  "10.0.0.1/31",     "2001:db8::1/64",	  "8000::/0",
					  "2001:db8::1/127", "2001:db8:c000::/33"};
	char text[ORM_NETADDR_TEXT];
	const char *why;
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(orm_cidr_normal(bad[i], strlen(bad[i]), text, &len, &why),
				 ORM_E_VALUE);
		assert_non_null(strstr(why, "right of its length"));
		assert_int_equal(orm_inet_normal(bad[i], strlen(bad[i]), text, &len, &why), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inets),
		cmocka_unit_test(cidrs),
		cmocka_unit_test(refused),
		cmocka_unit_test(host_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

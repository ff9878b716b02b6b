/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The pure pieces of strazhd: its options, and which interfaces it watches over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>
#include <user/daemon/options.h>
#include <user/daemon/wanted.h>

static int parse(struct daemon_options *options, const char *line)
{
	static char text[300];
	char *argv[20] = {0}, *rest = text, *word;
	int argc = 0;

	(void)snprintf(text, sizeof(text), "strazhd %s", line);
	while ((word = strsep(&rest, " ")) && argc < 19)
		argv[argc++] = word;
	optind = 0;
	return daemon_options_parse(options, argc, argv);
}

static void test_options(void **state)
{
	struct daemon_options options;

	(void)state;
	assert_int_equal(parse(&options,
			       "--interface eth0 -i eth1 --mode generic --max-hosts 1000 "
			       "--pin-dir /p --run-dir /r --state-dir /s --log-level debug"),
			 0);
	assert_int_equal(options.interfaces_len, 2);
	assert_string_equal(options.interfaces[1], "eth1");
	assert_int_equal(options.mode, ATTACH_GENERIC);
	assert_int_equal(options.max_hosts, 1000);
	assert_string_equal(options.pin_dir, "/p");
	assert_string_equal(options.run_dir, "/r");
	assert_string_equal(options.state_dir, "/s");
	assert_int_equal(options.level, LOG_LVL_DEBUG);
}

static void test_wrong_options(void **state)
{
	static const char *const lines[] = {
		"--mode fast",	 "--max-hosts 0", "--max-hosts 5x", "--max-hosts -1",
		"--log-level x", "--no-such",	  "eth0",	    "--interface 0123456789abcdef",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct daemon_options options;

		if (parse(&options, lines[i]) != -EINVAL)
			fail_msg("'%s' was taken", lines[i]);
	}
}

static void test_wanted(void **state)
{
	static struct wanted wanted;

	(void)state;
	assert_null(wanted_find(&wanted, "eth0"));
	assert_int_equal(wanted_put(&wanted, "eth0", ATTACH_AUTO), 0);
	assert_int_equal(wanted_put(&wanted, "eth1", ATTACH_NATIVE), 0);
	assert_int_equal(wanted_put(&wanted, "eth0", ATTACH_GENERIC), 0);
	assert_int_equal(wanted.len, 2);
	assert_int_equal(wanted_find(&wanted, "eth0")->mode, ATTACH_GENERIC);
	assert_true(wanted_drop(&wanted, "eth0"));
	assert_false(wanted_drop(&wanted, "eth0"));
	assert_non_null(wanted_find(&wanted, "eth1"));
	assert_int_equal(wanted.len, 1);
}

static void test_wanted_is_bounded(void **state)
{
	static struct wanted wanted;
	char name[IF_NAMESIZE];

	(void)state;
	for (unsigned int i = 0; i < WANTED_MAX; i++) {
		(void)snprintf(name, sizeof(name), "v%u", i);
		assert_int_equal(wanted_put(&wanted, name, ATTACH_AUTO), 0);
	}
	assert_int_equal(wanted_put(&wanted, "more", ATTACH_AUTO), -ENOSPC);
	assert_int_equal(wanted_put(&wanted, "v3", ATTACH_NATIVE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_wrong_options),
		cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_wanted_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

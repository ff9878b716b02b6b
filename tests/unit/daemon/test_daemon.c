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
#include <user/daemon/config/options.h>
#include <user/daemon/wanted.h>

static struct config_faults faults;

static int parse(struct daemon_options *options, const char *line)
{
	static char text[300];
	char *argv[20] = {0}, *rest = text, *word;
	int argc = 0;

	(void)snprintf(text, sizeof(text), "strazhd %s", line);
	while ((word = strsep(&rest, " ")) && argc < 19)
		argv[argc++] = word;
	optind = 0;
	if (daemon_options_parse(options, argc, argv))
		return -EINVAL;
	/* Nothing of the machine's. */
	options->config_path = "/dev/null";
	return daemon_options_load(options, NULL, &faults) ? -EINVAL : 0;
}

static void test_options(void **state)
{
	static struct daemon_options options;

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
	assert_string_equal(options.run_dir, config_text(options.config, CFG_RUN_DIR));
	daemon_options_deinit(&options);
}

static void test_no_options(void **state)
{
	static struct daemon_options options;

	(void)state;
	assert_int_equal(parse(&options, "--foreground"), 0);
	assert_int_equal(options.interfaces_len, 0);
	assert_int_equal(options.mode, ATTACH_AUTO);
	assert_int_equal(options.max_hosts, 0);
	assert_int_equal(options.size_window_s, 60);
	assert_string_equal(options.run_dir, "/run/strazh");
	assert_string_equal(options.pin_dir, "/sys/fs/bpf/strazh");
	assert_string_equal(options.state_dir, "/var/lib/strazh");
	assert_int_equal(options.level, LOG_LVL_INFO);
	daemon_options_deinit(&options);
}

static void test_set(void **state)
{
	static struct daemon_options options;

	(void)state;
	assert_int_equal(parse(&options, "--set gate.interfaces=eth0,eth1 --set server.name=a "
					 "--set service.relay.queue=5 --mode native"),
			 0);
	assert_int_equal(options.interfaces_len, 2);
	assert_string_equal(options.interfaces[0], "eth0");
	assert_string_equal(config_text(options.config, CFG_SERVER_NAME), "a");
	assert_int_equal(config_number(options.config, CFG_RELAY_QUEUE), 5);
	assert_int_equal(options.mode, ATTACH_NATIVE);
	daemon_options_deinit(&options);
}

static void test_wrong_options(void **state)
{
	static const char *const lines[] = {
		"--mode fast",
		"--max-hosts 0",
		"--max-hosts 5x",
		"--max-hosts -1",
		"--log-level x",
		"--no-such",
		"eth0",
		"--interface 0123456789abcdef",
		"--set x",
		"--set server.name",
		"--set server.nam=x",
		"--set servr.name=x",
		"--set name=x",
		"--set server.reactors=x",
		"--json",
		"--size-window 2d",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		static struct daemon_options options;

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
		cmocka_unit_test(test_options), cmocka_unit_test(test_no_options),
		cmocka_unit_test(test_set),	cmocka_unit_test(test_wrong_options),
		cmocka_unit_test(test_wanted),	cmocka_unit_test(test_wanted_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

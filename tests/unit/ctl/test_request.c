/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Lines on the socket, records in a memfd, words on the command line beside a command's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>
#include <user/ctl/listfile.h>
#include <user/ctl/options.h>
#include <user/ctl/records.h>
#include <user/ctl/request.h>

/* ---- lines ---- */

static void test_line_round_trip(void **state)
{
	json_t *args = json_pack("{s:s, s:s}", "prefix", "192.0.2.1", "reason",
				 "a \"b\"\n\xc3\xa9");
	char *line = request_format(command_find("ban"), args), why[WHY_LEN];
	const struct command *command;
	json_t *parsed;

	(void)state;
	assert_non_null(line);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	assert_int_equal(request_parse(line, strlen(line) - 1, &command, &parsed, why), CTL_DONE);
	assert_ptr_equal(command, command_find("ban"));
	assert_true(json_equal(parsed, args));
	json_decref(parsed);
	json_decref(args);
	free(line);
}

static void test_bad_lines(void **state)
{
	static const char *const lines[] = {
		"",
		"status",
		"[]",
		"{}",
		"{\"command\": 7, \"args\": {}}",
		"{\"command\": \"status\"}",
		"{\"command\": \"status\", \"args\": []}",
		"{\"command\": \"statuses\", \"args\": {}}",
		"{\"command\": \"status\", \"args\": {\"x\": 1}}",
		"{\"command\": \"status\", \"command\": \"flush\", \"args\": {}}",
		"{\"command\": \"status\", \"args\": {}} {}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		const struct command *command = NULL;
		char why[WHY_LEN] = "";
		json_t *args = NULL;

		assert_int_equal(request_parse(lines[i], strlen(lines[i]), &command, &args, why),
				 CTL_USAGE);
		assert_null(command);
		assert_null(args);
		assert_true(why[0] != '\0');
	}
}

/* ---- records ---- */

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, strlen(text), &prefix), 0);
	return prefix;
}

static void test_records(void **state)
{
	const struct prefix sent[] = {prefix_of("10.0.0.0/8"), prefix_of("192.0.2.1"),
				      prefix_of("2001:db8::/32")};
	struct records records;
	char why[RECORDS_WHY_LEN];
	int fd;

	(void)state;
	assert_int_equal(records_send(sent, ARRAY_LEN(sent), &fd), 0);
	assert_int_equal(records_receive(fd, &records, why), 0);
	assert_int_equal(records.count, ARRAY_LEN(sent));
	assert_memory_equal(records.entries, sent, sizeof(sent));
	records_deinit(&records);
	/* What has been sent cannot be changed any more. */
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	close(fd);
}

static void expect_refused(const struct prefix *entries, size_t count)
{
	char why[RECORDS_WHY_LEN] = "";

	assert_int_equal(records_check(entries, count, why), -EBADMSG);
	assert_true(why[0] != '\0');
}

static void test_bad_records(void **state)
{
	struct prefix pair[2] = {prefix_of("192.0.2.2"), prefix_of("192.0.2.1")};
	struct prefix one = prefix_of("10.0.0.0/8");

	(void)state;
	expect_refused(pair, 2);
	pair[1] = pair[0];
	expect_refused(pair, 2);
	one.addr[3] = 1;
	expect_refused(&one, 1);
	one = prefix_of("10.0.0.0/8");
	one.len = 33;
	expect_refused(&one, 1);
	one = prefix_of("10.0.0.0/8");
	one.family = 5;
	expect_refused(&one, 1);
	one = prefix_of("10.0.0.0/8");
	one.addr[15] = 1;
	expect_refused(&one, 1);
}

static void test_unsealed_is_refused(void **state)
{
	struct records records;
	char why[RECORDS_WHY_LEN] = "";
	const struct prefix good = prefix_of("10.0.0.0/8");
	int fd = memfd_create("test", MFD_ALLOW_SEALING), pipes[2];

	(void)state;
	assert_int_equal(write(fd, &good, sizeof(good)), sizeof(good));
	assert_int_equal(records_receive(fd, &records, why), -EBADMSG);
	close(fd);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(records_receive(pipes[0], &records, why), -EBADMSG);
	close(pipes[0]);
	close(pipes[1]);
	fd = memfd_create("test", MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, 17), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
	assert_int_equal(records_receive(fd, &records, why), -EBADMSG);
	close(fd);
}

/* ---- strazhctl's own words ---- */

static void test_options(void **state)
{
	char name[] = "strazhctl", json[] = "--json", ban[] = "ban", addr[] = "192.0.2.1",
	     run[] = "--run-dir", dir[] = "/x", pin[] = "--pin-dir=/y", reason[] = "--reason",
	     dashes[] = "--", word[] = "--json";
	char *argv[] = {name, json, ban, addr, run, dir, pin, reason, dashes, word, NULL};
	struct options options;

	(void)state;
	options_take(&options, 10, argv);
	assert_true(options.json);
	assert_string_equal(options.run_dir, "/x");
	assert_string_equal(options.pin_dir, "/y");
	assert_null(options.missing);
	assert_int_equal(options.argc, 5);
	assert_string_equal(options.argv[0], "ban");
	assert_string_equal(options.argv[2], "--reason");
	assert_string_equal(options.argv[4], "--json");
	assert_null(options.argv[5]);
}

static void test_option_without_value(void **state)
{
	char name[] = "strazhctl", status[] = "status", run[] = "--run-dir";
	char *argv[] = {name, status, run, NULL};
	struct options options;

	(void)state;
	options_take(&options, 3, argv);
	assert_string_equal(options.missing, "--run-dir");
}

static void test_list_names(void **state)
{
	static const struct {
		const char *path, *name;
	} cases[] = {
		{"/tmp/drop.txt", "drop"},
		{"firehol_level1.netset", "firehol_level1"},
		{"lists/de-block list", "de-block-list"},
		{"a/.hidden", "-hidden"},
		{"0123456789012345678901234567890123456789.txt", "0123456789012345678901234567890"},
	};
	char name[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		listfile_name(cases[i].path, name, sizeof(name));
		assert_string_equal(name, cases[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line_round_trip),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_bad_records),
		cmocka_unit_test(test_unsealed_is_refused),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_option_without_value),
		cmocka_unit_test(test_list_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

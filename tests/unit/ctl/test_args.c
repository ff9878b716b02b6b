/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Words of a command line become a request; a request is checked as if a stranger had sent it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>
#include <user/ctl/command.h>

static const char *text(const json_t *args, const char *key)
{
	return json_string_value(json_object_get(args, key));
}

static void test_ban_words(void **state)
{
	const char *const words[] = {"192.0.2.1", "--for", "10m", "--reason=tried doors", NULL};
	char why[WHY_LEN];
	json_t *args;

	(void)state;
	assert_int_equal(args_build(command_find("ban"), 4, words, &args, why), CTL_DONE);
	assert_int_equal(args_check(command_find("ban"), args, why), CTL_DONE);
	assert_string_equal(text(args, "prefix"), "192.0.2.1");
	assert_string_equal(text(args, "for"), "10m");
	assert_string_equal(text(args, "reason"), "tried doors");
	json_decref(args);
}

static void test_two_dashes_end_options(void **state)
{
	const char *const words[] = {"--", "--for", NULL};
	char why[WHY_LEN];
	json_t *args;

	(void)state;
	assert_int_equal(args_build(command_find("load"), 2, words, &args, why), CTL_DONE);
	assert_string_equal(text(args, "file"), "--for");
	json_decref(args);
}

/* `keys new --root PATH` makes a root's key, `keys sign --root ROOT PATH` signs by one. */
static void test_bare_behind_new(void **state)
{
	const char *const make[] = {"new", "--root", "file", NULL};
	const char *const sign[] = {"sign", "--root", "by", "file", NULL};
	char why[WHY_LEN];
	json_t *args;

	(void)state;
	assert_int_equal(args_build(command_find("keys"), 3, make, &args, why), CTL_DONE);
	assert_true(json_is_true(json_object_get(args, "root")));
	assert_string_equal(text(args, "path"), "file");
	json_decref(args);
	assert_int_equal(args_build(command_find("keys"), 4, sign, &args, why), CTL_DONE);
	assert_int_equal(args_check(command_find("keys"), args, why), CTL_DONE);
	assert_string_equal(text(args, "root"), "by");
	assert_string_equal(text(args, "path"), "file");
	json_decref(args);
}

static void expect_wrong(const char *command, const char *const *words, int count, const char *said)
{
	char why[WHY_LEN] = "";
	json_t *args = NULL;
	int code = args_build(command_find(command), count, words, &args, why);

	if (code == CTL_DONE)
		code = args_check(command_find(command), args, why);
	assert_int_equal(code, CTL_USAGE);
	if (!strstr(why, said))
		fail_msg("'%s' does not say '%s'", why, said);
	json_decref(args);
}

static void test_wrong_words(void **state)
{
	static const struct {
		const char *command;
		const char *words[3];
		const char *said;
	} cases[] = {
		{"ban", {NULL}, "ADDR[/LEN] is missing"},
		{"ban", {"300.1.1.1"}, "300.1.1.1"},
		{"ban", {"10.0.0.1/8"}, "did you mean 10.0.0.0/8?"},
		{"ban", {"10.0.0.0/33"}, "10.0.0.0/33"},
		{"ban", {"192.0.2.1", "--for"}, "--for 10m"},
		{"ban", {"192.0.2.1", "--for", "soon"}, "'soon'"},
		{"ban", {"192.0.2.1", "--reson", "x"}, "did you mean '--reason'?"},
		{"ban", {"192.0.2.1", "192.0.2.2"}, "one word too many"},
		{"attach", {"eth0", "--mode", "fast"}, "native|generic|auto"},
		{"attach", {"eth0", "--mode", "nat"}, "native|generic|auto"},
		{"attach", {"eth0", "--ssh", "192.0.2.1"}, "no option '--ssh'"},
		{"detach", {"--all=yes"}, "takes no value"},
		{"list", {"allowed"}, "deny|allow|never"},
		{"list", {"--list", "a/b"}, "no name for a list"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int count = 0;

		while (count < 3 && cases[i].words[count])
			count++;
		{
			const char *const words[4] = {cases[i].words[0], cases[i].words[1],
						      cases[i].words[2], NULL};

			expect_wrong(cases[i].command, words, count, cases[i].said);
		}
	}
}

static void expect_request(const char *command, const char *json, int code)
{
	json_t *args = json_loads(json, 0, NULL);
	char why[WHY_LEN];

	assert_non_null(args);
	assert_int_equal(args_check(command_find(command), args, why), code);
	json_decref(args);
}

static void test_strange_requests(void **state)
{
	(void)state;
	expect_request("ban", "{\"prefix\": \"192.0.2.1\"}", CTL_DONE);
	expect_request("ban", "{\"prefix\": 7}", CTL_USAGE);
	expect_request("ban", "{\"prefix\": [\"192.0.2.1\"]}", CTL_USAGE);
	expect_request("ban", "{\"prefix\": \"192.0.2.1\", \"more\": 1}", CTL_USAGE);
	expect_request("ban", "{\"prefix\": null}", CTL_USAGE);
	expect_request("ban-lines", "{\"lines\": \"x\", \"first\": 1}", CTL_DONE);
	expect_request("ban-lines", "{\"lines\": \"x\", \"first\": -1}", CTL_USAGE);
	expect_request("ban-lines", "{\"lines\": \"x\"}", CTL_USAGE);
	expect_request("detach", "{\"all\": \"yes\"}", CTL_USAGE);
	expect_request("detach", "{\"all\": true}", CTL_DONE);
	expect_request("unload", "{\"list\": \"\"}", CTL_USAGE);
	expect_request("unload", "{\"list\": \"0123456789012345678901234567890\"}", CTL_DONE);
	expect_request("unload", "{\"list\": \"01234567890123456789012345678901\"}", CTL_USAGE);
}

/* Members of the group may look: whether a call looks depends on its words for mode and set. */
static void test_who_reads(void **state)
{
	json_t *none = json_object(), *mode = json_pack("{s:s}", "mode", "observe");
	json_t *name = json_pack("{s:s}", "name", "rate.mode");
	json_t *value = json_pack("{s:s, s:s}", "name", "rate.mode", "value", "5");

	(void)state;
	assert_true(command_reads(command_find("list"), none));
	assert_true(command_reads(command_find("mode"), none));
	assert_true(command_reads(command_find("set"), name));
	assert_false(command_reads(command_find("mode"), mode));
	assert_false(command_reads(command_find("set"), value));
	assert_false(command_reads(command_find("flush"), none));
	assert_false(command_reads(command_find("attach"), none));
	json_decref(none);
	json_decref(mode);
	json_decref(name);
	json_decref(value);
}

static void test_every_command_is_whole(void **state)
{
	(void)state;
	for (size_t i = 0; commands[i]; i++) {
		const struct command *command = commands[i];
		bool optional = false;

		assert_non_null(command->run);
		assert_non_null(command->args);
		assert_ptr_equal(command_find(command->name), command);
		assert_true(command->help || command->flags & CMD_HIDDEN);
		for (const struct arg *arg = command->args; arg->key; arg++) {
			assert_true(arg->meta || arg->kind == ARG_FLAG);
			/* a required place behind an optional one could not be reached */
			if (arg->flags & ARG_POSITIONAL) {
				assert_false(optional && arg->flags & ARG_REQUIRED);
				optional = !(arg->flags & ARG_REQUIRED);
			}
		}
	}
}

static void test_nearest(void **state)
{
	(void)state;
	assert_string_equal(command_nearest("bna")->name, "ban");
	assert_string_equal(command_nearest("stauts")->name, "status");
	assert_string_equal(command_nearest("event")->name, "events");
	assert_string_equal(command_nearest("unlaod")->name, "unload");
	assert_null(command_nearest("frobnicate"));
	assert_null(command_nearest("ban-line"));
}

static void test_synopsis(void **state)
{
	char synopsis[200], small[8];

	(void)state;
	args_synopsis(command_find("attach"), synopsis, sizeof(synopsis));
	assert_string_equal(synopsis, "attach IFACE [--mode native|generic|auto] [--confirm 60s]");
	args_synopsis(command_find("attach"), small, sizeof(small));
	assert_string_equal(small, "attach ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ban_words),
		cmocka_unit_test(test_two_dashes_end_options),
		cmocka_unit_test(test_wrong_words),
		cmocka_unit_test(test_strange_requests),
		cmocka_unit_test(test_who_reads),
		cmocka_unit_test(test_every_command_is_whole),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_synopsis),
		cmocka_unit_test(test_bare_behind_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

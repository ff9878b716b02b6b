/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What is replayed of a journal, and what must not be: acts in force, acts overruled, torn lines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <user/ctl/journal.h>

#define OLD "\"maps\":\"1.2\""
#define NEW "\"maps\":\"7.8\""
#define ADD(table, prefix, maps)                                                                   \
	"{\"act\":\"add\",\"table\":\"" table "\",\"prefix\":\"" prefix "\"," maps "}\n"
#define REMOVE(table, prefix, maps)                                                                \
	"{\"act\":\"remove\",\"table\":\"" table "\",\"prefix\":\"" prefix "\"," maps "}\n"
#define FLUSH(table, maps) "{\"act\":\"flush\",\"table\":\"" table "\"," maps "}\n"

static struct journal_plan plan_of(const char *text)
{
	struct journal_plan plan;

	assert_int_equal(journal_plan(text, strlen(text), "7.8", &plan), 0);
	return plan;
}

static void test_lost_acts_come_back(void **state)
{
	struct journal_plan plan = plan_of(ADD("deny", "192.0.2.1", OLD) ADD(
		"allow", "192.0.2.2", OLD) ADD("deny", "192.0.2.3", NEW));

	(void)state;
	assert_int_equal(plan.acts, 3);
	assert_int_equal(plan.in_force, 1);
	assert_int_equal(json_object_size(plan.adds), 2);
	assert_non_null(json_object_get(plan.adds, "deny 192.0.2.1"));
	assert_non_null(json_object_get(plan.adds, "allow 192.0.2.2"));
	journal_plan_deinit(&plan);
}

static void test_later_acts_overrule(void **state)
{
	struct journal_plan plan = plan_of(
		ADD("deny", "192.0.2.1", OLD) REMOVE("deny", "192.0.2.1", OLD)
			ADD("deny", "192.0.2.2", OLD) ADD("deny", "192.0.2.2", NEW)
				ADD("deny", "192.0.2.3", OLD) REMOVE("deny", "192.0.2.3", NEW)
					REMOVE("deny", "192.0.2.4", OLD)
						ADD("deny", "192.0.2.4", OLD));

	(void)state;
	assert_int_equal(json_object_size(plan.adds), 1);
	assert_non_null(json_object_get(plan.adds, "deny 192.0.2.4"));
	journal_plan_deinit(&plan);
}

static void test_flush_forgets_its_table(void **state)
{
	struct journal_plan plan = plan_of(ADD("deny", "192.0.2.1", OLD) ADD(
		"allow", "192.0.2.2", OLD) FLUSH("deny", NEW) ADD("deny", "192.0.2.3", OLD));

	(void)state;
	assert_int_equal(json_object_size(plan.adds), 2);
	assert_null(json_object_get(plan.adds, "deny 192.0.2.1"));
	journal_plan_deinit(&plan);
	plan = plan_of(ADD("deny", "192.0.2.1", OLD) ADD("allow", "192.0.2.2", OLD)
			       FLUSH("all", OLD));
	assert_int_equal(json_object_size(plan.adds), 0);
	journal_plan_deinit(&plan);
}

static void test_settings_and_lists(void **state)
{
	struct journal_plan plan = plan_of(
		"{\"act\":\"set\",\"name\":\"mode\",\"value\":\"observe\"," OLD "}\n"
		"{\"act\":\"set\",\"name\":\"events.per_second\",\"value\":\"5\"," OLD "}\n"
		"{\"act\":\"set\",\"name\":\"events.per_second\",\"value\":\"6\"," NEW "}\n"
		"{\"act\":\"load\",\"list\":\"drop\"," OLD "}\n"
		"{\"act\":\"load\",\"list\":\"fire\"," OLD "}\n"
		"{\"act\":\"unload\",\"list\":\"fire\"," OLD "}\n"
		"{\"act\":\"attach\",\"interface\":\"eth0\"," OLD "}\n"
		"{\"act\":\"report\",\"prefix\":\"192.0.2.1\"," OLD "}\n");

	(void)state;
	assert_int_equal(plan.acts, 8);
	assert_int_equal(plan.bad, 0);
	assert_int_equal(json_object_size(plan.adds), 0);
	assert_int_equal(json_object_size(plan.sets), 1);
	assert_string_equal(json_string_value(json_object_get(plan.sets, "mode")), "observe");
	assert_int_equal(json_object_size(plan.lists), 1);
	assert_non_null(json_object_get(plan.lists, "drop"));
	journal_plan_deinit(&plan);
}

static void test_torn_and_bad_lines(void **state)
{
	struct journal_plan plan = plan_of(
		"{\"act\":\"add\",\"table\":\n"
		"[1]\n"
		"\n"
		"{\"act\":\"add\",\"table\":\"x\",\"prefix\":\"1.2.3.4\"}\n"
		"{\"act\":\"add\",\"table\":\"deny\"}\n"
		"{\"act\":\"set\",\"name\":\"mode\",\"value\":7}\n" //
		ADD("deny", "192.0.2.1", OLD) "{\"act\":\"add\",\"ta");

	(void)state;
	assert_true(plan.torn);
	assert_int_equal(plan.bad, 5);
	assert_int_equal(json_object_size(plan.adds), 1);
	journal_plan_deinit(&plan);
}

static void expect_decoded(const char *json, bool want, uint32_t until_s)
{
	json_t *entry = json_loads(json, 0, NULL);
	struct act act;

	assert_non_null(entry);
	assert_int_equal(journal_decode(entry, 1000, 50, &act), want);
	if (want)
		assert_int_equal(act.until_s, until_s);
	json_decref(entry);
}

static void test_remaining_time(void **state)
{
	(void)state;
	expect_decoded("{\"table\":\"deny\",\"prefix\":\"192.0.2.1\"}", true, 0);
	expect_decoded("{\"table\":\"deny\",\"prefix\":\"192.0.2.1\",\"until_wall\":1060}", true,
		       110);
	expect_decoded("{\"table\":\"deny\",\"prefix\":\"192.0.2.1\",\"until_wall\":1000}", false,
		       0);
	expect_decoded("{\"table\":\"deny\",\"prefix\":\"192.0.2.1\",\"until_wall\":-5}", false, 0);
	expect_decoded("{\"table\":\"deny\",\"prefix\":\"192.0.2\"}", false, 0);
}

static void read_back(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, size - 1);

	assert_true(n >= 0);
	text[n] = '\0';
	close(fd);
}

static void test_file(void **state)
{
	char dir[] = "/tmp/strazh-journal-XXXXXX", state_dir[64], path[80], text[400];
	json_t *act = json_pack("{s:s}", "act", "x");
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(state_dir, sizeof(state_dir), "%s/state", dir);
	(void)snprintf(path, sizeof(path), "%s/journal", state_dir);
	assert_int_equal(journal_write(state_dir, act), 0);
	/* A writer that died in the middle of a line. */
	fd = open(path, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "{\"act", 5), 5);
	close(fd);
	assert_int_equal(journal_write(state_dir, act), 0);
	read_back(path, text, sizeof(text));
	assert_string_equal(text, "{\"act\":\"x\"}\n{\"act\n{\"act\":\"x\"}\n");
	json_decref(act);
	unlink(path);
	rmdir(state_dir);
	rmdir(dir);
}

static void test_no_room_is_told(void **state)
{
	json_t *act = json_pack("{s:s}", "act", "x");

	(void)state;
	assert_true(journal_write("/proc/strazh-no-such-place", act) < 0);
	json_decref(act);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lost_acts_come_back),
		cmocka_unit_test(test_later_acts_overrule),
		cmocka_unit_test(test_flush_forgets_its_table),
		cmocka_unit_test(test_settings_and_lists),
		cmocka_unit_test(test_torn_and_bad_lines),
		cmocka_unit_test(test_remaining_time),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_no_room_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

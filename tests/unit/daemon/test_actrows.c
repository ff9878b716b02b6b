// SPDX-License-Identifier: AGPL-3.0-or-later
/* Acts of operators as changes of the store: each kind, and what no act is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include <user/daemon/acts/actrows.h>

static struct actrow row;

static int make(const char *text, unsigned nth)
{
	static json_t *act; /* borrowed by the row until the next one */

	json_decref(act);
	act = text ? json_loads(text, 0, NULL) : NULL;
	if (!text)
		return 0;
	assert_non_null(act);
	return actrow_make(act, nth, &row);
}

#define STAMP "\"time\": 1700000000, \"uid\": 0, \"maps\": \"1.2\""

static void adds(void **state)
{
	struct actrow_never never;

	(void)state;
	assert_int_equal(make("{\"act\": \"add\", \"table\": \"deny\", \"prefix\": \"192.0.2.1\", "
			      "\"until_wall\": 1700000600, \"note\": \"bad\", "
			      "\"who\": \"operator:anna 7\", " STAMP "}",
			      0),
			 0);
	assert_int_equal(row.act.verb, STORE_BAN_PUT);
	assert_int_equal(row.act.at_ms, 1700000000000);
	assert_int_equal(row.act.ban.since_ms, 1700000000000);
	assert_int_equal(row.act.ban.until_ms, 1700000600000);
	assert_string_equal(row.act.ban.origin, "operator");
	assert_string_equal(row.act.actor, "operator:anna 7");
	assert_string_equal(row.act.cause, "bad");
	assert_int_equal(make("{\"act\": \"add\", \"table\": \"allow\", "
			      "\"prefix\": \"2001:db8::/32\", " STAMP "}",
			      0),
			 0);
	assert_int_equal(row.act.verb, STORE_ALLOW_PUT);
	assert_int_equal(row.act.allow.until_ms, 0);
	assert_int_equal(row.act.allow.prefix.len, 32);
	assert_string_equal(row.act.actor, "operator uid 0");
	assert_int_equal(
		make("{\"act\": \"add\", \"table\": \"never\", \"prefix\": \"10.0.0.0/8\", "
		     "\"note\": \"it says \\\"x\\\"\", \"until_wall\": 1700000001, " STAMP "}",
		     0),
		0);
	assert_int_equal(row.act.verb, STORE_SETTING_PUT);
	assert_string_equal(row.act.setting.name, "gate.never.10.0.0.0/8");
	assert_int_equal(actrow_never_parse(row.act.setting.value, &never), 0);
	assert_int_equal(never.since_ms, 1700000000000);
	assert_int_equal(never.until_ms, 1700000001000);
	assert_string_equal(never.note, "it says \"x\"");
	json_decref(never.root);
}

static void removes(void **state)
{
	static const char plain[] =
		"{\"act\": \"remove\", \"table\": \"deny\", \"prefix\": \"192.0.2.1\", " STAMP "}";
	static const char guards[] = "{\"act\": \"remove\", \"table\": \"deny\", \"guard\": true, "
				     "\"prefix\": \"192.0.2.1\", " STAMP "}";

	(void)state;
	assert_int_equal(make(plain, 0), 0);
	assert_int_equal(row.act.verb, STORE_BAN_LIFT);
	assert_string_equal(row.act.ban.origin, "operator");
	assert_int_equal(make(plain, 1), ACTROWS_END);
	assert_int_equal(make(guards, 1), 0);
	assert_int_equal(row.act.verb, STORE_BAN_LIFT);
	assert_string_equal(row.act.ban.origin, "guard");
	assert_int_equal(make(guards, 2), ACTROWS_END);
	assert_int_equal(
		make("{\"act\": \"remove\", \"table\": \"allow\", \"prefix\": \"::1\", " STAMP "}",
		     0),
		0);
	assert_int_equal(row.act.verb, STORE_ALLOW_REMOVE);
	assert_int_equal(
		make("{\"act\": \"remove\", \"table\": \"never\", \"prefix\": \"::1\", " STAMP "}",
		     0),
		0);
	assert_int_equal(row.act.verb, STORE_SETTING_RESET);
	assert_string_equal(row.act.setting.name, "gate.never.::1");
}

static void flushes(void **state)
{
	static const char all[] = "{\"act\": \"flush\", \"table\": \"all\", " STAMP "}";
	static const char allow[] = "{\"act\": \"flush\", \"table\": \"allow\", " STAMP "}";

	(void)state;
	assert_int_equal(make(all, 0), 0);
	assert_int_equal(row.act.verb, STORE_BAN_CLEAR);
	assert_int_equal(make(all, 1), 0);
	assert_int_equal(row.act.verb, STORE_ALLOW_CLEAR);
	assert_int_equal(make(all, 2), 0);
	assert_int_equal(row.act.verb, STORE_SETTING_CLEAR);
	assert_string_equal(row.act.setting.name, "gate.never.");
	assert_int_equal(make(all, 3), ACTROWS_END);
	assert_int_equal(make(allow, 0), 0);
	assert_int_equal(row.act.verb, STORE_ALLOW_CLEAR);
	assert_int_equal(make(allow, 1), ACTROWS_END);
}

static void settings(void **state)
{
	(void)state;
	assert_int_equal(
		make("{\"act\": \"set\", \"name\": \"rate.mode\", \"value\": \"enforce\", " STAMP
		     "}",
		     0),
		0);
	assert_int_equal(row.act.verb, STORE_SETTING_PUT);
	assert_string_equal(row.act.setting.name, "gate.rate.mode");
	assert_string_equal(row.act.setting.value, "enforce");
	assert_int_equal(make("{\"act\": \"set\", \"name\": \"rate.source.192.0.2.1\", "
			      "\"value\": \"none\", " STAMP "}",
			      0),
			 0);
	assert_int_equal(row.act.verb, STORE_SETTING_RESET);
	assert_int_equal(
		make("{\"act\": \"service\", \"service\": \"443/tcp\", \"flags\": 1, " STAMP "}",
		     0),
		0);
	assert_int_equal(row.act.verb, STORE_SETTING_PUT);
	assert_string_equal(row.act.setting.name, "gate.service.443/tcp");
	assert_string_equal(row.act.setting.value, "{\"service\":\"443/tcp\",\"flags\":1}");
	assert_int_equal(
		make("{\"act\": \"service-remove\", \"service\": \"443/tcp\", " STAMP "}", 0), 0);
	assert_int_equal(row.act.verb, STORE_SETTING_RESET);
	assert_int_equal(
		make("{\"act\": \"load\", \"list\": \"drop\", \"entries\": 12, " STAMP "}", 0), 0);
	assert_int_equal(row.act.verb, STORE_LIST_PUT);
	assert_int_equal(row.act.list.entries, 12);
	assert_int_equal(make("{\"act\": \"unload\", \"list\": \"drop\", " STAMP "}", 0), 0);
	assert_int_equal(row.act.verb, STORE_LIST_REMOVE);
	assert_int_equal(make("{\"act\": \"attach\", \"interface\": \"eth0\", " STAMP "}", 0), 0);
	assert_int_equal(row.act.verb, STORE_NOTE);
	assert_string_equal(row.act.note.action, "attach");
	assert_string_equal(row.act.note.subject, "eth0");
}

static void reports(void **state)
{
	static const char text[] =
		"{\"act\": \"report\", \"prefix\": \"2001:db8::/64\", \"note\": \"tried doors\", "
		"\"detail\": \"weight 40\", " STAMP "}";

	(void)state;
	assert_int_equal(make(text, 0), 0);
	assert_int_equal(row.act.verb, STORE_NOTE);
	assert_string_equal(row.act.note.action, "report");
	assert_string_equal(row.act.note.subject, "2001:db8::/64");
	assert_string_equal(row.act.cause, "tried doors");
	assert_string_equal(row.act.detail, "weight 40");
	assert_int_equal(make(text, 1), ACTROWS_END);
}

/* The journal is a file, and files can hold anything. */
static void nonsense(void **state)
{
	static const char *const bad[] = {
		"{}",
		"[]",
		"{\"act\": 1}",
		"{\"act\": \"dance\"}",
		"{\"act\": \"add\", \"table\": \"deny\"}",
		"{\"act\": \"add\", \"table\": \"deny\", \"prefix\": \"nobody\"}",
		"{\"act\": \"add\", \"table\": \"none\", \"prefix\": \"192.0.2.1\"}",
		"{\"act\": \"add\", \"table\": \"deny\", \"prefix\": \"192.0.2.1\", \"time\": -1}",
		"{\"act\": \"add\", \"table\": \"deny\", \"prefix\": \"192.0.2.1\", \"time\": "
		"\"x\"}",
		"{\"act\": \"add\", \"table\": \"deny\", \"prefix\": \"192.0.2.1\", \"time\": 10, "
		"\"until_wall\": 9}",
		"{\"act\": \"add\", \"table\": \"deny\", \"prefix\": \"192.0.2.1\", "
		"\"until_wall\": 9223372036854775807}",
		"{\"act\": \"flush\", \"table\": \"kitchen\"}",
		"{\"act\": \"flush\"}",
		"{\"act\": \"set\", \"name\": \"a\"}",
		"{\"act\": \"set\", \"name\": \"\", \"value\": \"x\"}",
		"{\"act\": \"service\"}",
		"{\"act\": \"load\"}",
		"{\"act\": \"attach\"}",
		"{\"act\": \"report\"}",
		"{\"act\": \"report\", \"prefix\": \"nobody\"}",
	};
	char longest[400];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (make(bad[i], 0) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
	(void)snprintf(longest, sizeof(longest),
		       "{\"act\": \"set\", \"name\": \"%0200d\", \"value\": \"x\"}", 0);
	assert_int_equal(make(longest, 0), -EINVAL);
	assert_int_equal(make(NULL, 0), 0);
}

static void never_values(void **state)
{
	static const char *const bad[] = {"",
					  "1",
					  "{}",
					  "{\"since\": -1, \"note\": \"\"}",
					  "{\"since\": 1, \"until\": -5, \"note\": \"\"}",
					  "{\"since\": 1, \"note\": 2}"};
	struct actrow_never never;
	char value[STORE_TEXT_MAX + 1];
	static char note[STORE_TEXT_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(actrow_never_parse(bad[i], &never), -EINVAL);
	memset(note, 'x', sizeof(note) - 1);
	assert_int_equal(actrow_never_format(1, 2, note, value), -ENAMETOOLONG);
	assert_int_equal(actrow_never_format(1, 2, NULL, value), 0);
	assert_int_equal(actrow_never_parse(value, &never), 0);
	assert_string_equal(never.note, "");
	json_decref(never.root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds),		cmocka_unit_test(removes),
		cmocka_unit_test(flushes),	cmocka_unit_test(settings),
		cmocka_unit_test(reports),	cmocka_unit_test(nonsense),
		cmocka_unit_test(never_values),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

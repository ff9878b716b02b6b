/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* CrowdSec's answers: durations as Go writes them, decisions that are taken, counted or wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <user/feed/lapi.h>

#define DECISION(id, type, scope, value, duration)                                                 \
	"{\"id\":" #id ",\"type\":\"" type "\",\"scope\":\"" scope "\",\"value\":\"" value         \
	"\",\"duration\":\"" duration "\"}"
#define MOST 100U

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} right[] = {
		{"3h59m12.3s", 14352300},
		{"0s", 0},
		{"0", 0},
		{"1s", 1000},
		{"1.5h", 5400000},
		{".5s", 500},
		{"1.s", 1000},
		{"500ms", 500},
		{"1us", 1},
		{"1\xc2\xb5s", 1},
		{"1ns", 1},
		{"999999999999999h", LAPI_DURATION_MOST_MS},
		{"-2562047h47m16.854775807s", 0},
		{"-1s", 0},
		{"+1m", 60000},
		{"1m1m", 120000},
		{"167h59m59.999999999s", 604800000},
	};
	static const char *const wrong[] = {
		"",    "-",  "1",   "h",  "1d",	  "1h ",  " 1h",
		"1h2", ".s", "1.2", "1x", "--1s", "1e3s", "9999999999999999s"};
	uint64_t ms;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(right); i++) {
		assert_int_equal(lapi_duration_parse(right[i].text, &ms), 0);
		assert_int_equal(ms, right[i].ms);
	}
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		ms = 7;
		assert_int_equal(lapi_duration_parse(wrong[i], &ms), -EINVAL);
		assert_int_equal(ms, 7);
	}
}

static int parse(const char *text, unsigned scopes, uint64_t most, struct lapi_changes *changes,
		 char why[LAPI_WHY_LEN])
{
	return lapi_parse(text, strlen(text), scopes, most, changes, why);
}

/* clang-format off */
static const char some[] =
	"{\"new\":["
	DECISION(1, "ban", "Ip", "192.0.2.1", "1h") ","
	DECISION(2, "ban", "range", "192.0.2.9/24", "1h") ","
	DECISION(3, "captcha", "ip", "192.0.2.2", "1h") ","
	DECISION(4, "ban", "country", "XX", "1h") ","
	DECISION(5, "ban", "ip", "nobody", "1h") ","
	DECISION(6, "ban", "ip", "192.0.2.3", "soon") ","
	DECISION(7, "ban", "ip", "2001:db8::1", "-1h") ", 12, {}],"
	"\"deleted\":[" DECISION(8, "ban", "Ip", "192.0.2.4", "-1h") "]}";
/* clang-format on */

static void test_decisions(void **state)
{
	struct lapi_changes c;
	char why[LAPI_WHY_LEN], shown[PREFIX_TEXT_LEN];

	(void)state;
	assert_int_equal(parse(some, FEED_SCOPE_IP | FEED_SCOPE_RANGE, MOST, &c, why), 0);
	assert_int_equal(c.count, 4);
	assert_int_equal(c.all, 10);
	assert_int_equal(c.other, 2);
	assert_int_equal(c.wrong, 4);
	assert_string_equal(prefix_format(&c.list[1].prefix, shown), "192.0.2.0/24");
	assert_int_equal(c.list[0].id, 1);
	assert_int_equal(c.list[0].left_ms, 3600000);
	assert_int_equal(c.list[0].gone, 0);
	assert_int_equal(c.list[2].id, 7);
	assert_int_equal(c.list[2].gone, 1);
	assert_int_equal(c.list[3].id, 8);
	assert_int_equal(c.list[3].gone, 1);
	assert_string_equal(c.wrongs[0].text, "nobody");
	assert_int_equal(c.wrongs[0].line, 5);
	assert_string_equal(c.wrongs[1].text, "soon");
	lapi_changes_deinit(&c);
	assert_int_equal(parse(some, FEED_SCOPE_RANGE, MOST, &c, why), 0);
	assert_int_equal(c.count, 1);
	lapi_changes_deinit(&c);
	assert_int_equal(parse(some, FEED_SCOPE_IP | FEED_SCOPE_RANGE, 3, &c, why), LAPI_TOO_MANY);
}

static void test_no_answers(void **state)
{
	static const char *const wrong[] = {
		"",
		"{\"new\":[",
		"[]",
		"{}",
		"{\"new\":null}",
		"{\"new\":{},\"deleted\":null}",
		"null",
		"{\"new\":null,\"new\":null,\"deleted\":null}",
	};
	struct lapi_changes c;
	char why[LAPI_WHY_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		why[0] = '\0';
		assert_int_equal(parse(wrong[i], 3, MOST, &c, why), LAPI_NO_JSON);
		assert_true(strlen(why) > 10);
	}
	assert_int_equal(parse("{\"new\":null,\"deleted\":null}", 3, MOST, &c, why), 0);
	assert_int_equal(c.count, 0);
	lapi_changes_deinit(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_decisions),
		cmocka_unit_test(test_no_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

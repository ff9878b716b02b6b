/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Names of reasons and tallies: what people, JSON and metrics call them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <user/gate/stats.h>

#define TALLIES (SZ_TALLY_END - SZ_TALLY_BASE)

static void is_a_label(const char *name)
{
	assert_non_null(name);
	assert_true(strlen(name) > 1);
	assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(name));
}

static void labels_are_labels(void **state)
{
	(void)state;
	for (int i = 0; i < SZ_REASON_COUNT; i++) {
		is_a_label(reason_names[i]);
		assert_true(strlen(reason_texts[i]) > 5);
	}
	for (int i = 0; i < TALLIES; i++) {
		is_a_label(tally_names[i]);
		assert_true(strlen(tally_texts[i]) > 5);
	}
}

static void labels_are_unique(void **state)
{
	const char *all[SZ_REASON_COUNT + TALLIES];

	(void)state;
	memcpy(all, reason_names, sizeof(reason_names));
	memcpy(all + SZ_REASON_COUNT, tally_names, sizeof(tally_names));
	for (size_t i = 0; i < SZ_REASON_COUNT + TALLIES; i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(all[i], all[j]);
}

static void labels_stand_at_their_codes(void **state)
{
	(void)state;
	assert_string_equal(reason_names[SZ_REASON_PASS], "pass");
	assert_string_equal(reason_names[SZ_REASON_DENY_HOST], "deny-host");
	assert_string_equal(reason_names[SZ_REASON_RATE_HOST], "rate-host");
	assert_string_equal(tally_names[SZ_TALLY_RATE_FULL - SZ_TALLY_BASE], "rate-full");
	assert_string_equal(tally_names[SZ_TALLY_EVENT_HELD - SZ_TALLY_BASE], "event-held");
	assert_int_equal(reason_classes[SZ_REASON_STANDBY], SZ_CLASS_PASS);
	assert_int_equal(reason_classes[SZ_REASON_DENY_NET], SZ_CLASS_LIST);
	assert_int_equal(reason_classes[SZ_REASON_LAND], SZ_CLASS_MALFORMED);
	assert_int_equal(reason_classes[SZ_REASON_RATE_HOST], SZ_CLASS_RATE);
}

/* Verdicts and tallies share one array of counters. */
static void codes_fit_the_array(void **state)
{
	(void)state;
	assert_true((int)SZ_REASON_COUNT <= (int)SZ_TALLY_BASE);
	assert_true((int)SZ_TALLY_END <= SZ_COUNT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_are_labels),
		cmocka_unit_test(labels_are_unique),
		cmocka_unit_test(labels_stand_at_their_codes),
		cmocka_unit_test(codes_fit_the_array),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}

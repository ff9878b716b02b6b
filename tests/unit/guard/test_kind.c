/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The list of kinds, and their names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>
#include <user/guard/kind.h>

static void the_list(void **state)
{
	(void)state;
	for (unsigned i = 0; i < GUARD_KIND_COUNT; i++) {
		const struct guard_kind_info *info = &guard_kinds[i];

		assert_true(info->weight > 0 && info->weight <= info->cap && info->cap < 1);
		assert_true(info->name[0] >= 'A' && info->name[0] <= 'Z');
		assert_null(strchr(info->name, ','));
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(info->name, guard_kinds[j].name);
	}
	/* What was asked for. */
	assert_true(guard_kinds[GUARD_KIND_SQL_INJECTION].weight == 0.8F);
	assert_true(guard_kinds[GUARD_KIND_SMALL_PACKET_FLOOD].weight == 0.6F);
	assert_true(guard_kinds[GUARD_KIND_FEED_LISTED].weight == 0.7F);
}

static void names(void **state)
{
	char text[GUARD_KIND_NAMES_LEN];

	(void)state;
	assert_string_equal(guard_kind_names(0, text), "none");
	assert_string_equal(guard_kind_names(1U << GUARD_KIND_BAD_RECORD, text), "BadRecord");
	assert_string_equal(guard_kind_names(3, text), "HighPacketRate,BurstTraffic");
	/* All of them fit. */
	guard_kind_names(UINT32_MAX, text);
	assert_string_equal(text + strlen(text) - strlen(guard_kinds[GUARD_KIND_COUNT - 1].name),
			    guard_kinds[GUARD_KIND_COUNT - 1].name);
	assert_true(strlen(text) < GUARD_KIND_NAMES_LEN - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_list), cmocka_unit_test(names)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

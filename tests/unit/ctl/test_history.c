/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>

#include <cmocka.h>

#include <user/ctl/history.h>

static void test_keeps_the_last(void **state)
{
	struct history *history = calloc(1, sizeof(*history));

	(void)state;
	assert_non_null(history);
	assert_int_equal(history_count(history), 0);
	for (uint64_t i = 0; i < HISTORY_MAX + 5; i++) {
		const struct sz_event event = {.at_ns = i};

		history_put(history, &event);
		assert_int_equal(history_count(history), MIN(i + 1, HISTORY_MAX));
		assert_int_equal(history_get(history, history_count(history) - 1)->at_ns, i);
	}
	assert_int_equal(history_get(history, 0)->at_ns, 5);
	free(history);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_keeps_the_last)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

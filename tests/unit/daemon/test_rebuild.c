/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* When a pass is asked for: one begins after that, also where one is under way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <user/base/clock.h>
#include <user/daemon/acts/rebuild_parts.h>

static void asked_for(enum rebuild_stage stage, bool want_again)
{
	struct rebuild *rebuild = calloc(1, sizeof(*rebuild));
	struct keeper *keeper = calloc(1, sizeof(*keeper));

	assert_non_null(rebuild);
	assert_non_null(keeper);
	rebuild->stage = stage;
	rebuild->next_s = clock_boot_s() + 600;
	rebuild_soon(keeper); /* not opened yet: nothing to do */
	keeper->rebuild = rebuild;
	rebuild_soon(keeper);
	assert_true((int32_t)(clock_boot_s() - rebuild->next_s) >= 0);
	assert_int_equal(rebuild->again, want_again);
	free(keeper);
	free(rebuild);
}

static void while_none_runs(void **state)
{
	(void)state;
	asked_for(REBUILD_IDLE, false);
}

static void while_one_runs(void **state)
{
	(void)state;
	for (unsigned stage = REBUILD_ROWS; stage <= REBUILD_TRIES; stage++)
		asked_for((enum rebuild_stage)stage, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(while_none_runs),
		cmocka_unit_test(while_one_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

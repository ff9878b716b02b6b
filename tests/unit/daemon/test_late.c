/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* First in, first out, and no more than there is room for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include <user/daemon/memory/late.h>

static void in_order(void **state)
{
	struct late late = {0};
	int64_t in = 0, out = 0;

	(void)state;
	assert_null(late_first(&late));
	for (unsigned round = 0; round < 40; round++) {
		for (unsigned i = 0; i < LATE_MAX / 3; i++)
			if (late_put(&late, &(struct late_act){.at_ms = in}) == 0)
				in++;
		for (unsigned i = 0; i < LATE_MAX / 4; i++) {
			assert_int_equal(late_first(&late)->at_ms, out++);
			late_drop_first(&late);
		}
		assert_int_equal(late.len, in - out);
	}
	assert_true(in > 2 * (int64_t)LATE_MAX);
	while (late_first(&late)) {
		assert_int_equal(late_first(&late)->at_ms, out++);
		late_drop_first(&late);
	}
	assert_int_equal(in, out);
	assert_null(late.acts); /* it costs nothing while it is empty */
}

static void full(void **state)
{
	struct late late = {0};

	(void)state;
	for (unsigned i = 0; i < LATE_MAX; i++)
		assert_int_equal(late_put(&late, &(struct late_act){.at_ms = i}), 0);
	assert_int_equal(late_put(&late, &(struct late_act){0}), -ENOBUFS);
	late_drop_first(&late);
	assert_int_equal(late_put(&late, &(struct late_act){.at_ms = LATE_MAX}), 0);
	assert_int_equal(late_first(&late)->at_ms, 1);
	late_deinit(&late);
	assert_null(late_first(&late));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(in_order), cmocka_unit_test(full)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Each allocation of guard_new() fails once; after it there is none. */
#include <tests/unit/guard/kit.h>

#include <stdlib.h>

static unsigned calls, fails_at; /* 0: none fails */

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
	calls++;
	return calls == fails_at ? NULL : __real_calloc(n, size);
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
	calls++;
	return calls == fails_at ? NULL : __real_malloc(size);
}

static void each_fails(void **state)
{
	struct guard_config config = kit_config();
	struct guard_ops none = {0};
	struct prefix host = kit_prefix("192.0.2.1");
	struct guard *guard = NULL;
	struct kit kit = {0};
	unsigned needed;
	int r;

	(void)state;
	for (unsigned at = 1;; at++) {
		calls = 0;
		fails_at = at;
		r = guard_new(&config, &none, NULL, 0, &guard);
		needed = calls;
		fails_at = 0;
		if (!r)
			break;
		assert_int_equal(r, -ENOMEM);
		assert_null(guard);
	}
	assert_true(needed >= 8);
	calls = 0;
	kit.guard = guard;
	kit_see_many(&kit, &host, GUARD_IN_AUTH_BAD, 100);
	for (uint32_t i = 0; i < 5000; i++) {
		struct prefix other = kit_host(i);

		kit_see_many(&kit, &other, i % 2 ? GUARD_IN_SYNS : GUARD_IN_HELLO_BAD, 8);
	}
	kit_pass(&kit, 1000000);
	assert_int_equal(calls, 0);
	guard_free(guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_fails)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

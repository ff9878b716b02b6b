/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Blocks: the right size, bounded in all, given back and lent again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <user/net/pool.h>

static void test_sizes(void **state)
{
	static const struct {
		size_t need, size;
	} cases[] = {{0, POOL_SMALL},
		     {POOL_SMALL, POOL_SMALL},
		     {POOL_SMALL + 1, POOL_MEDIUM},
		     {POOL_MEDIUM + 1, POOL_LARGE},
		     {POOL_LARGE, POOL_LARGE}};
	struct pool pool;

	(void)state;
	pool_init(&pool, 1 << 20);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct block *block = pool_take(&pool, cases[i].need);

		assert_non_null(block);
		assert_int_equal(block->size, cases[i].size);
		assert_int_equal(block->len + block->at, 0);
		memset(block->bytes, 0xa5, block->size);
		block->len = 7;
		pool_put(&pool, block);
	}
	assert_null(pool_take(&pool, POOL_LARGE + 1));
	assert_int_equal(pool.refused, 1);
	assert_int_equal(pool.lent, 0);
	pool_put(&pool, NULL);
	pool_deinit(&pool);
}

static void test_bounded(void **state)
{
	enum { COUNT = 2 * POOL_KEEP };
	struct block *blocks[COUNT];
	struct pool pool;

	(void)state;
	pool_init(&pool, COUNT * POOL_SMALL);
	for (int i = 0; i < COUNT; i++) {
		blocks[i] = pool_take(&pool, 1);
		assert_non_null(blocks[i]);
	}
	assert_null(pool_take(&pool, 1));
	assert_int_equal(pool.lent, pool.max);
	for (int i = 0; i < COUNT; i++)
		pool_put(&pool, blocks[i]);
	assert_int_equal(pool.classes[0].kept, POOL_KEEP);
	blocks[0] = pool_take(&pool, 1);
	assert_non_null(blocks[0]);
	assert_int_equal(pool.classes[0].kept, POOL_KEEP - 1);
	pool_put(&pool, blocks[0]);
	pool_deinit(&pool);
}

/* Once peers that did not read had all of it, and whoever sent half a record was thrown out. */
static void test_patient(void **state)
{
	struct pool pool;
	struct block *large[8], *rest, *small;
	size_t n = 0;

	(void)state;
	pool_init(&pool, 8 * (size_t)POOL_LARGE);
	while ((large[n] = pool_take_patient(&pool, POOL_LARGE)))
		n++;
	assert_int_equal(n, 6);
	assert_int_equal(pool.refused, 1);
	assert_null(pool_take_patient(&pool, POOL_SMALL + 1));
	small = pool_take_patient(&pool, POOL_SMALL);
	assert_non_null(small);
	rest = pool_take(&pool, POOL_LARGE);
	assert_non_null(rest);
	pool_put(&pool, rest);
	pool_put(&pool, small);
	while (n)
		pool_put(&pool, large[--n]);
	assert_int_equal(pool.lent, 0);
	pool_deinit(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_patient),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

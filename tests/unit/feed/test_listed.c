/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who is in a list: the search against a look at each entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <user/base/cidrlist.h>
#include <user/feed/listed.h>

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525U + 1013904223U;
	return *seed >> 8;
}

static struct prefix host_of(uint32_t *seed)
{
	uint8_t addr[16] = {10, (uint8_t)(next(seed) % 3), (uint8_t)(next(seed) % 4),
			    (uint8_t)(next(seed) % 4)};
	const bool six = next(seed) % 4 == 0;

	return prefix_from(six ? 6 : 4, addr, six ? 128 : 32);
}

static void test_model(void **state)
{
	unsigned hits = 0, misses = 0;
	uint32_t seed = 9;

	(void)state;
	for (int round = 0; round < 500; round++) {
		struct prefix entries[20];
		unsigned n = next(&seed) % 20;
		struct listed listed;

		for (unsigned i = 0; i < n; i++) {
			struct prefix host = host_of(&seed);

			entries[i] = prefix_from(host.family, host.addr,
						 (uint8_t)(12 + next(&seed) % 21));
		}
		qsort(entries, n, sizeof(*entries), prefix_compare);
		assert_int_equal(listed_init(&listed, entries, n), 0);
		for (int i = 0; i < 50; i++) {
			struct prefix host = host_of(&seed);
			bool want = false;

			for (unsigned k = 0; k < n; k++)
				want |= prefix_covers(&entries[k], &host);
			assert_int_equal(listed_has(&listed, &host), want);
			hits += want;
			misses += !want;
		}
		listed_deinit(&listed);
	}
	assert_true(hits > 1000 && misses > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_model)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

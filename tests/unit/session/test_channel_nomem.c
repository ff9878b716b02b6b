/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The n-th allocation fails, for all n: that message is refused, and every other comes through. The
 * linker puts __wrap_malloc() in the place of malloc(). */
#include "pair.h"

#include <errno.h>
#include <stdio.h>

static unsigned long seen, fail_at;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
	return ++seen == fail_at ? NULL : __real_malloc(size);
}

static void release(void *owner)
{
	--*(unsigned *)owner;
}

/* How many messages were refused. */
static unsigned talk(struct pair *p)
{
	static const size_t sizes[] = {0, 100, 4000, 4100, 20000, 1, 9000};
	static uint8_t payload[20000];
	unsigned refused = 0, held = 0, taken = 0;

	for (unsigned i = 0; i < 60; i++) {
		struct ph_message m = message_of((uint8_t)(i % PH_PRIORITIES), i, payload,
						 sizes[i % ARRAY_LEN(sizes)]);
		int r;

		if (i % 5 == 4) {
			r = channel_send_held(&p->client.ch, &m, release, &held);
			held += !r;
		} else {
			r = channel_send(&p->client.ch, &m);
		}
		assert_true(!r || r == -ENOMEM);
		refused += !!r;
		taken += !r;
		if (i % 20 == 19)
			pair_settle(p);
	}
	assert_int_equal(p->server.messages, taken);
	assert_int_equal(held, 0);
	assert_int_equal(p->client.host.pool.taken, 0);
	return refused;
}

static void each_allocation(void **state)
{
	unsigned long n = 0, failed = 0;
	unsigned refused;

	(void)state;
	do {
		struct pair *p = pair_new(PH_NK1, false);

		p->client.host.pool.spares_max = 2;
		seen = 0;
		fail_at = ++n;
		refused = talk(p);
		if (seen >= fail_at) {
			assert_int_equal(refused, 1);
			failed++;
		} else {
			assert_int_equal(refused, 0);
		}
		fail_at = 0;
		pair_free(p);
	} while (refused);
	assert_true(failed > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A million messages through thousands of blocks, and many channels that come and go. */
#include "pair.h"

static const uint8_t payload[64] = "payload";

/* Each once, each in order: the sum of place times request says so. */
static void run(struct pair *p, unsigned messages, unsigned burst)
{
	uint64_t sum = 0;

	p->client.host.limits.queue_bytes = 1 << 20;
	for (unsigned n = 0; n < messages;) {
		for (unsigned i = 0; i < burst && n < messages; i++, n++) {
			assert_int_equal(say(&p->client, PH_NORMAL, n, payload, 56), 0);
			sum += (uint64_t)n * (n + 1);
		}
		assert_int_equal(side_write(p, &p->client, &p->server, 1 << 20), 0);
		assert_int_equal(side_read(p, &p->server), 0);
		assert_int_equal(p->server.len, 0);
	}
	assert_int_equal(p->server.messages, messages);
	assert_true(p->server.requests == sum);
}

static void a_million(void **state)
{
	struct pair *p = pair_new(PH_NK1, false);

	(void)state;
	run(p, 1000000, 1000);
	assert_int_equal(p->server.ch.in.n, 1000001);
	/* One engine call for as many records as the schedule allows. */
	assert_true(p->server.host.counters.batches_in < 1000000 / 48);
	assert_true(p->client.host.counters.batches_out < 1000000 / 48);
	assert_int_equal(p->client.host.counters.records_out, 1000001);
	assert_int_equal(p->client.host.counters.bytes_out, p->server.host.counters.bytes_in);
	pair_free(p);
}

static void strict(void **state)
{
	struct pair *p = pair_new(PH_NK1, true);

	(void)state;
	run(p, 50000, 333);
	assert_int_equal(p->server.host.counters.batches_in, 50001);
	pair_free(p);
}

/* No message costs an allocation: what the pool has once had is enough. */
static void memory_is_flat(void **state)
{
	struct pair *p = pair_new(PH_NK1, false);

	(void)state;
	run(p, 1000, 100);
	assert_int_equal(p->client.host.pool.taken, 0);
	assert_true(p->client.host.pool.spares <= 100 * (64 + 24) / 4096 + 1);
	assert_int_equal(p->server.host.pool.spares, 0);
	assert_true(sizeof(struct channel) < 1024);
	pair_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_million),
		cmocka_unit_test(strict),
		cmocka_unit_test(memory_is_flat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

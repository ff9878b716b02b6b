/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who sends most, out of samples: estimates against what was really sent. */
#include <arpa/inet.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <strazh/abi/reason.h>
#include <user/ctl/toplist.h>

static struct toplist list;

static struct sz_event event_of(uint32_t source, enum sz_reason reason, uint32_t len)
{
	struct sz_event event = {.family = 4, .reason = (uint16_t)reason, .frame_len = len};
	uint32_t addr = htonl(source);

	memcpy(event.saddr, &addr, sizeof(addr));
	return event;
}

static void samples(uint32_t source, enum sz_reason reason, uint32_t len, int count)
{
	struct sz_event event = event_of(source, reason, len);

	while (count--)
		toplist_add(&list, &event);
}

static uint32_t source_of(const struct top_rate *rate)
{
	uint32_t addr;

	memcpy(&addr, rate->source->addr, sizeof(addr));
	return ntohl(addr);
}

/* Source 1 sends most packets, 2 most bytes, 3 is dropped most. */
static void by_each_order(void **state)
{
	static const uint32_t first[TOP_ORDERS] = {
		[TOP_PACKETS] = 1, [TOP_DROPS] = 3, [TOP_BYTES] = 2};
	struct top_rate rates[4];

	(void)state;
	toplist_clear(&list);
	samples(1, SZ_REASON_PASS, 60, 100);
	samples(2, SZ_REASON_PASS, 1500, 40);
	samples(3, SZ_REASON_DENY_HOST, 60, 30);
	samples(1, SZ_REASON_DENY_HOST, 60, 5);
	for (enum top_by by = 0; by < TOP_ORDERS; by++) {
		size_t count = toplist_sort(&list, by, 140, 35, 1, rates, 4);

		assert_int_equal(count, by == TOP_DROPS ? 2 : 3);
		assert_int_equal(source_of(&rates[0]), first[by]);
	}
	(void)toplist_sort(&list, TOP_PACKETS, 140, 35, 1, rates, 4);
	assert_int_equal(rates[0].source->reason,
			 SZ_REASON_DENY_HOST); /* why, not that it also passes */
	assert_int_equal(toplist_sort(&list, TOP_PACKETS, 140, 35, 1, rates, 1), 1);
	assert_int_equal(source_of(&rates[0]), 1);
}

/* A sample stands for as many packets as the counters say there were for one of its kind. */
static void scaled_by_the_counters(void **state)
{
	struct top_rate rates[2];

	(void)state;
	toplist_clear(&list);
	samples(1, SZ_REASON_PASS, 100, 30);
	samples(2, SZ_REASON_PASS, 100, 10);
	samples(2, SZ_REASON_BOGON, 100, 20);
	assert_int_equal(toplist_sort(&list, TOP_PACKETS, 400000, 1000, 2, rates, 2), 2);
	assert_int_equal(source_of(&rates[0]), 1);
	assert_true(fabs(rates[0].packets - 150000) < 0.5);
	assert_true(fabs(rates[0].bytes - 15000000) < 50);
	assert_true(fabs(rates[1].packets - (50000 + 500)) < 0.5);
	assert_true(fabs(rates[1].drops - 500) < 0.5);
	assert_true(fabs(rates[0].error - 1 / sqrt(30)) < 1e-9);
}

/* More sources than it holds: what does not fit is counted, and nothing that is in is lost. */
static void full(void **state)
{
	struct top_rate rates[1];

	(void)state;
	toplist_clear(&list);
	samples(7, SZ_REASON_PASS, 60, 50);
	for (uint32_t i = 0; i < 3 * TOPLIST_SLOTS; i++)
		samples(0x01000000 + i * 2654435761U % 0x10000000, SZ_REASON_PASS, 60, 1);
	assert_true(list.used < TOPLIST_SLOTS);
	assert_true(list.left_out > TOPLIST_SLOTS);
	assert_int_equal(list.passed, 50 + 3 * TOPLIST_SLOTS);
	assert_int_equal(toplist_sort(&list, TOP_PACKETS, list.passed, 0, 1, rates, 1), 1);
	assert_int_equal(source_of(&rates[0]), 7);
	assert_true(fabs(rates[0].packets - 50) < 0.5);
}

/* IPv6 sources are told apart to the last bit, from IPv4 too; what has no address is no source. */
static void families(void **state)
{
	struct sz_event event = event_of(0x01020304, SZ_REASON_PASS, 60);
	struct top_rate rates[8];

	(void)state;
	toplist_clear(&list);
	toplist_add(&list, &event);
	event.family = 6;
	toplist_add(&list, &event);
	event.saddr[15] = 1;
	toplist_add(&list, &event);
	event.family = 0;
	toplist_add(&list, &event);
	assert_int_equal(list.used, 3);
	assert_int_equal(list.passed, 4);
	assert_int_equal(toplist_sort(&list, TOP_PACKETS, 4, 0, 1, rates, 8), 3);
}

static void nothing(void **state)
{
	struct top_rate rates[2];

	(void)state;
	toplist_clear(&list);
	assert_int_equal(toplist_sort(&list, TOP_PACKETS, 0, 0, 1, rates, 2), 0);
	samples(1, SZ_REASON_PASS, 60, 1);
	assert_int_equal(toplist_sort(&list, TOP_DROPS, 1, 0, 1, rates, 2), 0);
	assert_int_equal(toplist_sort(&list, TOP_PACKETS, 1, 0, 1, rates, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_each_order), cmocka_unit_test(scaled_by_the_counters),
		cmocka_unit_test(full),		 cmocka_unit_test(families),
		cmocka_unit_test(nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What user space sees of packets that go through an attached gate: counters, events, buckets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>

#include <user/base/clock.h>
#include <user/gate/act.h>
#include <user/gate/attach.h>
#include <user/gate/events.h>
#include <user/gate/gate.h>
#include <user/gate/limits.h>
#include <user/gate/reput.h>
#include <user/gate/stats.h>

#include "netns.h"

#define BAD "10.66.0.66"
#define HONEST "10.66.0.2"
#define ARRIVED_US 50000

static struct gate *gate;

static int setup(void **state)
{
	unsigned int ifindex = veth_up(0);

	(void)state;
	if (gate_open(NULL, GATE_WRITE | GATE_CREATE, NULL, &gate))
		return -1;
	deny_raw(gate->map, BAD, 0);
	return attach_add(gate, ifindex, ATTACH_NATIVE);
}

static int teardown(void **state)
{
	(void)state;
	veth_down(0);
	if (gate_unpin(gate))
		return -1;
	gate_close(gate);
	return 0;
}

static void send_some(const char *source, int count)
{
	for (int i = 0; i < count; i++)
		frame_send(0, source);
	usleep(ARRIVED_US);
}

static void counters(void **state)
{
	struct gate_stats before, after;

	(void)state;
	assert_int_equal(gate_stats_read(gate, &before), 0);
	send_some(BAD, 10);
	send_some(HONEST, 4);
	assert_int_equal(gate_stats_read(gate, &after), 0);
	assert_int_equal(after.reason[SZ_REASON_DENY_HOST].packets, 10);
	assert_int_equal(after.reason[SZ_REASON_DENY_HOST].bytes, 10 * 60);
	assert_int_equal(after.dropped.packets - before.dropped.packets, 10);
	assert_in_range(after.passed.packets - before.passed.packets, 4, 40); /* and IPv6's own */
	assert_int_equal(after.observed.packets, 0);

	gate->settings->flags = SZ_SET_OBSERVE;
	send_some(BAD, 3);
	assert_int_equal(gate_stats_read(gate, &after), 0);
	assert_int_equal(after.reason[SZ_REASON_DENY_HOST].packets, 10);
	assert_int_equal(after.reason[SZ_REASON_DENY_HOST].observed_packets, 3);
	assert_int_equal(after.observed.packets, 3);
	assert_int_equal(after.observed.bytes, 3 * 60);
}

struct seen {
	unsigned int count;
	struct sz_event last;
};

static void on_event(void *context, const struct sz_event *event)
{
	struct seen *seen = context;

	seen->count++;
	seen->last = *event;
}

static void events(void **state)
{
	struct events *events = NULL;
	struct seen seen = {0};
	struct pollfd readable;
	struct in_addr bad;
	uint64_t now;

	(void)state;
	assert_int_equal(events_new(gate, on_event, &seen, &events), 0);
	readable = (struct pollfd){.fd = events_fd(events), .events = POLLIN};
	assert_int_equal(events_read(events), 0);
	send_some(BAD, 3);
	now = clock_boot_ns();
	assert_int_equal(poll(&readable, 1, 1000), 1);
	assert_int_equal(events_read(events), 3);
	assert_int_equal(seen.count, 3);
	assert_int_equal(seen.last.reason, SZ_REASON_DENY_HOST);
	assert_int_equal(seen.last.family, 4);
	assert_int_equal(seen.last.lists, 1U << SZ_LIST_OPERATOR);
	assert_int_equal(inet_pton(AF_INET, BAD, &bad), 1);
	assert_memory_equal(seen.last.saddr, &bad, sizeof(bad));
	assert_true(seen.last.at_ns <= now && now - seen.last.at_ns < NS_PER_S);
	assert_int_equal(events_read(events), 0);
	events_free(events);
}

static struct prefix host_of(const char *text)
{
	struct prefix host;

	assert_int_equal(prefix_parse(text, strlen(text), &host), 0);
	return host;
}

/* Ten steps of 200 ms, less what has been paid since they began; the clock of meters has ticks. */
static void expect_used(const struct gate_bucket *bucket, uint64_t begin_ns)
{
	const uint64_t since_ns = clock_boot_ns() - begin_ns;

	assert_true(since_ns < NS_PER_S * 19 / 10);
	assert_in_range(bucket->used_ns, 2 * NS_PER_S - since_ns - 2ULL * SZ_RATE_TICK_NS,
			2 * NS_PER_S);
}

static void bucket(void **state)
{
	struct prefix honest = host_of(HONEST), other = host_of("10.66.0.3");
	struct sz_limit *limit = &gate->limits[sz_limit_index(0, SZ_RATE_HOST, SZ_RATE_UDP)];
	struct gate_bucket bucket;
	uint64_t begin_ns;

	(void)state;
	*limit = (struct sz_limit){.step_ns = NS_PER_S / 5, .burst_ns = 4 * (uint32_t)NS_PER_S};
	assert_int_equal(gate_bucket_read(gate, &honest, SZ_RATE_UDP, &bucket), ACT_NOT_FOUND);
	begin_ns = clock_boot_ns();
	send_some(HONEST, 10);
	assert_int_equal(gate_bucket_read(gate, &honest, SZ_RATE_UDP, &bucket), 0);
	assert_int_equal(bucket.step_ns, NS_PER_S / 5);
	assert_int_equal(bucket.burst_ns, 4 * NS_PER_S);
	expect_used(&bucket, begin_ns);
	assert_int_equal(gate_bucket_read(gate, &other, SZ_RATE_UDP, &bucket), ACT_NOT_FOUND);
}

/* By the limits that the source has: its tier, its slowness; and the meters of its prefix. */
static void bucket_of_its_own(void **state)
{
	const struct sz_limit tier3 = {.step_ns = NS_PER_S / 10, .burst_ns = SZ_RATE_NS_MAX};
	const struct sz_limit net_all = {.step_ns = NS_PER_S / 5, .burst_ns = SZ_RATE_NS_MAX};
	const struct sz_reput reput = {.tier = 3, .slow = 2 * SZ_SLOW_ONE};
	struct prefix host = host_of(HONEST), net = host_of("10.66.0.0/24");
	struct gate_bucket bucket;
	uint64_t begin_ns;

	(void)state;
	gate->limits[sz_limit_index(3, SZ_RATE_HOST, SZ_RATE_UDP)] = tier3;
	gate->limits[sz_limit_index(0, SZ_RATE_NET, SZ_RATE_UDP)] = net_all;
	assert_int_equal(reput_put(gate, &host, &reput), 0);
	begin_ns = clock_boot_ns();
	send_some(HONEST, 10);
	assert_int_equal(gate_bucket_read(gate, &host, SZ_RATE_UDP, &bucket), 0);
	assert_int_equal(bucket.step_ns, NS_PER_S / 5);
	expect_used(&bucket, begin_ns);
	assert_int_equal(gate_bucket_read(gate, &net, SZ_RATE_UDP, &bucket), 0);
	assert_int_equal(bucket.step_ns, NS_PER_S / 5);
	expect_used(&bucket, begin_ns);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(counters),
		IN_WORLD(events),
		IN_WORLD(bucket),
		IN_WORLD(bucket_of_its_own),
	};

	if (!netns_enter())
		return 0;
	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}

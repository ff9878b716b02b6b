/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the load asks for on top of what was set: smaller limits by tier, cookies, probes; and that
 * it ends by itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <cmocka.h>

#include <tests/gate/gate_run.h>

#define STEP 400000000U
#define BURST 4000000000U
#define TEN 10

static uint64_t in_ns(int64_t ahead_ns)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)((int64_t)now.tv_sec * 1000000000 + now.tv_nsec + ahead_ns);
}

static void begin(struct run *run)
{
	run_clean(run);
	expect_spec(run, "seed", &(struct spec){.src = "1.1.1.1"}, SZ_REASON_PASS);
	run->settings->flags = SZ_SET_RATE_ENFORCE;
	for (uint32_t tier = 0; tier < SZ_TIERS; tier++)
		run->limits[sz_limit_index(tier, SZ_RATE_HOST, SZ_RATE_SYN)] = (struct sz_limit){
			STEP, BURST, 0, 0};
}

static void expect_passes(struct run *run, const char *name, const char *src, int passes)
{
	struct spec spec = {.src = src};

	for (int i = 0; i < passes; i++)
		expect_spec(run, name, &spec, SZ_REASON_PASS);
	expect_spec(run, name, &spec, SZ_REASON_RATE_HOST);
}

static void half_the_limit(void **state)
{
	struct run *run = *state;

	begin(run);
	run->settings->pace[0] = 2 * SZ_PACE_ONE;
	expect_passes(run, "not before there is a time", "1.2.3.1", TEN);
	run->settings->pace_until_ns = in_ns(60000000000);
	expect_passes(run, "half", "1.2.3.2", TEN / 2);
	run->settings->pace[0] = 0;
	expect_passes(run, "nothing is all", "1.2.3.3", TEN);
	run->settings->pace[0] = 2 * SZ_PACE_ONE;
	run->settings->pace_until_ns = in_ns(-1000000000);
	expect_passes(run, "over", "1.2.3.4", TEN);
}

static void reput_put(struct run *run, const char *text, struct sz_reput reput)
{
	uint8_t addr[16], len, family = prefix_split(text, addr, &len);
	struct sz_net4 key = {.len = len};

	assert_int_equal(family, 4);
	memcpy(&key.addr, addr, 4);
	presence_set(run, text);
	assert_int_equal(bpf_map_update_elem(run_map(run, "sz_reput4"), &key, &reput, 0), 0);
}

static void each_tier_its_own(void **state)
{
	struct run *run = *state;

	begin(run);
	run->settings->pace[0] = 2 * SZ_PACE_ONE;
	run->settings->pace[SZ_TIER_LIMITED] = 5 * SZ_PACE_ONE;
	run->settings->pace_until_ns = in_ns(60000000000);
	reput_put(run, "1.2.3.1/32", (struct sz_reput){.tier = 1});
	reput_put(run, "1.2.3.2/32", (struct sz_reput){.tier = SZ_TIER_LIMITED});
	reput_put(run, "1.2.3.3/32", (struct sz_reput){.slow = 40});
	expect_passes(run, "trusted", "1.2.3.1", TEN);
	expect_passes(run, "limited", "1.2.3.2", TEN / 5);
	expect_passes(run, "on top of its own", "1.2.3.3", TEN / 5);
	expect_passes(run, "everybody", "1.2.3.4", TEN / 2);
}

/* An operator makes everybody's limits smaller: who is limited must not have the wider ones. */
static void limited_is_never_more(void **state)
{
	struct run *run = *state;

	begin(run);
	run->limits[sz_limit_index(0, SZ_RATE_HOST, SZ_RATE_SYN)].step_ns = 2 * STEP;
	reput_put(run, "1.2.3.2/32", (struct sz_reput){.tier = SZ_TIER_LIMITED});
	expect_passes(run, "limited", "1.2.3.2", TEN / 2);
	run->limits[sz_limit_index(0, SZ_RATE_HOST, SZ_RATE_SYN)].step_ns = STEP;
	run->limits[sz_limit_index(SZ_TIER_LIMITED, SZ_RATE_HOST, SZ_RATE_SYN)].step_ns = 2 * STEP;
	reput_put(run, "1.2.3.5/32", (struct sz_reput){.tier = SZ_TIER_LIMITED});
	expect_passes(run, "limits of its own tier", "1.2.3.5", TEN / 2);
	run->limits[sz_limit_index(SZ_TIER_LIMITED, SZ_RATE_HOST, SZ_RATE_SYN)] = (struct sz_limit){
		0};
	reput_put(run, "1.2.3.6/32", (struct sz_reput){.tier = SZ_TIER_LIMITED});
	expect_passes(run, "none of its own", "1.2.3.6", TEN);
}

/* No socket is here: each SYN that is looked at is a probe, and passes. */
static void probes(void **state)
{
	struct spec syn = {.src = "1.2.3.1", .dport = 99};
	struct spec ack = {.src = "1.2.3.1", .dport = 99, .tcp_flags = 0x10};
	struct run *run = *state;

	begin(run);
	run->settings->pace_flags = SZ_PACE_PROBES;
	expect_spec(run, "not before there is a time", &syn, SZ_REASON_PASS);
	run->settings->pace_until_ns = in_ns(60000000000);
	(void)run_events(run);
	expect_spec(run, "a SYN", &syn, SZ_REASON_PROBE);
	expect_spec(run, "no SYN", &ack, SZ_REASON_PASS);
	(void)run_events(run);
	assert_int_equal(run->event_count, 1);
	assert_int_equal(run->events[0].reason, SZ_REASON_PROBE);
	assert_int_equal(ntohs(run->events[0].dport), 99);
	assert_true(run->events[0].flags & SZ_EVENT_OBSERVED);
	assert_int_equal(run_count(run, SZ_TALLY_PROBE_ASKED).packets, 1);
	run->services[1] = (struct sz_service){.port = 99, .proto = 6, .flags = 1};
	run->ports[sz_port_line(0, 99)].service[99 & 63] = 1;
	expect_spec(run, "a service is no probe", &syn, SZ_REASON_PASS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN_TEST(half_the_limit),
		RUN_TEST(each_tier_its_own),
		RUN_TEST(limited_is_never_more),
		RUN_TEST(probes),
	};

	return cmocka_run_group_tests(tests, run_setup, run_teardown);
}

// SPDX-License-Identifier: AGPL-3.0-or-later
/* Samples of drops: what is in them, how many of them, and that those left out are counted. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include <tests/gate/gate_run.h>

#define SYN 2
#define FIN 1

static void begin(struct run *run)
{
	run_clean(run);
	expect_spec(run, "nothing listed", &(struct spec){.family = 6}, SZ_REASON_PASS);
}

/* The only event there is. */
static struct sz_event take(struct run *run)
{
	assert_int_equal(run_events(run), 1);
	return run->events[0];
}

static void expect_addresses(const struct sz_event *event, const char *src, const char *dst)
{
	uint8_t addr[16];

	assert_int_equal(event->family, address_parse(src, addr));
	assert_memory_equal(event->saddr, addr, 16);
	address_parse(dst, addr);
	assert_memory_equal(event->daddr, addr, 16);
}

static void denied_host(void **state)
{
	struct run *run = *state;

	for (uint8_t family = 4; family <= 6; family += 2) {
		const char *src = family == 4 ? PEER4 : PEER6;
		struct spec spec = {.family = family, .data = 33, .vlan = {0x88a8, 0x8100}};
		uint64_t lists = 1ULL << 63 | 4, from_ns, to_ns;
		struct sz_event event;
		struct outcome got;

		begin(run);
		rule_set(run, "dhost", src, FOREVER(lists | 1));
		run->settings->lists_off = 1;
		from_ns = boot_now_ns();
		got = run_spec(run, &spec);
		to_ns = boot_now_ns();
		expect_outcome("denied", got, SZ_REASON_DENY_HOST);
		event = take(run);
		assert_in_range(event.at_ns, from_ns, to_ns);
		assert_true(event.lists == lists);
		assert_int_equal(event.ifindex, RUN_IFINDEX);
		assert_int_equal(event.frame_len, got.bytes);
		assert_int_equal(event.reason, SZ_REASON_DENY_HOST);
		assert_int_equal(event.flags, 0); /* the verdict came before the ports */
		assert_int_equal(event.proto, P_TCP);
		assert_int_equal(event.vlan, 101);
		expect_addresses(&event, src, family == 4 ? SELF4 : SELF6);
	}
}

static void denied_prefix_names_its_lists(void **state)
{
	struct run *run = *state;

	begin(run);
	rule_set(run, "dnet", "1.0.0.0/8", FOREVER(1ULL << 40));
	expect_spec(run, "denied", &(struct spec){.proto = P_UDP}, SZ_REASON_DENY_NET);
	assert_true(take(run).lists == 1ULL << 40);
}

static void malformed_has_ports(void **state)
{
	struct run *run = *state;

	for (uint8_t family = 4; family <= 6; family += 2) {
		struct spec spec = {
			.family = family, .tcp_flags = SYN | FIN, .sport = 4321, .dport = 53};
		struct sz_event event;

		begin(run);
		expect_spec(run, "SYN and FIN", &spec, SZ_REASON_TCP_SYN_FIN);
		event = take(run);
		assert_int_equal(event.reason, SZ_REASON_TCP_SYN_FIN);
		assert_int_equal(event.flags, SZ_EVENT_PORTS);
		assert_int_equal(ntohs(event.sport), 4321);
		assert_int_equal(ntohs(event.dport), 53);
		assert_int_equal(event.tcp_flags, SYN | FIN);
		assert_true(event.lists == 0);
		assert_int_equal(event.vlan, 0);
		expect_addresses(&event, family == 4 ? PEER4 : PEER6, family == 4 ? SELF4 : SELF6);
	}
}

static void fragments_say_so(void **state)
{
	struct run *run = *state;

	begin(run);
	expect_spec(run, "later fragment",
		    &(struct spec){.family = 6,
				   .src = SELF6,
				   .offset = 800,
				   .data = 9,
				   .ext_count = 1,
				   .ext = {E_FRAGMENT}},
		    SZ_REASON_LAND);
	assert_int_equal(take(run).flags, SZ_EVENT_FRAGMENT);
	expect_spec(run, "first fragment", &(struct spec){.src = SELF4, .more = true, .data = 4},
		    SZ_REASON_LAND);
	assert_int_equal(take(run).flags, SZ_EVENT_FRAGMENT | SZ_EVENT_PORTS);
}

/* Nothing was read, so nothing is said. */
static void without_addresses(void **state)
{
	static const uint8_t zero[16];
	struct run *run = *state;
	struct sz_event event;

	begin(run);
	expect_spec(run, "three tags", &(struct spec){.vlan = {0x8100, 0x8100, 0x8100}},
		    SZ_REASON_VLAN_DEEP);
	event = take(run);
	assert_int_equal(event.family, 0);
	assert_memory_equal(event.saddr, zero, 16);
	assert_memory_equal(event.daddr, zero, 16);
	assert_int_equal(event.vlan, 101);
	assert_int_equal(event.proto, 0);
}

static void observed_says_so(void **state)
{
	struct run *run = *state;

	begin(run);
	run->settings->flags = SZ_SET_OBSERVE;
	expect_observed("LAND", run_spec(run, &(struct spec){.src = SELF4}), SZ_REASON_LAND);
	assert_int_equal(take(run).flags, SZ_EVENT_OBSERVED | SZ_EVENT_PORTS);
}

static void no_event_of_a_pass(void **state)
{
	struct run *run = *state;

	begin(run);
	rule_set(run, "allow", PEER4, FOREVER(1));
	expect_spec(run, "allowed", &(struct spec){0}, SZ_REASON_ALLOW);
	expect_spec(run, "ordinary", &(struct spec){.family = 6}, SZ_REASON_PASS);
	assert_int_equal(run_events(run), 0);
}

/* So many a second, each reason by itself; the others are counted. */
static void sampling(void **state)
{
	static struct frame land, denied;
	struct timespec nap = {.tv_sec = 1, .tv_nsec = 50 * 1000000};
	struct run *run = *state;

	begin(run);
	run->settings->events_per_s = 3;
	rule_set(run, "dhost", PEER4, FOREVER(1));
	frame_build(&land, &(struct spec){.src = SELF4});
	frame_build(&denied, &(struct spec){0});
	run_many(run, &land, 10);
	assert_int_equal(run_events(run), 3);
	assert_int_equal(run_count(run, SZ_TALLY_EVENT_HELD).packets, 7);
	run_many(run, &denied, 2);
	assert_int_equal(run_events(run), 2);
	assert_int_equal(run_count(run, SZ_TALLY_EVENT_HELD).packets, 7);
	nanosleep(&nap, NULL);
	run_many(run, &land, 10);
	assert_int_equal(run_events(run), 3);
	assert_int_equal(run_count(run, SZ_TALLY_EVENT_HELD).packets, 14);
	assert_int_equal(run_count(run, SZ_TALLY_EVENT_LOST).packets, 0);
}

static void default_limit(void **state)
{
	static struct frame land;
	struct run *run = *state;

	begin(run);
	frame_build(&land, &(struct spec){.src = SELF4});
	run_many(run, &land, 1000);
	assert_int_equal(run_events(run), SZ_EVENTS_PER_S);
	assert_int_equal(run_count(run, SZ_TALLY_EVENT_HELD).packets, 1000 - SZ_EVENTS_PER_S);
}

/* Nobody reads: what does not fit is counted, and the verdict stays. */
static void ring_full(void **state)
{
	static struct frame land;
	uint32_t sent = SZ_EVENT_BYTES / sizeof(struct sz_event) + 1000;
	struct run *run = *state;
	size_t read;

	begin(run);
	run->settings->events_per_s = UINT32_MAX;
	frame_build(&land, &(struct spec){.src = SELF4});
	assert_int_equal(run_many(run, &land, sent), XDP_DROP);
	read = run_events(run);
	assert_in_range(read, SZ_EVENT_BYTES / (sizeof(struct sz_event) + 8) - 1, sent - 1000);
	assert_int_equal(run_count(run, SZ_TALLY_EVENT_LOST).packets, sent - read);
	assert_int_equal(run_count(run, SZ_REASON_LAND).packets, sent);
	expect_spec(run, "room again", &(struct spec){.src = SELF4}, SZ_REASON_LAND);
	assert_int_equal(run_events(run), 1);
}

/* Samples are counted per CPU: stay on one. */
static int setup(void **state)
{
	int cpu = sched_getcpu();
	cpu_set_t one;

	assert_true(cpu >= 0);
	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	return run_setup(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN_TEST(denied_host),	       RUN_TEST(denied_prefix_names_its_lists),
		RUN_TEST(malformed_has_ports), RUN_TEST(fragments_say_so),
		RUN_TEST(without_addresses),   RUN_TEST(observed_says_so),
		RUN_TEST(no_event_of_a_pass),  RUN_TEST(sampling),
		RUN_TEST(default_limit),       RUN_TEST(ring_full),
	};

	return cmocka_run_group_tests(tests, setup, run_teardown);
}

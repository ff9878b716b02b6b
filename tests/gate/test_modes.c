// SPDX-License-Identifier: AGPL-3.0-or-later
/* enforce, observe, the lease of the lockout guard, standby; what is counted in each of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tests/gate/gate_run.h>

/* One way to be dropped for each class but rates, in both families. */
static const struct bad {
	const char *name;
	struct spec spec;
	int reason;
} bads[] = {
	{"denied host", {.family = 4}, SZ_REASON_DENY_HOST},
	{"denied host", {.family = 6}, SZ_REASON_DENY_HOST},
	{"denied prefix", {.family = 4, .src = "99.1.2.3"}, SZ_REASON_DENY_NET},
	{"denied prefix", {.family = 6, .src = "2b00::1"}, SZ_REASON_DENY_NET},
	{"LAND", {.family = 4, .src = SELF4}, SZ_REASON_LAND},
	{"LAND", {.family = 6, .src = SELF6}, SZ_REASON_LAND},
	{"nine headers",
	 {.family = 6, .ext_count = 9, .ext = {60, 60, 60, 60, 60, 60, 60, 60, 60}},
	 SZ_REASON_EXT_DEEP},
	{"three tags", {.family = 4, .vlan = {0x8100, 0x8100, 0x8100}}, SZ_REASON_VLAN_DEEP},
};

static void begin(struct run *run)
{
	run_clean(run);
	expect_spec(run, "nothing listed", &(struct spec){.family = 6}, SZ_REASON_PASS);
	rule_set(run, "dhost", PEER4, FOREVER(1));
	rule_set(run, "dhost", PEER6, FOREVER(1));
	rule_set(run, "dnet", "99.0.0.0/8", FOREVER(1));
	rule_set(run, "dnet", "2b00::/16", FOREVER(1));
}

static void all_dropped(struct run *run)
{
	for (size_t i = 0; i < ARRAY_LEN(bads); i++)
		expect_spec(run, bads[i].name, &bads[i].spec, bads[i].reason);
}

static void all_observed(struct run *run)
{
	for (size_t i = 0; i < ARRAY_LEN(bads); i++)
		expect_observed(bads[i].name, run_spec(run, &bads[i].spec), bads[i].reason);
}

static void enforce_is_the_default(void **state)
{
	begin(*state);
	all_dropped(*state);
}

static void observe(void **state)
{
	struct run *run = *state;

	begin(run);
	run->settings->flags = SZ_SET_OBSERVE;
	all_observed(run);
	expect_spec(run, "an honest one", &(struct spec){.src = "1.1.1.1"}, SZ_REASON_PASS);
	run->settings->flags = SZ_SET_RATE_ENFORCE;
	all_dropped(run);
	run->settings->flags = SZ_SET_RATE_ENFORCE | SZ_SET_OBSERVE;
	all_observed(run);
}

static void lease(void **state)
{
	struct run *run = *state;

	begin(run);
	run->settings->lease_ifindex = RUN_IFINDEX;
	run->settings->lease_until_s = boot_now_s() + 60;
	all_dropped(run);
	run->settings->lease_until_s = boot_now_s();
	all_observed(run);
	run->settings->lease_until_s = 0;
	all_dropped(run);
	run->settings->lease_until_s = 1;
	all_observed(run);
	run->settings->lease_ifindex = RUN_IFINDEX + 1;
	all_dropped(run);
	run->settings->lease_ifindex = 0;
	all_dropped(run);
}

static void standby(void **state)
{
	struct run *run = *state;

	begin(run);
	run->meta->instance = 3;
	for (size_t i = 0; i < ARRAY_LEN(bads); i++)
		expect_spec(run, bads[i].name, &bads[i].spec, SZ_REASON_STANDBY);
	expect_spec(run, "an honest one", &(struct spec){.src = "1.1.1.1"}, SZ_REASON_STANDBY);
	run->meta->instance = 0;
	all_dropped(run);
	assert_int_equal(rule_get(run, "dhost", PEER4).hits, 1); /* none of them on standby */
}

static void a_numbered_instance(void **state)
{
	struct run *run = run_new_as(7);

	(void)state;
	expect_spec(run, "fresh map", &(struct spec){.src = SELF4}, SZ_REASON_STANDBY);
	assert_int_equal(run->meta->layout, 0); /* whoever stands by touches nothing */
	run->meta->instance = 7;
	expect_spec(run, "named", &(struct spec){.src = SELF4}, SZ_REASON_LAND);
	run->meta->instance = 8;
	expect_spec(run, "replaced", &(struct spec){.src = SELF4}, SZ_REASON_STANDBY);
	run_free(run);
}

static void expect_count(const struct run *run, int reason, struct sz_count want)
{
	struct sz_count got = run_count(run, (uint32_t)reason);

	if (memcmp(&got, &want, sizeof(got)))
		fail_msg("%s: %llu packets %llu bytes, observed %llu and %llu", reason_name(reason),
			 got.packets, got.bytes, got.observed_packets, got.observed_bytes);
}

/* Whole frames with padding; observed ones apart. */
static void counters(void **state)
{
	static struct frame frame;
	struct run *run = *state;

	begin(run);
	frame_build(&frame, &(struct spec){.data = 100, .padding = 7});
	run_many(run, &frame, 5);
	expect_count(run, SZ_REASON_DENY_HOST,
		     (struct sz_count){.packets = 5, .bytes = 5 * frame.len});
	run->settings->flags = SZ_SET_OBSERVE;
	run_many(run, &frame, 3);
	expect_count(run, SZ_REASON_DENY_HOST,
		     (struct sz_count){.packets = 5,
				       .bytes = 5 * frame.len,
				       .observed_packets = 3,
				       .observed_bytes = 3 * frame.len});
	frame_build(&frame, &(struct spec){.src = "1.1.1.1", .data = 50});
	run_many(run, &frame, 4);
	expect_count(run, SZ_REASON_PASS,
		     (struct sz_count){.packets = 5, .bytes = 4 * frame.len + 74});
	expect_count(run, SZ_REASON_DENY_NET, (struct sz_count){0});
	frame_patch(&frame, (struct patch){PATCH_ETH, 12, 2, 0x0806});
	run_many(run, &frame, 2);
	expect_count(run, SZ_REASON_NOT_IP,
		     (struct sz_count){.packets = 2, .bytes = 2 * frame.len});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN_TEST(enforce_is_the_default),
		RUN_TEST(observe),
		RUN_TEST(lease),
		RUN_TEST(standby),
		RUN_TEST(a_numbered_instance),
		RUN_TEST(counters),
	};

	return cmocka_run_group_tests(tests, run_setup, run_teardown);
}

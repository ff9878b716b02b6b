// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Sizes of packets for a service: odd ones are counted, each source has its share of them, what is
 * above drops only where the service and the rates say so. Steps are long (0.4 s).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include <tests/gate/gate_run.h>

#define STEP (400U * 1000000U)
#define FLOOR 5 /* odd packets at once */
#define WEB 1U
#define TCP_HEAD 20
#define SMALL 5	 /* 32 to 63 */
#define LARGE 10 /* 1024 to 2047 */

/* TCP packets of the length (header and data), not SYN. */
static struct spec of_len(uint16_t len)
{
	return (struct spec){.dport = 443, .tcp_flags = 0x10, .data = (uint16_t)(len - TCP_HEAD)};
}

static void begin(struct run *run, uint32_t flags, uint8_t service_flags)
{
	const uint16_t port = 443;

	run_clean(run);
	expect_spec(run, "seed", &(struct spec){.src = "1.1.1.1"}, SZ_REASON_PASS);
	run->settings->flags = flags;
	run->services[WEB] = (struct sz_service){
		.proto = P_TCP,
		.port = port,
		.flags = (uint8_t)(SZ_SERVICE_USED | service_flags),
		.size_usual = 1U << SMALL,
	};
	run->ports[sz_port_line(0, port)].service[port & 63] = WEB;
	run->limits[sz_limit_index(0, SZ_RATE_HOST, SZ_RATE_ODD)] = (struct sz_limit){
		.step_ns = STEP, .burst_ns = FLOOR * STEP};
}

static struct sz_size sizes_of(const struct run *run)
{
	int cpus = libbpf_num_possible_cpus();
	struct sz_size *all = calloc((size_t)cpus, sizeof(*all)), sum = {0};
	uint32_t index = WEB;

	assert_non_null(all);
	assert_int_equal(bpf_map_lookup_elem(run_map(run, "sz_size"), &index, all), 0);
	for (int cpu = 0; cpu < cpus; cpu++)
		for (int i = 0; i < SZ_SIZE_BINS; i++) {
			sum.bin[i] += all[cpu].bin[i];
			sum.odd[i] += all[cpu].odd[i];
			sum.over[i] += all[cpu].over[i];
		}
	free(all);
	return sum;
}

static void expect_sizes(const struct run *run, int bin, uint64_t passed, uint64_t odd,
			 uint64_t over)
{
	struct sz_size got = sizes_of(run);

	if (got.bin[bin] != passed || got.odd[bin] != odd || got.over[bin] != over)
		fail_msg("bin %d: %llu passed, %llu odd, %llu over; should be %llu, %llu, %llu",
			 bin, got.bin[bin], got.odd[bin], got.over[bin], (unsigned long long)passed,
			 (unsigned long long)odd, (unsigned long long)over);
}

static void bins_are_powers_of_two(void **state)
{
	static const struct {
		uint16_t len;
		int bin;
	} cases[] = {{20, 4},  {31, 4},	  {32, 5},    {63, 5},	  {64, 6},    {127, 6},
		     {128, 7}, {1023, 9}, {1024, 10}, {2047, 10}, {2048, 11}, {3300, 11}};
	struct run *run = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct spec spec = of_len(cases[i].len);

		begin(run, 0, 0);
		run->services[WEB].size_usual = 0;
		expect_spec(run, "passes", &spec, SZ_REASON_PASS);
		expect_sizes(run, cases[i].bin, 1, 0, 0);
		spec.family = 6;
		expect_spec(run, "passes", &spec, SZ_REASON_PASS);
		expect_sizes(run, cases[i].bin, 2, 0, 0);
	}
}

static void without_a_profile_nothing_is_odd(void **state)
{
	struct run *run = *state;
	struct spec spec = of_len(1500);

	begin(run, SZ_SET_RATE_ENFORCE, SZ_SERVICE_SIZE_ENFORCE);
	run->services[WEB].size_usual = 0;
	for (int i = 0; i < FLOOR * 3; i++)
		expect_spec(run, "any size", &spec, SZ_REASON_PASS);
	expect_sizes(run, LARGE, FLOOR * 3, 0, 0);
	assert_int_equal(run_count(run, SZ_TALLY_SIZE_ODD).packets, 0);
}

/* The floor passes; above it drops, for that source and for odd sizes only. */
static void floor_passes_above_drops(void **state)
{
	for (uint8_t family = 4; family <= 6; family += 2) {
		struct run *run = *state;
		struct spec odd = of_len(1500), usual = of_len(40), other = odd;

		odd.family = usual.family = other.family = family;
		other.src = family == 4 ? "1.2.3.5" : "2a00:1:2:4::4";
		begin(run, SZ_SET_RATE_ENFORCE, SZ_SERVICE_SIZE_ENFORCE);
		for (int i = 0; i < FLOOR; i++)
			expect_spec(run, "floor", &odd, SZ_REASON_PASS);
		expect_spec(run, "above", &odd, SZ_REASON_SIZE);
		expect_spec(run, "again", &odd, SZ_REASON_SIZE);
		expect_spec(run, "its usual ones", &usual, SZ_REASON_PASS);
		expect_spec(run, "somebody else", &other, SZ_REASON_PASS);
		expect_sizes(run, LARGE, FLOOR + 1, FLOOR + 3, 2);
		expect_sizes(run, SMALL, 1, 0, 0);
		assert_int_equal(run_count(run, SZ_TALLY_SIZE_ODD).packets, FLOOR + 3);
		assert_int_equal(run_count(run, SZ_TALLY_OVER_ODD).packets, 2);
	}
}

/* Only counted where the service does not enforce: they pass, and are no packets over a limit. */
static void observed_by_the_service(void **state)
{
	struct run *run = *state;
	struct spec odd = of_len(1500);

	begin(run, SZ_SET_RATE_ENFORCE, 0);
	for (int i = 0; i < FLOOR + 4; i++)
		expect_spec(run, "passes", &odd, SZ_REASON_PASS);
	expect_sizes(run, LARGE, FLOOR + 4, FLOOR + 4, 4);
}

static void observed_by_the_rates(void **state)
{
	struct run *run = *state;
	struct spec odd = of_len(1500);

	begin(run, 0, SZ_SERVICE_SIZE_ENFORCE);
	for (int i = 0; i < FLOOR; i++)
		expect_spec(run, "floor", &odd, SZ_REASON_PASS);
	expect_observed("above", run_spec(run, &odd), SZ_REASON_SIZE);
	run->settings->flags = SZ_SET_OBSERVE | SZ_SET_RATE_ENFORCE;
	expect_observed("observe", run_spec(run, &odd), SZ_REASON_SIZE);
	expect_sizes(run, LARGE, FLOOR, FLOOR + 2, 2);
}

/* Whom the operator trusts is not asked for sizes, and does not look like drift. */
static void listed_sources_are_excused(void **state)
{
	static const struct {
		const char *table;
		int reason;
	} lists[] = {{"allow", SZ_REASON_ALLOW}, {"never", SZ_REASON_NEVER}};
	struct run *run = *state;
	struct spec odd = of_len(1500);

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		begin(run, SZ_SET_RATE_ENFORCE, SZ_SERVICE_SIZE_ENFORCE);
		rule_set(run, lists[i].table, "1.2.3.0/24", FOREVER(1));
		for (int n = 0; n < FLOOR + 3; n++)
			expect_spec(run, lists[i].table, &odd, lists[i].reason);
		expect_sizes(run, LARGE, FLOOR + 3, 0, 0);
	}
}

/* No limit on odd sizes: nothing is above it. */
static void no_limit_drops_nothing(void **state)
{
	struct run *run = *state;
	struct spec odd = of_len(1500);

	begin(run, SZ_SET_RATE_ENFORCE, SZ_SERVICE_SIZE_ENFORCE);
	run->limits[sz_limit_index(0, SZ_RATE_HOST, SZ_RATE_ODD)].step_ns = 0;
	for (int i = 0; i < FLOOR + 3; i++)
		expect_spec(run, "no limit", &odd, SZ_REASON_PASS);
	expect_sizes(run, LARGE, FLOOR + 3, FLOOR + 3, 0);
}

/* A flow that is proven is no attack, whatever it sends. */
static void proven_flows_are_relieved(void **state)
{
	struct run *run = *state;
	struct spec odd = of_len(1500);
	struct sz_proven value = {0};
	struct sz_flow flow = {.family = 4, .proto = P_TCP};

	odd.sport = 0x1234;
	(void)address_parse(PEER4, flow.addr);
	flow.sport = __builtin_bswap16(0x1234);
	flow.dport = __builtin_bswap16(443);
	for (int enforce = 0; enforce < 2; enforce++) {
		begin(run, SZ_SET_RATE_ENFORCE, enforce ? SZ_SERVICE_SIZE_ENFORCE : 0);
		assert_int_equal(bpf_map_update_elem(run_map(run, "sz_proven"), &flow, &value, 0),
				 0);
		for (int i = 0; i < FLOOR; i++)
			expect_spec(run, "floor", &odd, SZ_REASON_PASS);
		expect_spec(run, "proven", &odd, SZ_REASON_PROVEN);
		expect_sizes(run, LARGE, FLOOR, FLOOR + 1, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN_TEST(bins_are_powers_of_two),   RUN_TEST(without_a_profile_nothing_is_odd),
		RUN_TEST(floor_passes_above_drops), RUN_TEST(observed_by_the_service),
		RUN_TEST(observed_by_the_rates),    RUN_TEST(listed_sources_are_excused),
		RUN_TEST(no_limit_drops_nothing),   RUN_TEST(proven_flows_are_relieved),
	};

	return cmocka_run_group_tests(tests, run_setup, run_teardown);
}

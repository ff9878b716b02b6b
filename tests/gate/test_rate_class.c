// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Every limit and every class: host and prefix, packets and bytes, tiers, slowed sources, proven
 * flows. Steps are long (0.4 s), so that a stalled machine gives nobody anything back meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <cmocka.h>

#include <tests/gate/gate_run.h>

#define STEP (400U * 1000000U)
#define BURST (4000U * 1000000U) /* ten packets */
#define TEN 10

struct kind {
	const char *name;
	uint32_t class_;
	struct spec spec;
};

static const struct kind kinds[] = {
	{"established", SZ_RATE_EST, {.tcp_flags = 0x10, .dport = 443}},
	{"syn", SZ_RATE_SYN, {.tcp_flags = 0x02, .dport = 443}},
	{"syn-ack", SZ_RATE_EST, {.tcp_flags = 0x12, .dport = 443}},
	{"udp", SZ_RATE_UDP, {.proto = P_UDP, .dport = 53}},
	{"icmp", SZ_RATE_OTHER, {.proto = P_ICMP, .icmp_type = 8}},
	{"igmp", SZ_RATE_OTHER, {.proto = P_IGMP}},
	{"sctp", SZ_RATE_UDP, {.proto = P_SCTP}},
	{"gre", SZ_RATE_UDP, {.proto = P_GRE}},
	{"esp", SZ_RATE_UDP, {.proto = P_ESP}},
	{"a protocol that nobody knows", SZ_RATE_UDP, {.proto = P_UNKNOWN}},
	{"first fragment", SZ_RATE_FRAG, {.proto = P_UDP, .more = true, .data = 64}},
	{"later fragment", SZ_RATE_FRAG, {.proto = P_UDP, .offset = 64, .data = 64}},
};

static struct spec as(const struct kind *kind, uint8_t family)
{
	struct spec spec = kind->spec;

	spec.family = family;
	if (family == 6 && kind->class_ == SZ_RATE_FRAG) {
		spec.ext_count = 1;
		spec.ext[0] = E_FRAGMENT;
	}
	if (family == 6 && spec.proto == P_ICMP) {
		spec.proto = P_ICMP6;
		spec.icmp_type = 128;
	}
	return spec;
}

static struct sz_limit *limit(const struct run *run, uint32_t tier, uint32_t level, uint32_t class_)
{
	return &run->limits[sz_limit_index(tier, level, class_)];
}

static void begin(struct run *run)
{
	run_clean(run);
	expect_spec(run, "seed", &(struct spec){.src = "1.1.1.1"}, SZ_REASON_PASS);
	run->settings->flags = SZ_SET_RATE_ENFORCE;
}

static void ten_then(struct run *run, const char *name, const struct spec *spec, int reason)
{
	for (int i = 0; i < TEN; i++)
		expect_spec(run, name, spec, SZ_REASON_PASS);
	expect_spec(run, name, spec, reason);
}

/* Each class has a meter of its own: one that is spent leaves the others alone. */
static void host_of_each_class(void **state)
{
	struct run *run = *state;

	for (size_t i = 0; i < ARRAY_LEN(kinds) * 2; i++) {
		const struct kind *kind = &kinds[i / 2];
		struct spec spec = as(kind, i % 2 ? 6 : 4);
		uint32_t tally = SZ_TALLY_OVER_EST + kind->class_;

		begin(run);
		for (uint32_t c = 0; c <= SZ_RATE_FRAG; c++)
			*limit(run, 0, SZ_RATE_HOST, c) = (struct sz_limit){STEP, BURST, 0, 0};
		ten_then(run, kind->name, &spec, SZ_REASON_RATE_HOST);
		assert_int_equal(run_count(run, tally).packets, 1);
		for (size_t other = 0; other < ARRAY_LEN(kinds); other++) {
			struct spec theirs = as(&kinds[other], spec.family);

			if (kinds[other].class_ != kind->class_)
				expect_spec(run, kinds[other].name, &theirs, SZ_REASON_PASS);
		}
	}
}

/* The hosts of a prefix have one meter together; the next prefix has another. */
static void prefix_of_each_class(void **state)
{
	static const char *const sources[2][4] = {
		{"1.2.3.1", "1.2.3.77", "1.2.3.254", "1.2.4.1"},
		{"2a00:1:2:3::1", "2a00:1:2:ffff::1", "2a00:1:2::9", "2a00:1:3:3::1"},
	};
	struct run *run = *state;

	for (size_t i = 0; i < ARRAY_LEN(kinds) * 2; i++) {
		struct spec spec = as(&kinds[i / 2], i % 2 ? 6 : 4);

		begin(run);
		*limit(run, 0, SZ_RATE_NET, kinds[i / 2].class_) = (struct sz_limit){STEP, BURST, 0,
										     0};
		for (int n = 0; n < TEN; n++) {
			spec.src = sources[i % 2][n % 3];
			expect_spec(run, kinds[i / 2].name, &spec, SZ_REASON_PASS);
		}
		expect_spec(run, "the prefix is over", &spec, SZ_REASON_RATE_NET);
		spec.src = sources[i % 2][3];
		expect_spec(run, "another prefix", &spec, SZ_REASON_PASS);
	}
}

/* What the prefix drops costs the host nothing, and the other way round. */
static void a_drop_costs_nobody(void **state)
{
	struct spec one = {.src = "1.2.3.1"}, other = {.src = "1.2.3.2"};
	struct run *run = *state;

	begin(run);
	*limit(run, 0, SZ_RATE_HOST, SZ_RATE_SYN) = (struct sz_limit){STEP, BURST, 0, 0};
	*limit(run, 0, SZ_RATE_NET, SZ_RATE_SYN) = (struct sz_limit){STEP, BURST, 0, 0};
	for (int i = 0; i < TEN / 2; i++)
		expect_spec(run, "one", &one, SZ_REASON_PASS);
	for (int i = 0; i < TEN / 2; i++)
		expect_spec(run, "other", &other, SZ_REASON_PASS);
	for (int i = 0; i < 20; i++)
		expect_spec(run, "the prefix is full", &one, SZ_REASON_RATE_NET);
	*limit(run, 0, SZ_RATE_NET, SZ_RATE_SYN) = (struct sz_limit){0};
	for (int i = 0; i < TEN / 2; i++)
		expect_spec(run, "the host has half left", &one, SZ_REASON_PASS);
	expect_spec(run, "and no more", &one, SZ_REASON_RATE_HOST);
}

/* 100 bytes cost 0.4 s; a packet longer than the burst passes when the source is idle. */
static void bytes(void **state)
{
	struct spec small = {.proto = P_UDP, .dport = 53, .data = 100 - 42};
	struct spec large = {.proto = P_UDP, .dport = 53, .data = 1400, .src = "1.2.3.9"};
	struct run *run = *state;

	for (uint32_t level = 0; level < SZ_RATE_LEVELS; level++) {
		int reason = level ? SZ_REASON_RATE_NET : SZ_REASON_RATE_HOST;

		begin(run);
		*limit(run, 0, level, SZ_RATE_UDP) = (struct sz_limit){.byte_step = 4096000000U,
								       .byte_burst_ns = BURST};
		for (int i = 0; i < TEN - 1; i++)
			expect_spec(run, "small", &small, SZ_REASON_PASS);
		expect_spec(run, "a byte too many", &small, SZ_REASON_PASS);
		expect_spec(run, "over", &small, reason);
	}
	begin(run);
	*limit(run, 0, SZ_RATE_HOST, SZ_RATE_UDP) = (struct sz_limit){.byte_step = 4096000000U,
								      .byte_burst_ns = BURST};
	expect_spec(run, "an idle source sends one", &large, SZ_REASON_PASS);
	expect_spec(run, "and pays for it", &large, SZ_REASON_RATE_HOST);
}

static void reput_put(struct run *run, const char *text, struct sz_reput reput)
{
	uint8_t addr[16], len, family = prefix_split(text, addr, &len);
	struct sz_net6 key6 = {.len = len};
	struct sz_net4 key4 = {.len = len};

	memcpy(&key4.addr, addr, 4);
	memcpy(key6.addr, addr, 16);
	presence_set(run, text);
	run->settings->present6_levels = SZ_LEVEL6_16 | SZ_LEVEL6_32 | SZ_LEVEL6_48 | SZ_LEVEL6_64;
	assert_int_equal(bpf_map_update_elem(run_map(run, family == 4 ? "sz_reput4" : "sz_reput6"),
					     family == 4 ? (void *)&key4 : (void *)&key6, &reput,
					     0),
			 0);
}

/* A tier, or a part of the limits; of the host itself, else of its prefix; until its time is over.
 */
static void sources_with_limits_of_their_own(void **state)
{
	static const struct {
		const char *entry, *source;
		struct sz_reput reput;
		int passes;
	} rows[] = {
		{"1.2.3.4/32", "1.2.3.4", {.tier = 1}, 5},
		{"1.2.3.4/32", "1.2.3.5", {.tier = 1}, 10},
		{"1.2.3.0/24", "1.2.3.5", {.tier = 1}, 5},
		{"1.2.3.4/32", "1.2.3.4", {.slow = 32}, 5},
		{"1.2.3.4/32", "1.2.3.4", {.slow = 0}, 10},
		{"1.2.3.4/32", "1.2.3.4", {.tier = 1, .until_s = 1}, 10},
		{"1.2.3.4/32", "1.2.3.4", {.tier = 1, .until_s = UINT32_MAX}, 5},
		{"2a00:1:2:3::/64", "2a00:1:2:3::9", {.tier = 1}, 5},
		{"2a00:1:2::/48", "2a00:1:2:8::9", {.tier = 1}, 5},
		{"2a00:1:2::/48", "2a00:1:3:8::9", {.tier = 1}, 10},
	};
	struct run *run = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct spec spec = {.src = rows[i].source,
				    .family = strchr(rows[i].source, ':') ? 6 : 4};

		begin(run);
		*limit(run, 0, SZ_RATE_HOST, SZ_RATE_SYN) = (struct sz_limit){STEP, BURST, 0, 0};
		*limit(run, 1, SZ_RATE_HOST, SZ_RATE_SYN) = (struct sz_limit){2 * STEP, BURST, 0,
									      0};
		reput_put(run, rows[i].entry, rows[i].reput);
		for (int n = 0; n < rows[i].passes; n++)
			expect_spec(run, rows[i].entry, &spec, SZ_REASON_PASS);
		expect_spec(run, rows[i].entry, &spec, SZ_REASON_RATE_HOST);
	}
}

/* Never and allow skip the rates of the source, not those of a service. */
static void listed_sources(void **state)
{
	struct spec spec = {.dport = 443};
	struct run *run = *state;

	begin(run);
	run->services[1] = (struct sz_service){
		.limit[SZ_RATE_SYN] = {STEP, BURST, 0, 0}, .port = 443, .proto = 6, .flags = 1};
	*limit(run, 0, SZ_RATE_HOST, SZ_RATE_SYN) = (struct sz_limit){STEP, 2 * STEP, 0, 0};
	rule_set(run, "allow", PEER4, FOREVER(1));
	for (int i = 0; i < 40; i++)
		expect_spec(run, "no service yet", &spec, SZ_REASON_ALLOW);
	run->ports[sz_port_line(0, 443)].service[443 & 63] = 1;
	for (int i = 0; i < TEN; i++)
		expect_spec(run, "service", &spec, SZ_REASON_ALLOW);
	expect_spec(run, "service", &spec, SZ_REASON_RATE_SERVICE);
}

static void proven_put(struct run *run, const struct sz_flow *flow, uint32_t until_s)
{
	struct sz_proven proven = {.until_s = until_s};

	assert_int_equal(bpf_map_update_elem(run_map(run, "sz_proven"), flow, &proven, 0), 0);
}

/* The flow of a live session goes on when its source is over; its neighbours do not. */
static void proven_flows(void **state)
{
	struct run *run = *state;

	for (uint8_t family = 4; family <= 6; family += 2) {
		struct spec spec = {
			.family = family, .tcp_flags = 0x10, .sport = 777, .dport = 443};
		struct spec other = spec;
		struct sz_flow flow = {
			.sport = htons(777), .dport = htons(443), .family = family, .proto = 6};

		other.sport = 778;
		begin(run);
		address_parse(family == 4 ? PEER4 : PEER6, flow.addr);
		*limit(run, 0, SZ_RATE_HOST, SZ_RATE_EST) = (struct sz_limit){STEP, BURST, 0, 0};
		*limit(run, 0, SZ_RATE_HOST, SZ_RATE_FLOW) = (struct sz_limit){STEP, BURST / 2, 0,
									       0};
		ten_then(run, "everybody", &other, SZ_REASON_RATE_HOST);
		proven_put(run, &flow, 0);
		for (int i = 0; i < TEN / 2; i++)
			expect_spec(run, "proven", &spec, SZ_REASON_PROVEN);
		expect_spec(run, "over its own limit", &spec, SZ_REASON_RATE_FLOW);
		expect_spec(run, "not the neighbour", &other, SZ_REASON_RATE_HOST);
		proven_put(run, &flow, 1);
		expect_spec(run, "its time is over", &spec, SZ_REASON_RATE_HOST);
	}
}

/* Shut out is who sends lone packets under an address; a session of its owner is slowed to an
 * eighth. */
static void proven_flow_of_who_is_shut_out(void **state)
{
	struct run *run = *state;
	struct spec spec = {.tcp_flags = 0x10, .sport = 777, .dport = 443};
	struct spec other = spec;
	struct sz_flow flow = {.sport = htons(777), .dport = htons(443), .family = 4, .proto = 6};

	other.sport = 778;
	begin(run);
	address_parse(PEER4, flow.addr);
	*limit(run, 0, SZ_RATE_HOST, SZ_RATE_EST) = (struct sz_limit){STEP, BURST, 0, 0};
	*limit(run, 0, SZ_RATE_HOST, SZ_RATE_FLOW) = (struct sz_limit){STEP / 8, BURST, 0, 0};
	reput_put(run, PEER4 "/32", (struct sz_reput){.slow = UINT16_MAX});
	proven_put(run, &flow, 0);
	expect_spec(run, "the first one", &other, SZ_REASON_PASS);
	expect_spec(run, "anybody", &other, SZ_REASON_RATE_HOST);
	for (int i = 0; i < TEN; i++)
		expect_spec(run, "proven", &spec, SZ_REASON_PROVEN);
	expect_spec(run, "over its own limit", &spec, SZ_REASON_RATE_FLOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN_TEST(host_of_each_class),
		RUN_TEST(prefix_of_each_class),
		RUN_TEST(a_drop_costs_nobody),
		RUN_TEST(bytes),
		RUN_TEST(sources_with_limits_of_their_own),
		RUN_TEST(listed_sources),
		RUN_TEST(proven_flows),
		RUN_TEST(proven_flow_of_who_is_shut_out),
	};

	return cmocka_run_group_tests(tests, run_setup, run_teardown);
}

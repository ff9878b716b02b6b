// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Protected services as packets meet them: which service a port is, limits over all sources and
 * over several CPUs, cookies that pressure turns on and off. Steps are long (0.4 s) and words are
 * written by hand, so that a stalled machine changes no verdict.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include <tests/gate/gate_run.h>

#define MS 1000000ULL
#define STEP (400U * 1000000U)
#define BURST (4000U * 1000000U) /* ten packets */
#define WEB 1U
#define DNS 2U
#define TCP_ACK_ONLY 0x10

static void begin(struct run *run, uint32_t flags)
{
	run_clean(run);
	expect_spec(run, "seed", &(struct spec){.src = "1.1.1.1"}, SZ_REASON_PASS);
	run->settings->flags = flags;
}

static void serve(struct run *run, uint32_t index, uint8_t proto, uint16_t port)
{
	run->services[index] = (struct sz_service){
		.proto = proto, .port = port, .flags = SZ_SERVICE_USED};
	run->ports[sz_port_line(proto == P_UDP, port)].service[port & 63] = (uint8_t)index;
}

static struct sz_size sizes_of(const struct run *run, uint32_t index)
{
	int cpus = libbpf_num_possible_cpus();
	struct sz_size *all = calloc((size_t)cpus, sizeof(*all)), sum = {0};

	assert_non_null(all);
	assert_int_equal(bpf_map_lookup_elem(run_map(run, "sz_size"), &index, all), 0);
	for (int cpu = 0; cpu < cpus; cpu++)
		for (int i = 0; i < SZ_SIZE_BINS; i++)
			sum.bin[i] += all[cpu].bin[i];
	free(all);
	return sum;
}

static uint64_t passed(const struct run *run, uint32_t index)
{
	struct sz_size sum = sizes_of(run, index);
	uint64_t n = 0;

	for (int i = 0; i < SZ_SIZE_BINS; i++)
		n += sum.bin[i];
	return n;
}

static uint64_t coarse_ns(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC_COARSE, &now), 0);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

/* ---- which service ---- */

static void port_of_its_own_protocol(void **state)
{
	struct run *run = *state;

	for (uint8_t family = 4; family <= 6; family += 2) {
		begin(run, 0);
		serve(run, WEB, P_TCP, 443);
		serve(run, DNS, P_UDP, 443);
		expect_spec(run, "tcp", &(struct spec){.family = family, .dport = 443}, 0);
		assert_int_equal(passed(run, WEB), 1);
		assert_int_equal(passed(run, DNS), 0);
		expect_spec(run, "udp",
			    &(struct spec){.family = family, .proto = P_UDP, .dport = 443}, 0);
		assert_int_equal(passed(run, WEB), 1);
		assert_int_equal(passed(run, DNS), 1);
		/* Neither the port beside it, nor 64 further, nor as a source, nor without ports.
		 */
		expect_spec(run, "442", &(struct spec){.family = family, .dport = 442}, 0);
		expect_spec(run, "507", &(struct spec){.family = family, .dport = 507}, 0);
		expect_spec(run, "source",
			    &(struct spec){.family = family, .sport = 443, .dport = 9}, 0);
		expect_spec(run, "sctp",
			    &(struct spec){.family = family, .proto = P_SCTP, .dport = 443}, 0);
		assert_int_equal(passed(run, WEB), 1);
		assert_int_equal(passed(run, DNS), 1);
		assert_int_equal(passed(run, 0), 0);
	}
}

static void first_and_last_port(void **state)
{
	struct run *run = *state;

	begin(run, 0);
	serve(run, WEB, P_TCP, 1);
	serve(run, 63, P_UDP, 65535);
	expect_spec(run, "1", &(struct spec){.dport = 1}, 0);
	expect_spec(run, "65535", &(struct spec){.proto = P_UDP, .dport = 65535}, 0);
	expect_spec(run, "tcp 65535", &(struct spec){.dport = 65535}, 0);
	assert_int_equal(passed(run, WEB), 1);
	assert_int_equal(passed(run, 63), 1);
}

/* ---- limits over all sources ---- */

/* A frame of each class to port 443 (or to none), from the nth source of its own /24. */
static struct spec of_class(uint32_t class, unsigned int n, char src[32])
{
	struct spec spec = {.src = src, .dport = 443};

	(void)snprintf(src, 32, "9.%u.%u.7", n / 200, n % 200);
	switch (class) {
	case SZ_RATE_EST:
		spec.tcp_flags = TCP_ACK_ONLY;
		break;
	case SZ_RATE_UDP:
		spec.proto = P_UDP;
		break;
	case SZ_RATE_OTHER:
		spec.proto = P_ICMP;
		break;
	case SZ_RATE_FRAG:
		spec.proto = P_UDP;
		spec.more = true;
		spec.data = 64;
		break;
	default:
		break;
	}
	return spec;
}

static void each_class_has_its_limit(void **state)
{
	struct run *run = *state;

	for (uint32_t class = SZ_RATE_EST; class <= SZ_RATE_FRAG; class ++) {
		/* What has no ports is of service 0, which has limits as well. */
		uint32_t index = class == SZ_RATE_OTHER ? 0 : WEB;
		char src[32];
		struct spec spec;

		begin(run, SZ_SET_RATE_ENFORCE);
		serve(run, WEB, class == SZ_RATE_UDP || class == SZ_RATE_FRAG ? P_UDP : P_TCP, 443);
		run->services[index].limit[class] = (struct sz_limit){.step_ns = STEP,
								      .burst_ns = BURST};
		for (unsigned int i = 0; i < 10; i++) {
			spec = of_class(class, i, src);
			expect_spec(run, "within", &spec, SZ_REASON_PASS);
		}
		spec = of_class(class, 11, src);
		expect_spec(run, "over", &spec, SZ_REASON_RATE_SERVICE);
		/* Other classes are untouched. */
		for (uint32_t other = SZ_RATE_EST; other <= SZ_RATE_FRAG; other++) {
			spec = of_class(other, 20 + other, src);
			if (other != class)
				expect_spec(run, "another class", &spec, SZ_REASON_PASS);
		}
		run->settings->flags = 0;
		spec = of_class(class, 12, src);
		expect_observed("observed", run_spec(run, &spec), SZ_REASON_RATE_SERVICE);
	}
}

static void bytes_have_their_own(void **state)
{
	struct run *run = *state;
	struct spec spec = {.dport = 443, .data = 946};

	begin(run, SZ_SET_RATE_ENFORCE);
	serve(run, WEB, P_TCP, 443);
	/* 0.4 ms a byte: a frame of 1,000 bytes is a step. */
	run->services[WEB].limit[SZ_RATE_SYN] = (struct sz_limit){.byte_step = 400000U * 1024U,
								  .byte_burst_ns = BURST};
	for (int i = 0; i < 10; i++)
		expect_spec(run, "within", &spec, SZ_REASON_PASS);
	expect_spec(run, "over", &spec, SZ_REASON_RATE_SERVICE);
	spec.data = 0;
	run->services[WEB].limit[SZ_RATE_SYN].byte_step = 0;
	expect_spec(run, "no limit", &spec, SZ_REASON_PASS);
}

/* Allowed and never-banned sources have no limits of their own; the service's hold for them. */
static void listed_sources_count(void **state)
{
	struct run *run = *state;

	begin(run, SZ_SET_RATE_ENFORCE);
	serve(run, WEB, P_TCP, 443);
	rule_set(run, "allow", "1.2.3.0/24", FOREVER(1));
	run->services[WEB].limit[SZ_RATE_SYN] = (struct sz_limit){.step_ns = STEP,
								  .burst_ns = BURST};
	run->limits[sz_limit_index(0, SZ_RATE_HOST, SZ_RATE_SYN)] = (struct sz_limit){
		.step_ns = STEP, .burst_ns = STEP};
	for (int i = 0; i < 10; i++)
		expect_spec(run, "allowed", &(struct spec){.dport = 443}, SZ_REASON_ALLOW);
	expect_spec(run, "over", &(struct spec){.dport = 443}, SZ_REASON_RATE_SERVICE);
}

static void fragments_of_a_service_that_takes_none(void **state)
{
	struct run *run = *state;
	char src[32];
	struct spec spec = of_class(SZ_RATE_FRAG, 1, src);

	begin(run, 0);
	serve(run, DNS, P_UDP, 443);
	expect_spec(run, "taken", &spec, SZ_REASON_PASS);
	run->services[DNS].flags |= SZ_SERVICE_NO_FRAGMENTS;
	expect_spec(run, "not taken", &spec, SZ_REASON_FRAG_POLICY);
	spec.dport = 444;
	expect_spec(run, "another service", &spec, SZ_REASON_PASS);
}

/* ---- several CPUs ---- */

struct sender {
	struct run *run;
	struct frame *frame;
	int cpu;
	uint32_t times;
};

static void *send_from(void *context)
{
	const struct sender *sender = context;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sender->cpu, &set);
	(void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	run_many(sender->run, sender->frame, sender->times);
	return NULL;
}

/*
 * Never more than burst and what time gives, and never less than the burst but for what idle CPUs
 * hold back: a lump each. 10 ms a packet, 400 at once; the lump of 32 is less than an eighth of it.
 */
static void credits_over_cpus(void **state)
{
	enum { CPUS = 2, TIMES = 5000, AT_ONCE = 400 };
	static struct frame frame;
	struct run *run = *state;
	struct sender senders[CPUS];
	pthread_t threads[CPUS];
	uint64_t begin_ns, spent_ms, got;

	frame_build(&frame, &(struct spec){.dport = 443});
	begin(run, SZ_SET_RATE_ENFORCE);
	serve(run, WEB, P_TCP, 443);
	memset(run->limits, 0, SZ_LIMITS * sizeof(*run->limits)); /* of sources: none */
	run->services[WEB].limit[SZ_RATE_SYN] = (struct sz_limit){.step_ns = 10 * MS,
								  .burst_ns = AT_ONCE * 10 * MS};
	begin_ns = coarse_ns();
	for (int i = 0; i < CPUS; i++) {
		senders[i] = (struct sender){run, &frame, i, TIMES};
		assert_int_equal(pthread_create(&threads[i], NULL, send_from, &senders[i]), 0);
	}
	for (int i = 0; i < CPUS; i++)
		pthread_join(threads[i], NULL);
	spent_ms = (coarse_ns() - begin_ns) / MS + 10;
	got = passed(run, WEB);
	if (got > AT_ONCE + spent_ms / 10 + 1 || got < AT_ONCE - CPUS * SZ_CREDIT)
		fail_msg("%llu packets passed in %llu ms", (unsigned long long)got,
			 (unsigned long long)spent_ms);
	assert_int_equal(got + run_count(run, SZ_REASON_RATE_SERVICE).packets, CPUS * TIMES);
}

/* What all CPUs have paid for and not spent. */
static uint32_t credit_held(const struct run *run)
{
	int cpus = libbpf_num_possible_cpus();
	struct sz_credit *credit = calloc((size_t)cpus, sizeof(*credit));
	uint32_t index = WEB, held = 0;

	assert_non_null(credit);
	assert_int_equal(bpf_map_lookup_elem(run_map(run, "sz_credit"), &index, credit), 0);
	for (int i = 0; i < cpus; i++)
		held += credit[i].packets[SZ_RATE_SYN];
	free(credit);
	return held;
}

/* A lump is paid for at once and spent packet by packet; a large part of the burst is no lump. */
static void a_lump_is_paid_in_advance(void **state)
{
	static struct frame frame;
	struct run *run = *state;
	uint64_t ahead;

	frame_build(&frame, &(struct spec){.dport = 443});
	begin(run, SZ_SET_RATE_ENFORCE);
	serve(run, WEB, P_TCP, 443);
	run->services[WEB].limit[SZ_RATE_SYN] = (struct sz_limit){.step_ns = 10 * MS,
								  .burst_ns = 4000 * MS};
	run_many(run, &frame, 1);
	ahead = run->rsvc[WEB].word[SZ_RATE_SYN].packets - coarse_ns();
	assert_true(ahead <= 320 * MS && ahead > 200 * MS);
	assert_int_equal(credit_held(run), SZ_CREDIT - 1);
	begin(run, SZ_SET_RATE_ENFORCE);
	serve(run, WEB, P_TCP, 443);
	run->services[WEB].limit[SZ_RATE_SYN] = (struct sz_limit){.step_ns = 100 * MS,
								  .burst_ns = 4000 * MS};
	run_many(run, &frame, 1);
	assert_int_equal(credit_held(run), 0);
}

/* ---- pressure ---- */

struct pressure {
	uint64_t until, since;
};

/*
 * One SYN for a service with AUTO, while the word is `ahead_ms` ahead and cookies are on for
 * `left_ms` more (0: off). What the gate made of it, in ms from now; `step` as of the limit.
 */
static struct pressure syn_under(struct run *run, struct sz_limit limit, uint64_t ahead_ms,
				 uint64_t left_ms)
{
	struct sz_rsvc *rsvc = &run->rsvc[WEB];
	uint64_t now;

	begin(run, 0);
	serve(run, WEB, P_TCP, 443);
	run->services[WEB].cookies = SZ_COOKIES_AUTO;
	run->services[WEB].limit[SZ_RATE_SYN] = limit;
	now = coarse_ns();
	rsvc->word[SZ_RATE_SYN].packets = (now + ahead_ms * MS) & SZ_RATE_TIME;
	rsvc->cookies_until_ns = left_ms ? now + left_ms * MS : 0;
	rsvc->cookies_since_ns = 7;
	(void)run_spec(run, &(struct spec){.dport = 443});
	return (struct pressure){
		.until = rsvc->cookies_until_ns ? (rsvc->cookies_until_ns - now) / MS : 0,
		.since = rsvc->cookies_since_ns,
	};
}

static const struct sz_limit slow = {.step_ns = STEP, .burst_ns = BURST};
#define HOLD (SZ_COOKIE_HOLD_NS / MS)
#define assert_near(got, want) assert_in_range(got, want, (want) + 300)

static void on_above_the_limit(void **state)
{
	struct pressure got = syn_under(*state, slow, 3400, 0);

	assert_int_equal(got.until, 0);
	assert_int_equal(got.since, 7);
	got = syn_under(*state, slow, 3900, 0);
	assert_near(got.until, HOLD);
	assert_true(coarse_ns() - got.since < 1000 * MS);
}

/* While on, a SYN counts twice: 3.4 s ahead is over then, and 3.0 s is under. */
static void off_below_half(void **state)
{
	struct pressure got = syn_under(*state, slow, 3400, 5000);

	assert_near(got.until, HOLD);
	assert_int_equal(got.since, 7);
	got = syn_under(*state, slow, 3000, 5000);
	assert_int_equal(got.until, 5000);
	assert_int_equal(got.since, 7);
}

/* The line is shared: it is written once a second, not with every SYN. */
static void renewed_once_a_second(void **state)
{
	struct pressure got = syn_under(*state, slow, 3900, HOLD - 300);

	assert_int_equal(got.until, HOLD - 300);
	got = syn_under(*state, slow, 3900, HOLD - 1500);
	assert_near(got.until, HOLD);
}

/* Over since long: off, and `since` is of the next time. */
static void off_when_the_hold_is_over(void **state)
{
	struct run *run = *state;
	struct pressure got = syn_under(run, slow, 3000, 0);

	run->rsvc[WEB].cookies_until_ns = coarse_ns() - 1;
	run->rsvc[WEB].cookies_since_ns = 7;
	(void)run_spec(run, &(struct spec){.dport = 443}); /* 3.8 s: still under */
	assert_int_equal(run->rsvc[WEB].cookies_since_ns, 7);
	(void)run_spec(run, &(struct spec){.dport = 443});
	assert_true(run->rsvc[WEB].cookies_until_ns > coarse_ns() + 5000 * MS);
	assert_true(run->rsvc[WEB].cookies_since_ns != 7);
	assert_int_equal(got.until, 0);
}

static void no_limit_is_a_thousand(void **state)
{
	const struct sz_limit none = {0};
	struct pressure got = syn_under(*state, none, 300, 0);

	assert_int_equal(got.until, 0);
	got = syn_under(*state, none, 600, 0);
	assert_near(got.until, HOLD);
}

/* Twice a step of more than 2.1 s does not fit into its 32 bits. */
static void doubling_does_not_wrap(void **state)
{
	const struct sz_limit rare = {.step_ns = 3000U * 1000000U, .burst_ns = 4000U * 1000000U};
	struct pressure got = syn_under(*state, rare, 1500, 5000);

	assert_near(got.until, HOLD);
}

/* Nothing of it for services whose cookies are off, and always on needs no pressure. */
static void only_auto(void **state)
{
	struct run *run = *state;

	(void)syn_under(run, slow, 3900, 0);
	begin(run, SZ_SET_RATE_ENFORCE);
	serve(run, WEB, P_TCP, 443);
	run->services[WEB].limit[SZ_RATE_SYN] = slow;
	for (int i = 0; i < 10; i++)
		expect_spec(run, "off", &(struct spec){.dport = 443}, SZ_REASON_PASS);
	expect_spec(run, "off: a limit", &(struct spec){.dport = 443}, SZ_REASON_RATE_SERVICE);
	assert_int_equal(run->rsvc[WEB].cookies_until_ns, 0);
	run->services[WEB].cookies = SZ_COOKIES_ALWAYS;
	expect_spec(run, "always", &(struct spec){.dport = 443}, SZ_REASON_PASS);
	assert_int_equal(run->rsvc[WEB].cookies_until_ns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN_TEST(port_of_its_own_protocol),
		RUN_TEST(first_and_last_port),
		RUN_TEST(each_class_has_its_limit),
		RUN_TEST(bytes_have_their_own),
		RUN_TEST(listed_sources_count),
		RUN_TEST(fragments_of_a_service_that_takes_none),
		RUN_TEST(credits_over_cpus),
		RUN_TEST(a_lump_is_paid_in_advance),
		RUN_TEST(on_above_the_limit),
		RUN_TEST(off_below_half),
		RUN_TEST(renewed_once_a_second),
		RUN_TEST(off_when_the_hold_is_over),
		RUN_TEST(no_limit_is_a_thousand),
		RUN_TEST(doubling_does_not_wrap),
		RUN_TEST(only_auto),
	};

	return cmocka_run_group_tests(tests, run_setup, run_teardown);
}

// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Packets/s of a host, in the class of SYNs. Steps are long (0.4 s), so that a stalled machine
 * cannot give a source back what it has spent while a test looks on. Slots are written by hand
 * where a test needs a certain line: tag and place as abi/stats.h says.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <tests/gate/gate_run.h>

#define MS 1000000ULL
#define STEP (400U * 1000000U)
#define BURST (4000U * 1000000U) /* ten packets */
#define TIME_MASK ((1ULL << 48) - 1)

static struct sz_limit *host_limit(const struct run *run)
{
	return &run->limits[sz_limit_index(0, SZ_RATE_HOST, SZ_RATE_SYN)];
}

static void begin(struct run *run, uint32_t flags)
{
	run_clean(run);
	expect_spec(run, "seed", &(struct spec){.src = "1.1.1.1"}, SZ_REASON_PASS);
	run->settings->flags = flags;
	*host_limit(run) = (struct sz_limit){.step_ns = STEP, .burst_ns = BURST};
}

static uint64_t coarse_ns(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC_COARSE, &now), 0);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

struct spot {
	struct sz_meters *line;
	uint64_t tag; /* in place */
};

static struct spot spot_of(const struct run *run, const char *src)
{
	uint8_t a[16], family = address_parse(src, a);
	uint32_t hi = (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3];
	uint32_t lo = (uint32_t)a[4] << 24 | (uint32_t)a[5] << 16 | (uint32_t)a[6] << 8 | a[7];
	struct sz_rate_key key;
	struct sz_seed seed;

	memcpy(&seed, (const void *)(uintptr_t)&run->meta->seed, sizeof(seed));
	if (family == 4) {
		lo = hi;
		hi = 0xffff;
	}
	key = (struct sz_rate_key){hi, lo, SZ_RATE_SYN};
	return (struct spot){&run->rhost[sz_rate_hash(&seed, 0, key) % SZ_RHOST_LINES],
			     sz_rate_tag(&seed, key)};
}

static uint64_t word(uint64_t tag, uint64_t time_ns)
{
	return (tag & ~TIME_MASK) | (time_ns & TIME_MASK);
}

/* The n-th tag behind it: 1 to 2^15, and on from 1. */
static uint64_t tag_behind(uint64_t tag, uint64_t n)
{
	return (((tag >> 48) - 1 + n) % 32768 + 1) << 48;
}

static void burst_then_limit(void **state)
{
	for (uint8_t family = 4; family <= 6; family += 2) {
		struct spec spec = {.family = family}, other = spec;

		begin(*state, SZ_SET_RATE_ENFORCE);
		other.src = family == 4 ? "1.2.3.5" : "2a00:1:2:4::4";
		for (int i = 0; i < 10; i++)
			expect_spec(*state, "inside the burst", &spec, SZ_REASON_PASS);
		expect_spec(*state, "one too many", &spec, SZ_REASON_RATE_HOST);
		expect_spec(*state, "and again", &spec, SZ_REASON_RATE_HOST);
		expect_spec(*state, "somebody else", &other, SZ_REASON_PASS);
	}
}

/* Who is over the limit spends nothing, and is under it again a step later. */
static void recovers(void **state)
{
	struct timespec nap = {.tv_nsec = 450 * 1000000};
	struct run *run = *state;
	struct spot spot;
	uint64_t before;

	begin(run, SZ_SET_RATE_ENFORCE);
	spot = spot_of(run, PEER4);
	for (int i = 0; i < 10; i++)
		expect_spec(run, "burst", &(struct spec){0}, SZ_REASON_PASS);
	before = spot.line->packets[0];
	assert_true((before ^ spot.tag) <= TIME_MASK);
	expect_spec(run, "over", &(struct spec){0}, SZ_REASON_RATE_HOST);
	assert_true(spot.line->packets[0] == before);
	nanosleep(&nap, NULL);
	expect_spec(run, "a step later", &(struct spec){0}, SZ_REASON_PASS);
	expect_spec(run, "not two", &(struct spec){0}, SZ_REASON_RATE_HOST);
}

static void observed_unless_enforced(void **state)
{
	struct run *run = *state;

	begin(run, 0);
	for (int i = 0; i < 10; i++)
		expect_spec(run, "burst", &(struct spec){0}, SZ_REASON_PASS);
	expect_observed("over", run_spec(run, &(struct spec){0}), SZ_REASON_RATE_HOST);
	run->settings->flags = SZ_SET_RATE_ENFORCE;
	expect_spec(run, "enforced", &(struct spec){0}, SZ_REASON_RATE_HOST);
	run->settings->flags = SZ_SET_RATE_ENFORCE | SZ_SET_OBSERVE;
	expect_observed("observe", run_spec(run, &(struct spec){0}), SZ_REASON_RATE_HOST);
}

/* The hosts of a /64 are one source: each of them has 2^64 addresses to choose from. */
static void a_64_is_one_source(void **state)
{
	begin(*state, SZ_SET_RATE_ENFORCE);
	for (int i = 0; i < 5; i++) {
		expect_spec(*state, "one", &(struct spec){.family = 6}, SZ_REASON_PASS);
		expect_spec(*state, "another", &(struct spec){.family = 6, .src = "2a00:1:2:3::9"},
			    SZ_REASON_PASS);
	}
	expect_spec(*state, "a third", &(struct spec){.family = 6, .src = "2a00:1:2:3:f::"},
		    SZ_REASON_RATE_HOST);
}

/* Of a gate that no user space has touched: 500 SYN/s, 1,000 of them at once; 8 times as many of a
 * prefix. */
static void defaults(void **state)
{
	static struct frame frame;
	struct run *run = *state;
	struct sz_count over;

	begin(run, 0);
	*host_limit(run) = (struct sz_limit){0};
	run->meta->layout = 0;
	frame_build(&frame, &(struct spec){0});
	run_many(run, &frame, 999);
	assert_int_equal(run_count(run, SZ_REASON_RATE_HOST).observed_packets, 0);
	run_many(run, &frame, 4000);
	over = run_count(run, SZ_REASON_RATE_HOST);
	assert_in_range(over.observed_packets, 3000, 4000);
	assert_int_equal(over.packets, 0);
	for (uint32_t tier = 0; tier < SZ_TIERS; tier++) {
		struct sz_limit *limits = &run->limits[sz_limit_index(tier, SZ_RATE_HOST, 0)];

		assert_int_equal(limits[SZ_RATE_SYN].step_ns, 2000000);
		assert_int_equal(limits[SZ_RATE_SYN].burst_ns, 2000000000);
		assert_int_equal(limits[SZ_RATE_CLASSES + SZ_RATE_SYN].step_ns, 250000);
		assert_int_equal(limits[SZ_RATE_UDP].step_ns, 20000);
		assert_int_equal(limits[SZ_RATE_UDP].byte_step, 0);
	}
	run->meta->layout = SZ_LAYOUT;
}

/* An idle source may send one packet, however small its burst is. */
static void idle_passes_one(void **state)
{
	struct run *run = *state;

	begin(run, SZ_SET_RATE_ENFORCE);
	*host_limit(run) = (struct sz_limit){.step_ns = 4000000000U, .burst_ns = 1};
	expect_spec(run, "first", &(struct spec){0}, SZ_REASON_PASS);
	expect_spec(run, "second", &(struct spec){0}, SZ_REASON_RATE_HOST);
}

/* Another source with our tag in our line shares our slot: at worst both are limited together. */
static void tag_collision(void **state)
{
	struct run *run = *state;
	struct spot spot;

	begin(run, SZ_SET_RATE_ENFORCE);
	spot = spot_of(run, PEER4);
	spot.line->packets[2] = word(spot.tag, coarse_ns() + BURST - MS);
	expect_spec(run, "same tag, spent", &(struct spec){0}, SZ_REASON_RATE_HOST);
	spot.line->packets[2] = word(tag_behind(spot.tag, 1), coarse_ns() + BURST - MS);
	expect_spec(run, "another tag", &(struct spec){0}, SZ_REASON_PASS);
	assert_true((spot.line->packets[0] ^ spot.tag) <= TIME_MASK);
}

static void fill(struct spot spot, uint64_t time_ns)
{
	for (uint64_t i = 0; i < 4; i++)
		spot.line->packets[i] = word(tag_behind(spot.tag, i + 1), time_ns);
}

static void full_line(void **state)
{
	static const char *const sources[] = {PEER4, PEER6};
	struct run *run = *state;

	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		struct spec spec = {.family = i ? 6 : 4};
		struct sz_meters before;
		struct spot spot;

		begin(run, SZ_SET_RATE_ENFORCE);
		spot = spot_of(run, sources[i]);
		fill(spot, coarse_ns() + BURST - 100 * MS);
		before = *spot.line;
		for (int n = 0; n < 20; n++)
			expect_spec(run, "not metered", &spec, SZ_REASON_PASS);
		assert_int_equal(run_count(run, SZ_TALLY_RATE_FULL).packets, 20);
		assert_memory_equal(spot.line, &before, sizeof(before));
	}
}

/* A slot is free when its time is past, or further ahead than anybody can be. */
static void which_slots_are_free(void **state)
{
	struct run *run = *state;
	const struct {
		const char *name;
		uint64_t time_ns;
		bool is_free;
	} rows[] = {
		{"long past", coarse_ns() - 3600 * 1000 * MS, true},
		{"just past", coarse_ns() - MS, true},
		{"half the circle ahead", coarse_ns() + (1ULL << 47), true},
		{"ahead of the horizon", coarse_ns() + SZ_RATE_HORIZON_NS + 2000 * MS, true},
		{"ahead of the burst", coarse_ns() + BURST + 2000 * MS, false},
		{"in use", coarse_ns() + BURST / 2, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct spot spot;

		begin(run, SZ_SET_RATE_ENFORCE);
		spot = spot_of(run, PEER4);
		fill(spot, rows[i].time_ns);
		expect_spec(run, rows[i].name, &(struct spec){0}, SZ_REASON_PASS);
		assert_int_equal((spot.line->packets[0] ^ spot.tag) <= TIME_MASK, rows[i].is_free);
		assert_int_equal(run_count(run, SZ_TALLY_RATE_FULL).packets, !rows[i].is_free);
	}
}

/* Our own slot is found behind a free one: nobody gets a second bucket. */
static void own_slot_before_free_slot(void **state)
{
	struct run *run = *state;
	struct spot spot;

	for (int at = 0; at < 4; at++) {
		begin(run, SZ_SET_RATE_ENFORCE);
		spot = spot_of(run, PEER4);
		spot.line->packets[at] = word(spot.tag, coarse_ns() + BURST - MS);
		expect_spec(run, "spent", &(struct spec){0}, SZ_REASON_RATE_HOST);
	}
}

/* Listed and malformed packets cost their source nothing. */
static void who_is_not_metered(void **state)
{
	static struct frame frame;
	struct run *run = *state;
	struct sz_meters before;
	struct spot spot;

	begin(run, SZ_SET_RATE_ENFORCE);
	spot = spot_of(run, PEER4);
	before = *spot.line;
	frame_build(&frame, &(struct spec){0});
	frame_patch(&frame, (struct patch){PATCH_L4, 13, 1, 0});
	run_many(run, &frame, 30);
	frame_build(&frame, &(struct spec){0});
	rule_set(run, "dhost", PEER4, FOREVER(1));
	run_many(run, &frame, 30);
	rule_set(run, "allow", PEER4, FOREVER(1));
	run_many(run, &frame, 30);
	rule_set(run, "never", PEER4, FOREVER(1));
	run_many(run, &frame, 30);
	assert_memory_equal(spot.line, &before, sizeof(before));
	assert_int_equal(run_count(run, SZ_REASON_NEVER).packets, 30);
	assert_int_equal(run_count(run, SZ_REASON_RATE_HOST).packets, 0);
}

struct sender {
	struct run *run;
	struct frame *frame;
};

static void *send_many(void *context)
{
	struct sender *sender = context;

	run_many(sender->run, sender->frame, 200000);
	return NULL;
}

/*
 * Two processors, one source: nobody is let through but who was metered, or counted as not. What
 * was given is never more than the burst and the time that went by.
 */
static void races_lose_nothing(void **state)
{
	static struct frame frame;
	struct run *run = *state;
	struct sender sender = {run, &frame};
	uint64_t begun, passed, over, unmetered, most;
	pthread_t other;

	begin(run, SZ_SET_RATE_ENFORCE);
	*host_limit(run) = (struct sz_limit){.step_ns = 100000, .burst_ns = 100 * MS};
	frame_build(&frame, &(struct spec){0});
	begun = coarse_ns();
	assert_int_equal(pthread_create(&other, NULL, send_many, &sender), 0);
	send_many(&sender);
	assert_int_equal(pthread_join(other, NULL), 0);
	most = 1000 + (coarse_ns() - begun + 20 * MS) / 100000;
	passed = run_count(run, SZ_REASON_PASS).packets - 1; /* the one of begin() */
	over = run_count(run, SZ_REASON_RATE_HOST).packets;
	unmetered = run_count(run, SZ_TALLY_RATE_LOST).packets;
	print_message("# %llu passed, %llu over, %llu lost races\n", (unsigned long long)passed,
		      (unsigned long long)over, (unsigned long long)unmetered);
	assert_int_equal(passed + over, 400000);
	assert_in_range(passed - unmetered, 1000, most);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN_TEST(burst_then_limit),
		RUN_TEST(recovers),
		RUN_TEST(observed_unless_enforced),
		RUN_TEST(a_64_is_one_source),
		RUN_TEST(defaults),
		RUN_TEST(idle_passes_one),
		RUN_TEST(tag_collision),
		RUN_TEST(full_line),
		RUN_TEST(which_slots_are_free),
		RUN_TEST(own_slot_before_free_slot),
		RUN_TEST(who_is_not_metered),
		RUN_TEST(races_lose_nothing),
	};

	return cmocka_run_group_tests(tests, run_setup, run_teardown);
}

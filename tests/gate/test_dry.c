/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What would it do? The second load says what the first one does, and changes nothing of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include <strazh/base/compiler.h>
#include <tests/gate/live.h>
#include <tests/gate/netns.h>
#include <user/base/clock.h>
#include <user/gate/dry.h>
#include <user/gate/limits.h>
#include <user/gate/proven.h>
#include <user/gate/services.h>
#include <user/gate/tap.h>

#define ACK 16
#define PORT 443

/* Frames of all kinds, with what becomes of them in the world of world_up(). */
static const struct row {
	const char *name;
	struct spec spec;
	enum sz_reason reason;
	bool observed;
} rows[] = {
	{"honest", {.tcp_flags = ACK}, SZ_REASON_PASS, false},
	{"honest", {.family = 6, .tcp_flags = ACK}, SZ_REASON_PASS, false},
	{"denied host", {.src = "9.9.9.9"}, SZ_REASON_DENY_HOST, false},
	{"denied host", {.family = 6, .src = "2a00:9::9"}, SZ_REASON_DENY_HOST, false},
	{"denied prefix", {.src = "99.1.2.3"}, SZ_REASON_DENY_NET, false},
	{"allowed", {.src = "99.9.9.9"}, SZ_REASON_ALLOW, false},
	{"never", {.src = "8.8.8.8"}, SZ_REASON_NEVER, false},
	{"LAND", {.src = SELF4, .dst = SELF4}, SZ_REASON_LAND, false},
	{"martian", {.src = "127.0.0.1"}, SZ_REASON_BOGON, false},
	{"SYN+FIN", {.tcp_flags = 3}, SZ_REASON_TCP_SYN_FIN, false},
	{"tags", {.vlan = {0x8100, 0x8100, 0x8100}}, SZ_REASON_VLAN_DEEP, false},
	{"fragment for a service that takes none",
	 {.proto = P_UDP, .dport = 53, .more = true, .data = 64},
	 SZ_REASON_FRAG_POLICY,
	 false},
};

static void serve(const struct live *live, uint8_t proto, uint16_t port, uint8_t flags)
{
	struct sz_service config = service_standard(proto, port, false);
	uint32_t index;

	config.flags |= flags;
	assert_int_equal(service_put(live->gate, &config, &index), 0);
}

static void world_up(const struct live *live)
{
	live_say(live, SZ_TABLE_DENY, "9.9.9.9");
	live_say(live, SZ_TABLE_DENY, "2a00:9::9");
	live_say(live, SZ_TABLE_DENY, "99.0.0.0/8");
	live_say(live, SZ_TABLE_NEVER, "8.8.8.8");
	live_say(live, SZ_TABLE_ALLOW, "99.9.9.9");
	serve(live, SERVICE_UDP, 53, SZ_SERVICE_NO_FRAGMENTS);
	serve(live, SERVICE_TCP, PORT, 0);
	live->gate->settings->flags = SZ_SET_RATE_ENFORCE;
}

static struct frame *frame_of(const struct spec *spec)
{
	static struct frame frame;

	frame_build(&frame, spec);
	return &frame;
}

/* All that the gate writes or could: FNV-1a over every byte of every map but the ring buffers. */
static uint64_t sum_of(uint64_t sum, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	while (len--)
		sum = (sum ^ *at++) * 1099511628211ULL;
	return sum;
}

static uint64_t sum_of_map(const struct live *live, enum gate_map which)
{
	const int fd = live->gate->map[which];
	struct bpf_map_info info = {0};
	uint32_t info_len = sizeof(info);
	uint64_t sum = 14695981039346656037ULL;
	uint8_t key[64], next[64], *value;
	bool more;

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &info_len), 0);
	if (info.type == BPF_MAP_TYPE_RINGBUF)
		return 0;
	if (info.map_flags & BPF_F_MMAPABLE) {
		const size_t len = (size_t)info.max_entries * ((info.value_size + 7) & ~7U);
		void *memory = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);

		assert_ptr_not_equal(memory, MAP_FAILED);
		sum = sum_of(sum, memory, len);
		munmap(memory, len);
		return sum;
	}
	value = calloc(64, info.value_size + 8U);
	assert_non_null(value);
	more = !bpf_map_get_next_key(fd, NULL, key);
	while (more) {
		assert_int_equal(bpf_map_lookup_elem(fd, key, value), 0);
		sum = sum_of(sum_of(sum, key, info.key_size), value, 64 * info.value_size);
		more = !bpf_map_get_next_key(fd, key, next);
		memcpy(key, next, sizeof(key));
	}
	free(value);
	return sum;
}

static void sums(const struct live *live, uint64_t ret_sums[GATE_MAPS_TOTAL])
{
	for (enum gate_map i = 0; i < GATE_MAPS_TOTAL; i++)
		ret_sums[i] = sum_of_map(live, i);
}

static void expect(struct dry *dry, const char *name, const struct frame *frame,
		   enum sz_reason reason, bool observed)
{
	struct dry_verdict verdict;

	assert_int_equal(dry_ask(dry, frame->bytes, frame->len, &verdict), 0);
	if (verdict.reason != reason || verdict.observed != observed)
		fail_msg("%s: reason %u, observed %d", name, verdict.reason, verdict.observed);
}

/* The live program agrees, frame by frame; and nothing that it works with has moved. */
static void says_what_the_gate_does(void **state)
{
	const struct live *live = *state;
	uint64_t before[GATE_MAPS_TOTAL], after[GATE_MAPS_TOTAL];
	struct dry *dry = NULL;

	world_up(live);
	live_spec(live, &rows[0].spec, 1); /* the first packet draws the seed */
	assert_int_equal(dry_new(live->gate, &dry), 0);
	sums(live, before);
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < ARRAY_LEN(rows); i++)
			expect(dry, rows[i].name, frame_of(&rows[i].spec), rows[i].reason,
			       rows[i].observed);
	sums(live, after);
	for (enum gate_map i = 0; i < GATE_MAPS_TOTAL; i++)
		if (before[i] != after[i])
			fail_msg("map '%s' has changed", gate_map_names[i]);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(live_reason(live, frame_of(&rows[i].spec)), rows[i].reason);
	sums(live, after); /* the live one does change them, or this test would see nothing */
	assert_true(before[GATE_MAP_COUNT] != after[GATE_MAP_COUNT]);
	assert_true(before[GATE_MAP_RHOST] != after[GATE_MAP_RHOST]);
	assert_true(before[GATE_MAP_DLINE4] != after[GATE_MAP_DLINE4]);
	dry_free(dry);
}

/* All meters of hosts that are in use, 8 s ahead: making a dry load takes seconds where it is slow.
 */
static void spend(const struct live *live)
{
	const size_t len = (size_t)SZ_RHOST_LINES * sizeof(struct sz_meters);
	struct timespec now = {0};
	uint64_t *word, *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED,
				       live->gate->map[GATE_MAP_RHOST], 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	for (word = memory; word < memory + len / sizeof(*word); word++)
		if (*word)
			*word = (*word & ~SZ_RATE_TIME) |
				(((uint64_t)now.tv_sec + 8) * NS_PER_S & SZ_RATE_TIME);
	munmap(memory, len);
}

/* It begins with the meters as they are, and then counts for itself. */
static void rates_go_on_from_here(void **state)
{
	static const struct sz_limit one = {.step_ns = 3000000000, .burst_ns = 3000000000};
	const struct live *live = *state;
	const struct spec spent = {.tcp_flags = ACK}, fresh = {.src = "1.2.3.5", .tcp_flags = ACK};
	struct dry *dry = NULL;

	world_up(live);
	limit_store(&live->gate->limits[sz_limit_index(0, SZ_RATE_HOST, SZ_RATE_EST)], &one);
	assert_int_equal(live_reason(live, frame_of(&spent)), SZ_REASON_PASS);
	spend(live);
	assert_int_equal(dry_new(live->gate, &dry), 0);
	expect(dry, "spent", frame_of(&spent), SZ_REASON_RATE_HOST, false);
	expect(dry, "within", frame_of(&fresh), SZ_REASON_PASS, false);
	expect(dry, "used up", frame_of(&fresh), SZ_REASON_RATE_HOST, false);
	/* Nothing of it was spent there. */
	assert_int_equal(live_reason(live, frame_of(&fresh)), SZ_REASON_PASS);
	live->gate->settings->flags = 0; /* shared: it sees what changes */
	expect(dry, "observed", frame_of(&spent), SZ_REASON_RATE_HOST, true);
	live->gate->settings->flags = SZ_SET_OBSERVE;
	expect(dry, "observed", frame_of(&rows[2].spec), SZ_REASON_DENY_HOST, true);
	live_say(live, SZ_TABLE_DENY, "7.7.7.7");
	expect(dry, "new", frame_of(&(struct spec){.src = "7.7.7.7"}), SZ_REASON_DENY_HOST, true);
	dry_free(dry);
}

static int on_sample(void *context, const struct sz_sample *sample, const uint8_t *frame)
{
	(void)sample;
	(void)frame;
	++*(int *)context;
	return 0;
}

/* Whoever looks on sees packets, and not what somebody asked about. */
static void taps_do_not_see_it(void **state)
{
	const struct live *live = *state;
	const struct tap_want any = {UINT64_MAX, 1, 0, 1000000};
	struct dry *dry = NULL;
	struct tap *tap = NULL;
	int seen = 0;

	world_up(live);
	assert_int_equal(tap_open(live->gate, &any, on_sample, &seen, &tap), 0);
	assert_int_equal(dry_new(live->gate, &dry), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect(dry, rows[i].name, frame_of(&rows[i].spec), rows[i].reason,
		       rows[i].observed);
	assert_true(tap_read(tap, 0) >= 0);
	assert_int_equal(seen, 0);
	live_spec(live, &rows[0].spec, 1);
	assert_true(tap_read(tap, 0) >= 0);
	assert_int_equal(seen, 1);
	tap_close(tap);
	dry_free(dry);
}

/* What the kernel would not run is said to be so. */
static void lengths(void **state)
{
	const struct live *live = *state;
	static uint8_t bytes[DRY_FRAME_MOST + 1];
	struct dry_verdict verdict = {.reason = SZ_REASON_LAND};
	struct dry *dry = NULL;

	world_up(live);
	assert_int_equal(dry_new(live->gate, &dry), 0);
	for (size_t len = 0; len < DRY_FRAME_LEAST; len++)
		assert_int_equal(dry_ask(dry, bytes, len, &verdict), DRY_SHORT);
	assert_int_equal(dry_ask(dry, bytes, DRY_FRAME_MOST + 1, &verdict), DRY_LONG);
	assert_int_equal(verdict.reason, SZ_REASON_LAND);
	assert_int_equal(dry_ask(dry, bytes, DRY_FRAME_LEAST, &verdict), 0);
	assert_int_equal(verdict.reason, SZ_REASON_NOT_IP);
	for (size_t len = 60; len <= 9000; len += 1490)
		expect(dry, "long",
		       frame_of(&(struct spec){.tcp_flags = ACK, .data = (uint16_t)len}),
		       SZ_REASON_PASS, false);
	dry_free(dry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST(says_what_the_gate_does),
		LIVE_TEST(rates_go_on_from_here),
		LIVE_TEST(taps_do_not_see_it),
		LIVE_TEST(lengths),
	};

	if (!netns_enter())
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

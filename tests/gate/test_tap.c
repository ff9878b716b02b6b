/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Looking on: what a tap shows, how much of it, what it costs those who look and those who do not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include <strazh/abi/tap.h>
#include <strazh/base/compiler.h>
#include <tests/gate/live.h>
#include <tests/gate/netns.h>
#include <user/base/clock.h>
#include <user/gate/stats.h>
#include <user/gate/tap.h>

#define BIT(reason) (1ULL << (reason))
#define PLENTY 1000000U

/* What a reader got. */
struct seen {
	uint32_t count, of[SZ_REASON_COUNT];
	struct sz_sample last;
	uint8_t frame[SZ_SNAP_MAX];
};

static int on_sample(void *context, const struct sz_sample *sample, const uint8_t *frame)
{
	struct seen *seen = context;

	seen->count++;
	seen->of[sample->event.reason]++;
	seen->last = *sample;
	memcpy(seen->frame, frame, sample->caplen);
	return 0;
}

static struct tap *look(const struct live *live, struct tap_want want, struct seen *seen)
{
	struct tap *tap = NULL;

	*seen = (struct seen){0};
	assert_int_equal(tap_open(live->gate, &want, on_sample, seen, &tap), 0);
	return tap;
}

static void take(struct tap *tap)
{
	assert_true(tap_read(tap, 0) >= 0);
}

static uint64_t counted(const struct live *live, enum sz_reason reason)
{
	struct gate_stats stats;

	assert_int_equal(gate_stats_read(live->gate, &stats), 0);
	return stats.reason[reason].packets;
}

static uint32_t tap_on(const struct live *live)
{
	struct sz_settings settings;
	uint32_t first = 0;

	assert_int_equal(bpf_map_lookup_elem(live->gate->map[GATE_MAP_SETTINGS], &first, &settings),
			 0);
	return settings.tap_on;
}

static const struct spec bad = {.src = "9.9.9.9", .data = 400},
			 good = {.tcp_flags = 16, .data = 400};

static void only_what_was_asked_for(void **state)
{
	const struct live *live = *state;
	struct seen seen;
	struct tap *tap;
	struct frame frame;

	live_say(live, SZ_TABLE_DENY, "9.9.9.9");
	tap = look(live, (struct tap_want){BIT(SZ_REASON_DENY_HOST), 1, 128, PLENTY}, &seen);
	live_spec(live, &bad, 5);
	live_spec(live, &good, 7);
	take(tap);
	assert_int_equal(seen.count, 5);
	assert_int_equal(seen.of[SZ_REASON_DENY_HOST], 5);
	assert_memory_equal(seen.last.event.saddr, "\x09\x09\x09\x09", 4);
	assert_int_equal(seen.last.weight, 1);
	assert_int_equal(seen.last.event.lists, 1);
	frame_build(&frame, &bad);
	assert_int_equal(seen.last.event.frame_len, frame.len);
	assert_int_equal(seen.last.caplen, 128);
	assert_memory_equal(seen.frame, frame.bytes, 128);
	tap_close(tap);
	tap = look(live, (struct tap_want){BIT(SZ_REASON_PASS), 1, 0, PLENTY}, &seen);
	live_spec(live, &bad, 5);
	live_spec(live, &good, 7);
	take(tap);
	assert_int_equal(seen.count, 7);
	assert_int_equal(seen.of[SZ_REASON_PASS], 7);
	assert_int_equal(seen.last.caplen, 0);
	tap_close(tap);
	live_spec(live, &good, 3);
	assert_int_equal(seen.count, 7);
}

/* A frame shorter than what is wanted comes whole, and no more than SZ_SNAP_MAX of a longer one. */
static void lengths(void **state)
{
	static const struct {
		uint32_t snap;
		uint16_t data;
		uint32_t want; /* 0: the whole frame */
	} rows[] = {{1, 400, 1},
		    {60, 400, 60},
		    {SZ_SNAP_MAX, 400, 0},
		    {300, 6, 0},
		    {SZ_SNAP_MAX, 1400, SZ_SNAP_MAX},
		    {100000, 1400, SZ_SNAP_MAX}};
	const struct live *live = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct spec spec = {.tcp_flags = 16, .data = rows[i].data};
		struct frame frame;
		struct seen seen;
		struct tap *tap = look(
			live, (struct tap_want){BIT(SZ_REASON_PASS), 1, rows[i].snap, PLENTY},
			&seen);

		frame_build(&frame, &spec);
		live_frame(live, &frame, 1);
		take(tap);
		assert_int_equal(seen.count, 1);
		assert_int_equal(seen.last.caplen,
				 rows[i].want ? rows[i].want : (uint32_t)frame.len);
		assert_memory_equal(seen.frame, frame.bytes, seen.last.caplen);
		tap_close(tap);
	}
}

/* One in ten, by chance: 20,000 packets give 2,000, give or take 42; 300 is seven times that. */
static void one_in_ten(void **state)
{
	const struct live *live = *state;
	struct seen seen;
	struct tap *tap = look(live, (struct tap_want){BIT(SZ_REASON_PASS), 10, 0, PLENTY}, &seen);
	uint64_t lost, held;

	for (int i = 0; i < 100; i++) {
		live_spec(live, &good, 200);
		take(tap);
	}
	tap_missed(tap, &lost, &held);
	assert_int_equal(lost + held, 0);
	assert_in_range(seen.count, 1700, 2300);
	assert_int_equal(seen.last.weight, 10);
	tap_one_in(tap, 1);
	seen.count = 0;
	live_spec(live, &good, 200);
	take(tap);
	assert_int_equal(seen.count, 200);
	tap_close(tap);
}

/* What is above its rate or finds no room is counted, and every packet is judged as without it. */
static void nobody_waits_for_a_reader(void **state)
{
	const struct live *live = *state;
	const uint32_t sent = 50000;
	uint64_t lost, held, before;
	struct seen seen;
	struct tap *tap;

	live_say(live, SZ_TABLE_DENY, "9.9.9.9");
	tap = look(live, (struct tap_want){BIT(SZ_REASON_DENY_HOST), 1, SZ_SNAP_MAX, PLENTY},
		   &seen);
	before = counted(live, SZ_REASON_DENY_HOST);
	assert_int_equal(live_spec(live, &bad, sent), 1 /* XDP_DROP */);
	assert_int_equal(counted(live, SZ_REASON_DENY_HOST) - before, sent);
	take(tap);
	tap_missed(tap, &lost, &held);
	assert_true(lost > 0);
	assert_int_equal(seen.count + lost + held, sent);
	tap_close(tap);

	tap = look(live, (struct tap_want){BIT(SZ_REASON_DENY_HOST), 1, 0, 3}, &seen);
	before = clock_boot_ns();
	live_spec(live, &bad, sent);
	before = (clock_boot_ns() - before) / SZ_TAP_TICK_NS; /* ticks that went by */
	take(tap);
	tap_missed(tap, &lost, &held);
	assert_int_equal(lost, 0);
	assert_int_equal(seen.count + held, sent);
	assert_in_range(seen.count, 3, 3 * (before + 2));
	tap_close(tap);
}

/* Four at once, each with what it asked for; the fifth is told, and a place comes back. */
static void several(void **state)
{
	static const enum sz_reason reasons[SZ_TAPS] = {SZ_REASON_PASS, SZ_REASON_DENY_HOST,
							SZ_REASON_LAND, SZ_REASON_PASS};
	const struct spec land = {.src = SELF4, .dst = SELF4};
	const struct live *live = *state;
	struct tap *taps[SZ_TAPS], *fifth = NULL;
	struct seen seen[SZ_TAPS], more;
	const struct tap_want any = {UINT64_MAX, 1, 0, PLENTY};

	live_say(live, SZ_TABLE_DENY, "9.9.9.9");
	for (int i = 0; i < SZ_TAPS; i++)
		taps[i] = look(live, (struct tap_want){BIT(reasons[i]), 1, 0, PLENTY}, &seen[i]);
	assert_int_equal(tap_on(live), (1 << SZ_TAPS) - 1);
	assert_int_equal(tap_open(live->gate, &any, on_sample, &more, &fifth), TAP_BUSY);
	assert_null(fifth);
	live_spec(live, &good, 3);
	live_spec(live, &bad, 4);
	live_spec(live, &land, 5);
	for (int i = 0; i < SZ_TAPS; i++) {
		take(taps[i]);
		assert_int_equal(seen[i].count, reasons[i] == SZ_REASON_PASS	    ? 3
						: reasons[i] == SZ_REASON_DENY_HOST ? 4
										    : 5);
	}
	tap_close(taps[2]);
	fifth = look(live, any, &more);
	live_spec(live, &land, 2);
	take(fifth);
	assert_int_equal(more.count, 2);
	tap_close(fifth);
	tap_close(taps[0]);
	tap_close(taps[1]);
	tap_close(taps[3]);
	assert_int_equal(tap_on(live), 0);
}

/* A reader that died stops costing by itself, though its bit is set. */
static void ends_by_itself(void **state)
{
	const struct live *live = *state;
	const int fd = live->gate->map[GATE_MAP_TAP];
	struct sz_tap at;
	struct seen seen;
	struct tap *tap = look(live, (struct tap_want){BIT(SZ_REASON_PASS), 1, 0, PLENTY}, &seen);
	uint32_t index = 0;

	live_spec(live, &good, 2);
	assert_int_equal(bpf_map_lookup_elem(fd, &index, &at), 0);
	assert_true(at.until_s > clock_boot_s() && at.until_s <= clock_boot_s() + 5);
	at.until_s = clock_boot_s();
	assert_int_equal(bpf_map_update_elem(fd, &index, &at, BPF_ANY), 0);
	live_spec(live, &good, 100);
	take(tap);
	assert_int_equal(seen.count, 2);
	live_spec(live, &good, 4); /* it read, so it lives */
	take(tap);
	assert_int_equal(seen.count, 6);
	tap_close(tap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST(only_what_was_asked_for),   LIVE_TEST(lengths), LIVE_TEST(one_in_ten),
		LIVE_TEST(nobody_waits_for_a_reader), LIVE_TEST(several), LIVE_TEST(ends_by_itself),
	};

	if (!netns_enter())
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

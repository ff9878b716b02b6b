/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The timer wheel against a clock of the test's own: never early, at most a tick late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>
#include <user/net/timerwheel.h>

#define START_MS 123456789ULL

struct probe {
	struct wheel_timer timer;
	struct wheel *wheel;
	struct probe *other; /* stopped when this one fires */
	uint64_t due_ms, fired_ms;
	uint64_t again_ms; /* started anew for so long when it fires */
	int times;
};

static void fired(struct wheel_timer *timer)
{
	struct probe *probe = (struct probe *)timer;

	assert_false(wheel_runs(timer));
	probe->fired_ms = probe->wheel->now_ms;
	probe->times++;
	if (probe->other)
		wheel_stop(probe->wheel, &probe->other->timer);
	if (probe->again_ms)
		wheel_start(probe->wheel, timer, probe->again_ms);
}

static void probe_start(struct wheel *wheel, struct probe *probe, uint64_t ms)
{
	probe->wheel = wheel;
	probe->timer.on_time = fired;
	probe->due_ms = wheel->now_ms + ms;
	probe->times = 0;
	wheel_start(wheel, &probe->timer, ms);
}

static uint32_t draw(uint32_t *state)
{
	*state = *state * 1664525U + 1013904223U;
	return *state >> 8;
}

/* Each length around the borders of the levels, the clock going on as wheel_wait_ms() says. */
static void test_lengths(void **state)
{
	static const uint64_t lengths[] = {0,	1,    3,     4,	       5,	 252,	   256,
					   260, 9999, 16380, 16384,    16388,	 1048572,  1048576,
					   1e6, 3e6,  6e7,   67108860, 67108864, 67108868, 1e9};
	struct wheel wheel;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct probe probe = {0};
		uint64_t now = START_MS + i;
		int wait;

		wheel_init(&wheel, now);
		assert_int_equal(wheel_wait_ms(&wheel, now), -1);
		wheel_advance(&wheel, now += 777 * i);
		probe_start(&wheel, &probe, lengths[i]);
		while ((wait = wheel_wait_ms(&wheel, now)) >= 0) {
			now += (uint64_t)wait;
			wheel_advance(&wheel, now);
		}
		assert_int_equal(probe.times, 1);
		assert_true(probe.fired_ms >= probe.due_ms);
		assert_true(probe.fired_ms < probe.due_ms + 2 * WHEEL_TICK_MS);
	}
}

/* Thousands of timers, started, stopped and started anew at random while the clock goes on. */
static void test_many(void **state)
{
	enum { PROBES = 4000, STEPS = 20000 };
	struct probe *probes = calloc(PROBES, sizeof(*probes));
	uint64_t now = START_MS;
	uint32_t seed = 7;
	struct wheel wheel;

	(void)state;
	assert_non_null(probes);
	wheel_init(&wheel, now);
	for (int step = 0; step < STEPS; step++) {
		struct probe *probe = &probes[draw(&seed) % PROBES];
		uint64_t length = draw(&seed) % (1U << draw(&seed) % 20);

		if (draw(&seed) % 4 == 0)
			wheel_stop(&wheel, &probe->timer);
		else
			probe_start(&wheel, probe, length);
		now += draw(&seed) % 16;
		wheel_advance(&wheel, now);
		for (int i = step % 16; i < PROBES; i += 16) {
			probe = &probes[i];
			if (wheel_runs(&probe->timer))
				assert_true(probe->due_ms + 2 * WHEEL_TICK_MS > now);
			else if (probe->times)
				assert_true(probe->fired_ms >= probe->due_ms);
			assert_true(probe->times <= 1);
		}
	}
	wheel_advance(&wheel, now + (1U << 20) + WHEEL_TICK_MS);
	assert_int_equal(wheel_wait_ms(&wheel, now), -1);
	for (int i = 0; i < PROBES; i++)
		assert_false(wheel_runs(&probes[i].timer));
	free(probes);
}

static void test_stop_and_again(void **state)
{
	struct probe a = {0}, b = {0}, again = {.again_ms = 10};
	struct wheel wheel;

	(void)state;
	wheel_init(&wheel, START_MS);
	/* Both are due in one tick: whichever is first stops the other. */
	probe_start(&wheel, &a, 100);
	probe_start(&wheel, &b, 100);
	a.other = &b;
	b.other = &a;
	probe_start(&wheel, &again, 8);
	wheel_advance(&wheel, START_MS + 104);
	assert_int_equal(a.times + b.times, 1);
	assert_false(wheel_runs(&a.timer) || wheel_runs(&b.timer));
	/* Started anew from inside counts from now: not once for each time that was missed. */
	assert_int_equal(again.times, 1);
	wheel_advance(&wheel, START_MS + 116);
	assert_int_equal(again.times, 2);
	wheel_stop(&wheel, &again.timer);
	wheel_stop(&wheel, &again.timer);
	assert_int_equal(wheel_wait_ms(&wheel, START_MS + 116), -1);
	wheel_advance(&wheel, START_MS + 5000);
	assert_int_equal(again.times, 2);
	/* A clock that goes back is not followed. */
	wheel_advance(&wheel, START_MS);
	assert_int_equal(wheel.now_ms, START_MS + 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_stop_and_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

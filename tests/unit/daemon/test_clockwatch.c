/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A wall clock that is set and a machine that slept: what the keeper does about each. The clocks
 * and the timer's cancellation are the test's own, as are the three that are called.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <user/daemon/acts/rebuild.h>
#include <user/daemon/keeper.h>
#include <user/daemon/memory/remember.h>

#define DAY_S 86400
#define MS 1000000L

/* ---- these stand in the place of libc's ---- */

static struct timespec now_of[CLOCK_BOOTTIME + 1];
static int timer_fd = -1;
static bool cancelled;
static unsigned armed;

int clock_gettime(clockid_t id, struct timespec *ret_time)
{
	if (id == CLOCK_REALTIME || id == CLOCK_MONOTONIC || id == CLOCK_BOOTTIME) {
		*ret_time = now_of[id];
		return 0;
	}
	return (int)syscall(SYS_clock_gettime, id, ret_time);
}

ssize_t read(int fd, void *to, size_t size)
{
	if (fd == timer_fd) {
		errno = cancelled ? ECANCELED : EAGAIN;
		cancelled = false;
		return -1;
	}
	return syscall(SYS_read, fd, to, size);
}

int timerfd_settime(int fd, int flags, const struct itimerspec *time, struct itimerspec *old)
{
	timer_fd = fd;
	if (flags == (TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		armed++;
	return (int)syscall(SYS_timerfd_settime, fd, flags, time, old);
}

/* ---- and these in that of the keeper's parts ---- */

static unsigned resyncs, passes, said_again;

void ticks_resync(struct keeper *keeper)
{
	(void)keeper;
	resyncs++;
}

void rebuild_soon(struct keeper *keeper)
{
	(void)keeper;
	passes++;
}

void remember_say_again(struct keeper *keeper)
{
	(void)keeper;
	said_again++;
}

/* ---- tests ---- */

static void add(clockid_t id, int64_t ms)
{
	int64_t ns = now_of[id].tv_nsec + ms % 1000 * MS;

	now_of[id].tv_sec += ms / 1000 + (ns >= 1000 * MS) - (ns < 0);
	now_of[id].tv_nsec = ns + (ns < 0 ? 1000 * MS : 0) - (ns >= 1000 * MS ? 1000 * MS : 0);
}

static void time_passes(int64_t ms)
{
	add(CLOCK_REALTIME, ms);
	add(CLOCK_MONOTONIC, ms);
	add(CLOCK_BOOTTIME, ms);
}

static int setup(void **state)
{
	static struct keeper keeper;

	now_of[CLOCK_REALTIME] = (struct timespec){1700000000, 0};
	now_of[CLOCK_MONOTONIC] = (struct timespec){5000, 0};
	now_of[CLOCK_BOOTTIME] = (struct timespec){9000, 0};
	keeper = (struct keeper){0};
	assert_int_equal(loop_new(&keeper.loop), 0);
	assert_int_equal(clockwatch_open(&keeper), 0);
	assert_int_equal(keeper.clock_watch.fd, timer_fd);
	cancelled = false;
	armed = resyncs = passes = said_again = 0;
	*state = &keeper;
	return 0;
}

static int teardown(void **state)
{
	struct keeper *keeper = *state;

	clockwatch_close(keeper);
	loop_free(keeper->loop);
	timer_fd = -1;
	return 0;
}

/* As the loop calls when the kernel has cancelled the timer. */
static void hear(struct keeper *keeper)
{
	keeper->clock_watch.on_ready(&keeper->clock_watch, EPOLLIN);
}

static void set_by(struct keeper *keeper, int64_t seconds)
{
	add(CLOCK_REALTIME, seconds * 1000);
	cancelled = true;
	hear(keeper);
}

static void expect(unsigned want_resyncs, unsigned want_passes, unsigned want_said_again)
{
	assert_int_equal(resyncs, want_resyncs);
	assert_int_equal(passes, want_passes);
	assert_int_equal(said_again, want_said_again);
}

static void a_day_ahead_and_back(void **state)
{
	time_passes(10000);
	set_by(*state, DAY_S);
	expect(1, 1, 1);
	time_passes(10000);
	set_by(*state, -DAY_S);
	expect(2, 2, 2);
	/* It is heard of again. */
	assert_int_equal(armed, 2);
}

/* The store's times are good enough as they are. */
static void a_little(void **state)
{
	set_by(*state, 10);
	expect(1, 1, 0);
	set_by(*state, -20);
	expect(2, 2, 0);
}

static void little_by_little(void **state)
{
	for (unsigned i = 0; i < 5; i++)
		set_by(*state, -10);
	expect(5, 5, 0);
	set_by(*state, -10);
	expect(6, 6, 1);
	/* From there on it is counted anew. */
	set_by(*state, -10);
	expect(7, 7, 1);
	for (unsigned i = 0; i < 7; i++)
		set_by(*state, 10);
	expect(14, 14, 2);
}

/* A timer that is ready for no such reason changes nothing, and is armed. */
static void not_set(void **state)
{
	time_passes(1000);
	hear(*state);
	expect(0, 0, 0);
	assert_int_equal(armed, 1);
}

static void slept(void **state)
{
	clockwatch_tick(*state);
	time_passes(1000);
	clockwatch_tick(*state);
	expect(0, 0, 0);
	add(CLOCK_BOOTTIME, 3600 * 1000);
	time_passes(1000);
	clockwatch_tick(*state);
	expect(1, 0, 0);
	time_passes(1000);
	clockwatch_tick(*state);
	expect(1, 0, 0);
}

/* What the clocks differ by without a sleep. */
static void hardly_slept(void **state)
{
	add(CLOCK_BOOTTIME, 499);
	clockwatch_tick(*state);
	expect(0, 0, 0);
	add(CLOCK_BOOTTIME, 500);
	clockwatch_tick(*state);
	expect(1, 0, 0);
}

/* The kernel cancels the timer when the machine wakes, too: the wall went on as boot time did. */
static void woke_up(void **state)
{
	add(CLOCK_BOOTTIME, DAY_S * 1000);
	set_by(*state, DAY_S);
	expect(1, 1, 0);
	clockwatch_tick(*state);
	expect(2, 1, 0);
}

/* Somebody set it while it slept: in the firmware, say. */
static void woke_up_another_day(void **state)
{
	add(CLOCK_BOOTTIME, 3600 * 1000);
	set_by(*state, 3600 - DAY_S);
	expect(1, 1, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_day_ahead_and_back),
		TEST(a_little),
		TEST(little_by_little),
		TEST(not_set),
		TEST(slept),
		TEST(hardly_slept),
		TEST(woke_up),
		TEST(woke_up_another_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Expiries are boot time: neither a step of the wall clock nor a suspend makes them wrong. Both
 * are told, because times that people saw before are wrong now, and after a sleep much is over.
 */
#include <user/daemon/keeper.h>

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/daemon/acts/rebuild.h>
#include <user/daemon/memory/remember.h>

#define SLEPT_NS 500000000LL
#define STEP_NS (60 * (int64_t)NS_PER_S)

static int64_t now_ns(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * (int64_t)NS_PER_S + now.tv_nsec;
}

static int64_t boot_ahead(void)
{
	return now_ns(CLOCK_BOOTTIME) - now_ns(CLOCK_MONOTONIC);
}

static int64_t wall_ahead(void)
{
	return now_ns(CLOCK_REALTIME) - now_ns(CLOCK_BOOTTIME);
}

/* Is the wall clock another than when this last said so? Small steps add up. */
static bool stepped(struct keeper *keeper)
{
	int64_t ahead = wall_ahead();
	int64_t step = ahead - keeper->wall_ahead_ns;

	if (step < STEP_NS && step > -STEP_NS)
		return false;
	keeper->wall_ahead_ns = ahead;
	return true;
}

static int arm(int fd)
{
	/* Never due: it is there to be cancelled by whoever sets the clock. */
	const struct itimerspec never = {.it_value = {.tv_sec = (time_t)1 << 40}};

	return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL)
		       ? -errno
		       : 0;
}

static void clock_set(struct watch *watch, uint32_t events)
{
	struct keeper *keeper = watch->context;
	uint64_t times;
	bool set = read(watch->fd, &times, sizeof(times)) < 0 && errno == ECANCELED;

	(void)events;
	/* Before it is looked at: what is set from here on is heard of. */
	(void)!arm(watch->fd);
	if (!set)
		return;
	log_warning("the wall clock was set: bans end when they would have, at another time of "
		    "day");
	ticks_resync(keeper);
	rebuild_soon(keeper);
	/* Times in the store are of the wall: of the guard's bans, too. */
	if (stepped(keeper))
		remember_say_again(keeper);
}

void clockwatch_tick(struct keeper *keeper)
{
	int64_t ahead = boot_ahead(), slept = ahead - keeper->boot_ahead_ns;

	keeper->boot_ahead_ns = ahead;
	if (slept < SLEPT_NS)
		return;
	log_info("the machine slept for %lld s: collecting what is over",
		 (long long)(slept / (int64_t)NS_PER_S));
	ticks_resync(keeper);
}

int clockwatch_open(struct keeper *keeper)
{
	own_fd int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	int r;

	keeper->boot_ahead_ns = boot_ahead();
	keeper->wall_ahead_ns = wall_ahead();
	if (fd < 0)
		return -errno;
	keeper->clock_watch = (struct watch){.fd = fd, .on_ready = clock_set, .context = keeper};
	r = arm(fd);
	if (!r)
		r = loop_add(keeper->loop, &keeper->clock_watch, EPOLLIN);
	if (r)
		return r;
	take_fd(&fd);
	return 0;
}

void clockwatch_close(struct keeper *keeper)
{
	if (!keeper->clock_watch.on_ready)
		return;
	loop_remove(keeper->loop, &keeper->clock_watch);
	close(keeper->clock_watch.fd);
}

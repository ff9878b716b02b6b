/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A timer is a timerfd on CLOCK_BOOTTIME: it counts suspended time, and clock steps do not move it.
 */
#include <user/net/loop.h>

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <strazh/base/own.h>

static void timer_ready(struct watch *watch, uint32_t events)
{
	struct timer *timer = watch->context;
	uint64_t times;

	(void)events;
	if (read(watch->fd, &times, sizeof(times)) == (ssize_t)sizeof(times))
		timer->on_time(timer);
}

int timer_open(struct loop *loop, struct timer *timer, void (*on_time)(struct timer *),
	       void *context)
{
	own_fd int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	int r;

	if (fd < 0)
		return -errno;
	*timer = (struct timer){
		.watch = {.fd = fd, .on_ready = timer_ready, .context = timer},
		.loop = loop,
		.on_time = on_time,
		.context = context,
	};
	r = loop_add(loop, &timer->watch, EPOLLIN);
	if (r)
		return r;
	take_fd(&fd);
	return 0;
}

static struct timespec from_ms(uint64_t ms)
{
	return (struct timespec){.tv_sec = (time_t)(ms / 1000),
				 .tv_nsec = (long)(ms % 1000) * 1000000};
}

int timer_start(struct timer *timer, uint64_t first_ms, uint64_t every_ms)
{
	struct itimerspec when = {
		.it_value = from_ms(MAX(first_ms, 1U)),
		.it_interval = from_ms(every_ms),
	};

	return timerfd_settime(timer->watch.fd, 0, &when, NULL) ? -errno : 0;
}

int timer_stop(struct timer *timer)
{
	struct itimerspec never = {0};

	return timerfd_settime(timer->watch.fd, 0, &never, NULL) ? -errno : 0;
}

void timer_close(struct timer *timer)
{
	if (!timer->loop)
		return;
	loop_remove(timer->loop, &timer->watch);
	close(timer->watch.fd);
	timer->loop = NULL;
}

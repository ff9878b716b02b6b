/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <time.h>

#include <orm/base/clock.h>

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / ORM_NS_PER_S),
				 .tv_nsec = (long)(ns % ORM_NS_PER_S)};
}

static uint64_t machine_now(void *data)
{
	struct timespec ts;

	(void)data;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * ORM_NS_PER_S + (uint64_t)ts.tv_nsec;
}

static uint64_t coarse_now(void *data)
{
	struct timespec ts;

	(void)data;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * ORM_NS_PER_S + (uint64_t)ts.tv_nsec;
}

static int machine_wait(void *data, pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t until_ns)
{
	struct timespec until = timespec_of(until_ns);

	(void)data;
	return pthread_cond_timedwait(cond, lock, &until);
}

static void machine_sleep(void *data, uint64_t ns)
{
	struct timespec left = timespec_of(ns);

	(void)data;
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
		;
}

const struct orm_clock orm_clock_machine = {
	.now_ns = machine_now,
	.wait = machine_wait,
	.sleep_ns = machine_sleep,
};

const struct orm_clock orm_clock_coarse = {
	.now_ns = coarse_now,
	.wait = machine_wait,
	.sleep_ns = machine_sleep,
};

int orm_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;
	int r = pthread_condattr_init(&attr);

	if (r)
		return -r;
	r = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (!r)
		r = pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
	return -r;
}

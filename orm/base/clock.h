/* SPDX-License-Identifier: Apache-2.0 */
/* Time, as a parameter: what waits or ages here is tested with a clock that the test moves. */
#ifndef STRAZH_ORM_CLOCK_H
#define STRAZH_ORM_CLOCK_H

#include <pthread.h>
#include <stdint.h>

#include <strazh/base/compiler.h>

#define ORM_NS_PER_MS UINT64_C(1000000)
#define ORM_NS_PER_S UINT64_C(1000000000)

struct orm_clock {
	uint64_t (*now_ns)(void *data); /* never goes back; never 0 */
	/* As pthread_cond_timedwait(), until now_ns() is `until_ns`: 0 or ETIMEDOUT. */
	int (*wait)(void *data, pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t until_ns);
	void (*sleep_ns)(void *data, uint64_t ns);
	void *data;
};

/* CLOCK_MONOTONIC. */
extern const struct orm_clock orm_clock_machine;
/* The same clock as of the last tick, some milliseconds old: 5 ns a reading instead of 23. */
extern const struct orm_clock orm_clock_coarse;

/* A condition that orm_clock_machine.wait() can wait for. 0 or -errno. */
int orm_cond_init(pthread_cond_t *cond) must_check;

static inline uint64_t orm_now_ns(const struct orm_clock *clock)
{
	return clock->now_ns(clock->data);
}

/* Milliseconds of an option as nanoseconds; below 0 is `off`. Saturates. */
static inline uint64_t orm_ns_of_ms(int64_t ms, uint64_t off)
{
	if (ms < 0)
		return off;
	return (uint64_t)ms > UINT64_MAX / 4 / ORM_NS_PER_MS ? UINT64_MAX / 4
							     : (uint64_t)ms * ORM_NS_PER_MS;
}

#endif

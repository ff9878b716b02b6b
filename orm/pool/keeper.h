/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The housekeeping thread of a database: calls a function again and again, each time so long after
 * the last one returned. All signals are blocked in it. It may be told to run at once.
 */
#ifndef STRAZH_ORM_KEEPER_H
#define STRAZH_ORM_KEEPER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <orm/base/clock.h>

struct orm_keeper {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t told;
	bool stop;
	bool now;
	uint64_t every_ns;
	void (*tend)(void *data, uint64_t now_ns);
	void *data;
};

/* 0 or -errno; stop() after 0 only. */
int orm_keeper_start(struct orm_keeper *k, uint64_t every_ns,
		     void (*tend)(void *data, uint64_t now_ns), void *data) must_check;
/* Run at once, also when it is running now. From any thread. */
void orm_keeper_tell(struct orm_keeper *k);
/* Returns when the function has returned for the last time. Not from inside it. */
void orm_keeper_stop(struct orm_keeper *k);

#endif

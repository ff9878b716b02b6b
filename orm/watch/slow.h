/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling about slow statements (strazh/orm/log.h). Usage: when a statement has ended,
 *
 *	if (orm_slow_is(slow, took_ns))
 *		orm_slow_tell(slow, &query, stmt, values, conn);
 *
 * conn is where plan and advice are asked for: the connection that ran it, finished and outside a
 * transaction; or NULL for no plan. Asking costs some round trips, of at most per_second statements
 * a second.
 */
#ifndef STRAZH_ORM_SLOW_H
#define STRAZH_ORM_SLOW_H

#include <pthread.h>
#include <stdatomic.h>

#include <strazh/orm/log.h>

#include <orm/base/clock.h>
#include <orm/drivers/driver.h>

#define ORM_SLOW_PER_SECOND 10

struct orm_slow {
	_Atomic(uint64_t) above_ns; /* UINT64_MAX: nobody wants to know */
	uint64_t slow_ns;
	const struct orm_clock *clock;

	pthread_mutex_t lock;
	orm_slow_fn fn;
	void *data;
	/* Token bucket: so many nanoseconds of calls are saved up, at most a second's worth. */
	uint64_t each_ns;
	uint64_t saved_ns;
	uint64_t filled_ns;
	uint64_t unsaid;
};

/* slow_ms 0 or less: never. clock NULL: the machine's. 0 or -errno. */
int orm_slow_init(struct orm_slow *slow, int64_t slow_ms, const struct orm_clock *clock) must_check;
/* Before the first orm_slow_set(). */
void orm_slow_threshold(struct orm_slow *slow, int64_t slow_ms);
void orm_slow_deinit(struct orm_slow *slow);
void orm_slow_set(struct orm_slow *slow, orm_slow_fn fn, void *data, unsigned per_second);

static inline bool orm_slow_is(const struct orm_slow *slow, uint64_t duration_ns)
{
	return duration_ns > atomic_load_explicit(&slow->above_ns, memory_order_relaxed);
}

/*
 * True: the function was called. unsaid, plan and advice of the query are filled in here. What
 * goes wrong on conn is nobody's failure; conn may be broken afterwards.
 */
bool orm_slow_tell(struct orm_slow *slow, const struct orm_slow_query *query,
		   const struct orm_stmt *stmt, const struct orm_value *values,
		   struct orm_conn *conn);

/* Numbers and texts of a plan's conditions become '?', in place. */
void orm_plan_mask(char *plan);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections of one address in one role. Thread-safe.
 *
 * acquire() gives an idle connection, or makes one, or waits in a queue: who came first is served
 * first. What it gives was used within check_after_ms, or has just answered a round trip: one that
 * turns out dead is replaced silently. Once one breaks, all that idle are asked before their next
 * use.
 *
 * Size: a connection is made when somebody wants one and none is idle, at most a quarter of
 * pool_max (and one) at a time, and whoever waits meanwhile takes what is released too; so a burst
 * of short uses does not open as many connections as there are callers. Above pool_min a connection
 * is closed when it was idle for idle_timeout_ms, or, one a second, when the smoothed demand
 * (demand.h) does not need it. The one used last is given first, so those not needed grow cold.
 * life_timeout_ms is varied by up to a tenth each way, so that they are not replaced all at once.
 *
 * When connecting fails the caller is told at once; retries and their pauses (backoff.h) are his.
 * Failures in a row open the circuit (breaker.h): then callers share what connections there are,
 * and fail with ORM_E_OPEN_CIRCUIT when there are none. "Too many connections" (SQLSTATE 53300)
 * from the server, while others of the pool work, is no failure but a limit: callers wait.
 *
 * Errors: ORM_E_BUSY (timeout), ORM_E_OPEN_CIRCUIT, ORM_E_STATE (the pool is closed), -ENOMEM, or
 * what driver->open() said.
 */
#ifndef STRAZH_ORM_POOL_H
#define STRAZH_ORM_POOL_H

#include <orm/base/clock.h>
#include <orm/drivers/driver.h>
#include <orm/pool/breaker.h>

#define ORM_POOL_MAX 4096

struct orm_pool;

/* One connection, while it is yours. `conn` is never NULL; the rest is the pool's. */
struct orm_pooled {
	struct orm_conn *conn;
	bool transaction; /* open, as far as the functions below know */
	bool unclean;	  /* set it when text of a programmer ran that may have opened one */
	uint64_t owner;	  /* whose text has left something on it; 0: nobody's. Set by its user */
	bool proved;	  /* was released in good health at least once */
	uint8_t state;
	uint64_t since_ns; /* in this state; of idle and used ones */
	uint64_t expires_ns;
	struct orm_pooled *next;
};

struct orm_pool_config {
	const struct orm_driver *driver;
	const char *address;		   /* copied */
	const struct orm_options *options; /* defaults filled in; borrowed, outlives the pool */
	enum orm_role role;
	const struct orm_clock *clock; /* NULL: the machine's */
	uint64_t seed;		       /* of the jitter; 0: of the clock */
	struct orm_meter *meter;       /* of what the drivers count; may be NULL */
};

/* No connection is made. ORM_E_VALUE: pool_min and pool_max contradict each other. */
int orm_pool_new(const struct orm_pool_config *config, struct orm_pool **ret_pool,
		 struct orm_error *err) must_check;
/*
 * Waiters fail, idle connections are closed, used ones when they are released; returns when no
 * thread is inside acquire() any more. Again: nothing.
 */
void orm_pool_close(struct orm_pool *pool);
/* Closes; nobody may use it or one of its connections any more. NULL is fine. */
void orm_pool_free(struct orm_pool *pool);

/*
 * Wait at most timeout_ms (below 0: acquire_timeout_ms) for a connection; one that must be made may
 * take connect_timeout_ms more.
 */
int orm_pool_acquire(struct orm_pool *pool, int64_t timeout_ms, struct orm_pooled **ret_pooled,
		     struct orm_error *err) must_check;
/*
 * Give it back, whatever happened: a broken one is closed, an open transaction is rolled back
 * (driver->rollback(), which does nothing when there is none). finish() was called.
 */
void orm_pool_release(struct orm_pool *pool, struct orm_pooled *pooled);

/* It is to be closed when it is given back, as if it were too old. */
static inline void orm_pooled_expire(struct orm_pooled *p)
{
	p->expires_ns = 0;
}

/* driver->begin(), commit(), rollback(), noted for release(). */
int orm_pooled_begin(struct orm_pooled *p, const struct orm_tx_options *options, bool durable,
		     struct orm_error *err) must_check;
int orm_pooled_commit(struct orm_pooled *p, struct orm_error *err) must_check;
void orm_pooled_rollback(struct orm_pooled *p);

/*
 * Housekeeping, about once a second, from any thread: closes what is not needed or too old, opens
 * what is missing to pool_min, tells waiters that a circuit may be tried again. May connect.
 */
void orm_pool_tend(struct orm_pool *pool, uint64_t now_ns);
/* Something of the same server broke elsewhere: ask idle connections before their next use. */
void orm_pool_suspect(struct orm_pool *pool);
struct orm_breaker *orm_pool_breaker(struct orm_pool *pool);
const char *orm_pool_address(const struct orm_pool *pool);

struct orm_pool_stats {
	/* gauges */
	uint32_t open; /* idle, used, being made or being closed: never above pool_max */
	uint32_t idle;
	uint32_t used;
	uint32_t waiting;
	uint32_t target; /* what the smoothed demand asks for, at least pool_min */
	/* counters */
	uint64_t acquired;
	uint64_t waited;
	uint64_t waited_ns; /* of those that were served */
	uint64_t timeouts;
	uint64_t refused; /* by the open circuit */
	uint64_t connects;
	uint64_t connect_failures;
	uint64_t connect_ns; /* of both */
	uint64_t checks;
	uint64_t check_failures;
	uint64_t broken;      /* released broken */
	uint64_t rolled_back; /* released inside a transaction */
	uint64_t closed_idle; /* idle_timeout_ms, or above demand */
	uint64_t closed_life; /* life_timeout_ms */
	uint64_t server_full; /* connects refused by SQLSTATE 53300 */
};
void orm_pool_read(struct orm_pool *pool, struct orm_pool_stats *ret_stats);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool_max slots, allocated once. A slot is
 *
 *	FREE     no connection; in the list `free`
 *	OPENING  its taker connects, outside the lock
 *	IDLE     on the stack `idle`, the one used last on top
 *	USED     a caller's, or asked by its taker whether it lives
 *	CLOSING  its connection is being closed, outside the lock
 *
 * and all but FREE count as open, so that there are never more than pool_max connections.
 * Everything is under `lock` but the slot's own fields while it is OPENING, USED or CLOSING: those
 * are of the one who took it. Lock order: pool, then breaker.
 *
 * Waiters stand in a queue on their own stacks. A slot is given to the first of them by hand_out():
 * an idle one, or a free one with the right to connect. Whoever changes what hand_out() looks at
 * calls it; so while there are waiters nothing is idle, and a newcomer who finds something idle
 * overtakes nobody.
 */
#ifndef STRAZH_ORM_POOL_SLOT_H
#define STRAZH_ORM_POOL_SLOT_H

#include <orm/pool/backoff.h>
#include <orm/pool/demand.h>
#include <orm/pool/pool.h>

/* connect_slot(): not now, but there are others worth waiting for. */
#define NOT_NOW ORM_CLASS_COUNT

enum slot_state { FREE, OPENING, IDLE, USED, CLOSING };

struct waiter {
	pthread_cond_t cond;
	struct orm_pooled *slot; /* when done, and not failed */
	int failed;		 /* class, or 0 */
	bool done;
	struct waiter *prev, *next;
};

struct orm_pool {
	pthread_mutex_t lock;
	const struct orm_driver *driver;
	const struct orm_clock *clock;
	struct orm_pooled **idle; /* a stack */
	uint32_t idle_count;
	uint32_t used;
	bool closed;
	struct waiter *first, *last;
	struct orm_demand demand;
	uint64_t check_after_ns;
	uint64_t suspect_ns; /* what is idle for longer is asked */

	struct orm_pooled *slots;
	struct orm_pooled *free;
	uint32_t open;
	uint32_t opening;
	uint32_t opening_max;
	uint32_t inside; /* threads in acquire() and tend(), slow paths */
	pthread_cond_t left;
	uint32_t ceiling; /* what the server takes, until ceiling_until_ns; 0: not known */
	uint64_t ceiling_until_ns;
	uint32_t min, max;
	uint64_t idle_timeout_ns;
	uint64_t life_ns;
	struct orm_random random;
	struct orm_breaker breaker;
	const struct orm_options *options;
	enum orm_role role;
	struct orm_meter *meter;
	char *address;
	struct orm_pool_stats stats; /* counters; gauges and the target are filled in by read() */
};

/* All of them are called with the lock held; those marked * let it go meanwhile. */
struct orm_pooled *orm_pool_take_free(struct orm_pool *pool);
void orm_pool_put_free(struct orm_pool *pool, struct orm_pooled *slot); /* OPENING or CLOSING */
struct orm_pooled *orm_pool_take_idle(struct orm_pool *pool, uint64_t now, bool *ret_ask);
void orm_pool_put_idle(struct orm_pool *pool, struct orm_pooled *slot, uint64_t now); /* USED */
bool orm_pool_may_connect(struct orm_pool *pool, uint64_t now);
/* Nothing that a waiter could get will come, until the circuit closes. */
bool orm_pool_is_starved(struct orm_pool *pool, uint64_t now);
void orm_pool_queue(struct orm_pool *pool, struct waiter *w, bool ahead);
void orm_pool_unqueue(struct orm_pool *pool, struct waiter *w);
/* The first waiter is served, or failed. */
void orm_pool_wake(struct orm_pool *pool, struct orm_pooled *slot, int failed);
void orm_pool_hand_out(struct orm_pool *pool, uint64_t now);
void orm_pool_leave(struct orm_pool *pool); /* ends pool->inside++ */
/* * Close the connection; the slot is FREE after that. No longer counted as used or idle. */
void orm_pool_discard(struct orm_pool *pool, struct orm_pooled *slot);
/* * Fill a slot that is OPENING: it is USED, or still OPENING when this fails. */
int orm_pool_connect(struct orm_pool *pool, struct orm_pooled *slot,
		     struct orm_error *err) must_check;
/* * One that was idle, now USED: does it live? If not it is OPENING. */
void orm_pool_ask(struct orm_pool *pool, struct orm_pooled *slot);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Acquire and release. The model is in slot.h. */
#include <errno.h>
#include <inttypes.h>

#include <orm/base/fault.h>
#include <orm/pool/slot.h>

/* ---- acquire; the lock is held ---- */

static int fail_closed(struct orm_error *err)
{
	return orm_fail(err, ORM_E_STATE, "the database is being closed");
}

static int fail_circuit(struct orm_pool *pool, struct orm_error *err)
{
	pool->stats.refused++;
	return orm_fail(err, ORM_E_OPEN_CIRCUIT,
			"the database failed %u times in a row; not asked until it recovers",
			pool->breaker.failures_max);
}

static int fail_busy(struct orm_pool *pool, uint64_t waited_ns, struct orm_error *err)
{
	uint64_t now = orm_now_ns(pool->clock), longest = 0;

	for (uint32_t i = 0; i < pool->max; i++) {
		const struct orm_pooled *slot = &pool->slots[i];

		if (slot->state == USED && now > slot->since_ns)
			longest = MAX(longest, now - slot->since_ns);
	}
	pool->stats.timeouts++;
	return orm_fail(err, ORM_E_BUSY,
			"no connection was free within %" PRIu64
			" ms: %u of %u in use, the longest for %" PRIu64 " ms; %u others wait",
			waited_ns / ORM_NS_PER_MS, pool->used, pool->max, longest / ORM_NS_PER_MS,
			pool->stats.waiting);
}

static int stand_in_queue(struct orm_pool *pool, uint64_t begin, uint64_t until, bool ahead,
			  struct orm_pooled **ret_slot, struct orm_error *err)
{
	struct waiter w = {0};
	int r = orm_cond_init(&w.cond);

	if (r)
		return orm_fail(err, r, "no condition variable to wait with");
	orm_pool_queue(pool, &w, ahead);
	while (!w.done) {
		r = pool->clock->wait(pool->clock->data, &w.cond, &pool->lock, until);
		if (r == ETIMEDOUT && !w.done) {
			orm_pool_unqueue(pool, &w);
			break;
		}
	}
	pthread_cond_destroy(&w.cond);
	if (!w.done)
		return fail_busy(pool, until - begin, err);
	if (w.failed)
		return w.failed == ORM_E_STATE ? fail_closed(err) : fail_circuit(pool, err);
	pool->stats.waited++;
	pool->stats.waited_ns += orm_now_ns(pool->clock) - begin;
	*ret_slot = w.slot;
	return 0;
}

/* A slot, USED or OPENING; NULL with *ret_class. */
static struct orm_pooled *take_slot(struct orm_pool *pool, uint64_t begin, uint64_t until,
				    bool ahead, bool *ret_ask, int *ret_class,
				    struct orm_error *err)
{
	uint64_t now = orm_now_ns(pool->clock);
	struct orm_pooled *slot = NULL;

	*ret_ask = false;
	if (pool->closed) {
		*ret_class = fail_closed(err);
		return NULL;
	}
	if (ahead || !pool->first) {
		if (pool->idle_count)
			return orm_pool_take_idle(pool, now, ret_ask);
		if (orm_pool_may_connect(pool, now))
			return orm_pool_take_free(pool);
	}
	if (orm_pool_is_starved(pool, now))
		*ret_class = fail_circuit(pool, err);
	else if (now >= until)
		*ret_class = fail_busy(pool, until - begin, err);
	else
		*ret_class = stand_in_queue(pool, begin, until, ahead, &slot, err);
	return slot;
}

/* The slow way. `slot` is NULL, or one that must be asked first. */
static int obtain(struct orm_pool *pool, struct orm_pooled *slot, uint64_t begin, uint64_t until,
		  struct orm_pooled **ret_pooled, struct orm_error *err)
{
	bool ask = slot != NULL, ahead = false;
	int r = 0;

	for (;; ahead = true) {
		if (!slot)
			slot = take_slot(pool, begin, until, ahead, &ask, &r, err);
		if (!slot)
			return r;
		if (ask)
			orm_pool_ask(pool, slot);
		r = slot->state == OPENING ? orm_pool_connect(pool, slot, err) : 0;
		if (!r && pool->closed) {
			pool->used--;
			orm_pool_discard(pool, slot);
			return fail_closed(err);
		}
		if (r)
			orm_pool_put_free(pool, slot);
		orm_pool_hand_out(pool, orm_now_ns(pool->clock));
		if (r != NOT_NOW)
			break;
		slot = NULL;
	}
	if (!r)
		*ret_pooled = slot;
	return r;
}

int orm_pool_acquire(struct orm_pool *pool, int64_t timeout_ms, struct orm_pooled **ret_pooled,
		     struct orm_error *err)
{
	uint64_t begin = orm_now_ns(pool->clock), until;
	struct orm_pooled *slot = NULL;
	struct orm_error unread;
	bool ask;
	int r;

	pthread_mutex_lock(&pool->lock);
	if (pool->idle_count && !pool->closed) {
		slot = orm_pool_take_idle(pool, begin, &ask);
		if (!ask) {
			pthread_mutex_unlock(&pool->lock);
			*ret_pooled = slot;
			return 0;
		}
	}
	until = begin +
		orm_ns_of_ms(timeout_ms < 0 ? pool->options->acquire_timeout_ms : timeout_ms, 0);
	pool->inside++;
	r = obtain(pool, slot, begin, until, ret_pooled, err ? err : &unread);
	orm_pool_leave(pool);
	pthread_mutex_unlock(&pool->lock);
	return r;
}

/* ---- release ---- */

/* The lock is held; the slot is counted as used. */
static void drop_used(struct orm_pool *pool, struct orm_pooled *slot, bool broken, uint64_t now)
{
	pool->used--;
	if (broken) {
		pool->stats.broken++;
		pool->suspect_ns = now;
		/* One that never did anything is as good as a failed connect. */
		if (!slot->proved)
			orm_breaker_failed(&pool->breaker, now);
	} else if (!pool->closed) {
		pool->stats.closed_life++;
	}
	orm_pool_discard(pool, slot);
	orm_pool_hand_out(pool, orm_now_ns(pool->clock));
}

void orm_pool_release(struct orm_pool *pool, struct orm_pooled *p)
{
	const struct orm_conn_head *head = (const struct orm_conn_head *)p->conn;
	bool open = p->transaction;
	uint64_t now;

	if (!head->broken && (p->transaction || p->unclean))
		pool->driver->rollback(p->conn);
	p->transaction = p->unclean = false;
	now = orm_now_ns(pool->clock);
	pthread_mutex_lock(&pool->lock);
	pool->stats.rolled_back += open;
	if (head->broken || pool->closed || now >= p->expires_ns) {
		drop_used(pool, p, head->broken, now);
	} else {
		p->proved = true;
		orm_pool_put_idle(pool, p, now);
		if (pool->first)
			orm_pool_hand_out(pool, now);
	}
	pthread_mutex_unlock(&pool->lock);
}

static const struct orm_driver *driver_of(const struct orm_pooled *p)
{
	return ((const struct orm_conn_head *)p->conn)->driver;
}

int orm_pooled_begin(struct orm_pooled *p, const struct orm_tx_options *options, bool durable,
		     struct orm_error *err)
{
	int r = driver_of(p)->begin(p->conn, options, durable, err);

	/* One that failed half-way is left to release(). */
	*(r ? &p->unclean : &p->transaction) = true;
	return r;
}

int orm_pooled_commit(struct orm_pooled *p, struct orm_error *err)
{
	int r = driver_of(p)->commit(p->conn, err);

	p->transaction = false;
	if (r)
		p->unclean = true;
	return r;
}

void orm_pooled_rollback(struct orm_pooled *p)
{
	driver_of(p)->rollback(p->conn);
	p->transaction = false;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <orm/pool/slot.h>

/* For so long after "too many connections" no more than there were are tried. */
#define SERVER_FULL_NS ORM_NS_PER_S

struct orm_pooled *orm_pool_take_free(struct orm_pool *pool)
{
	struct orm_pooled *slot = pool->free;

	pool->free = slot->next;
	slot->next = NULL;
	slot->state = OPENING;
	pool->open++;
	pool->opening++;
	return slot;
}

void orm_pool_put_free(struct orm_pool *pool, struct orm_pooled *slot)
{
	if (slot->state == OPENING)
		pool->opening--;
	pool->open--;
	slot->state = FREE;
	slot->next = pool->free;
	pool->free = slot;
}

/* *ret_ask: it must answer first. */
struct orm_pooled *orm_pool_take_idle(struct orm_pool *pool, uint64_t now, bool *ret_ask)
{
	struct orm_pooled *slot = pool->idle[--pool->idle_count];

	*ret_ask = slot->since_ns < pool->suspect_ns ||
		   (now > slot->since_ns && now - slot->since_ns >= pool->check_after_ns);
	slot->state = USED;
	slot->since_ns = now;
	pool->used++;
	pool->stats.acquired++;
	orm_demand_note(&pool->demand, pool->used);
	return slot;
}

void orm_pool_put_idle(struct orm_pool *pool, struct orm_pooled *slot, uint64_t now)
{
	slot->state = IDLE;
	slot->since_ns = now;
	pool->used--;
	pool->idle[pool->idle_count++] = slot;
}

bool orm_pool_may_connect(struct orm_pool *pool, uint64_t now)
{
	if (pool->open >= pool->max || pool->opening >= pool->opening_max)
		return false;
	if (pool->ceiling && pool->open >= pool->ceiling && now < pool->ceiling_until_ns)
		return false;
	return orm_breaker_would_let(&pool->breaker, now);
}

bool orm_pool_is_starved(struct orm_pool *pool, uint64_t now)
{
	return !pool->used && !pool->idle_count && !pool->opening &&
	       !orm_breaker_would_let(&pool->breaker, now);
}

void orm_pool_unqueue(struct orm_pool *pool, struct waiter *w)
{
	*(w->prev ? &w->prev->next : &pool->first) = w->next;
	*(w->next ? &w->next->prev : &pool->last) = w->prev;
	pool->stats.waiting--;
}

void orm_pool_queue(struct orm_pool *pool, struct waiter *w, bool ahead)
{
	w->prev = ahead ? NULL : pool->last;
	w->next = ahead ? pool->first : NULL;
	*(w->prev ? &w->prev->next : &pool->first) = w;
	*(w->next ? &w->next->prev : &pool->last) = w;
	pool->stats.waiting++;
	orm_demand_note(&pool->demand, pool->used + pool->opening + pool->stats.waiting);
}

void orm_pool_wake(struct orm_pool *pool, struct orm_pooled *slot, int failed)
{
	struct waiter *w = pool->first;

	orm_pool_unqueue(pool, w);
	w->slot = slot;
	w->failed = failed;
	w->done = true;
	pthread_cond_signal(&w->cond);
}

void orm_pool_hand_out(struct orm_pool *pool, uint64_t now)
{
	bool ask;

	while (pool->first) {
		if (pool->idle_count)
			orm_pool_wake(pool, orm_pool_take_idle(pool, now, &ask), 0);
		else if (orm_pool_may_connect(pool, now))
			orm_pool_wake(pool, orm_pool_take_free(pool), 0);
		else if (orm_pool_is_starved(pool, now))
			orm_pool_wake(pool, NULL, ORM_E_OPEN_CIRCUIT);
		else
			return;
	}
}

void orm_pool_leave(struct orm_pool *pool)
{
	if (!--pool->inside && pool->closed)
		pthread_cond_broadcast(&pool->left);
}

/* ---- one connection ---- */

void orm_pool_discard(struct orm_pool *pool, struct orm_pooled *slot)
{
	slot->state = CLOSING;
	pthread_mutex_unlock(&pool->lock);
	pool->driver->close(slot->conn);
	slot->conn = NULL;
	pthread_mutex_lock(&pool->lock);
	orm_pool_put_free(pool, slot);
}

static uint64_t life_of_one(struct orm_pool *pool)
{
	uint64_t tenth = pool->life_ns / 10;

	return pool->life_ns - tenth + orm_random_upto(&pool->random, tenth * 2);
}

/* A connection that also answers, where there is reason to doubt it. */
static int open_conn(struct orm_pool *pool, struct orm_conn **ret_conn, struct orm_error *err)
{
	struct orm_conn *conn;
	int r = pool->driver->open(pool->address, pool->options, pool->role, &conn, err);

	if (r)
		return r;
	if (!orm_breaker_is_calm(&pool->breaker)) {
		r = pool->driver->check(conn, err);
		if (r) {
			pool->driver->close(conn);
			return r;
		}
	}
	orm_meter_join(pool->meter, &((struct orm_conn_head *)conn)->tally);
	*ret_conn = conn;
	return 0;
}

/* The server is up, and others of ours work: that it takes no more is a limit. */
static bool is_server_full(struct orm_pool *pool, int class, const struct orm_error *err)
{
	return class > 0 && !strcmp(err->sqlstate, "53300") && (pool->used || pool->idle_count);
}

static int connect_failed(struct orm_pool *pool, enum orm_ticket ticket, int class, uint64_t now,
			  const struct orm_error *err)
{
	bool full = is_server_full(pool, class, err);

	/* Our own lack of memory says nothing about the server. */
	if (class > 0 || ticket == ORM_PROBE)
		orm_breaker_leave(&pool->breaker, ticket, full, now);
	pool->stats.connect_failures++;
	if (!full)
		return class;
	pool->stats.server_full++;
	pool->ceiling = pool->open - 1;
	pool->ceiling_until_ns = now + SERVER_FULL_NS;
	return NOT_NOW;
}

int orm_pool_connect(struct orm_pool *pool, struct orm_pooled *slot, struct orm_error *err)
{
	uint64_t begin = orm_now_ns(pool->clock), now;
	enum orm_ticket ticket = orm_breaker_enter(&pool->breaker, begin);
	int r;

	if (ticket == ORM_REFUSED)
		return NOT_NOW;
	pthread_mutex_unlock(&pool->lock);
	r = open_conn(pool, &slot->conn, err);
	now = orm_now_ns(pool->clock);
	pthread_mutex_lock(&pool->lock);
	pool->stats.connects++;
	pool->stats.connect_ns += now - begin;
	if (r) {
		slot->conn = NULL;
		return connect_failed(pool, ticket, r, now, err);
	}
	orm_breaker_leave(&pool->breaker, ticket, true, now);
	slot->state = USED;
	slot->transaction = slot->unclean = slot->proved = false;
	slot->owner = 0;
	slot->since_ns = now;
	slot->expires_ns = now + life_of_one(pool);
	pool->opening--;
	pool->used++;
	pool->stats.acquired++;
	orm_demand_note(&pool->demand, pool->used);
	return 0;
}

void orm_pool_ask(struct orm_pool *pool, struct orm_pooled *slot)
{
	struct orm_error err;
	int r;

	pthread_mutex_unlock(&pool->lock);
	r = pool->driver->check(slot->conn, &err);
	if (r) {
		pool->driver->close(slot->conn);
		slot->conn = NULL;
	}
	pthread_mutex_lock(&pool->lock);
	pool->stats.checks++;
	if (!r)
		return;
	pool->stats.check_failures++;
	pool->stats.acquired--;
	pool->suspect_ns = orm_now_ns(pool->clock);
	slot->state = OPENING;
	pool->used--;
	pool->opening++;
}

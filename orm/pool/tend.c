/* SPDX-License-Identifier: Apache-2.0 */
/* A pool's beginning, housekeeping and end. The model is in slot.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>

#include <orm/base/fault.h>
#include <orm/pool/slot.h>

/* ---- begin ---- */

static int check_sizes(const struct orm_options *o, struct orm_error *err)
{
	if (o->pool_max < 1 || o->pool_max > ORM_POOL_MAX)
		return orm_fail(err, ORM_E_VALUE, "pool_max is %" PRId64 ", not 1 to %d",
				o->pool_max, ORM_POOL_MAX);
	if (o->pool_min > o->pool_max)
		return orm_fail(err, ORM_E_VALUE,
				"pool_min is %" PRId64 ", above pool_max, %" PRId64, o->pool_min,
				o->pool_max);
	return 0;
}

static void free_memory(struct orm_pool *pool)
{
	free(pool->slots);
	free(pool->idle);
	free(pool->address);
	free(pool);
}

static int init_locks(struct orm_pool *pool)
{
	const struct orm_options *o = pool->options;
	int r = orm_breaker_init(&pool->breaker,
				 (uint32_t)MIN(MAX(o->breaker_failures, 1), UINT32_MAX),
				 orm_ns_of_ms(o->breaker_open_ms, 0));

	if (r)
		return r;
	r = -pthread_mutex_init(&pool->lock, NULL);
	if (r) {
		orm_breaker_deinit(&pool->breaker);
		return r;
	}
	r = orm_cond_init(&pool->left);
	if (r) {
		pthread_mutex_destroy(&pool->lock);
		orm_breaker_deinit(&pool->breaker);
	}
	return r;
}

static void set_options(struct orm_pool *pool, const struct orm_pool_config *config)
{
	const struct orm_options *o = config->options;

	pool->driver = config->driver;
	pool->options = o;
	pool->role = config->role;
	pool->meter = config->meter;
	pool->clock = config->clock ? config->clock : &orm_clock_machine;
	pool->min = (uint32_t)MAX(o->pool_min, 0);
	pool->max = (uint32_t)o->pool_max;
	pool->opening_max = 1 + pool->max / 4;
	pool->check_after_ns = orm_ns_of_ms(o->check_after_ms, UINT64_MAX);
	pool->idle_timeout_ns = orm_ns_of_ms(o->idle_timeout_ms, UINT64_MAX);
	pool->life_ns = orm_ns_of_ms(o->life_timeout_ms, UINT64_MAX / 4);
	orm_random_init(&pool->random,
			config->seed ? config->seed : orm_now_ns(pool->clock) ^ (uintptr_t)pool);
}

int orm_pool_new(const struct orm_pool_config *config, struct orm_pool **ret_pool,
		 struct orm_error *err)
{
	struct orm_pool *pool;
	int r = check_sizes(config->options, err);

	if (r)
		return r;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return orm_fail(err, -ENOMEM, "no memory for a pool");
	set_options(pool, config);
	pool->slots = calloc(pool->max, sizeof(*pool->slots));
	pool->idle = calloc(pool->max, sizeof(struct orm_pooled *));
	pool->address = strdup(config->address);
	r = pool->slots && pool->idle && pool->address ? init_locks(pool) : -ENOMEM;
	if (r) {
		free_memory(pool);
		return orm_fail(err, r, "no memory for a pool");
	}
	for (uint32_t i = pool->max; i--;) {
		pool->slots[i].next = pool->free;
		pool->free = &pool->slots[i];
	}
	*ret_pool = pool;
	return 0;
}

/* ---- housekeeping ---- */

/* Not IDLE any more: linked into a list, to be closed. */
static void condemn(struct orm_pooled *slot, struct orm_pooled **list)
{
	slot->state = CLOSING;
	slot->next = *list;
	*list = slot;
}

/* Idle connections that nobody needs, or that are too old. The coldest ones lie at the bottom. */
static struct orm_pooled *take_superfluous(struct orm_pool *pool, uint64_t now, bool one_less)
{
	uint32_t target = MAX(pool->min, orm_demand_target(&pool->demand));
	uint32_t count = pool->idle_count, remain = pool->open;
	struct orm_pooled *list = NULL;

	pool->idle_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct orm_pooled *slot = pool->idle[i];
		bool cold = now > slot->since_ns && now - slot->since_ns >= pool->idle_timeout_ns;

		if (now >= slot->expires_ns) {
			pool->stats.closed_life++;
		} else if (remain > pool->min && (cold || (one_less && remain > target))) {
			pool->stats.closed_idle++;
			one_less = one_less && cold;
		} else {
			pool->idle[pool->idle_count++] = slot;
			continue;
		}
		remain--;
		condemn(slot, &list);
	}
	return list;
}

/* The lock is held, and let go meanwhile. */
static void close_list(struct orm_pool *pool, struct orm_pooled *list)
{
	struct orm_pooled *next;

	for (; list; list = next) {
		next = list->next;
		orm_pool_discard(pool, list);
	}
}

/* Open what is missing to pool_min, until one fails. */
static void fill(struct orm_pool *pool)
{
	struct orm_error err;

	while (!pool->closed && pool->open < pool->min &&
	       orm_pool_may_connect(pool, orm_now_ns(pool->clock))) {
		struct orm_pooled *slot = orm_pool_take_free(pool);

		if (orm_pool_connect(pool, slot, &err)) {
			orm_pool_put_free(pool, slot);
			return;
		}
		pool->stats.acquired--;
		if (pool->closed) {
			pool->used--;
			orm_pool_discard(pool, slot);
			return;
		}
		orm_pool_put_idle(pool, slot, orm_now_ns(pool->clock));
		orm_pool_hand_out(pool, orm_now_ns(pool->clock));
	}
}

void orm_pool_tend(struct orm_pool *pool, uint64_t now_ns)
{
	bool one_less;

	pthread_mutex_lock(&pool->lock);
	if (!pool->closed) {
		pool->inside++;
		one_less = orm_demand_tick(&pool->demand, now_ns, pool->used + pool->stats.waiting);
		close_list(pool, take_superfluous(pool, now_ns, one_less));
		fill(pool);
		orm_pool_hand_out(pool, orm_now_ns(pool->clock));
		orm_pool_leave(pool);
	}
	pthread_mutex_unlock(&pool->lock);
}

void orm_pool_suspect(struct orm_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->suspect_ns = orm_now_ns(pool->clock);
	pthread_mutex_unlock(&pool->lock);
}

struct orm_breaker *orm_pool_breaker(struct orm_pool *pool)
{
	return &pool->breaker;
}

const char *orm_pool_address(const struct orm_pool *pool)
{
	return pool->address;
}

void orm_pool_read(struct orm_pool *pool, struct orm_pool_stats *ret_stats)
{
	pthread_mutex_lock(&pool->lock);
	*ret_stats = pool->stats;
	ret_stats->open = pool->open;
	ret_stats->idle = pool->idle_count;
	ret_stats->used = pool->used;
	ret_stats->target = MIN(MAX(pool->min, orm_demand_target(&pool->demand)), pool->max);
	pthread_mutex_unlock(&pool->lock);
}

/* ---- end ---- */

void orm_pool_close(struct orm_pool *pool)
{
	struct orm_pooled *list = NULL;

	pthread_mutex_lock(&pool->lock);
	pool->closed = true;
	while (pool->first)
		orm_pool_wake(pool, NULL, ORM_E_STATE);
	while (pool->idle_count)
		condemn(pool->idle[--pool->idle_count], &list);
	close_list(pool, list);
	while (pool->inside)
		pthread_cond_wait(&pool->left, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
}

void orm_pool_free(struct orm_pool *pool)
{
	if (!pool)
		return;
	orm_pool_close(pool);
	for (uint32_t i = 0; i < pool->max; i++) {
		if (pool->slots[i].conn)
			pool->driver->close(pool->slots[i].conn);
	}
	pthread_cond_destroy(&pool->left);
	pthread_mutex_destroy(&pool->lock);
	orm_breaker_deinit(&pool->breaker);
	free_memory(pool);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One mutex over a hash table and an LRU list; it is held for a lookup (under 100 ns) and never
 * while rendering. Two threads may render the same shape at once; the second finds the first's.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include <strazh/orm/error.h>

#include <orm/render/shape.h>

#define RENDER_MEMORY_MAX (16U << 20)
/* Larger ones (INSERTs of many rows, long raw texts) are not worth their memory. */
#define KEEP_WORDS_MAX 2048U
#define KEEP_VALUES_MAX 256U

struct shape_cache {
	pthread_mutex_t lock;
	struct orm_shape **buckets;
	uint32_t mask;
	unsigned max;
	struct orm_shape *newest, *oldest;
	struct shape_stats stats;
};

static uint64_t next_id = 1; /* of statements, in this process */
static uint64_t tables_gone; /* relaxed */

int shape_cache_new(unsigned max, struct shape_cache **ret_cache)
{
	struct shape_cache *cache = calloc(1, sizeof(*cache));
	uint32_t size = 16;

	if (!cache)
		return -ENOMEM;
	while (size < max && size < 1U << 20)
		size *= 2;
	cache->buckets = calloc(size, sizeof(struct orm_shape *));
	if (!cache->buckets || pthread_mutex_init(&cache->lock, NULL)) {
		free(cache->buckets);
		free(cache);
		return -ENOMEM;
	}
	cache->mask = size - 1;
	cache->max = max;
	*ret_cache = cache;
	return 0;
}

void shape_cache_free(struct shape_cache *cache)
{
	struct orm_shape *older;

	if (!cache)
		return;
	for (struct orm_shape *shape = cache->newest; shape; shape = older) {
		older = shape->older;
		free(shape);
	}
	pthread_mutex_destroy(&cache->lock);
	free(cache->buckets);
	free(cache);
}

/* Both halves of the product: the high one depends on all bits. */
static uint64_t fold(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* One multiplication for two words. A product of zero only costs a longer chain: see shape_has().
 */
static uint64_t hash_words(const uint64_t *words, uint32_t n)
{
	uint64_t hash = 0x9e3779b97f4a7c15ULL ^ n;
	uint32_t i = 0;

	for (; i + 1 < n; i += 2)
		hash = fold(hash ^ words[i], words[i + 1] ^ 0xa0761d6478bd642fULL);
	if (i < n)
		hash = fold(hash ^ words[i], 0xe7037ed1a0b428dbULL);
	return hash;
}

uint64_t shape_hash(const struct orm_query *q)
{
	return hash_words(q->words, q->n);
}

void shape_tables_gone(void)
{
	__atomic_add_fetch(&tables_gone, 1, __ATOMIC_RELAXED);
}

bool shape_has(const struct orm_shape *shape, const struct orm_query *q)
{
	return shape->n == q->n && shape->values == q->n_values &&
	       shape->tables_gone == __atomic_load_n(&tables_gone, __ATOMIC_RELAXED) &&
	       !memcmp(shape->words, q->words, q->n * sizeof(*q->words));
}

/* ---- the LRU list; all under the lock ---- */

static void unlink_shape(struct shape_cache *cache, struct orm_shape *shape)
{
	*(shape->newer ? &shape->newer->older : &cache->newest) = shape->older;
	*(shape->older ? &shape->older->newer : &cache->oldest) = shape->newer;
}

static void link_newest(struct shape_cache *cache, struct orm_shape *shape)
{
	shape->newer = NULL;
	shape->older = cache->newest;
	*(cache->newest ? &cache->newest->newer : &cache->oldest) = shape;
	cache->newest = shape;
}

static struct orm_shape *find(struct shape_cache *cache, const struct orm_query *q, uint64_t hash)
{
	struct orm_shape *shape = cache->buckets[hash & cache->mask];

	while (shape && (shape->hash != hash || !shape_has(shape, q)))
		shape = shape->next;
	if (!shape)
		return NULL;
	if (shape != cache->newest) {
		unlink_shape(cache, shape);
		link_newest(cache, shape);
	}
	shape->references++;
	return shape;
}

static void drop_oldest(struct shape_cache *cache)
{
	struct orm_shape *shape = cache->oldest, **at;

	at = &cache->buckets[shape->hash & cache->mask];
	while (*at != shape)
		at = &(*at)->next;
	*at = shape->next;
	unlink_shape(cache, shape);
	cache->stats.kept--;
	cache->stats.evicted++;
	if (!--shape->references)
		free(shape);
}

/* ---- making one ---- */

static size_t padded(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

/* Everything of a shape in one block: words, pointers, then bytes. */
static struct orm_shape *pack(const struct orm_query *q, const struct rendered *from)
{
	const struct orm_stmt *stmt = &from->stmt;
	size_t words = q->n * sizeof(*q->words);
	size_t tables = from->n_tables * sizeof(*from->tables);
	size_t names = from->columns.n * (sizeof(char *) + ORM_NAME_MAX + 1);
	size_t types = padded(stmt->params + 1U) + padded(stmt->columns + 1U);
	struct orm_shape *shape = malloc(sizeof(*shape) + words + tables + names + types +
					 stmt->sql_len + 1);
	char *at;

	if (!shape)
		return NULL;
	*shape = (struct orm_shape){.stmt = *stmt,
				    .n = q->n,
				    .values = q->n_values,
				    .tables_gone = __atomic_load_n(&tables_gone, __ATOMIC_RELAXED),
				    .n_tables = from->n_tables,
				    .references = 1};
	at = (char *)(shape + 1);
	shape->words = memcpy(at, q->words, words);
	at += words;
	shape->tables = (const struct orm_table **)(void *)at;
	if (tables)
		memcpy(at, from->tables, tables);
	at += tables;
	shape->names = (char **)(void *)at;
	at += from->columns.n * sizeof(char *);
	for (unsigned i = 0; i < from->columns.n; i++) {
		shape->names[i] = memcpy(at, from->columns.list[i].name, ORM_NAME_MAX + 1);
		at += ORM_NAME_MAX + 1;
	}
	shape->stmt.param_type = memcpy(at, stmt->param_type, stmt->params + 1U);
	at += padded(stmt->params + 1U);
	shape->stmt.column_type = memcpy(at, stmt->column_type, stmt->columns + 1U);
	at += padded(stmt->columns + 1U);
	shape->stmt.sql = memcpy(at, stmt->sql ? stmt->sql : "", stmt->sql_len);
	at[stmt->sql_len] = '\0';
	shape->stmt.id = __atomic_fetch_add(&next_id, 1, __ATOMIC_RELAXED);
	return shape;
}

static int render_shape(const struct orm_query *q, enum orm_dialect dialect,
			struct orm_shape **ret_shape, char fault[192])
{
	struct rendered rendered;
	struct arena arena;
	int r;

	arena_init(&arena, RENDER_MEMORY_MAX);
	r = render_query(q->words, q->n, q->n_values, dialect, &arena, &rendered, fault);
	if (!r) {
		*ret_shape = pack(q, &rendered);
		if (!*ret_shape) {
			memcpy(fault, "out of memory", 14);
			r = -ENOMEM;
		}
	}
	arena_deinit(&arena);
	return r;
}

int shape_get(struct shape_cache *cache, const struct orm_query *q, enum orm_dialect dialect,
	      struct orm_shape **ret_shape, char fault[192])
{
	return shape_get_hashed(cache, q, shape_hash(q), dialect, ret_shape, fault);
}

int shape_get_hashed(struct shape_cache *cache, const struct orm_query *q, uint64_t hash,
		     enum orm_dialect dialect, struct orm_shape **ret_shape, char fault[192])
{
	bool keep = q->n <= KEEP_WORDS_MAX && q->n_values <= KEEP_VALUES_MAX;
	struct orm_shape *shape, *other;
	int r;

	pthread_mutex_lock(&cache->lock);
	shape = find(cache, q, hash);
	*(shape ? &cache->stats.hits : &cache->stats.misses) += 1;
	pthread_mutex_unlock(&cache->lock);
	if (shape) {
		*ret_shape = shape;
		return 0;
	}
	r = render_shape(q, dialect, &shape, fault);
	if (r)
		return r;
	shape->hash = hash;
	if (!keep)
		shape->stmt.flags |= ORM_STMT_ONCE;
	*ret_shape = shape;
	if (!keep || !cache->max)
		return 0;
	pthread_mutex_lock(&cache->lock);
	other = find(cache, q, hash);
	if (other) {
		free(shape);
		*ret_shape = other;
	} else {
		shape->references = 2;
		shape->next = cache->buckets[hash & cache->mask];
		cache->buckets[hash & cache->mask] = shape;
		link_newest(cache, shape);
		if (++cache->stats.kept > cache->max)
			drop_oldest(cache);
	}
	pthread_mutex_unlock(&cache->lock);
	return 0;
}

void shape_hold(struct shape_cache *cache, struct orm_shape *shape)
{
	pthread_mutex_lock(&cache->lock);
	shape->references++;
	pthread_mutex_unlock(&cache->lock);
}

void shape_put(struct shape_cache *cache, struct orm_shape *shape)
{
	bool last;

	if (!shape)
		return;
	pthread_mutex_lock(&cache->lock);
	last = !--shape->references;
	pthread_mutex_unlock(&cache->lock);
	if (last)
		free(shape);
}

bool shape_was_seen(struct orm_shape *shape)
{
	return __atomic_exchange_n(&shape->seen, true, __ATOMIC_RELAXED);
}

void shape_read(struct shape_cache *cache, struct shape_stats *ret_stats)
{
	pthread_mutex_lock(&cache->lock);
	*ret_stats = cache->stats;
	pthread_mutex_unlock(&cache->lock);
}

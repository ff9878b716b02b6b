/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eight shards by hash, each with a lock, a hash table of chains, a list from the most to the least
 * recently used, and an eighth of the bytes. An entry in a shard holds one reference, each caller
 * another; whoever drops the last one frees it.
 *
 * Generations are atomics outside the shards, a fixed number of them: a table is found by the hash
 * of its name, and two that fall together are outdated together, which costs a hit and never
 * shows anything wrong. wrote() stores the time first and then moves the generation on (release);
 * begin() reads the generation first (acquire): who sees the new generation sees the new time.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <strazh/base/own.h>

#include <orm/base/hash.h>
#include <orm/cache/cache.h>

#define SHARDS 8
#define GENERATIONS 1024
#define BUCKETS_MIN 16
#define BUCKETS_MAX 8192
/* Bytes that a bucket is made for. */
#define ENTRY_USUAL 2048
/* A result larger than this part of a shard would push out too much. */
#define PART_MAX 4
/* Entries of a shard looked at by one tend(). */
#define TEND_MAX 256

struct entry {
	struct orm_cached cached; /* first: it is what callers hold */
	atomic_uint refs;
	uint64_t hash;
	uint64_t until_ns;
	size_t bytes;
	struct orm_cache_reading reading;
	struct entry *chain;
	struct entry *newer, *older;
	size_t key_len;
	uint8_t key[];
};

struct shard {
	_Alignas(64) pthread_mutex_t lock;
	struct entry **buckets;
	struct entry *newest, *oldest;
	struct orm_cache_stats stats;
};

struct generation {
	_Atomic(uint64_t) number;
	_Atomic(uint64_t) wrote_ns;
};

struct orm_cache {
	struct shard shards[SHARDS];
	struct generation generations[GENERATIONS];
	struct generation all;
	const struct orm_clock *clock;
	uint64_t hash_key[2];
	uint64_t ttl_ns;
	uint64_t shard_bytes;
	size_t bucket_mask;
};

/* ---- begin and end ---- */

static void free_shards(struct orm_cache *cache, unsigned n)
{
	while (n--) {
		pthread_mutex_destroy(&cache->shards[n].lock);
		free(cache->shards[n].buckets);
	}
}

static int init_shards(struct orm_cache *cache)
{
	for (unsigned i = 0; i < SHARDS; i++) {
		struct shard *s = &cache->shards[i];
		int r = -ENOMEM;

		s->buckets = calloc(cache->bucket_mask + 1, sizeof(struct entry *));
		if (s->buckets)
			r = -pthread_mutex_init(&s->lock, NULL);
		if (r) {
			free(s->buckets);
			free_shards(cache, i);
			return r;
		}
	}
	return 0;
}

int orm_cache_new(uint64_t bytes_max, uint64_t ttl_ns, const struct orm_clock *clock,
		  struct orm_cache **ret_cache)
{
	own_free struct orm_cache *cache = aligned_alloc(64, sizeof(*cache));
	size_t buckets = BUCKETS_MIN;
	int r;

	if (!cache)
		return -ENOMEM;
	memset(cache, 0, sizeof(*cache));
	cache->clock = clock ? clock : &orm_clock_machine;
	cache->ttl_ns = ttl_ns;
	cache->shard_bytes = bytes_max / SHARDS;
	while (buckets < BUCKETS_MAX && buckets * ENTRY_USUAL < cache->shard_bytes)
		buckets *= 2;
	cache->bucket_mask = buckets - 1;
	if (getrandom(cache->hash_key, sizeof(cache->hash_key), 0) != sizeof(cache->hash_key))
		return -EIO;
	r = init_shards(cache);
	if (r)
		return r;
	*ret_cache = take_ptr(cache);
	return 0;
}

void orm_cached_drop(struct orm_cached *cached)
{
	struct entry *e = (struct entry *)cached;

	if (!e || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) != 1)
		return;
	orm_rowset_deinit(&e->cached.rows);
	free(e);
}

void orm_cache_free(struct orm_cache *cache)
{
	if (!cache)
		return;
	for (unsigned i = 0; i < SHARDS; i++) {
		struct entry *next;

		for (struct entry *e = cache->shards[i].newest; e; e = next) {
			next = e->older;
			orm_cached_drop(&e->cached);
		}
	}
	free_shards(cache, SHARDS);
	free(cache);
}

int orm_cache_key(struct orm_cache *cache, enum orm_dialect dialect, const struct orm_stmt *stmt,
		  const struct orm_value *values, struct orm_cache_key *ret_key)
{
	int r = orm_cache_key_build(dialect, stmt, values, ret_key);

	if (!r)
		ret_key->hash = orm_hash(cache->hash_key, ret_key->data, ret_key->len);
	return r;
}

/* ---- generations ---- */

static uint16_t slot_of(const struct orm_cache *cache, const char *table)
{
	char folded[64] = "";

	for (size_t i = 0; table[i] && i < sizeof(folded); i++)
		folded[i] = table[i] >= 'A' && table[i] <= 'Z' ? (char)(table[i] | 32) : table[i];
	return (uint16_t)(orm_hash(cache->hash_key, folded, sizeof(folded)) % GENERATIONS);
}

static uint64_t number_of(const struct generation *g)
{
	return atomic_load_explicit(&g->number, memory_order_acquire);
}

static void note_write_of(const struct generation *g, uint64_t *wrote_ns)
{
	uint64_t at = atomic_load_explicit(&g->wrote_ns, memory_order_relaxed);

	*wrote_ns = MAX(*wrote_ns, at);
}

void orm_cache_begin(struct orm_cache *cache, const char *const *tables, size_t n,
		     struct orm_cache_reading *ret_reading)
{
	struct orm_cache_reading *r = ret_reading;

	r->begin_ns = orm_now_ns(cache->clock);
	r->wrote_ns = 0;
	r->keep = n > 0 && n <= ORM_CACHE_TABLES_MAX;
	r->count = r->keep ? (uint16_t)n : 0;
	r->all = number_of(&cache->all);
	note_write_of(&cache->all, &r->wrote_ns);
	for (unsigned i = 0; i < r->count; i++) {
		const struct generation *g;

		r->table[i] = slot_of(cache, tables[i]);
		g = &cache->generations[r->table[i]];
		r->generation[i] = number_of(g);
		note_write_of(g, &r->wrote_ns);
	}
}

static bool is_current(const struct orm_cache *cache, const struct orm_cache_reading *r)
{
	if (r->all != number_of(&cache->all))
		return false;
	for (unsigned i = 0; i < r->count; i++) {
		if (r->generation[i] != number_of(&cache->generations[r->table[i]]))
			return false;
	}
	return true;
}

static void move_on(struct generation *g, uint64_t now)
{
	uint64_t before = atomic_load_explicit(&g->wrote_ns, memory_order_relaxed);

	while (before < now &&
	       !atomic_compare_exchange_weak_explicit(&g->wrote_ns, &before, now,
						      memory_order_relaxed, memory_order_relaxed))
		;
	atomic_fetch_add_explicit(&g->number, 1, memory_order_release);
}

void orm_cache_wrote(struct orm_cache *cache, const char *const *tables, size_t n)
{
	uint64_t now = orm_now_ns(cache->clock);

	if (!n)
		move_on(&cache->all, now);
	for (size_t i = 0; i < n; i++)
		move_on(&cache->generations[slot_of(cache, tables[i])], now);
}

/* ---- entries; the shard's lock is held ---- */

static struct shard *shard_of(struct orm_cache *cache, uint64_t hash)
{
	return &cache->shards[hash >> 61];
}

static struct entry **find_link(struct orm_cache *cache, struct shard *s,
				const struct orm_cache_key *key)
{
	struct entry **link = &s->buckets[key->hash & cache->bucket_mask];

	while (*link && ((*link)->hash != key->hash || (*link)->key_len != key->len ||
			 memcmp((*link)->key, key->data, key->len) != 0))
		link = &(*link)->chain;
	return link;
}

static void unlink_age(struct shard *s, struct entry *e)
{
	*(e->newer ? &e->newer->older : &s->newest) = e->older;
	*(e->older ? &e->older->newer : &s->oldest) = e->newer;
}

static void link_newest(struct shard *s, struct entry *e)
{
	e->newer = NULL;
	e->older = s->newest;
	*(s->newest ? &s->newest->newer : &s->oldest) = e;
	s->newest = e;
}

/* `link` is where it hangs in its chain. */
static void remove_entry(struct shard *s, struct entry **link)
{
	struct entry *e = *link;

	*link = e->chain;
	unlink_age(s, e);
	s->stats.entries--;
	s->stats.bytes -= e->bytes;
	orm_cached_drop(&e->cached);
}

static void remove_by_age(struct orm_cache *cache, struct shard *s, struct entry *e)
{
	struct entry **link = &s->buckets[e->hash & cache->bucket_mask];

	while (*link != e)
		link = &(*link)->chain;
	remove_entry(s, link);
}

static bool has_expired(const struct entry *e, uint64_t now)
{
	return now >= e->until_ns;
}

/* ---- find and put ---- */

struct orm_cached *orm_cache_find(struct orm_cache *cache, const struct orm_cache_key *key)
{
	struct shard *s = shard_of(cache, key->hash);
	uint64_t now = orm_now_ns(cache->clock);
	struct entry **link, *found = NULL;

	pthread_mutex_lock(&s->lock);
	link = find_link(cache, s, key);
	if (*link && !is_current(cache, &(*link)->reading)) {
		s->stats.outdated++;
		remove_entry(s, link);
	} else if (*link && has_expired(*link, now)) {
		s->stats.expired++;
		remove_entry(s, link);
	} else if (*link) {
		found = *link;
		atomic_fetch_add_explicit(&found->refs, 1, memory_order_relaxed);
		unlink_age(s, found);
		link_newest(s, found);
	}
	found ? s->stats.hits++ : s->stats.misses++;
	pthread_mutex_unlock(&s->lock);
	return found ? &found->cached : NULL;
}

static void keep_entry(struct orm_cache *cache, struct shard *s, struct entry *e,
		       const struct orm_cache_key *key)
{
	struct entry **link = find_link(cache, s, key);

	if (*link) /* another thread read the same meanwhile */
		remove_entry(s, link);
	while (s->oldest && s->stats.bytes + e->bytes > cache->shard_bytes) {
		s->stats.evicted++;
		remove_by_age(cache, s, s->oldest);
	}
	link = &s->buckets[e->hash & cache->bucket_mask];
	e->chain = *link;
	*link = e;
	link_newest(s, e);
	atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
	s->stats.entries++;
	s->stats.bytes += e->bytes;
	s->stats.stored++;
}

int orm_cache_put(struct orm_cache *cache, const struct orm_cache_key *key,
		  const struct orm_cache_reading *reading, struct orm_rowset *rows,
		  struct orm_cached **ret_cached)
{
	struct entry *e = malloc(sizeof(*e) + key->len);
	struct shard *s = shard_of(cache, key->hash);

	if (!e)
		return -ENOMEM;
	*e = (struct entry){.hash = key->hash,
			    .reading = *reading,
			    .until_ns = reading->begin_ns + cache->ttl_ns,
			    .key_len = key->len};
	atomic_init(&e->refs, 1);
	memcpy(e->key, key->data, key->len);
	e->cached.rows = *rows;
	orm_rowset_init(rows, e->cached.rows.arena.max);
	e->bytes = sizeof(*e) + key->len + e->cached.rows.arena.total +
		   e->cached.rows.room * sizeof(struct orm_value);
	if (reading->keep && e->bytes <= cache->shard_bytes / PART_MAX) {
		pthread_mutex_lock(&s->lock);
		if (is_current(cache, reading))
			keep_entry(cache, s, e, key);
		else
			s->stats.raced++;
		pthread_mutex_unlock(&s->lock);
	}
	*ret_cached = &e->cached;
	return 0;
}

void orm_cache_tend(struct orm_cache *cache)
{
	uint64_t now = orm_now_ns(cache->clock);

	for (unsigned i = 0; i < SHARDS; i++) {
		struct shard *s = &cache->shards[i];
		struct entry *newer;
		unsigned looked = 0;

		pthread_mutex_lock(&s->lock);
		for (struct entry *e = s->oldest; e && looked++ < TEND_MAX; e = newer) {
			newer = e->newer;
			if (has_expired(e, now) || !is_current(cache, &e->reading))
				remove_by_age(cache, s, e);
		}
		pthread_mutex_unlock(&s->lock);
	}
}

void orm_cache_read(struct orm_cache *cache, struct orm_cache_stats *ret_stats)
{
	struct orm_cache_stats sum = {0};

	for (unsigned i = 0; i < SHARDS; i++) {
		struct shard *s = &cache->shards[i];

		pthread_mutex_lock(&s->lock);
		sum.hits += s->stats.hits;
		sum.misses += s->stats.misses;
		sum.outdated += s->stats.outdated;
		sum.expired += s->stats.expired;
		sum.stored += s->stats.stored;
		sum.raced += s->stats.raced;
		sum.evicted += s->stats.evicted;
		sum.entries += s->stats.entries;
		sum.bytes += s->stats.bytes;
		pthread_mutex_unlock(&s->lock);
	}
	*ret_stats = sum;
}

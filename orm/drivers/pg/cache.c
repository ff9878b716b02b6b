/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <orm/drivers/pg/cache.h>

int pg_cache_init(struct pg_cache *cache, size_t max)
{
	size_t n = 16;

	while (n < max)
		n *= 2;
	*cache = (struct pg_cache){.mask = n - 1, .max = MAX(max, 1)};
	cache->buckets = calloc(n, sizeof(*cache->buckets));
	return cache->buckets ? 0 : -ENOMEM;
}

static struct pg_prepared **bucket(struct pg_cache *cache, uint64_t id)
{
	return &cache->buckets[(id * 0x9e3779b97f4a7c15ULL >> 32) & cache->mask];
}

static void unlink_age(struct pg_cache *cache, struct pg_prepared *p)
{
	*(p->newer ? &p->newer->older : &cache->newest) = p->older;
	*(p->older ? &p->older->newer : &cache->oldest) = p->newer;
}

static void make_newest(struct pg_cache *cache, struct pg_prepared *p)
{
	p->newer = NULL;
	p->older = cache->newest;
	*(p->older ? &p->older->newer : &cache->oldest) = p;
	cache->newest = p;
}

struct pg_prepared *pg_cache_find(struct pg_cache *cache, uint64_t id)
{
	struct pg_prepared *p = *bucket(cache, id);

	while (p && p->id != id)
		p = p->chain;
	if (p && p != cache->newest) {
		unlink_age(cache, p);
		make_newest(cache, p);
	}
	return p;
}

struct pg_prepared *pg_cache_new(struct pg_cache *cache, uint64_t id, const uint32_t *oids,
				 uint16_t params)
{
	size_t size = params * sizeof(*oids);
	struct pg_prepared *p = malloc(sizeof(*p) + size);

	if (!p)
		return NULL;
	*p = (struct pg_prepared){.id = id, .params = params};
	if (size)
		memcpy(p->oids, oids, size);
	snprintf(p->name, sizeof(p->name), "s%" PRIx64, ++cache->names);
	return p;
}

void pg_cache_add(struct pg_cache *cache, struct pg_prepared *p)
{
	struct pg_prepared **at = bucket(cache, p->id);

	p->chain = *at;
	*at = p;
	make_newest(cache, p);
	cache->count++;
}

static void take_out(struct pg_cache *cache, struct pg_prepared *p)
{
	struct pg_prepared **at = bucket(cache, p->id);

	while (*at != p)
		at = &(*at)->chain;
	*at = p->chain;
	unlink_age(cache, p);
	cache->count--;
}

void pg_cache_doom(struct pg_cache *cache, struct pg_prepared *p)
{
	take_out(cache, p);
	p->chain = cache->doomed;
	cache->doomed = p;
}

void pg_cache_drop(struct pg_cache *cache, struct pg_prepared *p)
{
	take_out(cache, p);
	free(p);
}

unsigned pg_cache_make_room(struct pg_cache *cache)
{
	unsigned n = 0;

	for (; cache->count >= cache->max; n++)
		pg_cache_doom(cache, cache->oldest);
	return n;
}

void pg_cache_bury(struct pg_cache *cache)
{
	struct pg_prepared *p = cache->doomed;

	cache->doomed = p->chain;
	free(p);
}

void pg_cache_clear(struct pg_cache *cache)
{
	while (cache->oldest)
		pg_cache_doom(cache, cache->oldest);
	while (cache->doomed)
		pg_cache_bury(cache);
}

void pg_cache_deinit(struct pg_cache *cache)
{
	if (!cache->buckets)
		return;
	pg_cache_clear(cache);
	free(cache->buckets);
	cache->buckets = NULL;
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A hash table with chains of indices into one array; entry 0 is nobody: the connections without a
 * source. An entry is in exactly one chain while its `total` is above zero, else in the list of
 * free ones. The hash is keyed with random bytes, so a stranger cannot choose its chain. One lock:
 * it is held for some tens of ns, once when a connection comes, opens and goes.
 */
#include <user/net/sources.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <strazh/base/own.h>

#define TOTAL_MAX (1U << 22)

struct source {
	uint64_t key;
	uint32_t next; /* in its chain, or in the list of free ones; 0: the last */
	uint32_t total, half_open;
	uint32_t mute;	  /* of those half open: that have said nothing */
	uint64_t full_ms; /* since when one was refused, most were mute and none has spoken */
	uint8_t family;
};

struct sources {
	pthread_mutex_t lock;
	struct sources_limits limits;
	struct sources_count count;
	uint64_t seed[2];
	uint32_t room;	  /* entries, without entry 0 */
	uint32_t touched; /* entries above this one were never used */
	uint32_t free, mask;
	uint32_t *heads;
	struct source *entries;
};

int sources_new(const struct sources_limits *limits, struct sources **ret_sources)
{
	own_free struct sources *sources = calloc(1, sizeof(*sources));
	own_free uint32_t *heads = NULL;
	own_free struct source *entries = NULL;
	uint32_t size = 16;

	if (!limits->total || limits->total > TOTAL_MAX)
		return -EINVAL;
	while (size < limits->total)
		size *= 2;
	heads = calloc(size, sizeof(*heads));
	entries = calloc((size_t)limits->total + 1, sizeof(*entries));
	if (!sources || !heads || !entries)
		return -ENOMEM;
	if (getrandom(sources->seed, sizeof(sources->seed), 0) != (ssize_t)sizeof(sources->seed))
		return -EIO;
	if (pthread_mutex_init(&sources->lock, NULL))
		return -ENOMEM;
	sources->limits = *limits;
	sources->room = limits->total;
	sources->mask = size - 1;
	sources->heads = take_ptr(heads);
	sources->entries = take_ptr(entries);
	*ret_sources = take_ptr(sources);
	return 0;
}

void sources_free(struct sources *sources)
{
	if (!sources)
		return;
	pthread_mutex_destroy(&sources->lock);
	free(sources->heads);
	free(sources->entries);
	free(sources);
}

void sources_set_limits(struct sources *sources, const struct sources_limits *limits)
{
	pthread_mutex_lock(&sources->lock);
	sources->limits = *limits;
	sources->limits.total = MIN(limits->total, sources->room);
	pthread_mutex_unlock(&sources->lock);
}

static uint64_t key_of(const struct endpoint *from)
{
	uint64_t key = 0;

	memcpy(&key, from->addr, from->family == 4 ? 4 : sizeof(key));
	return key;
}

/* Two multiplications to 128 bits, folded, each under its own half of the seed. */
static uint32_t hash(const struct sources *sources, uint64_t key, uint8_t family)
{
	unsigned __int128 wide = (unsigned __int128)(key ^ sources->seed[0]) *
				 (sources->seed[1] | 1);
	uint64_t once = (uint64_t)wide ^ (uint64_t)(wide >> 64) ^ family;

	wide = (unsigned __int128)(once ^ sources->seed[1]) * (sources->seed[0] | 1);
	return ((uint32_t)wide ^ (uint32_t)(wide >> 64)) & sources->mask;
}

/* The entry of a source, made if there is none. There is always room: as many as connections. */
static uint32_t find(struct sources *sources, const struct endpoint *from)
{
	uint64_t key = key_of(from);
	uint32_t *head = &sources->heads[hash(sources, key, from->family)], id = *head;
	struct source *entries = sources->entries;

	while (id && (entries[id].key != key || entries[id].family != from->family))
		id = entries[id].next;
	if (id)
		return id;
	id = sources->free;
	if (id)
		sources->free = entries[id].next;
	else
		id = ++sources->touched;
	entries[id] = (struct source){.key = key, .next = *head, .family = from->family};
	*head = id;
	sources->count.sources++;
	return id;
}

static void drop_unused(struct sources *sources, uint32_t id)
{
	struct source *entry = &sources->entries[id];
	uint32_t *at;

	if (!id || entry->total)
		return;
	at = &sources->heads[hash(sources, entry->key, entry->family)];
	while (*at != id)
		at = &sources->entries[*at].next;
	*at = entry->next;
	entry->next = sources->free;
	sources->free = id;
	sources->count.sources--;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Another one is refused: for how long has nobody said anything? */
static bool is_mute(struct source *entry)
{
	uint64_t now = now_ms();

	if (entry->mute * 2 < entry->half_open) {
		entry->full_ms = 0;
		return false;
	}
	if (!entry->full_ms)
		entry->full_ms = now;
	return now - entry->full_ms >= SOURCES_MUTE_MS;
}

static int charge(struct sources *sources, const struct endpoint *from, uint32_t *ret_id)
{
	const struct sources_limits *limits = &sources->limits;
	uint32_t id = from->family ? find(sources, from) : 0;
	struct source *entry = &sources->entries[id];
	int r = 0;

	if (id && entry->total >= limits->source_total)
		r = SOURCES_SOURCE;
	else if (id && entry->half_open >= limits->source_half_open)
		r = is_mute(entry) ? SOURCES_SOURCE_MUTE : SOURCES_SOURCE_HALF_OPEN;
	if (r) {
		drop_unused(sources, id);
		return r;
	}
	entry->total++;
	entry->half_open++;
	*ret_id = id;
	return 0;
}

int sources_enter(struct sources *sources, const struct endpoint *from, uint32_t *ret_id)
{
	int r;

	pthread_mutex_lock(&sources->lock);
	if (sources->count.total >= sources->limits.total)
		r = SOURCES_TOTAL;
	else if (sources->count.half_open >= sources->limits.half_open)
		r = SOURCES_HALF_OPEN;
	else
		r = charge(sources, from, ret_id);
	if (!r) {
		sources->count.total++;
		sources->count.half_open++;
		sources->entries[*ret_id].mute++;
	}
	pthread_mutex_unlock(&sources->lock);
	return r;
}

int sources_assign(struct sources *sources, const struct endpoint *from, uint32_t *ret_id)
{
	int r;

	pthread_mutex_lock(&sources->lock);
	r = charge(sources, from, ret_id);
	if (!r) {
		sources->entries[0].total--;
		sources->entries[0].half_open--;
	}
	pthread_mutex_unlock(&sources->lock);
	return r;
}

void sources_spoke(struct sources *sources, uint32_t id)
{
	pthread_mutex_lock(&sources->lock);
	sources->entries[id].mute--;
	sources->entries[id].full_ms = 0;
	pthread_mutex_unlock(&sources->lock);
}

void sources_opened(struct sources *sources, uint32_t id)
{
	pthread_mutex_lock(&sources->lock);
	sources->count.half_open--;
	sources->entries[id].half_open--;
	pthread_mutex_unlock(&sources->lock);
}

void sources_leave(struct sources *sources, uint32_t id, bool half_open, bool mute)
{
	pthread_mutex_lock(&sources->lock);
	sources->count.total--;
	sources->count.half_open -= half_open;
	sources->entries[id].total--;
	sources->entries[id].half_open -= half_open;
	sources->entries[id].mute -= mute;
	drop_unused(sources, id);
	pthread_mutex_unlock(&sources->lock);
}

struct sources_count sources_count(struct sources *sources)
{
	struct sources_count count;

	pthread_mutex_lock(&sources->lock);
	count = sources->count;
	pthread_mutex_unlock(&sources->lock);
	return count;
}

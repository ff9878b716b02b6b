/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One slab, chains of places + 1, second chance, as in roster.c. Bad hosts are counted in windows
 * that follow each other; seen and good ones as long as the prefix is known, so that time makes a
 * ban of many neighbours harder, not easier.
 */
#include <user/guard/prefixes.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <user/guard/source.h>

#define PREFIXES_MAX (1U << 22)
#define HOST_BITS (HOST_WORDS * 64)

int prefixes_init(struct prefixes *prefixes, const struct prefixes_config *config)
{
	own_free struct host_prefix *slab = NULL;
	own_free uint32_t *heads = NULL;

	if (!config->room || config->room > PREFIXES_MAX)
		return -EINVAL;
	slab = calloc(config->room, sizeof(*slab));
	heads = calloc(config->room, sizeof(*heads));
	if (!slab || !heads)
		return -ENOMEM;
	*prefixes = (struct prefixes){.config = *config};
	prefixes->slab = take_ptr(slab);
	prefixes->heads = take_ptr(heads);
	return 0;
}

void prefixes_deinit(struct prefixes *prefixes)
{
	free(prefixes->slab);
	free(prefixes->heads);
	*prefixes = (struct prefixes){0};
}

static uint64_t key_of(uint64_t source)
{
	return source_is_ip4(source) ? source & ~0xffULL : source & ~0xffffULL;
}

static uint32_t *head_of(const struct prefixes *prefixes, uint64_t key)
{
	uint64_t hash = source_hash(prefixes->config.seed, key);

	return &prefixes->heads[hash * prefixes->config.room >> 32];
}

static unsigned host_of(const struct prefixes *prefixes, uint64_t source)
{
	if (source_is_ip4(source))
		return source & 0xff;
	return source_hash(prefixes->config.seed, ~source) % HOST_BITS;
}

struct host_prefix *prefixes_find(struct prefixes *prefixes, uint64_t source)
{
	uint64_t key = key_of(source);
	uint32_t at = *head_of(prefixes, key);

	while (at && prefixes->slab[at - 1].key != key)
		at = prefixes->slab[at - 1].next;
	if (!at)
		return NULL;
	prefixes->slab[at - 1].referenced = true;
	return &prefixes->slab[at - 1];
}

static void drop(struct prefixes *prefixes, struct host_prefix *gone)
{
	uint32_t place = (uint32_t)(gone - prefixes->slab) + 1;
	uint32_t *at = head_of(prefixes, gone->key);

	while (*at != place)
		at = &prefixes->slab[*at - 1].next;
	*at = gone->next;
	*gone = (struct host_prefix){.next = prefixes->free};
	prefixes->free = place;
	prefixes->len--;
}

/* False: every one is banned, and stays. */
static bool evict_one(struct prefixes *prefixes)
{
	struct host_prefix *at;

	if (prefixes->banned >= prefixes->len)
		return false;
	while (true) {
		at = &prefixes->slab[prefixes->hand];
		prefixes->hand = (prefixes->hand + 1) % prefixes->config.room;
		if (at->until_ms)
			continue;
		if (!at->referenced)
			break;
		at->referenced = false;
	}
	drop(prefixes, at);
	return true;
}

struct host_prefix *prefixes_get(struct prefixes *prefixes, uint64_t source, uint32_t now_s)
{
	struct host_prefix *found = prefixes_find(prefixes, source);
	uint64_t key = key_of(source);
	uint32_t place, *head;

	if (found)
		return found;
	if (prefixes->len == prefixes->config.room && !evict_one(prefixes))
		return NULL;
	place = prefixes->free;
	if (place)
		prefixes->free = prefixes->slab[place - 1].next;
	else
		place = ++prefixes->touched;
	head = head_of(prefixes, key);
	prefixes->slab[place - 1] = (struct host_prefix){
		.key = key, .next = *head, .window_s = now_s};
	*head = place;
	prefixes->len++;
	return &prefixes->slab[place - 1];
}

static void set(uint64_t bits[HOST_WORDS], unsigned bit)
{
	bits[bit / 64] |= 1ULL << bit % 64;
}

static uint32_t count(const uint64_t bits[HOST_WORDS])
{
	uint32_t n = 0;

	for (unsigned i = 0; i < HOST_WORDS; i++)
		n += (uint32_t)__builtin_popcountll(bits[i]);
	return n;
}

void prefixes_seen(struct prefixes *prefixes, uint64_t source, uint32_t now_s)
{
	struct host_prefix *at = prefixes_get(prefixes, source, now_s);

	if (at)
		set(at->seen, host_of(prefixes, source));
}

void prefixes_good(struct prefixes *prefixes, uint64_t source, uint32_t now_s)
{
	struct host_prefix *at = prefixes_get(prefixes, source, now_s);

	if (!at)
		return;
	set(at->seen, host_of(prefixes, source));
	set(at->good, host_of(prefixes, source));
}

struct host_counts prefixes_count(const struct host_prefix *host_prefix)
{
	struct host_counts counts = {
		count(host_prefix->seen),
		count(host_prefix->bad),
		count(host_prefix->good),
	};

	/* A full bitmap says "256 or more"; its estimate is that of one free bit. */
	if (!source_is_ip4(host_prefix->key))
		counts.seen = (uint32_t)lroundf(
			-(float)HOST_BITS *
			logf((float)MAX(HOST_BITS - counts.seen, 1U) / (float)HOST_BITS));
	return counts;
}

struct host_prefix *prefixes_bad(struct prefixes *prefixes, uint64_t source, uint32_t now_s)
{
	struct host_prefix *at = prefixes_get(prefixes, source, now_s);
	const struct prefixes_config *config = &prefixes->config;
	struct host_counts counts;

	if (!at)
		return NULL;
	if (now_s - at->window_s >= config->window_s) {
		at->window_s = now_s;
		memset(at->bad, 0, sizeof(at->bad));
	}
	set(at->seen, host_of(prefixes, source));
	set(at->bad, host_of(prefixes, source));
	counts = prefixes_count(at);
	if (at->until_ms || counts.bad < config->bad_min || counts.bad < counts.good ||
	    (float)counts.bad < config->bad_share * (float)counts.seen)
		return NULL;
	return at;
}

struct prefix prefixes_prefix(const struct host_prefix *host_prefix)
{
	struct prefix p = source_prefix(host_prefix->key);

	return prefix_from(p.family, p.addr, prefix_net_len(p.family));
}

/* Bans of prefixes are few and last long: a look at each of them costs less than a heap. */
struct host_prefix *prefixes_due(struct prefixes *prefixes, uint32_t *cursor, uint64_t now_ms)
{
	while (prefixes->banned && *cursor < prefixes->touched) {
		struct host_prefix *at = &prefixes->slab[(*cursor)++];

		if (at->until_ms && at->until_ms <= now_ms)
			return at;
	}
	return NULL;
}

void prefixes_set_ban(struct prefixes *prefixes, struct host_prefix *host_prefix, uint64_t until_ms)
{
	prefixes->banned += !!until_ms;
	prefixes->banned -= !!host_prefix->until_ms;
	host_prefix->until_ms = until_ms;
	if (!until_ms)
		memset(host_prefix->bad, 0, sizeof(host_prefix->bad));
}

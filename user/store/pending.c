// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * A slab of slots, chained by hash and in a list by age; links are index + 1, 0 is none. A slot
 * that was merged keeps its place: what changes all the time is written too.
 */
#include <user/store/pending.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct store_pending_slot {
	struct store_source source;
	uint64_t order;
	uint32_t chain; /* of the bucket, or of free slots */
	uint32_t newer; /* by age */
};

/* Two rounds of a 64-bit mixer (Murmur3's finalizer) over both halves, keyed at start. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 33) * 0xff51afd7ed558ccdULL;
	x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}

static uint32_t *bucket_of(const struct store_pending *p, const struct prefix *prefix)
{
	uint64_t half[2];

	memcpy(half, prefix->addr, sizeof(half));
	half[0] = mix(mix(p->key ^ half[0]) + half[1] + p->key);
	return &p->buckets[(mix(half[0] + prefix->len + 256U * prefix->family) ^ p->key) & p->mask];
}

static uint32_t find(const struct store_pending *p, const struct prefix *prefix)
{
	uint32_t at = *bucket_of(p, prefix);

	while (at && prefix_compare(&p->slots[at - 1].source.prefix, prefix) != 0)
		at = p->slots[at - 1].chain;
	return at;
}

int store_pending_init(struct store_pending *p, uint32_t max, uint64_t key)
{
	uint32_t buckets = 16;

	while (buckets < max && buckets < 1U << 31)
		buckets *= 2;
	*p = (struct store_pending){.max = max, .mask = buckets - 1, .key = key};
	p->slots = calloc(max, sizeof(*p->slots));
	p->buckets = calloc(buckets, sizeof(*p->buckets));
	if (!p->slots || !p->buckets) {
		store_pending_deinit(p);
		return -ENOMEM;
	}
	return 0;
}

void store_pending_deinit(struct store_pending *p)
{
	free(p->slots);
	free(p->buckets);
	*p = (struct store_pending){0};
}

static struct store_pending_slot *take_slot(struct store_pending *p,
					    const struct store_source *source)
{
	uint32_t at = p->free ? p->free : ++p->used, *bucket = bucket_of(p, &source->prefix);
	struct store_pending_slot *slot = &p->slots[at - 1];

	if (p->free)
		p->free = slot->chain;
	*slot = (struct store_pending_slot){.source = *source, .chain = *bucket};
	*bucket = at;
	p->count++;
	return slot;
}

enum store_pending_what store_pending_put(struct store_pending *p,
					  const struct store_source *source, uint32_t room)
{
	uint32_t at = find(p, &source->prefix);
	struct store_pending_slot *slot;

	if (at) {
		p->slots[at - 1].source = *source;
		return STORE_PENDING_MERGED;
	}
	if (p->count >= room || p->count == p->max)
		return STORE_PENDING_FULL;
	slot = take_slot(p, source);
	at = (uint32_t)(slot - p->slots) + 1;
	slot->order = p->next++;
	if (p->last)
		p->slots[p->last - 1].newer = at;
	else
		p->first = at;
	p->last = at;
	return STORE_PENDING_NEW;
}

static void unchain(struct store_pending *p, uint32_t at)
{
	uint32_t *link = bucket_of(p, &p->slots[at - 1].source.prefix);

	while (*link != at)
		link = &p->slots[*link - 1].chain;
	*link = p->slots[at - 1].chain;
}

uint32_t store_pending_take(struct store_pending *p, struct store_source *ret_sources,
			    uint32_t most, uint64_t *ret_order)
{
	uint32_t n = 0;

	*ret_order = store_pending_oldest(p);
	while (n < most && p->first) {
		uint32_t at = p->first;
		struct store_pending_slot *slot = &p->slots[at - 1];

		ret_sources[n++] = slot->source;
		unchain(p, at);
		p->first = slot->newer;
		if (!p->first)
			p->last = 0;
		slot->chain = p->free;
		p->free = at;
		p->count--;
	}
	return n;
}

uint32_t store_pending_return(struct store_pending *p, const struct store_source *sources,
			      uint32_t count, uint64_t order)
{
	uint32_t newer = 0;

	for (uint32_t i = count; i > 0; i--) {
		struct store_pending_slot *slot;
		uint32_t at;

		/* There is room: the caller counted what was out as if it were in. */
		if (find(p, &sources[i - 1].prefix) || p->count == p->max) {
			newer++;
			continue;
		}
		slot = take_slot(p, &sources[i - 1]);
		at = (uint32_t)(slot - p->slots) + 1;
		slot->order = order;
		slot->newer = p->first;
		if (!p->first)
			p->last = at;
		p->first = at;
	}
	return newer;
}

const struct store_source *store_pending_find(const struct store_pending *p,
					      const struct prefix *prefix)
{
	uint32_t at = find(p, prefix);

	return at ? &p->slots[at - 1].source : NULL;
}

void store_pending_forgive(struct store_pending *p)
{
	for (uint32_t at = p->first; at; at = p->slots[at - 1].newer)
		store_source_forgive(&p->slots[at - 1].source);
}

uint64_t store_pending_oldest(const struct store_pending *p)
{
	return p->first ? p->slots[p->first - 1].order : UINT64_MAX;
}

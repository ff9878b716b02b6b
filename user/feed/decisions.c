/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Two pools that grow up to `most`, tied by numbers: prefixes (in buckets by a seeded hash) and
 * their decisions (a chain each, short: LAPI itself sends the longest only). Number 0 is nobody. A
 * prefix lives as long as it has a decision, is in the gate, or waits to be written.
 *
 * Prefixes that wait form a queue; each is in it once.
 *
 * What concerns all of them goes by their numbers, from where it stopped before: a number never
 * moves, and one that is given out behind the walk is as new as what comes after it.
 */
#include <user/feed/decisions.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct one {
	uint64_t id, until_ms;
	uint32_t next; /* of the prefix, or of the free ones */
};

struct item {
	struct prefix prefix;
	bool used, in_gate, waiting, refused;
	uint32_t first;	     /* decision */
	uint32_t next;	     /* in the bucket, or of the free ones */
	uint32_t behind;     /* in the queue */
	uint64_t gate_until; /* as it was written */
};

struct pool {
	void *at;
	uint32_t len, room, free, used; /* len: numbers given out, with 0 */
	uint32_t size;
};

struct decisions {
	struct pool ones, items;
	uint32_t *buckets, mask;
	uint32_t most;
	uint32_t sync_at, expire_at; /* where the walks are; 0: at their beginning */
	uint64_t seed;
	uint32_t head, tail; /* of the queue */
	struct decisions_figures figures;
};

static struct one *one_at(const struct decisions *d, uint32_t n)
{
	return (struct one *)d->ones.at + n;
}

static struct item *item_at(const struct decisions *d, uint32_t n)
{
	return (struct item *)d->items.at + n;
}

/* ---- pools ---- */

/* Room for one more. */
static int pool_grow(struct pool *pool)
{
	uint32_t room = pool->room ? pool->room * 2 : 64;
	void *at;

	if (pool->free || pool->len < pool->room)
		return 0;
	at = reallocarray(pool->at, room, pool->size);
	if (!at)
		return -ENOMEM;
	pool->at = at;
	pool->room = room;
	pool->len = MAX(pool->len, 1U);
	return 0;
}

static uint32_t one_new(struct decisions *d)
{
	uint32_t n = d->ones.free ? d->ones.free : d->ones.len++;

	if (n == d->ones.free)
		d->ones.free = one_at(d, n)->next;
	d->ones.used++;
	return n;
}

static void one_drop(struct decisions *d, uint32_t n)
{
	one_at(d, n)->next = d->ones.free;
	d->ones.free = n;
	d->ones.used--;
}

/* ---- prefixes ---- */

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	return h ^ h >> 32;
}

static uint32_t *bucket(const struct decisions *d, const struct prefix *p)
{
	uint64_t half[2];

	memcpy(half, p->addr, sizeof(half));
	half[0] = mix(half[0] ^ d->seed);
	half[0] = mix(half[0] ^ half[1] ^ ((uint64_t)p->len << 8 | p->family));
	return &d->buckets[half[0] & d->mask];
}

static uint32_t item_find(const struct decisions *d, const struct prefix *p)
{
	uint32_t n = *bucket(d, p);

	while (n && memcmp(&item_at(d, n)->prefix, p, sizeof(*p)) != 0)
		n = item_at(d, n)->next;
	return n;
}

static uint32_t item_new(struct decisions *d, const struct prefix *p)
{
	uint32_t n = d->items.free ? d->items.free : d->items.len++, *at = bucket(d, p);

	if (n == d->items.free)
		d->items.free = item_at(d, n)->next;
	*item_at(d, n) = (struct item){.prefix = *p, .used = true, .next = *at};
	*at = n;
	d->items.used++;
	return n;
}

/* Nothing is left that it would be kept for. */
static void item_release(struct decisions *d, uint32_t n)
{
	struct item *item = item_at(d, n);
	uint32_t *at = bucket(d, &item->prefix);

	if (item->first || item->in_gate || item->waiting)
		return;
	while (*at != n)
		at = &item_at(d, *at)->next;
	*at = item->next;
	d->figures.refused -= item->refused;
	*item = (struct item){.next = d->items.free};
	d->items.free = n;
	d->items.used--;
}

static uint64_t item_until(const struct decisions *d, const struct item *item)
{
	uint64_t until = 0;

	for (uint32_t n = item->first; n; n = one_at(d, n)->next)
		until = MAX(until, one_at(d, n)->until_ms);
	return until;
}

static void set_refused(struct decisions *d, struct item *item, bool refused)
{
	d->figures.refused += (uint32_t)refused - (uint32_t)item->refused;
	item->refused = refused;
}

static void enqueue(struct decisions *d, uint32_t n)
{
	struct item *item = item_at(d, n);

	if (item->waiting)
		return;
	item->waiting = true;
	item->behind = 0;
	if (d->tail)
		item_at(d, d->tail)->behind = n;
	else
		d->head = n;
	d->tail = n;
	d->figures.waiting++;
}

/* The whole state comes again with durations that are some ms shorter: that is no change. */
#define NEAR_MS 2000U

/* Does the gate have it as it should be? */
static bool is_settled(const struct item *item, uint64_t until)
{
	uint64_t low = MIN(until, item->gate_until), high = MAX(until, item->gate_until);

	return until ? item->in_gate && high - low < NEAR_MS : !item->in_gate;
}

/* What should be, and what is: it waits where they differ. */
static void item_changed(struct decisions *d, uint32_t n)
{
	struct item *item = item_at(d, n);

	if (!is_settled(item, item_until(d, item))) {
		set_refused(d, item, false);
		enqueue(d, n);
	}
	item_release(d, n);
}

/* ---- its life ---- */

int decisions_new(uint32_t most, uint64_t seed, struct decisions **ret_decisions)
{
	struct decisions *d = calloc(1, sizeof(*d));
	uint32_t buckets = 1024;

	if (!d)
		return -ENOMEM;
	/* As many as may ever be wanted: pages of it that nobody uses cost nothing. */
	while (buckets < FEED_DECISIONS_MOST)
		buckets *= 2;
	d->most = most;
	d->seed = seed;
	d->mask = buckets - 1;
	d->ones.size = sizeof(struct one);
	d->items.size = sizeof(struct item);
	d->buckets = calloc(buckets, sizeof(*d->buckets));
	if (!d->buckets) {
		free(d);
		return -ENOMEM;
	}
	*ret_decisions = d;
	return 0;
}

void decisions_limit(struct decisions *d, uint32_t most)
{
	d->most = most;
}

void decisions_free(struct decisions *d)
{
	if (!d)
		return;
	free(d->ones.at);
	free(d->items.at);
	free(d->buckets);
	free(d);
}

/* ---- what comes and goes ---- */

/* Drops those of a prefix for which `drop` is true of (id, until). How many. */
static unsigned drop_ones(struct decisions *d, struct item *item,
			  bool (*drop)(const struct one *, uint64_t), uint64_t what)
{
	uint32_t *at = &item->first;
	unsigned dropped = 0;

	while (*at) {
		uint32_t n = *at;

		if (!drop(one_at(d, n), what)) {
			at = &one_at(d, n)->next;
			continue;
		}
		*at = one_at(d, n)->next;
		one_drop(d, n);
		dropped++;
	}
	return dropped;
}

static bool is_over(const struct one *one, uint64_t now_ms)
{
	return one->until_ms <= now_ms;
}

static bool has_id(const struct one *one, uint64_t id)
{
	return !id || one->id == id;
}

/* The next prefix of a walk; 0: `most` were looked at, or *at is 0 again and it is over. */
static uint32_t walk(const struct decisions *d, uint32_t *at, uint32_t *most)
{
	while (*most && ++*at < d->items.len) {
		--*most;
		if (item_at(d, *at)->used)
			return *at;
	}
	if (*at >= d->items.len)
		*at = 0;
	return 0;
}

bool decisions_forget(struct decisions *d, uint32_t most)
{
	uint32_t n;

	while ((n = walk(d, &d->sync_at, &most)))
		(void)drop_ones(d, item_at(d, n), has_id, 0);
	return d->sync_at != 0;
}

bool decisions_settle(struct decisions *d, uint32_t most)
{
	uint32_t n;

	while ((n = walk(d, &d->sync_at, &most)))
		item_changed(d, n);
	return d->sync_at != 0;
}

/* The prefix, made where it is not there. */
static int item_get(struct decisions *d, const struct prefix *prefix, uint32_t *ret_n)
{
	uint32_t n = item_find(d, prefix);
	int r = 0;

	if (!n && d->items.used >= d->most)
		r = DECISIONS_FULL;
	if (!n && !r)
		r = pool_grow(&d->items);
	d->figures.full += r == DECISIONS_FULL;
	if (!r)
		*ret_n = n ? n : item_new(d, prefix);
	return r;
}

int decisions_adopt(struct decisions *d, const struct prefix *prefix)
{
	uint32_t n;
	int r = item_get(d, prefix, &n);

	if (r)
		return r;
	d->figures.in_gate += !item_at(d, n)->in_gate;
	item_at(d, n)->in_gate = true;
	return 0;
}

static int come(struct decisions *d, const struct feed_decision *decision, uint64_t now_ms)
{
	uint64_t until = now_ms + decision->left_ms;
	struct item *item;
	uint32_t n, at;
	int r = item_get(d, &decision->prefix, &n);

	if (r)
		return r;
	item = item_at(d, n);
	for (at = item->first; at; at = one_at(d, at)->next)
		if (one_at(d, at)->id == decision->id)
			break;
	if (!at && d->ones.used >= d->most) {
		d->figures.full++;
		item_release(d, n);
		return DECISIONS_FULL;
	}
	if (!at) {
		r = pool_grow(&d->ones);
		if (r) {
			item_release(d, n);
			return r;
		}
		at = one_new(d);
		*one_at(d, at) = (struct one){.id = decision->id, .next = item->first};
		item->first = at;
	}
	one_at(d, at)->until_ms = until;
	item_changed(d, n);
	return 0;
}

static void go(struct decisions *d, const struct feed_decision *decision)
{
	uint32_t n = item_find(d, &decision->prefix);

	if (!n || !drop_ones(d, item_at(d, n), has_id, decision->id)) {
		d->figures.unknown++;
		return;
	}
	item_changed(d, n);
}

int decisions_take(struct decisions *d, const struct feed_decision *decision, uint64_t now_ms)
{
	if (!decision->gone)
		return come(d, decision, now_ms);
	go(d, decision);
	return 0;
}

bool decisions_expire(struct decisions *d, uint64_t now_ms, uint32_t most)
{
	uint32_t n;

	while ((n = walk(d, &d->expire_at, &most)))
		if (drop_ones(d, item_at(d, n), is_over, now_ms))
			item_changed(d, n);
	return d->expire_at != 0;
}

/* ---- to the gate ---- */

bool decisions_next(struct decisions *d, uint64_t now_ms, struct decision_deed *ret_deed)
{
	while (d->head) {
		uint32_t n = d->head;
		struct item *item = item_at(d, n);
		uint64_t until = item_until(d, item);

		d->head = item->behind;
		if (!d->head)
			d->tail = 0;
		item->waiting = false;
		d->figures.waiting--;
		if (until <= now_ms)
			until = 0;
		if (is_settled(item, until)) {
			item_release(d, n); /* it has changed back */
			continue;
		}
		*ret_deed = (struct decision_deed){item->prefix, until};
		return true;
	}
	return false;
}

void decisions_done(struct decisions *d, const struct decision_deed *deed, enum decision_fate fate)
{
	uint32_t n = item_find(d, &deed->prefix);
	struct item *item = item_at(d, n);
	bool in;

	if (!n)
		return;
	if (fate == DECISION_FAILED) {
		enqueue(d, n);
		return;
	}
	in = fate == DECISION_DONE && deed->until_ms;
	d->figures.in_gate += (uint32_t)in - (uint32_t)item->in_gate;
	item->in_gate = in;
	item->gate_until = in ? deed->until_ms : 0;
	set_refused(d, item, fate == DECISION_REFUSED);
	item_release(d, n);
}

/* ---- how it is ---- */

struct decisions_figures decisions_figures(const struct decisions *d)
{
	struct decisions_figures figures = d->figures;

	figures.decisions = d->ones.used;
	figures.prefixes = d->items.used;
	return figures;
}

uint64_t decisions_until(const struct decisions *d, const struct prefix *prefix)
{
	uint32_t n = item_find(d, prefix);

	return n ? item_until(d, item_at(d, n)) : 0;
}

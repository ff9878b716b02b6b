/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table is cut into stripes, each with a lock, its clients in chains of a hash, and a list from
 * the one that was counted last to the one longest silent, which leaves when a new one comes. The
 * hash has a random seed: clients cannot choose their stripe.
 *
 * A rate is metered as in GCRA: `due` is the time at which all that was done would have been done
 * at exactly the rate. It may run ahead of the clock by the burst. It never runs ahead by more than
 * twice that, so a client is forgiven within two bursts. Distinct shapes: the first of each shape
 * in a second counts; a shape is a bit of a small set that is emptied each second, so a few of very
 * many shapes are taken for one another.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <orm/guard/rate.h>

#define STRIPES_MAX 64U
#define STRIPE_CLIENTS 64U /* so many make a stripe worth while */
#define SHAPE_BITS 512U
#define NONE UINT32_MAX
#define SECOND_NS 1000000000LL

struct slot {
	uint64_t client;
	uint32_t chain;	       /* the next one of the same hash */
	uint32_t newer, older; /* of the list */
	int64_t due[ORM_RATE_COUNT];
	int64_t reported_ns;
	int64_t second; /* of the set of shapes */
	bool was_reported;
	uint64_t shapes[SHAPE_BITS / 64];
};

struct stripe {
	pthread_mutex_t lock;
	struct slot *slots;
	uint32_t *heads; /* as many as slots, rounded up to a power of two */
	uint32_t mask;
	uint32_t count, room;
	uint32_t newest, oldest;
};

struct guard_rates {
	struct guard_rates_config config;
	uint64_t seed;
	unsigned stripe_count;
	struct stripe stripes[];
};

/* splitmix64, Vigna. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static int stripe_init(struct stripe *s, uint32_t room)
{
	uint32_t heads = 1;

	while (heads < room)
		heads *= 2;
	s->slots = calloc(room, sizeof(*s->slots));
	s->heads = malloc(heads * sizeof(*s->heads));
	if (!s->slots || !s->heads || pthread_mutex_init(&s->lock, NULL)) {
		free(s->slots);
		free(s->heads);
		return -ENOMEM;
	}
	memset(s->heads, 0xff, heads * sizeof(*s->heads));
	s->mask = heads - 1;
	s->room = room;
	s->count = 0;
	s->newest = s->oldest = NONE;
	return 0;
}

static void stripe_deinit(struct stripe *s)
{
	pthread_mutex_destroy(&s->lock);
	free(s->slots);
	free(s->heads);
}

struct guard_rates *guard_rates_new(const struct guard_rates_config *config)
{
	unsigned stripes = MIN(MAX(config->clients / STRIPE_CLIENTS, 1), STRIPES_MAX);
	unsigned room = (config->clients + stripes - 1) / stripes;
	struct guard_rates *r = calloc(1, sizeof(*r) + stripes * sizeof(r->stripes[0]));

	if (!r)
		return NULL;
	r->config = *config;
	/* Without a seed it is only easier to crowd one stripe. */
	if (getrandom(&r->seed, sizeof(r->seed), GRND_NONBLOCK) != sizeof(r->seed))
		r->seed = (uint64_t)(uintptr_t)r;
	for (; r->stripe_count < stripes; r->stripe_count++)
		if (stripe_init(&r->stripes[r->stripe_count], room)) {
			guard_rates_free(r);
			return NULL;
		}
	return r;
}

void guard_rates_free(struct guard_rates *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < r->stripe_count; i++)
		stripe_deinit(&r->stripes[i]);
	free(r);
}

/* ---- the list and the chains; the stripe's lock is held ---- */

static void list_take(struct stripe *s, uint32_t i)
{
	struct slot *slot = &s->slots[i];

	if (slot->newer == NONE)
		s->newest = slot->older;
	else
		s->slots[slot->newer].older = slot->older;
	if (slot->older == NONE)
		s->oldest = slot->newer;
	else
		s->slots[slot->older].newer = slot->newer;
}

static void list_put(struct stripe *s, uint32_t i)
{
	s->slots[i].newer = NONE;
	s->slots[i].older = s->newest;
	if (s->newest == NONE)
		s->oldest = i;
	else
		s->slots[s->newest].newer = i;
	s->newest = i;
}

static void chain_take(struct stripe *s, uint32_t *head, uint32_t i)
{
	while (*head != i)
		head = &s->slots[*head].chain;
	*head = s->slots[i].chain;
}

static uint32_t *head_of(const struct guard_rates *r, struct stripe *s, uint64_t client)
{
	return &s->heads[(mix(client ^ r->seed) >> 32) & s->mask];
}

static struct slot *find(const struct guard_rates *r, struct stripe *s, uint64_t client,
			 bool *ret_evicted)
{
	uint32_t *head = head_of(r, s, client), i = *head;

	*ret_evicted = false;
	while (i != NONE && s->slots[i].client != client)
		i = s->slots[i].chain;
	if (i != NONE) {
		list_take(s, i);
		list_put(s, i);
		return &s->slots[i];
	}
	if (s->count < s->room) {
		i = s->count++;
	} else {
		i = s->oldest;
		list_take(s, i);
		chain_take(s, head_of(r, s, s->slots[i].client), i);
		*ret_evicted = true;
	}
	s->slots[i] = (struct slot){.client = client, .chain = *head};
	*head = i;
	list_put(s, i);
	return &s->slots[i];
}

/* ---- metering ---- */

/* True: above the rate. Units may be any number. */
static bool meter(const struct guard_rates_config *c, struct slot *slot, enum orm_guard_rate rate,
		  uint64_t units, int64_t now_ns)
{
	const int64_t most = 2 * c->burst_ns;
	int64_t cost;

	if (!c->a_second[rate])
		return false;
	/* Before the product leaves its type it is far above the most that counts. */
	if (units > (uint64_t)c->a_second[rate] * (uint64_t)(most / SECOND_NS + 1))
		cost = most;
	else
		cost = (int64_t)((__int128)units * SECOND_NS / c->a_second[rate]);
	if (slot->due[rate] < now_ns)
		slot->due[rate] = now_ns;
	slot->due[rate] = MIN(slot->due[rate] + cost, now_ns + most);
	return slot->due[rate] - now_ns > c->burst_ns;
}

/* 1 for the first of this shape in this second. */
static unsigned new_shape(struct slot *slot, uint64_t shape, int64_t now_ns)
{
	uint64_t bit = mix(shape) % SHAPE_BITS, mask = 1ULL << (bit % 64);
	uint64_t *word = &slot->shapes[bit / 64];
	unsigned is_new;

	if (!shape)
		return 0;
	if (now_ns / SECOND_NS != slot->second) {
		slot->second = now_ns / SECOND_NS;
		memset(slot->shapes, 0, sizeof(slot->shapes));
	}
	is_new = !(*word & mask);
	*word |= mask;
	return is_new;
}

static unsigned meter_all(const struct guard_rates_config *c, struct slot *slot,
			  const struct orm_guard_use *use, int64_t now_ns)
{
	const uint64_t units[ORM_RATE_COUNT] = {
		[ORM_RATE_queries] = use->queries,
		[ORM_RATE_shapes] = new_shape(slot, use->shape, now_ns),
		[ORM_RATE_errors] = use->errors,
		[ORM_RATE_rows] = use->rows,
	};
	unsigned over = 0;

	for (unsigned i = 0; i < ORM_RATE_COUNT; i++)
		over |= (unsigned)meter(c, slot, i, units[i], now_ns) << i;
	return over;
}

void guard_rates_count(struct guard_rates *r, uint64_t client, const struct orm_guard_use *use,
		       int64_t now_ns, struct guard_rates_verdict *ret_verdict)
{
	struct stripe *s = &r->stripes[mix(client ^ r->seed) % r->stripe_count];
	struct guard_rates_verdict verdict = {0};
	struct slot *slot;

	pthread_mutex_lock(&s->lock);
	slot = find(r, s, client, &verdict.evicted);
	verdict.over = meter_all(&r->config, slot, use, now_ns);
	if (verdict.over &&
	    (!slot->was_reported || now_ns - slot->reported_ns >= r->config.repeat_ns)) {
		slot->was_reported = verdict.report = true;
		slot->reported_ns = now_ns;
	}
	pthread_mutex_unlock(&s->lock);
	*ret_verdict = verdict;
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A table is a slab and chains of places + 1 (0 ends a chain). A place is in exactly one chain, or
 * in the list of free ones (then its key is 0: ::/64 is no source that the kernel takes a packet
 * from), or was never touched. A source's due_at is its place in the heap + 1, kept true by every
 * move in the heap and by the move from one table to the other.
 */
#include <user/guard/roster.h>

#include <errno.h>
#include <stdlib.h>

#include <strazh/base/own.h>

#define ROSTER_MAX (1U << 24)
#define SPARE_STEPS 64U /* how many of the proven that matter are passed over for others */

static uint32_t id_of(const struct roster *roster, const struct source *source)
{
	unsigned table = roster_is_proven(roster, source);

	return (uint32_t)(source - roster->tables[table].slab) * 2 + table;
}

static struct source *by_id(const struct roster *roster, uint32_t id)
{
	return &roster->tables[id & 1].slab[id / 2];
}

static int table_init(struct roster_table *table, uint32_t room)
{
	own_free struct source *slab = NULL;
	own_free uint32_t *heads = NULL;

	slab = calloc(room, sizeof(*slab));
	heads = calloc(room, sizeof(*heads));
	if (!slab || !heads)
		return -ENOMEM;
	*table = (struct roster_table){.room = room, .chains = room};
	table->slab = take_ptr(slab);
	table->heads = take_ptr(heads);
	return 0;
}

int roster_init(struct roster *roster, const struct roster_config *config)
{
	uint32_t rooms[GUARD_EVIDENCES] = {config->strangers, config->proven};
	struct roster made = {.config = *config};
	int r = 0;

	if (!rooms[0] || !rooms[1] || rooms[0] > ROSTER_MAX || rooms[1] > ROSTER_MAX - rooms[0])
		return -EINVAL;
	for (unsigned i = 0; i < GUARD_EVIDENCES && !r; i++)
		r = table_init(&made.tables[i], rooms[i]);
	if (!r) {
		made.heap = calloc((size_t)rooms[0] + rooms[1], sizeof(*made.heap));
		r = made.heap ? 0 : -ENOMEM;
	}
	if (r) {
		roster_deinit(&made);
		return r;
	}
	*roster = made;
	return 0;
}

void roster_deinit(struct roster *roster)
{
	for (unsigned i = 0; i < GUARD_EVIDENCES; i++) {
		free(roster->tables[i].slab);
		free(roster->tables[i].heads);
	}
	free(roster->heap);
	*roster = (struct roster){0};
}

/* The chains are not a power of two: the high half of a product takes the place of the remainder
 * (D. Lemire, Fast Random Integer Generation in an Interval, 2019). */
static uint32_t *head_of(const struct roster *roster, const struct roster_table *table,
			 uint64_t key)
{
	uint64_t hash = source_hash(roster->config.seed, key);

	return &table->heads[hash * table->chains >> 32];
}

static struct source *table_find(const struct roster *roster, const struct roster_table *table,
				 uint64_t key)
{
	uint32_t at = *head_of(roster, table, key);

	while (at && table->slab[at - 1].key != key)
		at = table->slab[at - 1].next;
	return at ? &table->slab[at - 1] : NULL;
}

struct source *roster_find(struct roster *roster, uint64_t key)
{
	struct source *source = table_find(roster, &roster->tables[GUARD_PROVEN], key);

	if (!source)
		source = table_find(roster, &roster->tables[GUARD_SPOOFABLE], key);
	if (source)
		source->flags |= SOURCE_REFERENCED;
	return source;
}

bool roster_is_proven(const struct roster *roster, const struct source *source)
{
	const struct roster_table *table = &roster->tables[GUARD_PROVEN];

	return source >= table->slab && source < table->slab + table->room;
}

void roster_drop(struct roster *roster, struct source *source)
{
	struct roster_table *table = &roster->tables[roster_is_proven(roster, source)];
	uint32_t place = (uint32_t)(source - table->slab) + 1;
	uint32_t *at = head_of(roster, table, source->key);

	roster_clear_due(roster, source);
	while (*at != place)
		at = &table->slab[*at - 1].next;
	*at = source->next;
	*source = (struct source){.next = table->free};
	table->free = place;
	table->len--;
}

static bool matters(const struct source *source)
{
	return source->level != GUARD_FREE || source->trust_h || source->live;
}

/* The table is full, so every place is in use. */
static void evict_one(struct roster *roster, struct roster_table *table)
{
	unsigned passed = 0;
	struct source *source;

	while (true) {
		source = &table->slab[table->hand];
		table->hand = (table->hand + 1) % table->room;
		if (source->flags & SOURCE_REFERENCED)
			source->flags &= (uint8_t)~SOURCE_REFERENCED;
		else if (!matters(source) || passed++ >= SPARE_STEPS)
			break;
	}
	if (roster->config.on_evict)
		roster->config.on_evict(roster->config.owner, source);
	roster->evicted[roster_is_proven(roster, source)]++;
	roster_drop(roster, source);
}

static struct source *add(struct roster *roster, struct roster_table *table, uint64_t key)
{
	uint32_t *head = head_of(roster, table, key), place;

	if (table->len == table->room)
		evict_one(roster, table);
	place = table->free;
	if (place)
		table->free = table->slab[place - 1].next;
	else
		place = ++table->touched;
	table->slab[place - 1] = (struct source){.key = key, .next = *head};
	*head = place;
	table->len++;
	return &table->slab[place - 1];
}

/* A stranger has answered. */
static struct source *move_over(struct roster *roster, struct source *from)
{
	struct source *to = add(roster, &roster->tables[GUARD_PROVEN], from->key);
	uint32_t next = to->next, due_at = from->due_at;

	*to = *from;
	to->next = next;
	if (due_at)
		roster->heap[due_at - 1] = id_of(roster, to);
	from->due_at = 0;
	roster_drop(roster, from);
	return to;
}

struct source *roster_get(struct roster *roster, uint64_t key, enum guard_evidence evidence,
			  uint64_t now_ms)
{
	struct source *source = roster_find(roster, key);

	if (source && (evidence != GUARD_PROVEN || roster_is_proven(roster, source)))
		return source;
	if (source)
		return move_over(roster, source);
	source = add(roster, &roster->tables[evidence], key);
	source->touch_ms = now_ms;
	source->first_s = (uint32_t)(now_ms / 1000);
	source->window_s = source->first_s;
	source->ports_h = (uint16_t)(source->first_s / 3600);
	source->share = SOURCE_SHARE_ONE;
	for (unsigned i = 0; i < METER_COUNT; i++)
		source->empty_ms[i] = (uint32_t)now_ms;
	return source;
}

struct source *roster_at(struct roster *roster, enum guard_evidence evidence, uint32_t place)
{
	struct source *source = &roster->tables[evidence].slab[place];

	return source->key ? source : NULL;
}

/* ---- what is due ---- */

static void heap_put(struct roster *roster, uint32_t at, uint32_t id)
{
	roster->heap[at] = id;
	by_id(roster, id)->due_at = at + 1;
}

static void heap_up(struct roster *roster, uint32_t at)
{
	uint32_t id = roster->heap[at];
	uint64_t due = by_id(roster, id)->due_ms;

	while (at && by_id(roster, roster->heap[(at - 1) / 2])->due_ms > due) {
		heap_put(roster, at, roster->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_put(roster, at, id);
}

static void heap_down(struct roster *roster, uint32_t at)
{
	uint32_t id = roster->heap[at], child;
	uint64_t due = by_id(roster, id)->due_ms;

	while ((child = at * 2 + 1) < roster->due_len) {
		if (child + 1 < roster->due_len &&
		    by_id(roster, roster->heap[child + 1])->due_ms <
			    by_id(roster, roster->heap[child])->due_ms)
			child++;
		if (by_id(roster, roster->heap[child])->due_ms >= due)
			break;
		heap_put(roster, at, roster->heap[child]);
		at = child;
	}
	heap_put(roster, at, id);
}

void roster_set_due(struct roster *roster, struct source *source, uint64_t due_ms)
{
	source->due_ms = due_ms;
	if (!source->due_at) {
		roster->heap[roster->due_len] = id_of(roster, source);
		source->due_at = ++roster->due_len;
	}
	heap_up(roster, source->due_at - 1);
	heap_down(roster, source->due_at - 1);
}

void roster_clear_due(struct roster *roster, struct source *source)
{
	uint32_t at = source->due_at, last;

	if (!at)
		return;
	source->due_at = 0;
	last = roster->heap[--roster->due_len];
	if (at - 1 == roster->due_len)
		return;
	heap_put(roster, at - 1, last);
	heap_up(roster, at - 1);
	heap_down(roster, by_id(roster, last)->due_at - 1);
}

struct source *roster_pop_due(struct roster *roster, uint64_t now_ms)
{
	struct source *source;

	if (!roster->due_len)
		return NULL;
	source = by_id(roster, roster->heap[0]);
	if (source->due_ms > now_ms)
		return NULL;
	roster_clear_due(roster, source);
	return source;
}

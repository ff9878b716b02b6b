/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue is a chain of chunks with a stream of entries in it: `entry`, then `held` or the payload,
 * then nothing up to the next multiple of 8. The fixed parts of an entry never lie in two chunks:
 * where one does not fit in the rest of a chunk it begins the next, and whoever reads knows it by
 * the same rule. A payload runs on from chunk to chunk.
 *
 * Chunks for a whole message are taken before a byte of it is written: a message is in the queue or
 * not.
 */
#include <user/session/queue.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM (POOL_CHUNK - sizeof(struct chunk *))

struct chunk {
	struct chunk *next;
	uint8_t bytes[ROOM];
};

struct entry {
	uint8_t head[PH_MESSAGE_HEAD];
	uint32_t len;  /* of the payload */
	uint32_t held; /* a struct held follows, not the payload */
};

#define FIXED_MAX (sizeof(struct entry) + sizeof(struct held))
#define ALIGN8(n) (((n) + 7) & ~(size_t)7)

_Static_assert(sizeof(struct chunk) == POOL_CHUNK, "a chunk fills what is allocated for it");
_Static_assert(ROOM % 8 == 0 && sizeof(struct entry) % 8 == 0 && sizeof(struct held) % 8 == 0,
	       "entries stay aligned");

/* ---- the pool ---- */

void chunk_pool_init(struct chunk_pool *pool, size_t taken_max, size_t spares_max)
{
	*pool = (struct chunk_pool){.taken_max = taken_max, .spares_max = spares_max};
}

void chunk_pool_deinit(struct chunk_pool *pool)
{
	while (pool->spare) {
		struct chunk *c = pool->spare;

		pool->spare = c->next;
		free(c);
	}
	pool->spares = 0;
}

static struct chunk *chunk_take(struct chunk_pool *pool)
{
	struct chunk *c = pool->spare;

	if (pool->taken >= pool->taken_max)
		return NULL;
	if (c) {
		pool->spare = c->next;
		pool->spares--;
	} else {
		c = malloc(sizeof(*c));
		if (!c)
			return NULL;
	}
	pool->taken++;
	c->next = NULL;
	return c;
}

static void chunk_give(struct chunk_pool *pool, struct chunk *c)
{
	pool->taken--;
	if (pool->spares >= pool->spares_max) {
		free(c);
		return;
	}
	c->next = pool->spare;
	pool->spare = c;
	pool->spares++;
}

/* A chain of `count` chunks, or NULL. */
static struct chunk *chain_take(struct chunk_pool *pool, size_t count)
{
	struct chunk *chain = NULL;

	while (count--) {
		struct chunk *c = chunk_take(pool);

		if (!c) {
			while (chain) {
				c = chain;
				chain = c->next;
				chunk_give(pool, c);
			}
			return NULL;
		}
		c->next = chain;
		chain = c;
	}
	return chain;
}

/* ---- writing ---- */

static void write_bytes(struct queue *q, const void *from, size_t len)
{
	const uint8_t *bytes = from;

	while (len) {
		size_t n = MIN(len, ROOM - q->write);

		if (!n) {
			q->last = q->last->next;
			q->write = 0;
			continue;
		}
		memcpy(q->last->bytes + q->write, bytes, n);
		q->write += (uint32_t)n;
		bytes += n;
		len -= n;
	}
	q->write = (uint32_t)ALIGN8(q->write);
}

int queue_put(struct queue *q, struct chunk_pool *pool, const uint8_t head[PH_MESSAGE_HEAD],
	      const uint8_t *payload, size_t len, const struct held *held)
{
	struct entry entry = {.len = (uint32_t)len, .held = !!held};
	size_t fixed = sizeof(entry) + (held ? sizeof(*held) : 0);
	size_t need = fixed + (held ? 0 : len), room = q->last ? ROOM - q->write : 0;

	if (room < FIXED_MAX) /* the rest of the last chunk stays empty */
		room = 0;
	if (need > room) {
		struct chunk *more = chain_take(pool, (need - room + ROOM - 1) / ROOM);

		if (!more)
			return -ENOMEM;
		if (q->last)
			q->last->next = more;
		else
			q->first = more;
		if (!room) {
			q->last = more;
			q->write = 0;
		}
	}
	memcpy(entry.head, head, sizeof(entry.head));
	write_bytes(q, &entry, sizeof(entry));
	if (held)
		write_bytes(q, held, sizeof(*held));
	else
		write_bytes(q, payload, len);
	q->count++;
	return 0;
}

/* ---- reading ---- */

static void drop_first(struct queue *q, struct chunk_pool *pool)
{
	struct chunk *c = q->first;

	q->first = c->next;
	q->read = 0;
	chunk_give(pool, c);
}

static void all_gone(struct queue *q, struct chunk_pool *pool)
{
	while (q->first)
		drop_first(q, pool);
	*q = (struct queue){0};
}

/* The fixed part that comes next; `to` NULL: not even looked at. */
static void read_bytes(struct queue *q, struct chunk_pool *pool, uint8_t *to, size_t len)
{
	while (len) {
		size_t n = MIN(len, ROOM - q->read);

		if (!n) {
			drop_first(q, pool);
			continue;
		}
		if (to) {
			memcpy(to, q->first->bytes + q->read, n);
			to += n;
		}
		q->read += (uint32_t)n;
		len -= n;
	}
	q->read = (uint32_t)ALIGN8(q->read);
}

static const struct entry *first_entry(const struct queue *q)
{
	const struct chunk *c = q->first;
	uint32_t at = q->read;

	if (ROOM - at < FIXED_MAX) {
		c = c->next;
		at = 0;
	}
	return (const void *)(c->bytes + at);
}

size_t queue_first_len(const struct queue *q)
{
	return PH_MESSAGE_HEAD + (size_t)first_entry(q)->len;
}

/* `to` NULL: throw it away. */
static void take(struct queue *q, struct chunk_pool *pool, uint8_t *to)
{
	struct entry entry;

	if (ROOM - q->read < FIXED_MAX)
		drop_first(q, pool);
	read_bytes(q, pool, (uint8_t *)&entry, sizeof(entry));
	if (to)
		memcpy(to, entry.head, sizeof(entry.head));
	to = to ? to + sizeof(entry.head) : NULL;
	if (entry.held) {
		struct held held;

		read_bytes(q, pool, (uint8_t *)&held, sizeof(held));
		if (to && entry.len)
			memcpy(to, held.payload, entry.len);
		held.release(held.owner);
	} else {
		read_bytes(q, pool, to, entry.len);
	}
	if (!--q->count)
		all_gone(q, pool);
}

void queue_take(struct queue *q, struct chunk_pool *pool, uint8_t *to)
{
	take(q, pool, to);
}

void queue_clear(struct queue *q, struct chunk_pool *pool)
{
	while (!queue_empty(q))
		take(q, pool, NULL);
}

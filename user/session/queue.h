/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that wait to be sealed: first in, first out, in chunks of a pool that all channels of a
 * thread share. An empty queue holds no memory, and a chunk that is given back is there for the
 * next, so that a message costs no allocation.
 *
 * A payload is copied, or held: then its owner is told once it was copied into a record or thrown
 * away.
 */
#ifndef STRAZH_USER_SESSION_QUEUE_H
#define STRAZH_USER_SESSION_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <strazh/wire/phantom.h>

#define POOL_CHUNK 4096

struct chunk;

struct chunk_pool {
	struct chunk *spare;
	size_t spares, spares_max; /* chunks kept for the next */
	size_t taken, taken_max;   /* chunks in queues, and how many there may be */
};

void chunk_pool_init(struct chunk_pool *pool, size_t taken_max, size_t spares_max);
/* Nothing may be in queues any more. */
void chunk_pool_deinit(struct chunk_pool *pool);

/* A payload that is not copied. */
struct held {
	const uint8_t *payload;
	void (*release)(void *owner);
	void *owner;
};

struct queue {
	struct chunk *first, *last;
	uint32_t read, write; /* places in the first and in the last chunk */
	uint32_t count;	      /* of messages */
};

/* Zeros are an empty queue. */
static inline bool queue_empty(const struct queue *q)
{
	return !q->count;
}

/*
 * `held` NULL: len bytes of payload are copied; else they are held->payload, and held->release() is
 * called exactly once if the answer is 0, never otherwise. -ENOMEM: also when the pool has given
 * out what it may; then the queue is as it was.
 */
int queue_put(struct queue *q, struct chunk_pool *pool, const uint8_t head[PH_MESSAGE_HEAD],
	      const uint8_t *payload, size_t len, const struct held *held) must_check;

/* Length of the first message with its head; there has to be one. */
size_t queue_first_len(const struct queue *q);
/* Head and payload of the first message, which has left the queue. */
void queue_take(struct queue *q, struct chunk_pool *pool, uint8_t *to);
/* Throws all away. */
void queue_clear(struct queue *q, struct chunk_pool *pool);

#endif

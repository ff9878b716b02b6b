/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A block is lent to one holder, or in the list of its class, or with the allocator. */
#include <user/net/pool.h>

#include <stdlib.h>

static const uint32_t sizes[POOL_CLASSES] = {POOL_SMALL, POOL_MEDIUM, POOL_LARGE};

void pool_init(struct pool *pool, size_t max)
{
	*pool = (struct pool){.max = max};
}

void pool_deinit(struct pool *pool)
{
	for (unsigned i = 0; i < POOL_CLASSES; i++) {
		struct block *block = pool->classes[i].free;

		while (block) {
			struct block *next = block->next;

			free(block);
			block = next;
		}
		pool->classes[i].free = NULL;
		pool->classes[i].kept = 0;
	}
}

struct block *pool_take(struct pool *pool, size_t need)
{
	struct block *block;
	unsigned class = 0;

	while (class < POOL_CLASSES && sizes[class] < need)
		class ++;
	if (class == POOL_CLASSES || sizes[class] > pool->max - pool->lent) {
		pool->refused++;
		return NULL;
	}
	block = pool->classes[class].free;
	if (block) {
		pool->classes[class].free = block->next;
		pool->classes[class].kept--;
	} else {
		block = malloc(sizeof(*block) + sizes[class]);
		if (!block) {
			pool->refused++;
			return NULL;
		}
		block->size = sizes[class];
		block->class = class;
	}
	block->next = NULL;
	block->at = 0;
	block->len = 0;
	pool->lent += block->size;
	return block;
}

struct block *pool_take_patient(struct pool *pool, size_t need)
{
	if (need > POOL_SMALL && pool->lent + need > pool->max - pool->max / 4) {
		pool->refused++;
		return NULL;
	}
	return pool_take(pool, need);
}

void pool_put(struct pool *pool, struct block *block)
{
	if (!block)
		return;
	pool->lent -= block->size;
	if (pool->classes[block->class].kept >= POOL_KEEP) {
		free(block);
		return;
	}
	block->next = pool->classes[block->class].free;
	pool->classes[block->class].free = block;
	pool->classes[block->class].kept++;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is freed at once: chunks that grow by doubling, with a cap over all of them. Reset
 * keeps the largest chunk, so that the next use of the same size allocates nothing.
 */
#ifndef STRAZH_ORM_ARENA_H
#define STRAZH_ORM_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include <strazh/base/compiler.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* the newest first */
	char *at, *end;		    /* what is free of the newest */
	size_t total;		    /* bytes held */
	size_t max;
};

/* Nothing is allocated before the first use. */
void arena_init(struct arena *a, size_t max);
void arena_deinit(struct arena *a);
void arena_reset(struct arena *a);
/* As arena_alloc(), which calls it when the newest chunk is full. `size` is a multiple of 8. */
void *arena_alloc_chunk(struct arena *a, size_t size) must_check;
/* Aligned to 8. NULL: no memory, or more than max (arena_is_full() tells which). */
static inline must_check void *arena_alloc(struct arena *a, size_t size)
{
	size_t padded = (size + 7) & ~(size_t)7;
	char *at = a->at;

	if (padded < size)
		return NULL;
	if (!at || padded > (size_t)(a->end - at))
		return arena_alloc_chunk(a, padded);
	a->at += padded;
	return at;
}
bool arena_is_full(const struct arena *a, size_t size);
/* A copy with a NUL behind it; len 0 is "". */
char *arena_copy(struct arena *a, const void *data, size_t len) must_check;

#endif

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
	size_t used;		    /* of the newest */
	size_t total;		    /* bytes held */
	size_t max;
};

/* Nothing is allocated before the first use. */
void arena_init(struct arena *a, size_t max);
void arena_deinit(struct arena *a);
void arena_reset(struct arena *a);
/* Aligned to 8. NULL: no memory, or more than max (arena_is_full() tells which). */
void *arena_alloc(struct arena *a, size_t size) must_check;
bool arena_is_full(const struct arena *a, size_t size);
/* A copy with a NUL behind it; len 0 is "". */
char *arena_copy(struct arena *a, const void *data, size_t len) must_check;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <orm/base/arena.h>

#define FIRST_CHUNK 2048U

struct arena_chunk {
	struct arena_chunk *older;
	size_t size;
	max_align_t data[];
};

void arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){.max = max};
}

static void free_from(struct arena_chunk *chunk)
{
	while (chunk) {
		struct arena_chunk *older = chunk->older;

		free(chunk);
		chunk = older;
	}
}

void arena_deinit(struct arena *a)
{
	free_from(a->chunks);
	*a = (struct arena){.max = a->max};
}

static void open_chunk(struct arena *a)
{
	a->at = (char *)a->chunks->data;
	a->end = a->at + a->chunks->size;
}

void arena_reset(struct arena *a)
{
	if (!a->chunks)
		return;
	free_from(a->chunks->older);
	a->chunks->older = NULL;
	a->total = a->chunks->size;
	open_chunk(a);
}

bool arena_is_full(const struct arena *a, size_t size)
{
	return size > a->max || a->total > a->max - size;
}

/* Twice the last chunk, as much as is wanted, and never above the cap. */
static int add_chunk(struct arena *a, size_t size)
{
	size_t want = a->chunks ? a->chunks->size * 2 : FIRST_CHUNK;
	struct arena_chunk *chunk;

	if (arena_is_full(a, size))
		return -ENOMEM;
	want = MAX(MIN(want, a->max - a->total), size);
	chunk = malloc(sizeof(*chunk) + want);
	if (!chunk)
		return -ENOMEM;
	chunk->older = a->chunks;
	chunk->size = want;
	a->chunks = chunk;
	a->total += want;
	open_chunk(a);
	return 0;
}

void *arena_alloc_chunk(struct arena *a, size_t size)
{
	char *at;

	if ((!a->chunks || (size_t)(a->end - a->at) < size) && add_chunk(a, size))
		return NULL;
	at = a->at;
	a->at += size;
	return at;
}

char *arena_copy(struct arena *a, const void *data, size_t len)
{
	char *copy = len < SIZE_MAX ? arena_alloc(a, len + 1) : NULL;

	if (!copy)
		return NULL;
	if (len)
		memcpy(copy, data, len);
	copy[len] = '\0';
	return copy;
}

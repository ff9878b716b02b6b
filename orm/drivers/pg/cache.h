/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which statements a connection has prepared: found by the statement's id, the longest unused one
 * is given up first. Pure bookkeeping: who calls it talks to the server.
 */
#ifndef STRAZH_ORM_PG_CACHE_H
#define STRAZH_ORM_PG_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>

#define PG_PREPARED_NAME_MAX 24

struct pg_prepared {
	uint64_t id;
	struct pg_prepared *chain; /* same bucket, or the next one that is doomed */
	struct pg_prepared *newer, *older;
	char name[PG_PREPARED_NAME_MAX]; /* never used twice on a connection */
	uint16_t params;
	bool pending;	 /* the server has not answered yet (pipeline.c) */
	uint32_t oids[]; /* of its parameters, as prepared */
};

struct pg_cache {
	struct pg_prepared **buckets; /* a power of two of them */
	size_t mask;
	struct pg_prepared *newest, *oldest;
	struct pg_prepared *doomed; /* given up here, not yet by the server */
	size_t count, max;
	uint64_t names;
};

/* `max` statements, at least 1. 0 or -ENOMEM. */
int pg_cache_init(struct pg_cache *cache, size_t max) must_check;
void pg_cache_deinit(struct pg_cache *cache);
/* Borrowed, and now the newest; NULL: not prepared. */
struct pg_prepared *pg_cache_find(struct pg_cache *cache, uint64_t id) must_check;
/* One to be prepared, with its name, outside the cache until pg_cache_add(). NULL: no memory. */
struct pg_prepared *pg_cache_new(struct pg_cache *cache, uint64_t id, const uint32_t *oids,
				 uint16_t params) must_check;
/* The server has it. Takes it; there is none of this id. */
void pg_cache_add(struct pg_cache *cache, struct pg_prepared *prepared);
/* Gives up as many as must go before one more fits; how many. */
unsigned pg_cache_make_room(struct pg_cache *cache);
/* Gives it up. */
void pg_cache_doom(struct pg_cache *cache, struct pg_prepared *prepared);
/* The server never had it: frees it. */
void pg_cache_drop(struct pg_cache *cache, struct pg_prepared *prepared);
/* The server has given up the first of `doomed`. */
void pg_cache_bury(struct pg_cache *cache);
/* The server has none of them any more (DISCARD ALL). */
void pg_cache_clear(struct pg_cache *cache);

#endif

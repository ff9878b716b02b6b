/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rendered shapes, kept: a query whose words were seen before is not rendered again. Found by hash
 * and compared word by word, so that a collision costs time and never a wrong statement. Bounded:
 * the least recently used one goes; who holds a reference keeps it alive. Thread-safe.
 */
#ifndef STRAZH_ORM_SHAPE_H
#define STRAZH_ORM_SHAPE_H

#include <orm/query/query.h>
#include <orm/render/render.h>

struct orm_shape {
	struct orm_stmt stmt;
	const struct orm_table **tables; /* read or written */
	unsigned n_tables;
	char **names; /* of the result's columns; "" when it has none */
	/* of the cache */
	uint64_t hash;
	uint32_t n; /* words */
	uint32_t values;
	uint64_t tables_gone; /* when it was rendered: see shape_tables_gone() */
	uint64_t *words;
	unsigned references;
	const struct orm_table *fits; /* atomic: the last struct that its rows fit into */
	bool seen;		      /* atomic: see shape_was_seen() */
	struct orm_shape *next;	      /* in its bucket */
	struct orm_shape *newer, *older;
};

struct shape_cache;

int shape_cache_new(unsigned max, struct shape_cache **ret_cache) must_check;
void shape_cache_free(struct shape_cache *cache);
/* 0 with a reference; or a class, with `fault` saying why the query is refused. */
int shape_get(struct shape_cache *cache, const struct orm_query *q, enum orm_dialect dialect,
	      struct orm_shape **ret_shape, char fault[192]) must_check;
/* shape_get() in two steps, for who remembers shapes by himself. */
uint64_t shape_hash(const struct orm_query *q);
bool shape_has(const struct orm_shape *shape, const struct orm_query *q);
int shape_get_hashed(struct shape_cache *cache, const struct orm_query *q, uint64_t hash,
		     enum orm_dialect dialect, struct orm_shape **ret_shape,
		     char fault[192]) must_check;
/*
 * Tables were freed: others may come to their addresses, by which shapes know them. What was
 * rendered before is not found again, whatever table it was of.
 */
void shape_tables_gone(void);
/* One reference more. */
void shape_hold(struct shape_cache *cache, struct orm_shape *shape);
void shape_put(struct shape_cache *cache, struct orm_shape *shape);

/* False for the first who asks, in any thread. */
bool shape_was_seen(struct orm_shape *shape);

struct shape_stats {
	uint64_t hits;
	uint64_t misses;
	uint64_t evicted;
	uint32_t kept;
};
void shape_read(struct shape_cache *cache, struct shape_stats *ret_stats);

#endif

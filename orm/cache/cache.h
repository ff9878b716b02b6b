/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results kept in memory, for a while, and until one of their tables is written. Thread-safe.
 *
 *	struct orm_cache_key key;
 *	if (!orm_cache_key(cache, dialect, stmt, values, &key)) {
 *		hit = orm_cache_find(cache, &key);
 *		if (!hit) {
 *			orm_cache_begin(cache, tables, n, &reading);    before the query is sent
 *			... run it; on a replica: one that has what reading.wrote_ns names (route.h)
 *			r = orm_cache_put(cache, &key, &reading, &rows, &hit);
 *		}
 *		orm_cache_key_deinit(&key);
 *	}
 *
 * and after each commit of a write, before it is acknowledged to anybody (also when its outcome is
 * not known): orm_cache_wrote().
 *
 * Why nothing outdated is found after a write was acknowledged: a table has a generation, which
 * wrote() moves on. begin() notes the generations before the query is sent; put() and every find()
 * compare. A result that does not show the write was read from the database before the write was
 * committed, so its generations were noted before wrote() ran, and differ from then on.
 *
 * What it cannot know: writes of other programs, of triggers, and of ON DELETE CASCADE into tables
 * that were not named to wrote(). Those are seen when the age limit is over. So a result in the
 * cache is as of at most its age limit ago, in this process of after the last acknowledged write.
 *
 * Work inside a transaction neither looks here nor puts: it sees what others must not see yet.
 */
#ifndef STRAZH_ORM_CACHE_H
#define STRAZH_ORM_CACHE_H

#include <orm/base/clock.h>
#include <orm/drivers/driver.h>
#include <orm/table/rowset.h>

/* Of one query; with more tables it is not kept. */
#define ORM_CACHE_TABLES_MAX 16
#define ORM_CACHE_KEY_MAX 65536

struct orm_cache;

/* A result: immutable, shared, valid until orm_cached_drop() even when the cache forgets it. */
struct orm_cached {
	struct orm_rowset rows;
};

struct orm_cache_key {
	uint64_t hash;
	size_t len;
	uint8_t *data; /* in `room`, or malloc'ed */
	uint8_t room[256];
};

struct orm_cache_reading {
	uint64_t begin_ns;
	uint64_t wrote_ns; /* when the last write to one of the tables was committed; 0: none */
	uint64_t all;	   /* generation of everything */
	uint64_t generation[ORM_CACHE_TABLES_MAX];
	uint16_t table[ORM_CACHE_TABLES_MAX];
	uint16_t count;
	bool keep; /* false: too many tables, or not known which */
};

struct orm_cache_stats {
	uint64_t hits;
	uint64_t misses; /* those below and what was never there */
	uint64_t outdated;
	uint64_t expired;
	uint64_t stored;
	uint64_t raced;
	uint64_t evicted;
	uint64_t entries; /* gauge */
	uint64_t bytes;	  /* gauge; results that callers still hold after eviction not counted */
};

/* clock NULL: the machine's. 0 or -errno. */
int orm_cache_new(uint64_t bytes_max, uint64_t ttl_ns, const struct orm_clock *clock,
		  struct orm_cache **ret_cache) must_check;
/* NULL is fine. Results in use stay valid. */
void orm_cache_free(struct orm_cache *cache);

/* Of the statement and its values. 0, -ENOMEM, or ORM_E_TOO_BIG: not to be cached. */
int orm_cache_key(struct orm_cache *cache, enum orm_dialect dialect, const struct orm_stmt *stmt,
		  const struct orm_value *values, struct orm_cache_key *ret_key) must_check;
/* The same without the hash, which is the cache's. */
int orm_cache_key_build(enum orm_dialect dialect, const struct orm_stmt *stmt,
			const struct orm_value *values, struct orm_cache_key *ret_key) must_check;
void orm_cache_key_deinit(struct orm_cache_key *key);

/* NULL: not there, too old, or written since. The caller drops it. */
struct orm_cached *orm_cache_find(struct orm_cache *cache,
				  const struct orm_cache_key *key) must_check;
/* Names of the tables, case aside. n 0: not known; the result is not kept then. */
void orm_cache_begin(struct orm_cache *cache, const char *const *tables, size_t n,
		     struct orm_cache_reading *ret_reading);
/*
 * Takes the rows (*rows is empty then) and gives them back as a shared result, kept in the cache
 * unless they are too big or a write came between. 0, or -ENOMEM and *rows as it was.
 */
int orm_cache_put(struct orm_cache *cache, const struct orm_cache_key *key,
		  const struct orm_cache_reading *reading, struct orm_rowset *rows,
		  struct orm_cached **ret_cached) must_check;
void orm_cached_drop(struct orm_cached *cached); /* NULL is fine */

/* n 0: not known which; everything is outdated. */
void orm_cache_wrote(struct orm_cache *cache, const char *const *tables, size_t n);
/* Frees some of what is too old; once a second is enough. */
void orm_cache_tend(struct orm_cache *cache);
void orm_cache_read(struct orm_cache *cache, struct orm_cache_stats *ret_stats);

#endif

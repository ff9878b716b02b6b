/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Sources that wait to be written: at most so many, of each the newest state, the longest waiting
 * first. No locks, no allocation after init. Keyed by a hash that a stranger cannot choose.
 */
#ifndef STRAZH_USER_STORE_PENDING_H
#define STRAZH_USER_STORE_PENDING_H

#include <stdint.h>

#include <user/store/rows.h>

struct store_pending_slot;

struct store_pending {
	struct store_pending_slot *slots;
	uint32_t *buckets; /* slot + 1; a power of two of them */
	uint32_t max, mask, count;
	uint32_t first, last, free; /* slot + 1 */
	uint32_t used;		    /* slots that were ever taken */
	uint64_t key;		    /* of the hash */
	uint64_t next;		    /* order of the one that comes next */
};

int store_pending_init(struct store_pending *p, uint32_t max,
		       uint64_t key) must_check; /* 0, -ENOMEM */
void store_pending_deinit(struct store_pending *p);

enum store_pending_what { STORE_PENDING_NEW, STORE_PENDING_MERGED, STORE_PENDING_FULL };
/* Take it, or replace the state that waits. `room`: not more than so many. */
enum store_pending_what store_pending_put(struct store_pending *p,
					  const struct store_source *source, uint32_t room);
/* The longest waiting ones out, at most `most`; how many. *ret_order: of the first of them. */
uint32_t store_pending_take(struct store_pending *p, struct store_source *ret_sources,
			    uint32_t most, uint64_t *ret_order);
/* Back to where they were, but those of which a newer state has come. How many were not needed. */
uint32_t store_pending_return(struct store_pending *p, const struct store_source *sources,
			      uint32_t count, uint64_t order);
/* The state that waits, or NULL; until the next call. */
const struct store_source *store_pending_find(const struct store_pending *p,
					      const struct prefix *prefix);
/* What they are held to have done is gone, of all of them (store_source_forgive()). */
void store_pending_forgive(struct store_pending *p);
/* Order of the longest waiting one; UINT64_MAX: none. */
uint64_t store_pending_oldest(const struct store_pending *p);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The parts' figures in the public struct: each function adds to what is there. */
#ifndef STRAZH_ORM_STATS_PARTS_H
#define STRAZH_ORM_STATS_PARTS_H

#include <strazh/orm/stats.h>

#include <orm/cache/cache.h>
#include <orm/pool/pool.h>
#include <orm/pool/route.h>

/* Of the pool and its circuit. */
void orm_stats_add_pool(struct orm_stats *to, struct orm_pool *pool);

/* cache NULL: nothing. */
void orm_stats_add_cache(struct orm_stats *to, struct orm_cache *cache);

/* Of the route and its pools. */
void orm_stats_add_route(struct orm_stats *to, struct orm_route *route);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session has written: noted for the result cache, whose results of these tables are then
 * outdated, and for routing, so that the session reads its own writes from replicas. Inside a
 * transaction the tables are collected, and noted when its commit was sent.
 */
#ifndef STRAZH_ORM_WROTE_H
#define STRAZH_ORM_WROTE_H

#include <orm/run/session.h>

/* A write was done, or may have been. */
void wrote_shape(struct orm_session *s, const struct orm_shape *shape);
void wrote_table(struct orm_session *s, const struct orm_table *table);
/* The same of a write that no session waited for. */
void wrote_elsewhere(struct orm *db, const struct orm_shape *shape);
/* The transaction ended; committed: or may have been. */
void wrote_end(struct orm_session *s, bool committed);
/* Before a result is read that the cache may keep. */
void wrote_reading(struct orm_session *s, const struct orm_shape *shape,
		   struct orm_cache_reading *ret_reading);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relations, loaded when they are asked for, and for all rows of a result at once: the first
 * orm_related() of a result costs one query, those of its other rows cost none. A relation is
 * declared in the table's second list (table.h): K(MANY, events, "ban_event", "ban_id = id").
 *
 *	const struct ban_event *events;
 *	for (size_t i = 0; i < orm_result_count(bans); i++) {
 *		const void *rows;
 *		size_t n;
 *
 *		if (orm_related(bans, i, "events", T(ban_event), &rows, &n)) ...
 *		events = rows;
 *	}
 */
#ifndef STRAZH_ORM_RELATION_H
#define STRAZH_ORM_RELATION_H

#include <strazh/orm/session.h>

#pragma GCC visibility push(default)

enum orm_lazy {
	ORM_LAZY_BATCH, /* for all rows of the result: the default */
	ORM_LAZY_RAISE, /* ORM_E_LAZY, unless orm_preload() was called: no query is sent unawares */
};
/* Of results that the session fetches from now on. */
void orm_session_lazy(struct orm_session *s, enum orm_lazy mode);

/*
 * Rows of `other` that belong to row number `row` of the result, which was fetched into structs of
 * the table that declares the relation. They live as long as the result. ONE: at most one row;
 * *ret_n 0 when there is none. The session must still be open, on the same thread.
 */
int orm_related(struct orm_result *result, size_t row, const char *relation,
		const struct orm_table *other, const void **ret_rows, size_t *ret_n) ORM_MUST_CHECK;
/* Now, for all rows. */
int orm_preload(struct orm_result *result, const char *relation,
		const struct orm_table *other) ORM_MUST_CHECK;

#pragma GCC visibility pop

#endif

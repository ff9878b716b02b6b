/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows kept in memory as values, everything copied: what a grouped write returned, what a fetch
 * without structs gives, what the result cache holds.
 */
#ifndef STRAZH_ORM_ROWSET_H
#define STRAZH_ORM_ROWSET_H

#include <strazh/base/compiler.h>
#include <strazh/orm/types.h>

#include <orm/base/arena.h>

struct orm_rowset {
	struct arena arena;
	struct orm_value *values; /* row after row; malloc'ed */
	size_t rows;
	size_t room; /* values that fit */
	unsigned columns;
	char **names; /* of the columns; in the arena */
};

/* At most `bytes_max` of copied data. */
void orm_rowset_init(struct orm_rowset *set, size_t bytes_max);
void orm_rowset_deinit(struct orm_rowset *set);
/* Empty it, keeping the memory. */
void orm_rowset_reset(struct orm_rowset *set);
/* Once, before the first row. 0 or -ENOMEM. */
int orm_rowset_columns(struct orm_rowset *set, unsigned n,
		       const char *(*name)(void *data, unsigned column), void *data) must_check;
/* 0, -ENOMEM, or ORM_E_TOO_BIG. Copies what the values point to. */
int orm_rowset_add(struct orm_rowset *set, const struct orm_value *values) must_check;
/* A deep copy of one value into an arena; 0 or -ENOMEM or ORM_E_TOO_BIG. */
int orm_value_copy(struct arena *arena, const struct orm_value *value,
		   struct orm_value *ret_copy) must_check;

#endif

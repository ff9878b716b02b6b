/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a table has besides its columns, in one form: a column's UNIQUE or INDEX flag and an entry
 * of the second list are the same thing to a database. Names that the list does not give are made
 * as PostgreSQL would make them, on both databases, so that an error names the same constraint.
 */
#ifndef STRAZH_ORM_ITEM_H
#define STRAZH_ORM_ITEM_H

#include <orm/table/keys.h>

struct orm_item {
	uint8_t kind; /* ORM_KEY_INDEX, _UNIQUE, _CHECK or _FOREIGN */
	uint8_t count;
	uint8_t column[ORM_COLUMNS_MAX]; /* in order, `count` of them; none of a check */
	char name[ORM_NAME_MAX + 1];
	const char *check;
	const char *target; /* of a foreign key */
	struct orm_word target_column;
	enum orm_on_delete action;
};

/*
 * Of a table that orm_table_check() let pass: indexes, uniques, checks, foreign keys, each kind
 * sorted by name. *ret_items is free()d by the caller. 0 or -ENOMEM.
 */
int orm_items(const struct orm_table *table, struct orm_item **ret_items,
	      size_t *ret_count) must_check;
bool orm_item_same(const struct orm_table *a, const struct orm_item *x, const struct orm_table *b,
		   const struct orm_item *y);
/* table_column_suffix; what is longer than a name may be ends in a hash of all of it. */
void orm_made_name(char to[ORM_NAME_MAX + 1], const char *table, const char *column,
		   const char *suffix);
#define SUFFIX_UNIQUE "key"
#define SUFFIX_INDEX "idx"
#define SUFFIX_FOREIGN "fkey"
/* table_pkey */
void orm_primary_name(char to[ORM_NAME_MAX + 1], const char *table);
/* The text of K(DEFAULT, column, ...), or NULL. */
const char *orm_default_of(const struct orm_table *table, unsigned column);
/* Two texts of a default that say the same, spaces around them aside. */
bool orm_default_same(const char *a, const char *b);
uint64_t orm_primary_mask(const struct orm_table *table);

#endif

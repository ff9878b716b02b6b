/* SPDX-License-Identifier: Apache-2.0 */
/* What a table's constraints say about a set of its columns. */
#ifndef STRAZH_ORM_CONSTRAINT_H
#define STRAZH_ORM_CONSTRAINT_H

#include <stdbool.h>

#include <strazh/orm/table.h>

/* Is there a primary key or unique constraint of exactly these columns? */
bool table_is_unique(const struct orm_table *table, uint64_t mask);
/* A column that an INSERT of these columns leaves without a value, though it needs one; or -1. */
int table_lacks(const struct orm_table *table, uint64_t mask);
/* All columns; those that the database does not number by itself. */
uint64_t table_all(const struct orm_table *table);
uint64_t table_written(const struct orm_table *table);

#endif

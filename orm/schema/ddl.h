/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of DDL, each a statement or part of one; for whole schemas see schema.h. */
#ifndef STRAZH_ORM_DDL_H
#define STRAZH_ORM_DDL_H

#include <strazh/orm/db.h>

#include <orm/table/item.h>
#include <orm/table/sqltext.h>

/* "c" bigint NOT NULL DEFAULT 0 */
void ddl_column(struct sqltext *t, const struct orm_table *table, unsigned column,
		enum orm_dialect dialect);
void ddl_default(struct sqltext *t, const char *text, enum orm_dialect dialect);
/* CREATE TABLE under `name`, with its constraints but the foreign keys that `later` has. */
void ddl_table(struct sqltext *t, const struct orm_table *table, const char *name,
	       const struct orm_item *items, size_t n, const bool *later, enum orm_dialect dialect);
/* What comes after CREATE TABLE: indexes, comments. */
void ddl_after(struct sqltext *t, const struct orm_table *table, const struct orm_item *items,
	       size_t n, enum orm_dialect dialect);
/* The item by itself, of a table that is there: on SQLite for indexes and uniques only. */
void ddl_add_item(struct sqltext *t, const struct orm_table *table, const struct orm_item *item,
		  enum orm_dialect dialect);
void ddl_drop_item(struct sqltext *t, const struct orm_table *table, const struct orm_item *item,
		   enum orm_dialect dialect);
/* CONSTRAINT "t_pkey" PRIMARY KEY ("a", "b") */
void ddl_primary(struct sqltext *t, const struct orm_table *table);
/* What a check's comment begins with: PostgreSQL does not keep the text that it was given. */
#define DDL_COMMENT "orm: "

#endif

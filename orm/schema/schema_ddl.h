/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STRAZH_ORM_SCHEMA_DDL_H
#define STRAZH_ORM_SCHEMA_DDL_H

#include <orm/schema/builder.h>
#include <orm/schema/ddl.h>

/* The same tables, each after those it refers to; `to` has room for n. 0 or -ENOMEM. */
int schema_order(const struct orm_table *const *tables, size_t n,
		 const struct orm_table **to) must_check;
/* CREATE TABLE of all of them, indexes and comments. 0, -ENOMEM or ORM_E_TOO_BIG. */
int schema_create_all(struct sqltext *t, const struct orm_table *const *tables, size_t n,
		      enum orm_dialect dialect) must_check;

#endif

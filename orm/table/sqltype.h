/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STRAZH_ORM_SQLTYPE_H
#define STRAZH_ORM_SQLTYPE_H

#include <strazh/orm/db.h>
#include <strazh/orm/types.h>

/* As in CREATE TABLE and casts: "bigint", "INTEGER"; of PostgreSQL as format_type() names it. */
const char *orm_type_sql(enum orm_type type, enum orm_dialect dialect);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Values into the fields of a row: the other half of orm_row_get(). */
#ifndef STRAZH_ORM_ROW_H
#define STRAZH_ORM_ROW_H

#include <strazh/base/compiler.h>
#include <strazh/orm/table.h>

/*
 * By reference: texts, bytes and arrays stay the giver's, and TEXT must end in NUL. NULL sets the
 * column's bit, or the pointer to NULL. ORM_E_VALUE: another kind, or a number that the field
 * cannot hold exactly.
 */
int orm_row_put(const struct orm_table *table, unsigned column, void *row,
		const struct orm_value *value) must_check;

#endif

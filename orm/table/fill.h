/* SPDX-License-Identifier: Apache-2.0 */
/* One value of a result into its field: what every driver's fill() does with the odd ones. */
#ifndef STRAZH_ORM_FILL_H
#define STRAZH_ORM_FILL_H

#include <strazh/base/compiler.h>
#include <strazh/orm/error.h>
#include <strazh/orm/table.h>

/* An integer may go into a field of floating point; else as orm_row_put(), with an error that names
 * the field. */
int fill_field(const struct orm_table *row, unsigned column, const struct orm_value *value,
	       void *ret_row, struct orm_error *err) must_check;

#endif

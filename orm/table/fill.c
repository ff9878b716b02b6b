/* SPDX-License-Identifier: Apache-2.0 */
#include <orm/base/fault.h>
#include <orm/table/fill.h>
#include <orm/table/row.h>

int fill_field(const struct orm_table *row, unsigned column, const struct orm_value *value,
	       void *ret_row, struct orm_error *err)
{
	const struct orm_column *c = &row->columns[column];
	struct orm_value number;
	int r;

	if (value->kind == ORM_K_I64 && c->kind == ORM_K_F64) {
		number = orm_value_f64((double)value->i);
		value = &number;
	}
	r = orm_row_put(row, column, ret_row, value);
	return r ? orm_fail(err, r, "column %u of the result does not fit into %s.%s", column + 1,
			    row->name, c->name)
		 : 0;
}

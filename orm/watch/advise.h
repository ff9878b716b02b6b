/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Would an index help? PostgreSQL with the extension hypopg, which lets the planner believe in an
 * index that does not exist: where the plan reads a table of 10,000 rows or more from end to end
 * to filter it, one on the columns of the filter is tried (those compared for equality first, one
 * with a range last, three at most). Nothing is built, run or kept.
 */
#ifndef STRAZH_ORM_ADVISE_H
#define STRAZH_ORM_ADVISE_H

#include <orm/drivers/driver.h>

/*
 * conn: outside a transaction, nothing running. 0 with a malloc'ed line, "CREATE INDEX ON ...: cost
 * 8 instead of 1693"; ORM_E_END: nothing to advise, or no hypopg; or what the database said.
 */
int orm_advise(struct orm_conn *conn, const struct orm_stmt *stmt, const struct orm_value *values,
	       char **ret_advice, struct orm_error *err) must_check;

/* ---- its parts, for tests ---- */

#define ORM_ADVISE_COLUMNS 3

/* How a filter uses a column: '=' equality, '<' a range, 0 neither. Names as they are written. */
struct orm_filter_use {
	const char *name; /* into the filter; with its quotes */
	size_t len;
	char how;
};
/*
 * The uses of `alias`.column in a filter as EXPLAIN VERBOSE writes it: those for an index, in
 * order, each column once. Their number, at most ORM_ADVISE_COLUMNS.
 */
unsigned orm_filter_columns(const char *filter, const char *alias,
			    struct orm_filter_use ret_use[ORM_ADVISE_COLUMNS]);

#endif

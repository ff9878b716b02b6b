/* SPDX-License-Identifier: Apache-2.0 */
/* The way from one set of tables to another, as statements. What both databases share. */
#ifndef STRAZH_ORM_DIFF_H
#define STRAZH_ORM_DIFF_H

#include <orm/schema/schema_ddl.h>

/* One direction. */
struct diff {
	struct sqltext text;
	enum orm_dialect dialect;
	const struct orm_schema *from; /* for what a list cannot say of a table: schema_table */
	const struct orm_schema *to;
	bool destroys;
	bool foreign_keys_off;
	struct orm_error *err;
};

/* A table that both sides have, and what it has besides columns. */
struct pair {
	const struct orm_table *a; /* as it is */
	const struct orm_table *b; /* as it shall be */
	struct orm_item *ai;
	struct orm_item *bi;
	size_t an;
	size_t bn;
};

void diff_destroys(struct diff *d, const char *format, ...) printf_like(2, 3);
void diff_comment(struct diff *d, const char *format, ...) printf_like(2, 3);

bool column_not_null(const struct orm_column *c);
/* Can every value of `from` be had as `to`? */
bool type_widens(enum orm_type from, enum orm_type to);
/* Is the item of `x` among the items of the other table, the same in all? */
bool item_is_in(const struct orm_table *x, const struct orm_item *item, const struct orm_table *y,
		const struct orm_item *items, size_t n);
/* Same columns, in the same order, in both primary keys? */
bool same_primary(const struct pair *p);
/* Columns that come and columns that go in one table: say that it was not taken for a rename. */
void diff_not_renamed(struct diff *d, const struct pair *p);

/* Tables that stay: what changes of them. What goes and comes is done by the caller, before and
 * after. */
void diff_pg_before(struct diff *d, const struct pair *p);
void diff_pg_table(struct diff *d, const struct pair *p);
void diff_pg_after(struct diff *d, const struct pair *p);
int diff_sqlite_table(struct diff *d, const struct pair *p) must_check;

#endif

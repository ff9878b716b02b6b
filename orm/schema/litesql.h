/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a CREATE TABLE, as SQLite keeps it: what no pragma tells is found there. */
#ifndef STRAZH_ORM_LITESQL_H
#define STRAZH_ORM_LITESQL_H

#include <orm/table/keys.h>

/* One column or constraint of the table: the pieces between the commas. */
struct litepart {
	bool constraint;	 /* of the table, not a column */
	struct orm_word name;	 /* of the column, or of the constraint; without quotes */
	struct orm_word comment; /* the first one of a column, without its marks */
	struct orm_word check;	 /* the condition, without its parentheses; of the first CHECK */
	struct orm_word check_name;
	bool more_checks; /* there is another one */
	bool has_collate;
	bool has_autoincrement;
	bool has_deferrable;
};

/* Behind the first '(' of the text, where its parts begin; NULL: there is none. */
const char *litesql_begin(const char *sql);
/* *at begins there; 1 with a part, 0 at the end, -1: not as SQLite would keep it. */
int litesql_next(const char **at, struct litepart *ret_part) must_check;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a live database's tables: what both databases' readers share. */
#ifndef STRAZH_ORM_INTROSPECT_H
#define STRAZH_ORM_INTROSPECT_H

#include <orm/run/session.h>
#include <orm/schema/builder.h>

/* The table that is being read. */
struct look {
	struct orm_session *s;
	struct orm_schema *schema;
	struct draft draft;
	const char *table;
};

/* Run and fetch all rows, as values. */
int look_fetch(struct look *l, const char *sql, struct orm_result **ret_result) must_check;
/* A text of the result, "" for NULL; a number; both until the result is freed. */
const char *look_text(const struct orm_result *r, size_t row, unsigned column);
bool look_is_null(const struct orm_result *r, size_t row, unsigned column);
int64_t look_number(const struct orm_result *r, size_t row, unsigned column);

/* A note of the table that is read; the table cannot be built anew then. */
int look_note(struct look *l, const char *format, ...) must_check printf_like(2, 3);
/* A column; one whose name no list can have is noted. `def` NULL: none. */
int look_column(struct look *l, const char *name, enum orm_type type, uint16_t flags,
		const char *def) must_check;
/* INDEX or UNIQUE over "a, b": a flag of the column when its name is the made one. */
int look_index(struct look *l, enum orm_key_kind kind, const char *name,
	       const char *columns) must_check;
int look_key(struct look *l, enum orm_key_kind kind, const char *name, const char *a,
	     const char *b) must_check;
/* K(FOREIGN, column, "target", "to action") */
int look_foreign(struct look *l, const char *column, const char *target, const char *to,
		 const char *action) must_check;
/* The draft becomes a table, or a note says why not. */
int look_end(struct look *l) must_check;
int look_begin(struct look *l, const char *table) must_check;

int inspect_sqlite(struct look *l, const char *const *names, size_t n) must_check;
int inspect_pg(struct look *l, const char *const *names, size_t n) must_check;
bool look_wanted(const char *table, const char *const *names, size_t n);

static inline void look_free_(struct orm_result **r)
{
	orm_result_free(*r);
}
#define own_result cleanup_with(look_free_)

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builders. A query is begun, told its clauses in any order, and run (session.h), as often as
 * wanted. The first thing that is wrong with it sticks and is said when it is run; no call here
 * needs to be checked, and NULL is never returned.
 *
 * Memory: at most ORM_QUERY_WORDS_MAX words of shape and ORM_QUERY_VALUES_MAX values; more is
 * ORM_E_TOO_BIG. Texts, bytes, UUIDs and arrays given with V() or in a row are borrowed until the
 * query was run or freed.
 * A query is its session's: orm_query_free() gives it back for the next one, without malloc.
 */
#ifndef STRAZH_ORM_QUERY_H
#define STRAZH_ORM_QUERY_H

#include <strazh/orm/expr.h>
#include <strazh/orm/func.h>

#pragma GCC visibility push(default)

#define ORM_QUERY_WORDS_MAX 65536U
#define ORM_QUERY_VALUES_MAX 32766U /* what SQLite takes in one statement */

struct orm_session;

enum orm_join_kind {
	ORM_INNER,
	ORM_LEFT,
	ORM_RIGHT,
	ORM_FULL,
	ORM_CROSS,   /* no condition */
	ORM_NATURAL, /* no condition */
};
/* The condition of CROSS and NATURAL joins. */
#define ORM_NO_ON ((struct orm_expr){.op = ORM_OP_NONE})

struct orm_query *orm_select(struct orm_session *s, const struct orm_table *from);
struct orm_query *orm_select_as(struct orm_session *s, const struct orm_table *from,
				const char *alias);
/* FROM (query) AS alias, FROM the CTE `name`, and SELECT without FROM. */
struct orm_query *orm_select_query(struct orm_session *s, const struct orm_query *from,
				   const char *alias);
struct orm_query *orm_select_cte(struct orm_session *s, const char *name);
struct orm_query *orm_select_nothing(struct orm_session *s);
struct orm_query *orm_insert(struct orm_session *s, const struct orm_table *into);
struct orm_query *orm_update(struct orm_session *s, const struct orm_table *table);
struct orm_query *orm_delete(struct orm_session *s, const struct orm_table *from);
/*
 * A statement as text, with parameters $1, $2, ... (PostgreSQL) or ?1, ?2, ... (SQLite). For tools
 * and for what the builders cannot say; text that a stranger had a hand in does not belong here.
 *
 * By its words the text is a read (SELECT, VALUES, WITH, EXPLAIN, SHOW, TABLE, and no INSERT,
 * UPDATE, DELETE, MERGE or INTO in it) or a write. A read may go to a replica; one that calls
 * functions which write belongs into a transaction. Transactions are begun and ended by tx.h.
 *
 * What a text leaves on its connection (SET, LISTEN, a temporary table, set_config() and advisory
 * locks that it names) is seen by no other session: the connection is closed instead. Which
 * connection this session has next is not promised outside a transaction; SET LOCAL inside one is
 * what a program wants. SQLite: a PRAGMA of the connection that writes stays, for all.
 */
struct orm_query *orm_raw(struct orm_session *s, const char *sql);
void orm_query_free(struct orm_query *q);

/* ---- SELECT. Without orm_columns(): every column of the FROM table. ---- */

#define orm_columns(q, ...) orm_columns_n(q, ORM_LIST_(__VA_ARGS__), ORM_LIST_LEN_(__VA_ARGS__))
void orm_columns_n(struct orm_query *q, const struct orm_expr *list, size_t n);
void orm_distinct(struct orm_query *q);
void orm_join(struct orm_query *q, enum orm_join_kind kind, const struct orm_table *table,
	      struct orm_expr on);
void orm_join_as(struct orm_query *q, enum orm_join_kind kind, const struct orm_table *table,
		 const char *alias, struct orm_expr on);
void orm_join_query(struct orm_query *q, enum orm_join_kind kind, const struct orm_query *sub,
		    const char *alias, struct orm_expr on);
void orm_join_cte(struct orm_query *q, enum orm_join_kind kind, const char *name,
		  struct orm_expr on);
/* Called again, the conditions are joined by AND. SELECT, UPDATE, DELETE. */
void orm_where(struct orm_query *q, struct orm_expr condition);
#define orm_group_by(q, ...) orm_group_by_n(q, ORM_LIST_(__VA_ARGS__), ORM_LIST_LEN_(__VA_ARGS__))
void orm_group_by_n(struct orm_query *q, const struct orm_expr *list, size_t n);
void orm_having(struct orm_query *q, struct orm_expr condition);
#define orm_order_by(q, ...) orm_order_by_n(q, ORM_LIST_(__VA_ARGS__), ORM_LIST_LEN_(__VA_ARGS__))
void orm_order_by_n(struct orm_query *q, const struct orm_expr *list, size_t n);
void orm_limit(struct orm_query *q, uint64_t rows);
void orm_offset(struct orm_query *q, uint64_t rows);
/* Lock the rows until the transaction ends. SQLite has one writer anyway: nothing is written. */
void orm_for_update(struct orm_query *q);

enum orm_set_kind { ORM_UNION, ORM_UNION_ALL, ORM_INTERSECT, ORM_EXCEPT };
/* ORDER BY, LIMIT and OFFSET of `q` then are those of the whole; `other` may have none. */
void orm_set_operation(struct orm_query *q, enum orm_set_kind kind, const struct orm_query *other);
/* WITH name AS (query); recursive: the query is `base UNION [ALL] step`, step reads the CTE. */
void orm_with(struct orm_query *q, const char *name, const struct orm_query *sub);
void orm_with_recursive(struct orm_query *q, const char *name, const struct orm_query *sub);

/* ---- INSERT ---- */

/* One row, from a struct of the table; once more: one row more. AUTO columns that are 0 and columns
 * outside `mask` are left to the database. */
void orm_row(struct orm_query *q, const void *row);
void orm_row_masked(struct orm_query *q, const void *row, uint64_t mask);
/* Several, from an array; none is refused. Many: batch.h. */
void orm_rows(struct orm_query *q, const void *rows, size_t n);
/* The columns (as many as the query has), and a query whose rows are inserted. */
void orm_insert_from(struct orm_query *q, const struct orm_expr *columns, size_t n,
		     const struct orm_query *from);
/* ON CONFLICT [(columns)] DO NOTHING; n 0: any conflict. */
#define orm_on_conflict_nothing(q) orm_on_conflict_n(q, NULL, 0, false)
/* ON CONFLICT (columns) DO UPDATE: then orm_do_set(), and orm_do_where() if wanted. */
#define orm_on_conflict_update(q, ...)                                                             \
	orm_on_conflict_n(q, ORM_LIST_(__VA_ARGS__), ORM_LIST_LEN_(__VA_ARGS__), true)
void orm_on_conflict_n(struct orm_query *q, const struct orm_expr *target, size_t n, bool update);
void orm_do_set(struct orm_query *q, struct orm_expr column, struct orm_expr value);
void orm_do_where(struct orm_query *q, struct orm_expr condition);

/* ---- INSERT of one row, UPDATE ---- */

/* The right-hand side may be any C value: orm_set(q, C(ip_ban, score), 0.5). */
#define orm_set(q, column, value) orm_set_expr(q, column, ORM_X(value))
void orm_set_expr(struct orm_query *q, struct orm_expr column, struct orm_expr value);
/* Every row is meant: without it and without orm_where() an UPDATE or DELETE is refused. */
void orm_every_row(struct orm_query *q);

/* ---- INSERT, UPDATE, DELETE ---- */

#define orm_returning(q, ...) orm_returning_n(q, ORM_LIST_(__VA_ARGS__), ORM_LIST_LEN_(__VA_ARGS__))
void orm_returning_n(struct orm_query *q, const struct orm_expr *list, size_t n);

/* ---- any ---- */

/* A parameter of orm_raw(), in order. */
#define orm_param(q, value) orm_param_expr(q, ORM_X(value))
void orm_param_expr(struct orm_query *q, struct orm_expr value);
/* What is wrong with it so far, or NULL. */
const char *orm_query_fault(const struct orm_query *q);

#ifndef ORM_NO_SHORT_NAMES
#define C(table, column) ORM_C(table, column)
#define C_AS(alias, table, column) ORM_C_AS(alias, table, column)
#define V(x) ORM_X(x)
#endif

#pragma GCC visibility pop

#endif

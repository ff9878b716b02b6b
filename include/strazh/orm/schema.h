/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of tables: declared by a program, read from the text of its lists, or read from a live
 * database; their DDL, and the way from one to the other.
 *
 * What a column or key is called in the database:
 *	UNIQUE of column c of table t    t_c_key      K(UNIQUE, name, ...), INDEX, CHECK   name
 *	INDEX                            t_c_idx      K(FOREIGN, c, ...)                   t_c_fkey
 *	primary key                      t_pkey       (longer than 63 characters: cut, with a hash)
 * Texts of CHECK and DEFAULT go to the database as they are; the default NOW_MS is the current
 * time on both.
 */
#ifndef STRAZH_ORM_SCHEMA_H
#define STRAZH_ORM_SCHEMA_H

#include <strazh/orm/session.h>

#pragma GCC visibility push(default)

#define ORM_SCHEMA_TABLES_MAX 4096U
#define ORM_SCHEMA_KEYS_MAX 256U       /* of one table */
#define ORM_SCHEMA_TEXT_MAX (4U << 20) /* of a file of lists */

struct orm_schema;

/* A copy of what the program declares; each table is checked. */
int orm_schema_of(const struct orm_table *const *tables, size_t n, struct orm_schema **ret_schema,
		  struct orm_error *ret_error) ORM_MUST_CHECK;
/*
 * The lists as text (a .h or .def file): #define NAME(X) X(...)..., ORM_TABLE, ORM_TABLE_KEYS;
 * comments, #include, #pragma and an include guard are passed over, ORM_ROW too; everything else is
 * refused. ORM_E_QUERY; the error begins with `file:line:column`.
 */
int orm_schema_parse(const char *file, const char *text, size_t len, struct orm_schema **ret_schema,
		     struct orm_error *ret_error) ORM_MUST_CHECK;
/*
 * What the session's database has (PostgreSQL: the current schema): all tables but orm_migration,
 * or those that are named; a name that is not there is passed over. The error is orm_error(s).
 */
int orm_schema_inspect(struct orm_session *s, const char *const *names, size_t n,
		       struct orm_schema **ret_schema) ORM_MUST_CHECK;
void orm_schema_free(struct orm_schema *schema);

size_t orm_schema_count(const struct orm_schema *schema);
/* Good until the schema is freed, which must not be while a query, result or cursor uses one of its
 * tables; a transaction that has written to them may go on. They are sorted by name. */
const struct orm_table *orm_schema_table(const struct orm_schema *schema, size_t i);
const struct orm_table *orm_schema_find(const struct orm_schema *schema, const char *name);
/* What the database has and no list can say, a line each: "table 'a': column 'b': ..." */
size_t orm_schema_note_count(const struct orm_schema *schema);
const char *orm_schema_note(const struct orm_schema *schema, size_t i);

/* As lists, to be read by orm_schema_parse() and the compiler. *ret_text is free()d. */
int orm_schema_text(const struct orm_schema *schema, char **ret_text,
		    struct orm_error *ret_error) ORM_MUST_CHECK;
/* CREATE TABLE and all that belongs to it, a table after those that it refers to. */
int orm_schema_ddl(const struct orm_schema *schema, enum orm_dialect dialect, char **ret_sql,
		   struct orm_error *ret_error) ORM_MUST_CHECK;

/*
 * Statements that make `to` of a database that is as `from` says, and those that lead back; "" when
 * nothing is to do. Each step that loses what is stored has a line `-- destroys data: ...` before
 * it. A renamed column or table is not guessed: it is a drop and an add, and a comment says so.
 * Tables are dropped only when asked for.
 */
struct orm_change {
	char *up;
	char *down;
	bool destroys;	       /* `up` loses data */
	bool foreign_keys_off; /* SQLite: tables are built anew; see migrate.h */
};
enum orm_diff_flag { ORM_DIFF_DROP_TABLES = 1 };
int orm_schema_diff(const struct orm_schema *from, const struct orm_schema *to,
		    enum orm_dialect dialect, unsigned flags, struct orm_change *ret_change,
		    struct orm_error *ret_error) ORM_MUST_CHECK;
void orm_change_free(struct orm_change *change);

/*
 * Create what is missing of these tables, in one transaction of its own. ORM_E_SCHEMA when one is
 * there and differs; the error says how. Indexes that somebody added are no difference.
 */
int orm_schema_create(struct orm_session *s, const struct orm_table *const *tables,
		      size_t n) ORM_MUST_CHECK;

#pragma GCC visibility pop

#endif

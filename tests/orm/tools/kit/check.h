/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the databases and PostgreSQL's parser say about a rendered text. */
#ifndef ORM_PROP_CHECK_H
#define ORM_PROP_CHECK_H

#include <sqlite3.h>

#include <libpq-fe.h>

#include <orm/render/render.h>

#include "prop.h"

/* ---- the parser (prop_parse.c) ---- */

/* One tree of both texts; and, `deparsed`, of the text that the deparser makes of the tree. */
bool parses_alike(const char *rendered, const char *own, bool deparsed);

/* ---- PostgreSQL, prepared in a pipeline (prop_pg.c) ---- */

struct pg_check;

int pg_check_new(const char *url, struct pg_check **ret_check);
void pg_check_free(struct pg_check *pg, bool keep_schema);
PGconn *pg_check_conn(struct pg_check *pg);
/* OIDs of the parameters, as the driver sends them. */
void param_oids(const struct orm_stmt *stmt, const struct orm_value *values, Oid *to);
/* Queue it; a failure is what the server refuses, or types otherwise. */
void pg_check_add(struct pg_check *pg, uint64_t number, const struct orm_stmt *stmt,
		  const struct orm_value *values);
/* Hear about everything that is queued. Failures since the last call. */
unsigned pg_check_settle(struct pg_check *pg);

/* ---- answers (prop_run.c, prop_cell.c) ---- */

struct answer {
	char **cell; /* rows * columns; NULL is NULL */
	unsigned rows, columns;
	char error[200]; /* "" when there is none */
};
void answer_deinit(struct answer *a);
/* The same rows, in any order unless `ordered`. Floats to 1e-9. */
bool same_answer(struct answer *a, struct answer *b, const uint8_t *types, bool ordered);
/* One form for what both databases say: of a text of PostgreSQL, of a column of SQLite. */
char *cell_of_pg(const char *text, enum orm_type type);
char *cell_of_sqlite(sqlite3_stmt *st, int column, enum orm_type type);
/* Values as the drivers would bind them. Text of PostgreSQL, malloc'ed. */
char *param_of_pg(const struct orm_value *v, enum orm_type type);
int bind_sqlite(sqlite3_stmt *st, int index, const struct orm_value *v, enum orm_type type);

void run_pg(PGconn *conn, const struct orm_stmt *stmt, const struct orm_value *values,
	    struct answer *ret_answer);
void run_sqlite(sqlite3 *db, const struct orm_stmt *stmt, const struct orm_value *values,
		struct answer *ret_answer);
/* The same few dozen rows on both; conn may be NULL. */
int fill(struct gen *g, sqlite3 *db, PGconn *conn);

#endif

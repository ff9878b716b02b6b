/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A database opened through the library with its tables made, a session on it, and what is asked
 * of results: that a call ends as it should with an error that is complete, and that a query gives
 * these rows. What fails says where in the test and what the library said.
 */
#ifndef TESTS_ORM_KIT_STAGE_H
#define TESTS_ORM_KIT_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>
#include <strazh/orm.h>
#include <strazh/orm/schema.h>
#include <strazh/orm/stats.h>

#include <tests/orm/kit/database.h>

struct stage {
	const struct database *db;
	struct orm *orm;
	struct orm_session *s;
};

/* options NULL: the defaults. The tables are made by the DDL of orm_schema_ddl(). */
void stage_open(struct stage *stage, const struct database *db, const struct orm_options *options,
		const struct orm_table *const *tables, size_t n);
/* Of tables that are there already. */
void stage_open_again(struct stage *stage, const struct database *db,
		      const struct orm_options *options);
void stage_close(struct stage *stage);
struct orm_session *stage_session(const struct stage *stage); /* one more; close it */
#define STAGE_OPEN(stage, db, ...)                                                                 \
	do {                                                                                       \
		const struct orm_table *const tables_[] = {__VA_ARGS__};                           \
		stage_open(stage, db, NULL, tables_, sizeof(tables_) / sizeof(tables_[0]));        \
	} while (0)

/* The call gives 0, or this class; the session's error then is of it, in words. */
#define OK(s, call) stage_expect(s, 0, call, #call, __FILE__, __LINE__)
#define FAILS(s, class, call) stage_expect(s, class, call, #call, __FILE__, __LINE__)
void stage_expect(const struct orm_session *s, int want, int got, const char *call,
		  const char *file, int line);

/* The query's rows as text, and the query is freed: "1|a\n2|NULL\n". */
#define ROWS(s, q, want) stage_rows(s, q, want, __FILE__, __LINE__)
void stage_rows(struct orm_session *s, struct orm_query *q, const char *want, const char *file,
		int line);
/* Run, and free the query. */
#define RUN(s, q) stage_run(s, q, 0, __FILE__, __LINE__)
#define REFUSED(s, q, class) stage_run(s, q, class, __FILE__, __LINE__)
uint64_t stage_run(struct orm_session *s, struct orm_query *q, int want, const char *file,
		   int line);
/* A statement as text; a number that a query gives. */
void stage_do(struct orm_session *s, const char *sql);
int64_t stage_number(struct orm_session *s, struct orm_query *q);
int64_t stage_count(struct orm_session *s, const struct orm_table *table);

/* A value as the text that ROWS compares: NULL, t, f, 12, 0.5, x'00ff', [1,2], [a,b], text as is.
 */
void stage_print(FILE *out, const struct orm_value *value);
bool stage_same(const struct orm_value *a, const struct orm_value *b);

#endif

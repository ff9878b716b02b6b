/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the parts of bench-orm share: the table, the places, and timing of two ways in turn. */
#ifndef TESTS_BENCH_ORM_BENCH_H
#define TESTS_BENCH_ORM_BENCH_H

#include <stdbool.h>

#include <strazh/orm.h>
#include <strazh/orm/schema.h>
#include <strazh/orm/stats.h>

#include <tests/bench/figures.h>

#define BENCH_BAN(X)                                                                               \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(str, cidr, TEXT, NN)                                                                     \
	X(f64, score, DOUBLE, NN)                                                                  \
	X(i64, until_ms, TIMESTAMP_MS, 0)                                                          \
	X(i32, hits, INTEGER, NN)
#define BENCH_BAN_KEYS(K)                                                                          \
	K(INDEX, bench_ban_by_cidr, "cidr", "") K(INDEX, bench_ban_by_until, "until_ms", "")
ORM_TABLE_KEYS(bench_ban, BENCH_BAN, BENCH_BAN_KEYS)

extern const char *bench_dir; /* a folder on a real disk */
extern const char *bench_pg;  /* URL of a private server */

/* Dies with the session's error. */
void must(struct orm_session *s, int r, const char *what);
struct orm *open_db(const char *url, const struct orm_options *options);
struct orm_session *open_session(struct orm *db);
void exec_sql(struct orm_session *s, const char *sql);
/* "sqlite:DIR/name.db", emptied; the file's path is behind "sqlite:". Lives until the next call. */
const char *fresh_sqlite(const char *name);
/* Rows that differ; the caller frees. Their texts live as long as the program. */
struct bench_ban *make_rows(size_t n);
void pin(int cpu); /* -1: any */

/* Of this thread, in seconds: for what waits for nobody. Others on the CPU do not count in it. */
double cpu_s(void);
/* Seconds that one call takes, of two ways in turn, so that noise meets both. */
typedef double (*way)(void *data);
struct duel {
	struct samples ours, raw;
};
void fight(struct duel *d, way ours, way raw, void *data, unsigned rounds);
/* ours / raw of the medians; less than 1: ours is faster. */
double duel_ratio(struct duel *d);

void bench_build(void);
void bench_sqlite_select(void);
void bench_sqlite_group(void);
void bench_sqlite_load(void);
void bench_sqlite_fetch(void);
void bench_pg_select(void);
void bench_pg_fetch(void);
void bench_pg_batch(void);
void bench_pg_memory(void);

/* count.c: calls of malloc and its kin by this thread. */
unsigned long count_allocations(void);

#endif

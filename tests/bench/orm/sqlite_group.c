// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Callers that insert one row each and wait until it is durable: group commit beside one
 * connection in autocommit with synchronous=FULL. And batches of 1,000, relaxed, beside the same
 * loop by hand.
 */
#include <tests/bench/orm/bench.h>

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#define SECONDS 1.5
#define CALLERS_MAX 256U
#define BATCH 1000U
#define BATCHES 40U

static const char insert_sql[] =
	"INSERT INTO bench_ban (cidr, score, until_ms, hits) VALUES (?1, ?2, ?3, ?4)";

struct caller {
	pthread_t thread;
	struct orm *db;
	const struct bench_ban *row;
	double until;
	unsigned long rows;
};

static void *call(void *data)
{
	struct caller *c = data;
	struct orm_session *s = open_session(c->db);

	orm_session_promise(s, ORM_DURABLE);
	while (now_s() < c->until) {
		struct orm_query *q = orm_insert(s, T(bench_ban));

		orm_row(q, c->row);
		must(s, orm_exec(s, q, NULL), "insert");
		orm_query_free(q);
		c->rows++;
	}
	orm_session_close(s);
	return NULL;
}

/* Rows a second of so many callers. */
static double group_rate(struct orm *db, const struct bench_ban *rows, unsigned callers)
{
	static struct caller c[CALLERS_MAX];
	double begin = now_s();
	unsigned long done = 0;

	for (unsigned i = 0; i < callers; i++) {
		c[i] = (struct caller){.db = db, .row = &rows[i], .until = begin + SECONDS};
		if (pthread_create(&c[i].thread, NULL, call, &c[i]))
			die("no thread");
	}
	for (unsigned i = 0; i < callers; i++) {
		pthread_join(c[i].thread, NULL);
		done += c[i].rows;
	}
	return (double)done / (now_s() - begin);
}

static void bind(sqlite3_stmt *stmt, const struct bench_ban *row)
{
	sqlite3_bind_text(stmt, 1, row->cidr, -1, SQLITE_STATIC);
	sqlite3_bind_double(stmt, 2, row->score);
	sqlite3_bind_int64(stmt, 3, row->until_ms);
	sqlite3_bind_int(stmt, 4, row->hits);
	if (sqlite3_step(stmt) != SQLITE_DONE)
		die("the hand-written insert failed");
	sqlite3_reset(stmt);
}

static sqlite3 *open_raw(const char *path, const char *sync, sqlite3_stmt **ret_stmt)
{
	sqlite3 *db;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) ||
	    sqlite3_busy_timeout(db, 10000) || sqlite3_exec(db, sync, NULL, NULL, NULL) ||
	    sqlite3_exec(db, "PRAGMA cache_size=-64000; PRAGMA mmap_size=268435456", NULL, NULL,
			 NULL) ||
	    sqlite3_prepare_v2(db, insert_sql, -1, ret_stmt, NULL))
		die("sqlite3: %s", sqlite3_errmsg(db));
	return db;
}

static double autocommit_rate(const char *path, const struct bench_ban *rows)
{
	sqlite3_stmt *stmt;
	sqlite3 *db = open_raw(path, "PRAGMA synchronous=FULL", &stmt);
	double begin = now_s();
	unsigned long done = 0;

	while (now_s() < begin + SECONDS)
		bind(stmt, &rows[done++ % CALLERS_MAX]);
	begin = now_s() - begin;
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return (double)done / begin;
}

struct batches {
	struct orm_session *s;
	struct orm_batch batch;
	sqlite3 *raw;
	sqlite3_stmt *stmt;
};

static double ours(void *data)
{
	struct batches *b = data;
	double begin = now_s();

	for (unsigned i = 0; i < BATCHES; i++)
		must(b->s, orm_insert_batch(b->s, &b->batch, NULL), "batch");
	return (now_s() - begin) / BATCHES;
}

static double raw(void *data)
{
	struct batches *b = data;
	const struct bench_ban *rows = b->batch.rows;
	double begin = now_s();

	for (unsigned i = 0; i < BATCHES; i++) {
		sqlite3_exec(b->raw, "BEGIN IMMEDIATE", NULL, NULL, NULL);
		for (unsigned r = 0; r < BATCH; r++)
			bind(b->stmt, &rows[r]);
		if (sqlite3_exec(b->raw, "COMMIT", NULL, NULL, NULL))
			die("sqlite3: %s", sqlite3_errmsg(b->raw));
	}
	return (now_s() - begin) / BATCHES;
}

static void relaxed(struct orm *db, const char *path, const struct bench_ban *rows)
{
	struct batches b = {.s = open_session(db),
			    .batch = {.table = T(bench_ban), .rows = rows, .count = BATCH}};
	struct duel d;

	orm_session_promise(b.s, ORM_RELAXED);
	b.raw = open_raw(path, "PRAGMA synchronous=NORMAL", &b.stmt);
	fight(&d, ours, raw, &b, 11);
	report("orm.sqlite_batch_rows_s", BATCH / samples_at(&d.ours, 50), "rows/s", "sqlite3 C",
	       1 / duel_ratio(&d), NULL);
	report_budget("orm.sqlite_batch_ratio", duel_ratio(&d), "x", 1 / 0.9, NULL);
	sqlite3_finalize(b.stmt);
	sqlite3_close(b.raw);
	orm_session_close(b.s);
}

void bench_sqlite_group(void)
{
	static const unsigned callers[] = {8, 256};
	static const double wanted[] = {3, 12};
	const struct orm_table *tables[] = {T(bench_ban)};
	const char *path = fresh_sqlite("a") + 7;
	struct orm *db = open_db(path - 7, NULL);
	struct orm_session *s = open_session(db);
	struct bench_ban *rows = make_rows(BATCH);
	char name[64];

	pin(-1);
	/* Without secondary indexes: the commit is what is measured. */
	must(s, orm_schema_create(s, tables, 1), "create");
	exec_sql(s, "DROP INDEX bench_ban_by_cidr");
	exec_sql(s, "DROP INDEX bench_ban_by_until");
	for (unsigned i = 0; i < ARRAY_LEN(callers); i++) {
		struct samples group = {0}, alone = {0};
		double ratio;

		for (unsigned round = 0; round < 5; round++) {
			samples_add(&group, group_rate(db, rows, callers[i]));
			samples_add(&alone, autocommit_rate(path, rows));
		}
		ratio = samples_at(&group, 50) / samples_at(&alone, 50);
		snprintf(name, sizeof(name), "orm.sqlite_group_commit_rows_s.%u", callers[i]);
		report(name, samples_at(&group, 50), "rows/s", "autocommit FULL", ratio, &group);
		snprintf(name, sizeof(name), "orm.sqlite_group_commit_ratio.%u", callers[i]);
		report(name, ratio, "x", "wanted", ratio / wanted[i], NULL);
	}
	relaxed(db, path, rows);
	orm_session_close(s);
	orm_close(db);
}

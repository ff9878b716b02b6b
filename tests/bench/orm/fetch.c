// SPDX-License-Identifier: AGPL-3.0-or-later
/* 10,000 rows as an array of structs, their texts copied: ours beside a loop of hand-written C. */
#include <tests/bench/orm/bench.h>

#include <endian.h>
#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 10000U
#define ROUNDS 41U
#define BUDGET 1.25
#define PG_EPOCH_MS 946684800000

struct pair {
	struct orm_session *s;
	sqlite3_stmt *lite;
	PGconn *pg;
	double (*clock)(void);
	uint64_t sum;
};

static const char sql[] = "SELECT id, cidr, score, until_ms, hits FROM bench_ban";

static double ours(void *data)
{
	struct pair *p = data;
	struct orm_query *q = orm_select(p->s, T(bench_ban));
	const struct bench_ban *rows;
	struct orm_result *result;
	double begin = p->clock();

	must(p->s, orm_fetch(p->s, q, T(bench_ban), &result), "fetch");
	rows = orm_result_rows(result);
	for (size_t i = 0; i < orm_result_count(result); i++)
		p->sum += (uint64_t)rows[i].id + (unsigned char)rows[i].cidr[0];
	if (orm_result_count(result) != ROWS)
		die("a fetch of %zu rows", orm_result_count(result));
	orm_result_free(result);
	begin = p->clock() - begin;
	orm_query_free(q);
	return begin;
}

/* The same with a row at a time. */
static double ours_cursor(void *data)
{
	struct pair *p = data;
	struct orm_query *q = orm_select(p->s, T(bench_ban));
	struct orm_cursor *cursor;
	const void *row;
	size_t n = 0;
	double begin = p->clock();

	must(p->s, orm_cursor_open(p->s, q, T(bench_ban), &cursor), "cursor");
	while (!orm_cursor_next(cursor, &row)) {
		const struct bench_ban *ban = row;

		p->sum += (uint64_t)ban->id + (unsigned char)ban->cidr[0];
		n++;
	}
	if (n != ROWS)
		die("a cursor of %zu rows: %s", n, orm_error(p->s)->text);
	orm_cursor_close(cursor);
	begin = p->clock() - begin;
	orm_query_free(q);
	return begin;
}

struct rows {
	struct bench_ban *at;
	size_t count, room;
};

static struct bench_ban *add(struct rows *rows, const char *text)
{
	struct bench_ban *ban;

	if (rows->count == rows->room) {
		rows->room = rows->room ? rows->room * 2 : 16;
		rows->at = realloc(rows->at, rows->room * sizeof(*rows->at));
		if (!rows->at)
			die("no memory");
	}
	ban = &rows->at[rows->count++];
	*ban = (struct bench_ban){.cidr = strdup(text)};
	if (!ban->cidr)
		die("no memory");
	return ban;
}

static void use_up(struct pair *p, struct rows *rows)
{
	if (rows->count != ROWS)
		die("%zu rows by hand", rows->count);
	for (size_t i = 0; i < rows->count; i++) {
		p->sum += (uint64_t)rows->at[i].id + (unsigned char)rows->at[i].cidr[0];
		free((char *)(uintptr_t)rows->at[i].cidr);
	}
	free(rows->at);
}

static double raw_sqlite(void *data)
{
	struct pair *p = data;
	struct rows rows = {0};
	double begin = p->clock();

	while (sqlite3_step(p->lite) == SQLITE_ROW) {
		struct bench_ban *ban = add(&rows, (const char *)sqlite3_column_text(p->lite, 1));

		ban->id = sqlite3_column_int64(p->lite, 0);
		ban->score = sqlite3_column_double(p->lite, 2);
		ban->until_ms = sqlite3_column_int64(p->lite, 3);
		ban->hits = sqlite3_column_int(p->lite, 4);
	}
	sqlite3_reset(p->lite);
	use_up(p, &rows);
	return p->clock() - begin;
}

static double raw_sqlite_loop(void *data)
{
	struct pair *p = data;
	double begin = p->clock();

	while (sqlite3_step(p->lite) == SQLITE_ROW) {
		struct bench_ban ban = {.id = sqlite3_column_int64(p->lite, 0),
					.cidr = (const char *)sqlite3_column_text(p->lite, 1),
					.score = sqlite3_column_double(p->lite, 2),
					.until_ms = sqlite3_column_int64(p->lite, 3),
					.hits = sqlite3_column_int(p->lite, 4)};

		p->sum += (uint64_t)ban.id + (unsigned char)ban.cidr[0] + (uint64_t)ban.hits +
			  (uint64_t)ban.until_ms + (uint64_t)ban.score;
	}
	sqlite3_reset(p->lite);
	return p->clock() - begin;
}

static uint64_t get64(const PGresult *r, int row, int column)
{
	uint64_t v;

	memcpy(&v, PQgetvalue(r, row, column), sizeof(v));
	return be64toh(v);
}

/* The row but for its text, which stays where it is. */
static void read_row(const PGresult *r, int i, struct bench_ban *ban)
{
	uint64_t bits = get64(r, i, 2);
	uint32_t hits;

	ban->id = (int64_t)get64(r, i, 0);
	memcpy(&ban->score, &bits, sizeof(ban->score));
	ban->until_ms = (int64_t)get64(r, i, 3) / 1000 + PG_EPOCH_MS;
	memcpy(&hits, PQgetvalue(r, i, 4), sizeof(hits));
	ban->hits = (int32_t)be32toh(hits);
}

static double raw_pg(void *data)
{
	struct pair *p = data;
	struct rows rows = {0};
	double begin = p->clock();
	PGresult *r = PQexecPrepared(p->pg, "all", 0, NULL, NULL, NULL, 1);

	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		die("libpq: %s", PQerrorMessage(p->pg));
	for (int i = 0; i < PQntuples(r); i++)
		read_row(r, i, add(&rows, PQgetvalue(r, i, 1)));
	PQclear(r);
	use_up(p, &rows);
	return p->clock() - begin;
}

/* What a cursor is for: the memory of one row. */
static double raw_pg_loop(void *data)
{
	struct pair *p = data;
	double begin = p->clock();
	PGresult *r;

	if (!PQsendQueryPrepared(p->pg, "all", 0, NULL, NULL, NULL, 1) ||
	    !PQsetSingleRowMode(p->pg))
		die("libpq: %s", PQerrorMessage(p->pg));
	while ((r = PQgetResult(p->pg))) {
		struct bench_ban ban;

		if (PQresultStatus(r) == PGRES_SINGLE_TUPLE) {
			read_row(r, 0, &ban);
			p->sum += (uint64_t)ban.id + (unsigned char)PQgetvalue(r, 0, 1)[0] +
				  (uint64_t)ban.until_ms + (uint64_t)ban.hits;
		}
		PQclear(r);
	}
	return p->clock() - begin;
}

static void compare(struct pair *p, const char *name, way our_way, way raw_way, const char *peer)
{
	char full[64];
	struct duel d;
	double ns;

	fight(&d, our_way, raw_way, p, ROUNDS);
	ns = samples_at(&d.ours, 50) * 1e9 / ROWS;
	snprintf(full, sizeof(full), "orm.%s_row_ns", name);
	report(full, ns, "ns", peer, 1 / duel_ratio(&d), NULL);
	snprintf(full, sizeof(full), "orm.%s_ratio", name);
	report_budget(full, duel_ratio(&d), "x", BUDGET, NULL);
}

static void fill_table(struct pair *p)
{
	const struct orm_table *tables[] = {T(bench_ban)};
	struct orm_batch batch = {.table = T(bench_ban), .rows = make_rows(ROWS), .count = ROWS};

	must(p->s, orm_schema_create(p->s, tables, 1), "create");
	must(p->s, orm_insert_batch(p->s, &batch, NULL), "insert");
}

void bench_sqlite_fetch(void)
{
	const char *url = fresh_sqlite("a");
	struct orm *db = open_db(url, NULL);
	struct pair p = {.s = open_session(db), .clock = cpu_s};
	sqlite3 *lite;

	pin(0);
	fill_table(&p);
	if (sqlite3_open_v2(url + 7, &lite, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) ||
	    sqlite3_exec(lite, "PRAGMA mmap_size=268435456; PRAGMA cache_size=-8000", NULL, NULL,
			 NULL) ||
	    sqlite3_prepare_v3(lite, sql, -1, SQLITE_PREPARE_PERSISTENT, &p.lite, NULL))
		die("sqlite3: %s", sqlite3_errmsg(lite));
	compare(&p, "sqlite_fetch", ours, raw_sqlite, "sqlite3 C");
	compare(&p, "sqlite_cursor", ours_cursor, raw_sqlite_loop, "sqlite3 C");
	sqlite3_finalize(p.lite);
	sqlite3_close(lite);
	orm_session_close(p.s);
	orm_close(db);
}

void bench_pg_fetch(void)
{
	struct orm *db = open_db(bench_pg, NULL);
	struct pair p = {.s = open_session(db), .pg = PQconnectdb(bench_pg), .clock = now_s};

	pin(0);
	exec_sql(p.s, "DROP TABLE IF EXISTS bench_ban");
	fill_table(&p);
	PQclear(PQprepare(p.pg, "all", sql, 0, NULL));
	compare(&p, "pg_fetch", ours, raw_pg, "libpq C");
	compare(&p, "pg_cursor", ours_cursor, raw_pg_loop, "libpq C, row by row");
	PQfinish(p.pg);
	exec_sql(p.s, "DROP TABLE bench_ban");
	orm_session_close(p.s);
	orm_close(db);
}

// SPDX-License-Identifier: AGPL-3.0-or-later
/* Bulk loads into SQLite, two indexes dropped and built again, beside the same by hand. */
#include <tests/bench/orm/bench.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#define SMALL 140160U
#define LARGE 9000000U

struct rows {
	size_t next, count;
	char text[24];
	struct bench_ban row;
};

static void make(struct rows *r)
{
	size_t i = r->next++;

	snprintf(r->text, sizeof(r->text), "%zu.%zu.%zu.%zu", i * 7 % 223 + 1, i >> 16 & 255,
		 i >> 8 & 255, i & 255);
	r->row = (struct bench_ban){.cidr = r->text,
				    .score = (double)(i % 1000) / 1000,
				    .until_ms = 1700000000000 + (int64_t)i * 1000,
				    .hits = (int32_t)(i & 0xffff)};
}

static int next(void *data, const void **ret_row)
{
	struct rows *r = data;

	if (r->next == r->count)
		return ORM_E_END;
	make(r);
	*ret_row = &r->row;
	return 0;
}

static double ours(size_t count)
{
	const struct orm_table *tables[] = {T(bench_ban)};
	struct orm *db = open_db(fresh_sqlite("a"), NULL);
	struct orm_session *s = open_session(db);
	struct rows rows = {.count = count};
	struct orm_load load = {
		.table = T(bench_ban), .next = next, .data = &rows, .drop_indexes = true};
	uint64_t done = 0;
	double begin;

	must(s, orm_schema_create(s, tables, 1), "create");
	orm_session_promise(s, ORM_RELAXED);
	begin = now_s();
	must(s, orm_load(s, &load, &done), "load");
	begin = now_s() - begin;
	if (done != count)
		die("%llu rows loaded of %zu", (unsigned long long)done, count);
	orm_session_close(s);
	orm_close(db);
	return begin;
}

static void sql(sqlite3 *db, const char *text)
{
	if (sqlite3_exec(db, text, NULL, NULL, NULL))
		die("sqlite3: %s: %s", text, sqlite3_errmsg(db));
}

static double raw(size_t count)
{
	struct rows rows = {.count = count};
	sqlite3_stmt *stmt;
	sqlite3 *db;
	double begin;

	if (sqlite3_open(fresh_sqlite("raw") + 7, &db))
		die("sqlite3: %s", sqlite3_errmsg(db));
	sql(db,
	    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-64000;"
	    "PRAGMA mmap_size=268435456; PRAGMA temp_store=MEMORY;"
	    "CREATE TABLE bench_ban (id INTEGER PRIMARY KEY, cidr TEXT NOT NULL, score REAL NOT "
	    "NULL, until_ms INTEGER, hits INTEGER NOT NULL) STRICT");
	begin = now_s();
	sql(db, "BEGIN IMMEDIATE");
	sqlite3_prepare_v2(db,
			   "INSERT INTO bench_ban (cidr, score, until_ms, hits) VALUES (?,?,?,?)",
			   -1, &stmt, NULL);
	while (rows.next < rows.count) {
		make(&rows);
		sqlite3_bind_text(stmt, 1, rows.row.cidr, -1, SQLITE_STATIC);
		sqlite3_bind_double(stmt, 2, rows.row.score);
		sqlite3_bind_int64(stmt, 3, rows.row.until_ms);
		sqlite3_bind_int(stmt, 4, rows.row.hits);
		if (sqlite3_step(stmt) != SQLITE_DONE)
			die("sqlite3: %s", sqlite3_errmsg(db));
		sqlite3_reset(stmt);
	}
	sqlite3_finalize(stmt);
	sql(db, "CREATE INDEX a ON bench_ban (cidr); CREATE INDEX b ON bench_ban (until_ms)");
	sql(db, "COMMIT");
	begin = now_s() - begin;
	sqlite3_close(db);
	fresh_sqlite("raw");
	return begin;
}

static void measure(const char *name, size_t count, unsigned rounds, double budget)
{
	struct samples our = {0}, other = {0};
	char ratio[64];

	for (unsigned i = 0; i < rounds; i++) {
		samples_add(&our, ours(count));
		samples_add(&other, raw(count));
	}
	report_budget(name, samples_at(&our, 50), "s", budget, &our);
	snprintf(ratio, sizeof(ratio), "%s_raw", name);
	report(ratio, samples_at(&other, 50), "s", "sqlite3 C / ours",
	       samples_at(&other, 50) / samples_at(&our, 50), &other);
}

void bench_sqlite_load(void)
{
	pin(0);
	measure("orm.sqlite_load_140k_s", SMALL, 5, 3);
	say("    9 million rows, twice");
	measure("orm.sqlite_load_9m_s", LARGE, 1, 180);
	fresh_sqlite("a");
}

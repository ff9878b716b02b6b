// SPDX-License-Identifier: AGPL-3.0-or-later
/* One row by its key: ours beside a prepared statement of hand-written C, the text copied by both.
 */
#include <tests/bench/orm/bench.h>

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 10000U
#define TURNS 2000U
#define BUDGET 1.10

struct pair {
	struct orm_session *s;
	sqlite3_stmt *raw;
	uint64_t sum;
	unsigned long ours_allocs, raw_allocs;
};

static double ours(void *data)
{
	struct pair *p = data;
	unsigned long before = count_allocations();
	double begin = cpu_s();

	for (unsigned i = 0; i < TURNS; i++) {
		struct orm_query *q = orm_select(p->s, T(bench_ban));
		struct bench_ban ban;

		orm_where(q, orm_eq(C(bench_ban, id), i % ROWS + 1));
		must(p->s, orm_first(p->s, q, T(bench_ban), &ban), "select");
		p->sum += (uint64_t)ban.id + strlen(ban.cidr);
		orm_query_free(q);
	}
	p->ours_allocs = count_allocations() - before;
	return (cpu_s() - begin) / TURNS;
}

static double raw(void *data)
{
	struct pair *p = data;
	unsigned long before = count_allocations();
	double begin = cpu_s();

	for (unsigned i = 0; i < TURNS; i++) {
		struct bench_ban ban;
		char *text;

		sqlite3_bind_int64(p->raw, 1, i % ROWS + 1);
		if (sqlite3_step(p->raw) != SQLITE_ROW)
			die("the hand-written select found nothing");
		text = strdup((const char *)sqlite3_column_text(p->raw, 1));
		if (!text)
			die("no memory");
		ban = (struct bench_ban){.id = sqlite3_column_int64(p->raw, 0),
					 .cidr = text,
					 .score = sqlite3_column_double(p->raw, 2),
					 .until_ms = sqlite3_column_int64(p->raw, 3),
					 .hits = sqlite3_column_int(p->raw, 4)};
		if (sqlite3_step(p->raw) != SQLITE_DONE)
			die("the hand-written select found two rows");
		sqlite3_reset(p->raw);
		p->sum += (uint64_t)ban.id + strlen(ban.cidr);
		free(text);
	}
	p->raw_allocs = count_allocations() - before;
	return (cpu_s() - begin) / TURNS;
}

static sqlite3 *open_raw(const char *path, sqlite3_stmt **ret_stmt)
{
	static const char sql[] =
		"SELECT id, cidr, score, until_ms, hits FROM bench_ban WHERE id = ?1";
	sqlite3 *db;

	/* The settings that ours has. */
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) ||
	    sqlite3_exec(db, "PRAGMA mmap_size=268435456; PRAGMA cache_size=-8000", NULL, NULL,
			 NULL) ||
	    sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_stmt, NULL))
		die("sqlite3: %s", sqlite3_errmsg(db));
	return db;
}

void bench_sqlite_select(void)
{
	const char *url = fresh_sqlite("a");
	const struct orm_table *tables[] = {T(bench_ban)};
	struct orm *db = open_db(url, NULL);
	struct pair p = {.s = open_session(db)};
	struct orm_batch batch = {.table = T(bench_ban), .rows = make_rows(ROWS), .count = ROWS};
	struct duel d;
	sqlite3 *rawdb;
	double ns;

	pin(0);
	must(p.s, orm_schema_create(p.s, tables, 1), "create");
	must(p.s, orm_insert_batch(p.s, &batch, NULL), "insert");
	rawdb = open_raw(url + 7, &p.raw);
	fight(&d, ours, raw, &p, 201);
	ns = samples_at(&d.ours, 50) * 1e9;
	report("orm.sqlite_select_ns", ns, "ns", "sqlite3 C", samples_at(&d.raw, 50) * 1e9 / ns,
	       NULL);
	report_budget("orm.sqlite_select_ratio", duel_ratio(&d), "x", BUDGET, NULL);
	report("orm.allocs_per_query", (double)p.ours_allocs / TURNS, "mallocs", "sqlite3 C",
	       (double)p.raw_allocs / (double)p.ours_allocs, NULL);
	sqlite3_finalize(p.raw);
	sqlite3_close(rawdb);
	orm_session_close(p.s);
	orm_close(db);
}

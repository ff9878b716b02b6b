// SPDX-License-Identifier: AGPL-3.0-or-later
/* One row by its key from PostgreSQL: ours beside PQexecPrepared with binary results. */
#include <tests/bench/orm/bench.h>

#include <endian.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 10000U
#define TURNS 1000U
#define BUDGET 1.10

struct pair {
	struct orm_session *s;
	PGconn *raw;
	uint64_t sum;
};

static double ours(void *data)
{
	struct pair *p = data;
	double begin = now_s();

	for (unsigned i = 0; i < TURNS; i++) {
		struct orm_query *q = orm_select(p->s, T(bench_ban));
		struct bench_ban ban;

		orm_where(q, orm_eq(C(bench_ban, id), i * 7 % ROWS + 1));
		must(p->s, orm_first(p->s, q, T(bench_ban), &ban), "select");
		p->sum += (uint64_t)ban.id + strlen(ban.cidr);
		orm_query_free(q);
	}
	return (now_s() - begin) / TURNS;
}

static uint64_t get64(PGresult *r, int column)
{
	uint64_t v;

	memcpy(&v, PQgetvalue(r, 0, column), sizeof(v));
	return be64toh(v);
}

static double raw(void *data)
{
	struct pair *p = data;
	double begin = now_s();

	for (unsigned i = 0; i < TURNS; i++) {
		uint64_t key = htobe64(i * 7 % ROWS + 1), bits;
		const char *values[] = {(const char *)&key};
		const int lengths[] = {8}, formats[] = {1};
		PGresult *r = PQexecPrepared(p->raw, "get", 1, values, lengths, formats, 1);
		struct bench_ban ban;
		char *text;

		if (PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) != 1)
			die("libpq: %s", PQerrorMessage(p->raw));
		text = strdup(PQgetvalue(r, 0, 1));
		if (!text)
			die("no memory");
		bits = get64(r, 2);
		ban = (struct bench_ban){.id = (int64_t)get64(r, 0),
					 .cidr = text,
					 .until_ms = (int64_t)get64(r, 3) / 1000 + 946684800000};
		memcpy(&ban.score, &bits, sizeof(ban.score));
		PQclear(r);
		p->sum += (uint64_t)ban.id + strlen(ban.cidr);
		free(text);
	}
	return (now_s() - begin) / TURNS;
}

void bench_pg_select(void)
{
	const struct orm_table *tables[] = {T(bench_ban)};
	struct orm *db = open_db(bench_pg, NULL);
	struct pair p = {.s = open_session(db), .raw = PQconnectdb(bench_pg)};
	struct orm_batch batch = {.table = T(bench_ban), .rows = make_rows(ROWS), .count = ROWS};
	struct duel d;
	double us;

	pin(0);
	exec_sql(p.s, "DROP TABLE IF EXISTS bench_ban");
	must(p.s, orm_schema_create(p.s, tables, 1), "create");
	must(p.s, orm_insert_batch(p.s, &batch, NULL), "insert");
	exec_sql(p.s, "ANALYZE bench_ban");
	PQclear(PQprepare(p.raw, "get",
			  "SELECT id, cidr, score, until_ms, hits FROM bench_ban WHERE id = $1", 1,
			  (const Oid[]){20}));
	fight(&d, ours, raw, &p, 31);
	us = samples_at(&d.ours, 50) * 1e6;
	report("orm.pg_select_us", us, "us", "libpq C", samples_at(&d.raw, 50) * 1e6 / us, NULL);
	report_budget("orm.pg_select_ratio", duel_ratio(&d), "x", BUDGET, NULL);
	PQfinish(p.raw);
	exec_sql(p.s, "DROP TABLE bench_ban");
	orm_session_close(p.s);
	orm_close(db);
}

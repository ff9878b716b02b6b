// SPDX-License-Identifier: AGPL-3.0-or-later
/* 1,000 rows at once into PostgreSQL, in each way, beside hand-written libpq of the same way. */
#include <tests/bench/orm/bench.h>

#include <endian.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 1000U
#define TIMES 5U

enum { INT4 = 23, INT8 = 20, FLOAT8 = 701, TEXT = 25, TIMESTAMPTZ = 1184 };
#define PG_EPOCH_MS 946684800000

struct pair {
	struct orm_session *s;
	PGconn *raw;
	struct orm_batch batch;
	char *buffer;
};

/* A row's four fields as the wire has them. */
struct fields {
	uint64_t score, until;
	uint32_t hits;
	const char *cidr;
	uint32_t cidr_len;
};

static struct fields fields_of(const struct bench_ban *row)
{
	struct fields f = {.cidr = row->cidr, .cidr_len = (uint32_t)strlen(row->cidr)};

	memcpy(&f.score, &row->score, sizeof(f.score));
	f.score = htobe64(f.score);
	f.until = htobe64((uint64_t)((row->until_ms - PG_EPOCH_MS) * 1000));
	f.hits = htobe32((uint32_t)row->hits);
	return f;
}

static void must_pg(PGconn *pg, PGresult *r, ExecStatusType wanted)
{
	if (PQresultStatus(r) != wanted)
		die("libpq: %s", PQerrorMessage(pg));
	PQclear(r);
}

static double ours(void *data)
{
	struct pair *p = data;
	double begin = now_s();

	for (unsigned i = 0; i < TIMES; i++)
		must(p->s, orm_insert_batch(p->s, &p->batch, NULL), "batch");
	begin = (now_s() - begin) / TIMES;
	exec_sql(p->s, "TRUNCATE bench_ban");
	return begin;
}

/* ---- pipeline ---- */

static void pipeline_once(struct pair *p)
{
	static const char sql[] =
		"INSERT INTO bench_ban (cidr,score,until_ms,hits) VALUES ($1,$2,$3,$4)";
	static const Oid types[] = {TEXT, FLOAT8, TIMESTAMPTZ, INT4};
	static const int formats[] = {1, 1, 1, 1};
	const struct bench_ban *rows = p->batch.rows;

	PQenterPipelineMode(p->raw);
	PQsendPrepare(p->raw, "", sql, 4, types);
	for (unsigned i = 0; i < ROWS; i++) {
		struct fields f = fields_of(&rows[i]);
		const char *values[] = {f.cidr, (char *)&f.score, (char *)&f.until,
					(char *)&f.hits};
		const int lengths[] = {(int)f.cidr_len, 8, 8, 4};

		PQsendQueryPrepared(p->raw, "", 4, values, lengths, formats, 1);
	}
	PQpipelineSync(p->raw);
	for (unsigned i = 0; i <= ROWS; i++) {
		must_pg(p->raw, PQgetResult(p->raw), PGRES_COMMAND_OK);
		PQclear(PQgetResult(p->raw));
	}
	must_pg(p->raw, PQgetResult(p->raw), PGRES_PIPELINE_SYNC);
	PQexitPipelineMode(p->raw);
}

/* ---- unnest ---- */

static char *put32(char *to, uint32_t v)
{
	v = htobe32(v);
	memcpy(to, &v, 4);
	return to + 4;
}

static char *array_head(char *to, uint32_t oid)
{
	to = put32(to, 1);
	to = put32(to, 0);
	to = put32(to, oid);
	to = put32(to, ROWS);
	return put32(to, 1);
}

static char *put_field(char *to, const void *data, uint32_t len)
{
	to = put32(to, len);
	memcpy(to, data, len);
	return to + len;
}

static void unnest_once(struct pair *p)
{
	static const char sql[] = "INSERT INTO bench_ban (cidr,score,until_ms,hits) SELECT * FROM "
				  "unnest($1::text[],$2::float8[],$3::timestamptz[],$4::int4[])";
	static const Oid types[] = {1009, 1022, 1185, 1007};
	static const int formats[] = {1, 1, 1, 1};
	static const uint32_t elements[] = {TEXT, FLOAT8, TIMESTAMPTZ, INT4};
	const struct bench_ban *rows = p->batch.rows;
	const char *values[4];
	int lengths[4];
	char *at = p->buffer;

	for (unsigned c = 0; c < 4; c++) {
		values[c] = at;
		at = array_head(at, elements[c]);
		for (unsigned i = 0; i < ROWS; i++) {
			struct fields f = fields_of(&rows[i]);

			at = c == 0   ? put_field(at, f.cidr, f.cidr_len)
			     : c == 1 ? put_field(at, &f.score, 8)
			     : c == 2 ? put_field(at, &f.until, 8)
				      : put_field(at, &f.hits, 4);
		}
		lengths[c] = (int)(at - values[c]);
	}
	must_pg(p->raw, PQexecParams(p->raw, sql, 4, types, values, lengths, formats, 1),
		PGRES_COMMAND_OK);
}

/* ---- COPY ---- */

static void copy_once(struct pair *p)
{
	static const char head[19] = "PGCOPY\n\377\r\n\0";
	const struct bench_ban *rows = p->batch.rows;
	char *at = p->buffer;

	must_pg(p->raw,
		PQexec(p->raw,
		       "COPY bench_ban (cidr,score,until_ms,hits) FROM STDIN (FORMAT binary)"),
		PGRES_COPY_IN);
	memcpy(at, head, sizeof(head));
	at += sizeof(head);
	for (unsigned i = 0; i < ROWS; i++) {
		struct fields f = fields_of(&rows[i]);

		*at++ = 0;
		*at++ = 4;
		at = put_field(at, f.cidr, f.cidr_len);
		at = put_field(at, &f.score, 8);
		at = put_field(at, &f.until, 8);
		at = put_field(at, &f.hits, 4);
	}
	*at++ = (char)0xff;
	*at++ = (char)0xff;
	PQputCopyData(p->raw, p->buffer, (int)(at - p->buffer));
	PQputCopyEnd(p->raw, NULL);
	must_pg(p->raw, PQgetResult(p->raw), PGRES_COMMAND_OK);
	PQclear(PQgetResult(p->raw));
}

static double times(struct pair *p, void (*once)(struct pair *))
{
	double begin = now_s();

	for (unsigned i = 0; i < TIMES; i++)
		once(p);
	begin = (now_s() - begin) / TIMES;
	PQclear(PQexec(p->raw, "TRUNCATE bench_ban"));
	return begin;
}

static double raw_pipeline(void *data)
{
	return times(data, pipeline_once);
}
static double raw_unnest(void *data)
{
	return times(data, unnest_once);
}
static double raw_copy(void *data)
{
	return times(data, copy_once);
}

void bench_pg_batch(void)
{
	static const struct {
		const char *rate, *ratio;
		enum orm_batch_way way;
		double (*raw)(void *);
	} ways[] = {
		{"orm.pg_batch_pipeline_rows_s", "orm.pg_batch_pipeline_ratio", ORM_BATCH_ROWS,
		 raw_pipeline},
		{"orm.pg_batch_unnest_rows_s", "orm.pg_batch_unnest_ratio", ORM_BATCH_UNNEST,
		 raw_unnest},
		{"orm.pg_copy_rows_s", "orm.pg_copy_ratio", ORM_BATCH_COPY, raw_copy},
	};
	const struct orm_table *tables[] = {T(bench_ban)};
	struct orm *db = open_db(bench_pg, NULL);
	struct pair p = {.s = open_session(db),
			 .raw = PQconnectdb(bench_pg),
			 .batch = {.table = T(bench_ban), .rows = make_rows(ROWS), .count = ROWS},
			 .buffer = malloc(ROWS * 100 + 1000)};

	pin(0);
	exec_sql(p.s, "DROP TABLE IF EXISTS bench_ban");
	must(p.s, orm_schema_create(p.s, tables, 1), "create");
	exec_sql(p.s, "DROP INDEX bench_ban_by_cidr, bench_ban_by_until");
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct duel d;

		p.batch.way = ways[i].way;
		fight(&d, ours, ways[i].raw, &p, 15);
		report(ways[i].rate, ROWS / samples_at(&d.ours, 50), "rows/s", "libpq C",
		       1 / duel_ratio(&d), NULL);
		report_budget(ways[i].ratio, duel_ratio(&d), "x", 1 / 0.9, NULL);
	}
	PQfinish(p.raw);
	exec_sql(p.s, "DROP TABLE bench_ban");
	orm_session_close(p.s);
	orm_close(db);
	free(p.buffer);
}

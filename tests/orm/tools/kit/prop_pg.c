/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Every text is parsed and described by PostgreSQL: many in one round trip, each with a sync of its
 * own, so that one refusal does not abort the others.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { QUEUE = 32 };

struct queued {
	uint64_t number;
	char *sql;
	uint8_t types[OUTPUTS_MAX];
	unsigned columns;
};

struct pg_check {
	PGconn *conn;
	struct queued queue[QUEUE];
	unsigned n;
	unsigned failed;
};

static bool script(PGconn *conn, const char *sql)
{
	PGresult *result = PQexec(conn, sql);
	bool ok = PQresultStatus(result) == PGRES_COMMAND_OK ||
		  PQresultStatus(result) == PGRES_TUPLES_OK;

	if (!ok)
		fprintf(stderr, "PostgreSQL: %s", PQerrorMessage(conn));
	PQclear(result);
	return ok;
}

/* Everything in a schema of its own, which goes with the session. */
int pg_check_new(const char *url, struct pg_check **ret_check)
{
	struct pg_check *pg = calloc(1, sizeof(*pg));
	char *ddl = prop_ddl(true);
	bool ok;

	if (!pg)
		abort();
	pg->conn = PQconnectdb(url);
	ok = PQstatus(pg->conn) == CONNECTION_OK;
	if (!ok)
		fprintf(stderr, "PostgreSQL: %s", PQerrorMessage(pg->conn));
	ok = ok &&
	     script(pg->conn, "SET client_min_messages = error;"
			      "DROP SCHEMA IF EXISTS orm_prop CASCADE;"
			      "CREATE SCHEMA orm_prop; SET search_path = orm_prop;"
			      "SET timezone = 'UTC'; SET datestyle = 'ISO';"
			      "SET statement_timeout = '5s'; SET jit = off") &&
	     script(pg->conn, ddl);
	free(ddl);
	if (!ok) {
		pg_check_free(pg, false);
		return -1;
	}
	*ret_check = pg;
	return 0;
}

void pg_check_free(struct pg_check *pg, bool keep_schema)
{
	if (!pg)
		return;
	if (PQstatus(pg->conn) == CONNECTION_OK && !keep_schema)
		script(pg->conn, "DROP SCHEMA IF EXISTS orm_prop CASCADE");
	PQfinish(pg->conn);
	for (unsigned i = 0; i < pg->n; i++)
		free(pg->queue[i].sql);
	free(pg);
}

PGconn *pg_check_conn(struct pg_check *pg)
{
	return pg->conn;
}

/* Whole numbers travel as int8, fractions as float8; vectors without a type, as text. */
void param_oids(const struct orm_stmt *stmt, const struct orm_value *values, Oid *to)
{
	static const uint32_t oids[ORM_T_COUNT] = {
		[ORM_T_BOOLEAN] = 16,	     [ORM_T_SMALLINT] = 20,  [ORM_T_INTEGER] = 20,
		[ORM_T_BIGINT] = 20,	     [ORM_T_REAL] = 701,     [ORM_T_DOUBLE] = 701,
		[ORM_T_NUMERIC] = 1700,	     [ORM_T_TEXT] = 25,	     [ORM_T_BYTES] = 17,
		[ORM_T_TIMESTAMP_MS] = 1184, [ORM_T_UUID] = 2950,    [ORM_T_INET] = 869,
		[ORM_T_CIDR] = 650,	     [ORM_T_JSON] = 114,     [ORM_T_JSONB] = 3802,
		[ORM_T_BIGINTS] = 1016,	     [ORM_T_DOUBLES] = 1022, [ORM_T_TEXTS] = 1009,
	};

	(void)values;
	for (unsigned i = 0; i < stmt->params; i++)
		to[i] = oids[stmt->param_type[i]];
}

/* May a column that we call `type` come as this? Whole numbers of any width, fractions too. */
static bool type_agrees(Oid oid, enum orm_type type)
{
	static const uint32_t oids[ORM_T_COUNT] = {
		[ORM_T_BOOLEAN] = 16, [ORM_T_NUMERIC] = 25,	   [ORM_T_TEXT] = 25,
		[ORM_T_BYTES] = 17,   [ORM_T_TIMESTAMP_MS] = 1184, [ORM_T_UUID] = 2950,
		[ORM_T_INET] = 869,   [ORM_T_CIDR] = 650,	   [ORM_T_JSON] = 114,
		[ORM_T_JSONB] = 3802, [ORM_T_BIGINTS] = 1016,	   [ORM_T_DOUBLES] = 1022,
		[ORM_T_TEXTS] = 1009, [ORM_T_VECTOR] = 25,
	};

	if (is_integer(type))
		return oid == 20 || oid == 21 || oid == 23;
	if (is_float(type))
		return oid == 700 || oid == 701;
	return oids[type] == oid;
}

static void fail(struct pg_check *pg, const struct queued *q, const char *why)
{
	pg->failed++;
	printf("# tree %llu: PostgreSQL: %.200s\n#   %s\n", (unsigned long long)q->number, why,
	       q->sql);
}

static void judge(struct pg_check *pg, const struct queued *q, const PGresult *described)
{
	char why[128];

	if (PQnfields(described) != (int)q->columns) {
		snprintf(why, sizeof(why), "%d columns, and not %u\n", PQnfields(described),
			 q->columns);
		fail(pg, q, why);
		return;
	}
	for (unsigned i = 0; i < q->columns; i++) {
		if (type_agrees(PQftype(described, (int)i), q->types[i]))
			continue;
		snprintf(why, sizeof(why), "column %u has OID %u, which is not %s", i + 1,
			 PQftype(described, (int)i), orm_type_name(q->types[i]));
		fail(pg, q, why);
		return;
	}
}

/* A prepare, its end, a description, its end, the sync. */
static bool settle_one(struct pg_check *pg, const struct queued *q)
{
	bool synced = false, refused = false;
	unsigned ends = 0;

	while (!synced && ends < 8) {
		PGresult *result = PQgetResult(pg->conn);
		ExecStatusType status;

		if (!result) {
			ends++;
			continue;
		}
		status = PQresultStatus(result);
		if (status == PGRES_PIPELINE_SYNC)
			synced = true;
		else if (status == PGRES_FATAL_ERROR)
			fail(pg, q, PQresultErrorMessage(result));
		else if (status == PGRES_COMMAND_OK && ends == 1 && !refused)
			judge(pg, q, result);
		refused |= status == PGRES_FATAL_ERROR;
		PQclear(result);
	}
	return synced;
}

unsigned pg_check_settle(struct pg_check *pg)
{
	unsigned failed;

	if (pg->n && PQpipelineStatus(pg->conn) != PQ_PIPELINE_OFF) {
		for (unsigned i = 0; i < pg->n; i++) {
			if (!settle_one(pg, &pg->queue[i])) {
				fail(pg, &pg->queue[i], PQerrorMessage(pg->conn));
				abort();
			}
			free(pg->queue[i].sql);
		}
		pg->n = 0;
	}
	if (PQpipelineStatus(pg->conn) != PQ_PIPELINE_OFF)
		PQexitPipelineMode(pg->conn);
	failed = pg->failed;
	pg->failed = 0;
	return failed;
}

void pg_check_add(struct pg_check *pg, uint64_t number, const struct orm_stmt *stmt,
		  const struct orm_value *values)
{
	struct queued *q;
	Oid oids[4096];
	unsigned failed;

	if (stmt->params > ARRAY_LEN(oids))
		return;
	if (pg->n == QUEUE) {
		failed = pg_check_settle(pg);
		pg->failed = failed;
	}
	if (PQpipelineStatus(pg->conn) == PQ_PIPELINE_OFF)
		PQenterPipelineMode(pg->conn);
	q = &pg->queue[pg->n++];
	*q = (struct queued){.number = number, .sql = strdup(stmt->sql), .columns = stmt->columns};
	memcpy(q->types, stmt->column_type, stmt->columns);
	param_oids(stmt, values, oids);
	if (!PQsendPrepare(pg->conn, "", stmt->sql, stmt->params, oids) ||
	    !PQsendDescribePrepared(pg->conn, "") || !PQpipelineSync(pg->conn))
		fail(pg, q, PQerrorMessage(pg->conn));
}

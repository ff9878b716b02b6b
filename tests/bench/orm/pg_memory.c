// SPDX-License-Identifier: AGPL-3.0-or-later
/* Memory of an idle connection of the pool, beside a PGconn alone. */
#include <tests/bench/orm/bench.h>

#include <libpq-fe.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#define CONNECTIONS 40
#define BUDGET_KIB 16

static double used_kib(void)
{
	struct mallinfo2 info = mallinfo2();

	return (double)(info.uordblks + info.hblkhd) / 1024;
}

static double pool_kib(int connections)
{
	struct orm_options options = {.pool_min = connections, .pool_max = connections};
	struct orm *db = open_db(bench_pg, &options);
	struct orm_stats stats;
	double kib;

	for (unsigned i = 0; i < 1000; i++) {
		orm_stats_read(db, &stats);
		if (stats.pool_idle >= (uint64_t)connections)
			break;
		usleep(20000);
	}
	if (stats.pool_idle < (uint64_t)connections)
		die("the pool opened %llu connections of %d", (unsigned long long)stats.pool_idle,
		    connections);
	kib = used_kib();
	orm_close(db);
	return kib;
}

void bench_pg_memory(void)
{
	PGconn *raw[CONNECTIONS];
	double few = pool_kib(1), many = pool_kib(CONNECTIONS), before = used_kib(), ours, theirs;

	for (int i = 0; i < CONNECTIONS; i++) {
		raw[i] = PQconnectdb(bench_pg);
		if (PQstatus(raw[i]) != CONNECTION_OK)
			die("libpq: %s", PQerrorMessage(raw[i]));
	}
	theirs = (used_kib() - before) / CONNECTIONS;
	for (int i = 0; i < CONNECTIONS; i++)
		PQfinish(raw[i]);
	ours = (many - few) / (CONNECTIONS - 1) - theirs;
	report_budget("orm.idle_conn_kib", ours, "KiB", BUDGET_KIB, NULL);
	report("orm.idle_conn_libpq_kib", theirs, "KiB", NULL, 0, NULL);
}

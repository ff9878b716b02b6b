// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * bench-orm BUILD_DIR [PART...]: the ORM beside hand-written sqlite3 and libpq doing the same. Rows
 * on standard output, what it is doing on standard error. ORM_TEST_PG is a server of our own.
 */
#include <tests/bench/orm/bench.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *bench_dir;
const char *bench_pg;

void must(struct orm_session *s, int r, const char *what)
{
	if (r)
		die("%s: %s: %s", what, orm_class_name(r), orm_error(s)->text);
}

struct orm *open_db(const char *url, const struct orm_options *options)
{
	struct orm_error error;
	struct orm *db;

	if (orm_open(url, options, &db, &error))
		die("%s", error.text);
	return db;
}

struct orm_session *open_session(struct orm *db)
{
	struct orm_session *s;

	if (orm_session_open(db, &s))
		die("no memory");
	return s;
}

void exec_sql(struct orm_session *s, const char *sql)
{
	struct orm_query *q = orm_raw(s, sql);

	must(s, orm_exec(s, q, NULL), sql);
	orm_query_free(q);
}

const char *fresh_sqlite(const char *name)
{
	static const char *const tails[] = {"", "-wal", "-shm"};
	static char url[4200];
	char path[4300];

	snprintf(url, sizeof(url), "sqlite:%s/%s.db", bench_dir, name);
	for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
		snprintf(path, sizeof(path), "%s%s", url + 7, tails[i]);
		unlink(path);
	}
	return url;
}

struct bench_ban *make_rows(size_t n)
{
	struct bench_ban *rows = calloc(n, sizeof(*rows));
	char *texts = malloc(n * 20);

	if (!rows || !texts)
		die("no memory");
	for (size_t i = 0; i < n; i++) {
		char *text = texts + i * 20;

		snprintf(text, 20, "%zu.%zu.%zu.%zu", i * 7 % 223 + 1, i >> 16 & 255, i >> 8 & 255,
			 i & 255);
		rows[i] = (struct bench_ban){.cidr = text,
					     .score = (double)(i % 1000) / 1000,
					     .until_ms = 1700000000000 + (int64_t)i * 1000,
					     .hits = (int32_t)i};
	}
	return rows;
}

void pin(int cpu)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < cpus; i++) {
		if (cpu < 0 || i == cpu % cpus)
			CPU_SET(i, &set);
	}
	if (sched_setaffinity(0, sizeof(set), &set))
		die("cannot pin to CPU %d", cpu);
}

double cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void fight(struct duel *d, way ours, way raw, void *data, unsigned rounds)
{
	*d = (struct duel){0};
	ours(data);
	raw(data);
	for (unsigned i = 0; i < rounds; i++) {
		samples_add(&d->ours, ours(data));
		samples_add(&d->raw, raw(data));
	}
}

double duel_ratio(struct duel *d)
{
	return samples_at(&d->ours, 50) / samples_at(&d->raw, 50);
}

static bool wanted(char *const parts[], int count, const char *part)
{
	for (int n = 0; n < count; n++)
		if (!strcmp(parts[n], part))
			return true;
	return !count;
}

int main(int argc, char *argv[])
{
	static const struct {
		const char *name;
		void (*run)(void);
	} all[] = {
		{"build", bench_build},
		{"sqlite-select", bench_sqlite_select},
		{"sqlite-fetch", bench_sqlite_fetch},
		{"sqlite-group", bench_sqlite_group},
		{"sqlite-load", bench_sqlite_load},
		{"pg-select", bench_pg_select},
		{"pg-fetch", bench_pg_fetch},
		{"pg-batch", bench_pg_batch},
		{"pg-memory", bench_pg_memory},
	};
	char dir[4096];

	bench_pg = getenv("ORM_TEST_PG");
	if (argc < 2 || !bench_pg)
		die("usage: ORM_TEST_PG=URL bench-orm BUILD_DIR [PART...]");
	snprintf(dir, sizeof(dir), "%s/bench-orm.XXXXXX", argv[1]);
	if (!mkdtemp(dir))
		die("cannot make a folder in '%s'", argv[1]);
	bench_dir = dir;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (!wanted(argv + 2, argc - 2, all[i].name))
			continue;
		say("  %s", all[i].name);
		all[i].run();
	}
	fresh_sqlite("a");
	rmdir(dir);
	return 0;
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * run-sqllogictest: files of sqllogictest through the library, each on an empty database: SQLite in
 * memory or in a file that is made for it, PostgreSQL in a schema that is dropped afterwards.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <strazh/orm.h>

#include <tests/orm/tools/kit/slt_run.h>

#define URL_MAX 2048

static const char usage[] =
	"usage: run-sqllogictest --url URL [--verbose] FILE...\n"
	"\n"
	"  -u, --url URL    sqlite::memory:, sqlite:PATH (must not be there: it is made for each "
	"FILE\n"
	"                   and removed), or postgresql://... (a schema is made and dropped)\n"
	"  -v, --verbose    a line for each FILE\n"
	"\n"
	"The format: sqlite.org/sqllogictest, with `statement error REGEX` and `query error "
	"REGEX`.\n"
	"Exit status: 0 all passed, 1 a record failed, 2 wrong usage, no file, no database.\n";

struct target {
	const char *url;
	struct orm *db;		     /* of PostgreSQL: to make schemas with */
	struct orm_session *session; /* of it */
	const char *path;	     /* of SQLite's file */
	char schema[64];
	char at[URL_MAX]; /* the empty database */
};

static int complain(const char *what, const struct orm_error *error)
{
	fprintf(stderr, "run-sqllogictest: %s: %s\n", what, error->text);
	return -EIO;
}

/* ---- an empty database for each file ---- */

static int target_open(struct target *target, const char *url)
{
	struct orm_error error;

	*target = (struct target){.url = url};
	if (!strncmp(url, "sqlite:", 7)) {
		const char *path = url + 7;

		if (!strncmp(path, "//", 2))
			path += 2;
		if (strncmp(path, ":memory:", 8) != 0)
			target->path = path;
		if (strlen(url) >= URL_MAX || strchr(path, '?'))
			return -EINVAL;
		return 0;
	}
	if (orm_open(url, NULL, &target->db, &error) != 0)
		return complain("no database", &error);
	return orm_session_open(target->db, &target->session);
}

static void target_close(struct target *target)
{
	orm_session_close(target->session);
	if (target->db)
		orm_close(target->db);
}

static int do_sql(struct target *target, const char *before, const char *after)
{
	struct orm_query *q;
	char sql[128];
	int r;

	snprintf(sql, sizeof(sql), "%s %s %s", before, target->schema, after);
	q = orm_raw(target->session, sql);
	r = orm_exec(target->session, q, NULL);
	orm_query_free(q);
	return r ? complain(sql, orm_error(target->session)) : 0;
}

static int target_begin(struct target *target, unsigned number)
{
	if (target->path && !access(target->path, F_OK)) {
		fprintf(stderr,
			"run-sqllogictest: '%s' is there already; each FILE gets a new one\n",
			target->path);
		return -EEXIST;
	}
	if (!target->db) {
		snprintf(target->at, sizeof(target->at), "%s", target->url);
		return 0;
	}
	snprintf(target->schema, sizeof(target->schema), "slt_%d_%u", (int)getpid(), number);
	if ((size_t)snprintf(target->at, sizeof(target->at), "%s%coptions=-csearch_path%%3D%s",
			     target->url, strchr(target->url, '?') ? '&' : '?',
			     target->schema) >= sizeof(target->at))
		return -ENAMETOOLONG;
	return do_sql(target, "CREATE SCHEMA", "");
}

static int target_end(struct target *target)
{
	static const char *const files[] = {"", "-wal", "-shm", "-journal"};
	char name[URL_MAX + 16];

	if (target->db)
		return do_sql(target, "DROP SCHEMA", "CASCADE");
	for (size_t i = 0; target->path && i < ARRAY_LEN(files); i++) {
		snprintf(name, sizeof(name), "%s%s", target->path, files[i]);
		if (unlink(name) != 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

/* ---- a file ---- */

static int run_on(const char *url, const char *file, struct slt_sum *sum)
{
	/* One connection, so that what SET or a temporary table leaves is there for the next
	 * record; nothing of it has to survive. */
	const struct orm_options options = {.pool_max = 1, .durable = -1};
	struct orm_session *session;
	struct orm_error error;
	struct orm *db;
	int r;

	if (orm_open(url, &options, &db, &error) != 0)
		return complain(file, &error);
	r = orm_session_open(db, &session);
	if (!r) {
		r = slt_run(session, file, sum);
		if (r)
			fprintf(stderr, "run-sqllogictest: %s: %s\n", file, strerror(-r));
		orm_session_close(session);
	}
	orm_close(db);
	return r;
}

static int run_file(struct target *target, unsigned number, const char *file, bool verbose,
		    struct slt_sum *sum)
{
	struct slt_sum own = {0};
	int r = target_begin(target, number), end;

	if (r)
		return r;
	r = run_on(target->at, file, &own);
	end = target_end(target);
	if (verbose)
		printf("%s: %lu passed, %lu failed, %lu skipped\n", file, own.passed, own.failed,
		       own.skipped);
	sum->passed += own.passed;
	sum->failed += own.failed;
	sum->skipped += own.skipped;
	return r ? r : end;
}

/* -1: go on with what is in *ret_url and *ret_verbose; else the exit status. */
static int read_options(int argc, char **argv, const char **ret_url, bool *ret_verbose)
{
	static const struct option options[] = {{"url", required_argument, NULL, 'u'},
						{"verbose", no_argument, NULL, 'v'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "u:vh", options, NULL)) != -1) {
		switch (option) {
		case 'u':
			*ret_url = optarg;
			break;
		case 'v':
			*ret_verbose = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (*ret_url && optind < argc)
		return -1;
	fputs(usage, stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct slt_sum sum = {0};
	struct target target;
	const char *url = NULL;
	bool verbose = false;
	int status = read_options(argc, argv, &url, &verbose);

	if (status >= 0)
		return status;
	if (target_open(&target, url) != 0) {
		fprintf(stderr, "run-sqllogictest: this URL is of no use here\n");
		return 2;
	}
	for (int i = optind; i < argc; i++) {
		if (run_file(&target, (unsigned)i, argv[i], verbose, &sum) != 0)
			status = 2;
	}
	target_close(&target);
	printf("%lu passed, %lu failed, %lu skipped\n", sum.passed, sum.failed, sum.skipped);
	return status > 0 ? status : sum.failed > 0;
}

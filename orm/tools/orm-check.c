/* SPDX-License-Identifier: Apache-2.0 */
/* orm-check: prepare every statement that a program was recorded to use (option `record` of its
 * database's URL) on a real database, which may be another one than it ran on. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <strazh/base/own.h>
#include <strazh/orm.h>

#include <orm/tools/kit/print.h>

#define LINE_MAX_BYTES (4U << 20)

struct check {
	struct orm_session *session;
	bool pg;
	bool json;
	bool quiet;
	const char *file;
	size_t line;
	uint64_t prepared, refused, bad;
};

static const char usage[] =
	"usage: orm-check --url URL [--json] [--quiet] FILE...\n"
	"\n"
	"Prepare each recorded statement on the database, and say which it does not accept.\n"
	"A program records its statements when its database's URL has ?record=FILE.\n"
	"\n"
	"  -u, --url URL    sqlite:PATH, sqlite::memory: or postgresql://HOST/DATABASE\n"
	"  -j, --json       a JSON object for each statement that failed, and one for the sum\n"
	"  -q, --quiet      the sum only\n"
	"  -h, --help       say this\n"
	"  -V, --version    the library's version\n"
	"\n"
	"Exit status: 0 all were accepted, 1 some were not, 2 wrong usage, file or database.\n";

static void tell(struct check *c, const char *sql, const char *sqlstate, const char *why)
{
	if (c->quiet)
		return;
	if (c->json &&
	    !print_json_line(stdout, json_pack("{s:s, s:I, s:s, s:s, s:s}", "file", c->file, "line",
					       (json_int_t)c->line, "sqlstate", sqlstate, "error",
					       why, "sql", sql)))
		return;
	printf("%s:%zu: %s%s%s\n    ", c->file, c->line, sqlstate, *sqlstate ? ": " : "", why);
	print_escaped(stdout, sql, strlen(sql), 400);
	putchar('\n');
}

/* ---- one statement ---- */

static const char *pg_type(const char *name)
{
	static const char *const types[][2] = {
		{"BOOLEAN", "boolean"},	 {"SMALLINT", "bigint"},
		{"INTEGER", "bigint"},	 {"BIGINT", "bigint"},
		{"REAL", "float8"},	 {"DOUBLE", "float8"},
		{"NUMERIC", "numeric"},	 {"TEXT", "text"},
		{"BYTES", "bytea"},	 {"TIMESTAMP_MS", "timestamptz"},
		{"UUID", "uuid"},	 {"INET", "inet"},
		{"CIDR", "cidr"},	 {"JSON", "json"},
		{"JSONB", "jsonb"},	 {"BIGINTS", "bigint[]"},
		{"DOUBLES", "float8[]"}, {"TEXTS", "text[]"},
		{"VECTOR", "vector"},
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (!strcmp(types[i][0], name))
			return types[i][1];
	}
	return "unknown";
}

static int run(struct check *c, const char *sql, unsigned nulls)
{
	struct orm_query *q = orm_raw(c->session, sql);
	struct orm_result *result = NULL;
	int r;

	for (unsigned i = 0; i < nulls; i++)
		orm_param(q, ORM_NULL_VALUE);
	r = orm_fetch(c->session, q, NULL, &result);
	orm_result_free(result);
	orm_query_free(q);
	return r;
}

/* PREPARE parses and resolves; on SQLite EXPLAIN compiles the statement without running it. */
static int prepare(struct check *c, const char *sql, const json_t *params)
{
	size_t n = json_array_size(params), used;
	size_t size = strlen(sql) + 64 + n * 24;
	own_free char *text = malloc(size);
	int r;

	if (!text)
		return -ENOMEM;
	if (!c->pg) {
		snprintf(text, size, "EXPLAIN %s", sql);
		return run(c, text, (unsigned)n);
	}
	used = (size_t)snprintf(text, size, "PREPARE orm_check");
	for (size_t i = 0; i < n; i++) {
		const char *type = json_string_value(json_array_get(params, i));

		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? "," : "(",
					 pg_type(type ? type : ""));
	}
	snprintf(text + used, size - used, "%s AS %s", n ? ")" : "", sql);
	r = run(c, text, 0);
	return r ? r : run(c, "DEALLOCATE orm_check", 0);
}

static void check_line(struct check *c, const char *line, size_t len)
{
	json_t *json = json_loadb(line, len, 0, NULL);
	const char *name = c->pg ? "postgresql" : "sqlite";
	const char *why = c->pg ? "postgresql_refused" : "sqlite_refused";
	const char *sql = json_string_value(json_object_get(json, name));
	const char *refused = json_string_value(json_object_get(json, why));
	const json_t *params = json_object_get(json, "params");

	if (!sql && !refused) {
		c->bad++;
		tell(c, "", "", "this line is no recorded statement");
	} else if (!sql) {
		const char *other = json_string_value(
			json_object_get(json, c->pg ? "sqlite" : "postgresql"));

		c->refused++;
		tell(c, other ? other : "", "", refused);
	} else if (prepare(c, sql, params)) {
		c->refused++;
		tell(c, sql, orm_error(c->session)->sqlstate, orm_error(c->session)->text);
	} else {
		c->prepared++;
	}
	json_decref(json);
}

/* ---- files ---- */

static int check_file(struct check *c, const char *path)
{
	own_file FILE *file = fopen(path, "re");
	own_free char *line = NULL;
	size_t room = 0;
	ssize_t len;

	c->file = path;
	c->line = 0;
	if (!file) {
		fprintf(stderr, "orm-check: cannot open '%s': %s\n", path, strerror(errno));
		return -errno;
	}
	/* One connection throughout: what is prepared must be deallocated on the same one. */
	if (c->pg && orm_begin(c->session, NULL))
		return -EIO;
	while ((len = getline(&line, &room, file)) > 0) {
		c->line++;
		if ((size_t)len > LINE_MAX_BYTES) {
			fprintf(stderr, "orm-check: %s:%zu: the line is too long\n", path, c->line);
			return -EFBIG;
		}
		if (c->pg && orm_savepoint(c->session, "orm_check"))
			return -EIO;
		check_line(c, line, (size_t)len);
		if (c->pg && orm_rollback_to(c->session, "orm_check"))
			return -EIO;
	}
	orm_rollback(c->session);
	return 0;
}

static int check_files(struct check *c, char *const *paths, int n)
{
	for (int i = 0; i < n; i++) {
		int r = check_file(c, paths[i]);

		if (r == -EIO)
			fprintf(stderr, "orm-check: %s\n", orm_error(c->session)->text);
		if (r)
			return 2;
	}
	if (c->json)
		printf("{\"accepted\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"bad_lines\":%" PRIu64
		       "}\n",
		       c->prepared, c->refused, c->bad);
	else
		printf("%" PRIu64 " accepted, %" PRIu64 " refused, %" PRIu64 " bad lines\n",
		       c->prepared, c->refused, c->bad);
	return c->refused || c->bad ? 1 : 0;
}

/* 0: run; else the exit status + 1. */
static int parse(int argc, char **argv, struct check *c, const char **ret_url)
{
	static const struct option options[] = {
		{"url", required_argument, NULL, 'u'}, {"json", no_argument, NULL, 'j'},
		{"quiet", no_argument, NULL, 'q'},     {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},   {0},
	};
	int o;

	while ((o = getopt_long(argc, argv, "u:jqhV", options, NULL)) != -1) {
		switch (o) {
		case 'u':
			*ret_url = optarg;
			break;
		case 'j':
			c->json = true;
			break;
		case 'q':
			c->quiet = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		case 'V':
			puts("orm-check " STRAZH_VERSION);
			return 1;
		default:
			fputs(usage, stderr);
			return 3;
		}
	}
	if (*ret_url && optind < argc)
		return 0;
	fprintf(stderr, "orm-check: %s\n", *ret_url ? "no file is named" : "--url is missing");
	fputs(usage, stderr);
	return 3;
}

int main(int argc, char **argv)
{
	struct check c = {0};
	const char *url = NULL;
	struct orm_error error;
	struct orm *db;
	int status = parse(argc, argv, &c, &url);

	if (status)
		return status - 1;
	if (orm_open(url, NULL, &db, &error)) {
		fprintf(stderr, "orm-check: %s: %s\n", orm_class_name(error.class), error.text);
		return 2;
	}
	c.pg = orm_dialect(db) == ORM_POSTGRESQL;
	if (orm_session_open(db, &c.session)) {
		fprintf(stderr, "orm-check: out of memory\n");
		status = 2;
	} else {
		status = check_files(&c, argv + optind, argc - optind);
		orm_session_close(c.session);
	}
	orm_close(db);
	return status;
}

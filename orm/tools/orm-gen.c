/* SPDX-License-Identifier: Apache-2.0 */
/* orm-gen: the tables of a live database as lists for strazh/orm/table.h. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <strazh/orm/schema.h>
#include <strazh/orm/session.h>

#define TABLES_MAX 256

struct gen {
	const char *url;
	const char *output; /* NULL: standard output */
	const char *tables[TABLES_MAX];
	size_t count;
};

static const char usage[] =
	"usage: orm-gen --url URL [--table NAME]... [--output FILE]\n"
	"\n"
	"Write the tables of a database as lists of columns and keys, in C.\n"
	"\n"
	"  -u, --url URL       sqlite:PATH or postgresql://HOST/DATABASE\n"
	"  -t, --table NAME    this table only; may be given again\n"
	"  -o, --output FILE   there, not to standard output\n"
	"  -h, --help          say this\n"
	"  -V, --version       the library's version\n"
	"\n"
	"Exit status: 0 done, 1 a table is not there, 2 wrong usage or no database.\n";

/* 0: go on; else the exit status + 1. */
static int parse(int argc, char **argv, struct gen *g)
{
	static const struct option options[] = {
		{"url", required_argument, NULL, 'u'},	  {"table", required_argument, NULL, 't'},
		{"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},	  {0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "u:t:o:hV", options, NULL)) != -1) {
		switch (c) {
		case 'u':
			g->url = optarg;
			break;
		case 'o':
			g->output = optarg;
			break;
		case 't':
			if (g->count == TABLES_MAX) {
				fprintf(stderr, "orm-gen: at most %d tables\n", TABLES_MAX);
				return 3;
			}
			g->tables[g->count++] = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		case 'V':
			puts("orm-gen " STRAZH_VERSION);
			return 1;
		default:
			fputs(usage, stderr);
			return 3;
		}
	}
	if (g->url && optind == argc)
		return 0;
	if (!g->url)
		fprintf(stderr, "orm-gen: --url is missing\n");
	else
		fprintf(stderr, "orm-gen: '%s' is too much\n", argv[optind]);
	fputs(usage, stderr);
	return 3;
}

static int write_text(const struct gen *g, const char *text)
{
	own_file FILE *opened = g->output ? fopen(g->output, "we") : NULL;
	FILE *to = g->output ? opened : stdout;

	if (!to) {
		fprintf(stderr, "orm-gen: cannot write '%s': %s\n", g->output, strerror(errno));
		return 2;
	}
	if (fputs(text, to) >= 0 && !fflush(to))
		return 0;
	fprintf(stderr, "orm-gen: cannot write: %s\n", strerror(errno));
	return 2;
}

static int tell_missing(const struct gen *g, const struct orm_schema *schema)
{
	int status = 0;

	for (size_t i = 0; i < g->count; i++) {
		if (orm_schema_find(schema, g->tables[i]))
			continue;
		fprintf(stderr, "orm-gen: there is no table '%s' that a list can say\n",
			g->tables[i]);
		status = 1;
	}
	return status;
}

static int generate(const struct gen *g, struct orm_session *s)
{
	struct orm_schema *schema = NULL;
	own_free char *text = NULL;
	struct orm_error err;
	int status = 2;

	if (orm_schema_inspect(s, g->tables, g->count, &schema)) {
		fprintf(stderr, "orm-gen: %s\n", orm_error(s)->text);
	} else if (orm_schema_text(schema, &text, &err)) {
		fprintf(stderr, "orm-gen: %s\n", err.text);
	} else {
		for (size_t i = 0; i < orm_schema_note_count(schema); i++)
			fprintf(stderr, "orm-gen: not in the lists: %s\n",
				orm_schema_note(schema, i));
		status = write_text(g, text);
		if (!status)
			status = tell_missing(g, schema);
	}
	orm_schema_free(schema);
	return status;
}

int main(int argc, char **argv)
{
	struct orm_session *s = NULL;
	struct gen g = {0};
	struct orm_error error;
	struct orm *db;
	int status = parse(argc, argv, &g);

	if (status)
		return status - 1;
	if (orm_open(g.url, NULL, &db, &error)) {
		fprintf(stderr, "orm-gen: %s: %s\n", orm_class_name(error.class), error.text);
		return 2;
	}
	if (orm_session_open(db, &s)) {
		fprintf(stderr, "orm-gen: out of memory\n");
		status = 2;
	} else {
		status = generate(&g, s);
	}
	orm_session_close(s);
	orm_close(db);
	return status;
}

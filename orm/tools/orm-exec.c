/* SPDX-License-Identifier: Apache-2.0 */
/* orm-exec: statements from a file or standard input, through the library, one after the other. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <strazh/orm.h>

#include <orm/tools/kit/print.h>
#include <orm/tools/kit/script.h>

#define SCRIPT_MAX (256U << 20)

struct exec {
	struct orm_session *session;
	const char *file;
	bool json;
	bool quiet;
	bool go_on;
	bool whole; /* in one transaction */
	uint64_t run, failed;
};

static const char usage[] =
	"usage: orm-exec --url URL [--json] [--quiet] [--continue] [--transaction] [FILE]\n"
	"\n"
	"Run the SQL statements of FILE, or of standard input, and print what they return.\n"
	"\n"
	"  -u, --url URL       sqlite:PATH, sqlite::memory: or postgresql://HOST/DATABASE\n"
	"  -j, --json          a JSON object for each row, and for each error\n"
	"  -q, --quiet         print errors only\n"
	"  -c, --continue      go on after a statement that failed\n"
	"  -t, --transaction   all of it in one transaction, or none\n"
	"  -h, --help          say this\n"
	"  -V, --version       the library's version\n"
	"\n"
	"Exit status: 0 all ran, 1 a statement failed, 2 wrong usage or no database.\n";

/* ---- reading ---- */

static int read_all(FILE *file, char **ret_text, size_t *ret_len)
{
	own_free char *text = NULL;
	size_t len = 0, room = 0;

	for (;;) {
		if (room - len < 65536) {
			char *more = room < SCRIPT_MAX ? realloc(text, room * 2 + 131072) : NULL;

			if (!more)
				return room < SCRIPT_MAX ? -ENOMEM : -EFBIG;
			text = more;
			room = room * 2 + 131072;
		}
		len += fread(text + len, 1, room - len, file);
		if (ferror(file))
			return -EIO;
		if (feof(file))
			break;
	}
	*ret_text = take_ptr(text);
	*ret_len = len;
	return 0;
}

/* ---- running ---- */

static void tell_error(struct exec *e, size_t line)
{
	const struct orm_error *error = orm_error(e->session);

	e->failed++;
	if (e->json &&
	    !print_json_line(stdout,
			     json_pack("{s:s, s:I, s:s, s:s, s:s}", "file", e->file, "line",
				       (json_int_t)line, "class", orm_class_name(error->class),
				       "sqlstate", error->sqlstate, "error", error->text)))
		return;
	fflush(stdout);
	fprintf(stderr, "%s:%zu: %s%s%s: %s\n", e->file, line, orm_class_name(error->class),
		error->sqlstate[0] ? " " : "", error->sqlstate, error->text);
}

static int show(struct exec *e, const struct orm_result *result)
{
	if (e->quiet || !orm_result_columns(result))
		return 0;
	if (e->json)
		return print_json_rows(stdout, result);
	print_table(stdout, result);
	printf("(%zu row%s)\n\n", orm_result_count(result),
	       orm_result_count(result) == 1 ? "" : "s");
	return 0;
}

static int run_one(struct exec *e, const struct script_stmt *stmt)
{
	own_free char *text = strndup(stmt->text, stmt->len);
	struct orm_result *result = NULL;
	struct orm_query *q;
	int r;

	if (!text)
		return -ENOMEM;
	q = orm_raw(e->session, text);
	r = orm_fetch(e->session, q, NULL, &result);
	if (r)
		tell_error(e, stmt->line);
	else
		r = show(e, result);
	orm_result_free(result);
	orm_query_free(q);
	e->run++;
	return r;
}

static int run_all(struct exec *e, struct script *script)
{
	struct script_stmt stmt;
	int r = 0;

	if (e->whole && orm_begin(e->session, NULL)) {
		tell_error(e, 0);
		return 1;
	}
	while (script_next(script, &stmt)) {
		r = run_one(e, &stmt);
		if (r && (!e->go_on || e->whole))
			break;
	}
	if (e->whole && !e->failed && orm_commit(e->session))
		tell_error(e, script->line);
	if (e->whole && e->failed)
		orm_rollback(e->session);
	return e->failed ? 1 : 0;
}

static int run_file(struct exec *e, struct orm *db, FILE *file)
{
	own_free char *text = NULL;
	struct script script;
	size_t len;
	int r = read_all(file, &text, &len);

	if (r) {
		fprintf(stderr, "orm-exec: cannot read '%s': %s\n", e->file, strerror(-r));
		return 2;
	}
	script_init(&script, text, len, orm_dialect(db));
	if (orm_session_open(db, &e->session)) {
		fprintf(stderr, "orm-exec: out of memory\n");
		return 2;
	}
	r = run_all(e, &script);
	orm_session_close(e->session);
	if (fflush(stdout)) {
		fprintf(stderr, "orm-exec: cannot write: %s\n", strerror(errno));
		return 1;
	}
	return r;
}

/* 0: run; else the exit status + 1. */
static int parse(int argc, char **argv, struct exec *e, const char **ret_url)
{
	static const struct option options[] = {
		{"url", required_argument, NULL, 'u'},	 {"json", no_argument, NULL, 'j'},
		{"quiet", no_argument, NULL, 'q'},	 {"continue", no_argument, NULL, 'c'},
		{"transaction", no_argument, NULL, 't'}, {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},	 {0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "u:jqcthV", options, NULL)) != -1) {
		switch (c) {
		case 'u':
			*ret_url = optarg;
			break;
		case 'j':
			e->json = true;
			break;
		case 'q':
			e->quiet = true;
			break;
		case 'c':
			e->go_on = true;
			break;
		case 't':
			e->whole = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		case 'V':
			puts("orm-exec " STRAZH_VERSION);
			return 1;
		default:
			fputs(usage, stderr);
			return 3;
		}
	}
	if (*ret_url && argc - optind <= 1)
		return 0;
	fprintf(stderr, "orm-exec: %s\n", *ret_url ? "one file at most" : "--url is missing");
	fputs(usage, stderr);
	return 3;
}

int main(int argc, char **argv)
{
	struct exec e = {.file = "standard input"};
	const char *url = NULL;
	struct orm_error error;
	own_file FILE *opened = NULL;
	struct orm *db;
	int status = parse(argc, argv, &e, &url);

	if (status)
		return status - 1;
	if (optind < argc && strcmp(argv[optind], "-") != 0) {
		e.file = argv[optind];
		opened = fopen(e.file, "re");
		if (!opened) {
			fprintf(stderr, "orm-exec: cannot open '%s': %s\n", e.file,
				strerror(errno));
			return 2;
		}
	}
	if (orm_open(url, NULL, &db, &error)) {
		fprintf(stderr, "orm-exec: %s: %s\n", orm_class_name(error.class), error.text);
		return 2;
	}
	status = run_file(&e, db, opened ? opened : stdin);
	orm_close(db);
	return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* orm-copy: the tables of one database into another one, while the source is in use; and back. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include <strazh/base/own.h>
#include <strazh/orm.h>
#include <strazh/orm/copy.h>

#include <orm/tools/kit/print.h>

#define TABLES_MAX 256U
#define PROGRESS_NS 200000000LL

struct tool {
	struct orm_copy_job job;
	const char *tables[TABLES_MAX];
	const char *lists; /* the file */
	struct orm_schema *schema;
	bool json;
	bool quiet;
	bool tty;
	bool shown; /* a progress line stands there */
	int64_t told_ns;
};

static volatile sig_atomic_t stopped;

static const char usage[] =
	"usage: orm-copy --from URL --to URL [--table T]... [--tables FILE] [--batch N] [--passes "
	"N]\n"
	"                [--final | --verify] [--force] [--json] [--quiet]\n"
	"       orm-copy --to URL --status | --undo [--force] [--table T]... [--json] [--quiet]\n"
	"\n"
	"Copy tables from one database into another, SQLite or PostgreSQL, while the source is "
	"used.\n"
	"Run it again to go on where it was stopped, and to catch up with what has changed.\n"
	"\n"
	"  -f, --from URL      the source; it is only read\n"
	"  -t, --to URL        the target\n"
	"  -T, --table T       this table only; may be given again\n"
	"  -D, --tables FILE   what the tables are, as lists (orm-gen(1)), instead of the source's "
	"own\n"
	"  -b, --batch N       rows of a transaction in the target (10000)\n"
	"  -p, --passes N      passes that compare and repair, at most (8)\n"
	"  -F, --final         the source is at rest: succeed only when both are proved equal\n"
	"  -v, --verify        compare, change nothing\n"
	"  -U, --undo          drop the tables that the copy created\n"
	"  -s, --status        what has been copied\n"
	"      --force         --undo: also what somebody else has written to since; else: into "
	"tables\n"
	"                      that have rows, deleting what the source does not have\n"
	"  -j, --json          a JSON object for each table, and one for the sum\n"
	"  -q, --quiet         print errors only\n"
	"  -h, --help          say this\n"
	"  -V, --version       the library's version\n"
	"\n"
	"Exit status: 0 done, and equal; 1 they differ, or it failed; 2 wrong usage.\n";

/* ---- progress ---- */

static void on_signal(int signal)
{
	(void)signal;
	stopped = 1;
}

static int on_progress(void *data, const struct orm_copy_progress *p)
{
	struct tool *t = data;
	struct timespec ts;
	int64_t now;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
	if (t->tty && now - t->told_ns > PROGRESS_NS) {
		fprintf(stderr, "\r\033[K%s: %s %" PRIu64 " rows, %.1f MB", p->table,
			p->pass ? "compared" : "copied", p->rows, (double)p->bytes / 1e6);
		if (p->pass)
			fprintf(stderr, " (pass %u, %" PRIu64 " differed)", p->pass, p->differed);
		t->told_ns = now;
		t->shown = true;
	}
	return stopped;
}

static void end_progress(struct tool *t)
{
	if (t->shown)
		fputs("\r\033[K", stderr);
	t->shown = false;
}

/* ---- the report ---- */

static bool has_keys(const struct orm_copy_line *l)
{
	return l->key[0][0];
}

static void show_line(const struct orm_copy_line *l)
{
	double seconds = (double)l->took_ms / 1000;

	printf("%s: %s; %" PRIu64 " rows, %" PRIu64 " bytes, %.1f s%s\n", l->table, l->state,
	       l->rows, l->bytes, seconds, l->created ? "" : " (was there before)");
	if (*l->source_sum)
		printf("    source %s\n", l->source_sum);
	if (*l->target_sum)
		printf("    target %s %s\n", l->target_sum,
		       !*l->source_sum			      ? ""
		       : strcmp(l->source_sum, l->target_sum) ? "DIFFERENT"
							      : "equal");
	if (l->missing || l->changed || l->gone)
		printf("    %" PRIu64 " missing, %" PRIu64 " changed, %" PRIu64
		       " not in the source; %" PRIu64 " left\n",
		       l->missing, l->changed, l->gone, l->left);
	for (unsigned i = 0; i < ORM_COPY_KEYS && *l->key[i]; i++)
		printf("    DIFFERENT at %s\n", l->key[i]);
}

static void show_line_json(const struct orm_copy_line *l)
{
	json_t *keys = json_array(), *json;
	int failed = !keys;

	for (unsigned i = 0; !failed && i < ORM_COPY_KEYS && *l->key[i]; i++)
		failed = json_array_append_new(keys, json_string(l->key[i]));
	json = json_pack("{s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:I, s:I, s:I, s:I, "
			 "s:o}",
			 "table", l->table, "state", l->state, "created", l->created, "passes",
			 (json_int_t)l->pass, "copied", (json_int_t)l->copied, "rows",
			 (json_int_t)l->rows, "bytes", (json_int_t)l->bytes, "took_ms",
			 (json_int_t)l->took_ms, "source_sum", l->source_sum, "target_sum",
			 l->target_sum, "missing", (json_int_t)l->missing, "changed",
			 (json_int_t)l->changed, "not_in_source", (json_int_t)l->gone, "left",
			 (json_int_t)l->left, "keys", keys);
	if (failed) {
		json_decref(json);
		json = NULL;
	}
	if (print_json_line(stdout, json))
		show_line(l);
}

static void show(const struct tool *t, const struct orm_copy_report *report)
{
	uint64_t rows = 0, bytes = 0;

	for (size_t i = 0; i < report->note_count && !t->quiet; i++)
		fprintf(stderr, "orm-copy: not copied: %s\n", report->notes[i]);
	for (size_t i = 0; i < report->count; i++) {
		const struct orm_copy_line *l = &report->lines[i];

		rows += l->rows;
		bytes += l->bytes;
		if (t->json)
			show_line_json(l);
		else if (!t->quiet || (has_keys(l) && !report->done))
			show_line(l);
	}
	if (t->json)
		printf("{\"tables\":%zu,\"rows\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"done\":%s}\n",
		       report->count, rows, bytes, report->done ? "true" : "false");
	else if (!t->quiet)
		printf("%zu table%s, %" PRIu64 " rows, %" PRIu64 " bytes: %s\n", report->count,
		       report->count == 1 ? "" : "s", rows, bytes,
		       report->done ? "done" : "not equal");
}

/* ---- options ---- */

static int number(const char *text, uint32_t most, uint32_t *ret)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || !n || n > most)
		return -EINVAL;
	*ret = (uint32_t)n;
	return 0;
}

static int wrong(const char *what)
{
	fprintf(stderr, "orm-copy: %s\n", what);
	fputs(usage, stderr);
	return 3;
}

/* One mode only. */
static bool set_mode(struct tool *t, enum orm_copy_mode mode)
{
	bool first = t->job.mode == ORM_COPY_ONLINE || t->job.mode == mode;

	t->job.mode = mode;
	return first;
}

/* 0: go on; else the exit status + 1. */
static int take_option(struct tool *t, int o)
{
	switch (o) {
	case 'f':
		t->job.from = optarg;
		return 0;
	case 't':
		t->job.to = optarg;
		return 0;
	case 'T':
		if (t->job.table_count == TABLES_MAX)
			return wrong("too many tables are named");
		t->tables[t->job.table_count++] = optarg;
		return 0;
	case 'D':
		t->lists = optarg;
		return 0;
	case 'b':
		return number(optarg, ORM_COPY_BATCH_MAX, &t->job.batch)
			       ? wrong("--batch: a number of rows, 1 to 1000000")
			       : 0;
	case 'p':
		return number(optarg, 1000, &t->job.passes) ? wrong("--passes: 1 to 1000") : 0;
	case 'F':
		return set_mode(t, ORM_COPY_FINAL) ? 0 : wrong("one thing at a time");
	case 'v':
		return set_mode(t, ORM_COPY_VERIFY) ? 0 : wrong("one thing at a time");
	case 'U':
		return set_mode(t, ORM_COPY_UNDO) ? 0 : wrong("one thing at a time");
	case 's':
		return set_mode(t, ORM_COPY_STATUS) ? 0 : wrong("one thing at a time");
	case '!':
		t->job.force = true;
		return 0;
	case 'j':
		t->json = true;
		return 0;
	case 'q':
		t->quiet = true;
		return 0;
	case 'h':
		fputs(usage, stdout);
		return 1;
	case 'V':
		puts("orm-copy " STRAZH_VERSION);
		return 1;
	default:
		fputs(usage, stderr);
		return 3;
	}
}

static int parse(int argc, char **argv, struct tool *t)
{
	static const struct option options[] = {
		{"from", required_argument, NULL, 'f'},	 {"to", required_argument, NULL, 't'},
		{"table", required_argument, NULL, 'T'}, {"tables", required_argument, NULL, 'D'},
		{"batch", required_argument, NULL, 'b'}, {"passes", required_argument, NULL, 'p'},
		{"final", no_argument, NULL, 'F'},	 {"verify", no_argument, NULL, 'v'},
		{"undo", no_argument, NULL, 'U'},	 {"status", no_argument, NULL, 's'},
		{"force", no_argument, NULL, '!'},	 {"json", no_argument, NULL, 'j'},
		{"quiet", no_argument, NULL, 'q'},	 {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},	 {0},
	};
	int o;

	while ((o = getopt_long(argc, argv, "f:t:T:D:b:p:FvUsjqhV", options, NULL)) != -1) {
		int status = take_option(t, o);

		if (status)
			return status;
	}
	if (optind < argc)
		return wrong("there is nothing to be named besides the options");
	if (!t->job.to)
		return wrong("--to is missing");
	if (!t->job.from && t->job.mode != ORM_COPY_UNDO && t->job.mode != ORM_COPY_STATUS)
		return wrong("--from is missing");
	if (t->job.from && !strcmp(t->job.from, t->job.to))
		return wrong("--from and --to are one database");
	return 0;
}

static int read_lists(struct tool *t)
{
	own_file FILE *file = fopen(t->lists, "re");
	own_free char *text = malloc(ORM_SCHEMA_TEXT_MAX + 1U);
	struct orm_error error;
	size_t len;

	if (!file || !text) {
		fprintf(stderr, "orm-copy: cannot open '%s': %s\n", t->lists, strerror(errno));
		return -EIO;
	}
	len = fread(text, 1, ORM_SCHEMA_TEXT_MAX + 1U, file);
	if (ferror(file) || len > ORM_SCHEMA_TEXT_MAX) {
		fprintf(stderr, "orm-copy: cannot read '%s': %s\n", t->lists,
			ferror(file) ? "input/output error" : "it is too long");
		return -EIO;
	}
	if (!orm_schema_parse(t->lists, text, len, &t->schema, &error))
		return 0;
	fprintf(stderr, "orm-copy: %s\n", error.text);
	return -EINVAL;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
	struct tool t = {.job = {.progress = on_progress}};
	struct orm_copy_report *report = NULL;
	struct orm_error error;
	int status = parse(argc, argv, &t), r;

	if (status)
		return status - 1;
	if (t.lists && read_lists(&t))
		return 2;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	t.job.tables = t.tables;
	t.job.schema = t.schema;
	t.job.data = &t;
	t.tty = isatty(STDERR_FILENO) && !t.quiet;
	r = orm_copy_run(&t.job, &report, &error);
	end_progress(&t);
	if (r)
		fprintf(stderr, "orm-copy: %s: %s\n", orm_class_name(error.class), error.text);
	else
		show(&t, report);
	status = r || !report->done;
	if (fflush(stdout)) {
		fprintf(stderr, "orm-copy: cannot write: %s\n", strerror(errno));
		status = 1;
	}
	orm_copy_report_free(report);
	orm_schema_free(t.schema);
	return status;
}

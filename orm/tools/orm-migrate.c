/* SPDX-License-Identifier: Apache-2.0 */
/* orm-migrate: apply and undo the steps of a folder, tell their state, and write the next one. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include <strazh/base/own.h>
#include <strazh/orm/migrate.h>
#include <strazh/orm/schema.h>
#include <strazh/orm/session.h>

struct migrate {
	const char *url;
	const char *folder;
	const char *tables; /* file of lists */
	const char *name;   /* of the step that diff writes */
	const char *version;
	bool json;
	bool drop;
	struct orm *db;
	struct orm_session *s;
	struct orm_migrations *steps;
};

static const char usage[] =
	"usage: orm-migrate --url URL --dir FOLDER up [VERSION]\n"
	"       orm-migrate --url URL --dir FOLDER down [VERSION]\n"
	"       orm-migrate --url URL --dir FOLDER [--json] status\n"
	"       orm-migrate --url URL --dir FOLDER --tables FILE [--name NAME] [--drop] diff\n"
	"\n"
	"  up       apply all steps that were not, or those up to VERSION\n"
	"  down     undo the last step, or all above VERSION (0: all)\n"
	"  status   say of each step whether it was applied\n"
	"  diff     write the step that makes the database what the lists in FILE say\n"
	"\n"
	"  -u, --url URL       sqlite:PATH or postgresql://HOST/DATABASE\n"
	"  -d, --dir FOLDER    of files like 0001_name.up.sql and 0001_name.down.sql\n"
	"  -t, --tables FILE   lists of strazh/orm/table.h\n"
	"  -n, --name NAME     of the step (default: change)\n"
	"      --drop          drop tables that the lists do not have\n"
	"  -j, --json          status as JSON\n"
	"  -h, --help          say this\n"
	"  -V, --version       the library's version\n"
	"\n"
	"Exit status: 0 done, 1 a step failed or does not fit, 2 wrong usage or no database.\n";

static int fail(const char *what)
{
	fprintf(stderr, "orm-migrate: %s\n", what);
	return 1;
}

static int fail_error(const struct orm_error *err)
{
	fprintf(stderr, "orm-migrate: %s: %s\n", orm_class_name(err->class), err->text);
	return 1;
}

/* ---- up and down ---- */

static bool parse_version(const char *text, uint32_t *ret_version)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || !isdigit((unsigned char)*text) || n > ORM_MIGRATIONS_MAX)
		return false;
	*ret_version = (uint32_t)n;
	return true;
}

static int run_up(struct migrate *m)
{
	uint32_t version = 0;
	size_t done = 0;
	int r;

	if (m->version && (!parse_version(m->version, &version) || !version)) {
		fprintf(stderr, "orm-migrate: '%s' is no version\n", m->version);
		return 2;
	}
	r = orm_migrate_up(m->s, m->steps, version, &done);
	printf("%zu applied\n", done);
	return r ? fail_error(orm_error(m->s)) : 0;
}

static int run_down(struct migrate *m)
{
	uint32_t version = ORM_MIGRATE_ONE;
	size_t done = 0;
	int r;

	if (m->version && !parse_version(m->version, &version)) {
		fprintf(stderr, "orm-migrate: '%s' is no version\n", m->version);
		return 2;
	}
	r = orm_migrate_down(m->s, m->steps, version, &done);
	printf("%zu undone\n", done);
	return r ? fail_error(orm_error(m->s)) : 0;
}

/* ---- status ---- */

static void print_time(int64_t ms)
{
	time_t at = (time_t)(ms / 1000);
	struct tm tm;
	char text[32];

	gmtime_r(&at, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	printf("  %s UTC", text);
}

static int print_json(const struct orm_migrate_status *list, size_t n)
{
	json_t *all = json_array();
	int bad = !all;

	for (size_t i = 0; i < n && !bad; i++) {
		json_t *one = json_pack(
			"{s:i, s:s, s:s, s:I, s:I}", "version", (int)list[i].version, "name",
			list[i].name, "state", orm_migrate_state_name(list[i].state), "applied_ms",
			(json_int_t)list[i].applied_ms, "took_ms", (json_int_t)list[i].took_ms);

		bad = !one || json_array_append_new(all, one);
	}
	bad = bad || json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
	return bad ? fail("out of memory") : 0;
}

/* 1 when something does not fit, so that a script can ask. */
static int run_status(struct migrate *m)
{
	own_free struct orm_migrate_status *list = NULL;
	size_t n = 0;
	int status = 0;

	if (orm_migrate_status(m->s, m->steps, &list, &n))
		return fail_error(orm_error(m->s));
	for (size_t i = 0; i < n; i++)
		if (list[i].state != ORM_MIGRATE_PENDING && list[i].state != ORM_MIGRATE_APPLIED)
			status = 1;
	if (m->json)
		return print_json(list, n) ? 1 : status;
	for (size_t i = 0; i < n; i++) {
		printf("%04u  %-10s  %s", list[i].version, orm_migrate_state_name(list[i].state),
		       list[i].name);
		if (list[i].applied_ms)
			print_time(list[i].applied_ms);
		putchar('\n');
	}
	return status;
}

/* ---- diff ---- */

static int read_lists(const char *file, struct orm_schema **ret_schema)
{
	own_file FILE *in = fopen(file, "re");
	own_free char *text = malloc(ORM_SCHEMA_TEXT_MAX + 1);
	struct orm_error err;
	size_t len;

	if (!in || !text) {
		fprintf(stderr, "orm-migrate: cannot read '%s': %s\n", file, strerror(errno));
		return 2;
	}
	len = fread(text, 1, ORM_SCHEMA_TEXT_MAX + 1, in);
	if (ferror(in)) {
		fprintf(stderr, "orm-migrate: cannot read '%s'\n", file);
		return 2;
	}
	return orm_schema_parse(file, text, len, ret_schema, &err) ? fail_error(&err) : 0;
}

static int write_step(const struct migrate *m, uint32_t version, bool up, bool keys_off,
		      const char *sql)
{
	const char *database = orm_dialect(m->db) == ORM_SQLITE ? "sqlite" : "postgresql";
	char path[4096];
	own_file FILE *file = NULL;
	int fd;

	if (snprintf(path, sizeof(path), "%s/%04u_%s.%s.%s.sql", m->folder, version, m->name,
		     up ? "up" : "down", database) >= (int)sizeof(path))
		return fail("the folder's name is too long");
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 || !(file = fdopen(fd, "w"))) {
		fprintf(stderr, "orm-migrate: cannot write '%s': %s\n", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return 1;
	}
	fprintf(file, "%s%s", keys_off ? "-- orm: foreign keys off\n" : "", sql);
	if (fflush(file) || ferror(file))
		return fail("cannot write the step");
	printf("%s\n", path);
	return 0;
}

static int write_change(const struct migrate *m, const struct orm_change *change)
{
	uint32_t version = orm_migrations_last(m->steps) + 1;
	int status;

	if (!*change->up) {
		puts("nothing to do");
		return 0;
	}
	status = write_step(m, version, true, change->foreign_keys_off, change->up);
	if (!status)
		status = write_step(m, version, false, change->foreign_keys_off, change->down);
	if (!status && change->destroys)
		fprintf(stderr, "orm-migrate: it destroys data: see its comments\n");
	return status;
}

/* Steps that wait would be written once more. */
static int all_applied(struct migrate *m)
{
	own_free struct orm_migrate_status *list = NULL;
	size_t n = 0;

	if (orm_migrate_status(m->s, m->steps, &list, &n))
		return fail_error(orm_error(m->s));
	for (size_t i = 0; i < n; i++) {
		if (list[i].state == ORM_MIGRATE_APPLIED)
			continue;
		fprintf(stderr, "orm-migrate: step %04u_%s is %s; apply it first\n",
			list[i].version, list[i].name, orm_migrate_state_name(list[i].state));
		return 1;
	}
	return 0;
}

static int run_diff(struct migrate *m)
{
	struct orm_schema *want = NULL, *live = NULL;
	struct orm_change change = {0};
	struct orm_error err;
	int status = all_applied(m);

	if (!status)
		status = read_lists(m->tables, &want);
	if (!status && orm_schema_inspect(m->s, NULL, 0, &live))
		status = fail_error(orm_error(m->s));
	for (size_t i = 0; !status && i < orm_schema_note_count(live); i++)
		fprintf(stderr, "orm-migrate: left alone: %s\n", orm_schema_note(live, i));
	for (size_t i = 0; !status && !m->drop && i < orm_schema_count(live); i++)
		if (!orm_schema_find(want, orm_schema_table(live, i)->name))
			fprintf(stderr, "orm-migrate: left alone: table '%s' is not in the lists\n",
				orm_schema_table(live, i)->name);
	if (!status && orm_schema_diff(live, want, orm_dialect(m->db),
				       m->drop ? ORM_DIFF_DROP_TABLES : 0, &change, &err))
		status = fail_error(&err);
	if (!status)
		status = write_change(m, &change);
	orm_change_free(&change);
	orm_schema_free(want);
	orm_schema_free(live);
	return status;
}

/* ---- the command line ---- */

static int wrong(const char *why)
{
	fprintf(stderr, "orm-migrate: %s\n", why);
	fputs(usage, stderr);
	return 3;
}

static bool name_ok(const char *name)
{
	size_t len = strlen(name);

	return len && len <= 63 &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") ==
		       len;
}

/* 0: go on; else the exit status + 1. */
static int parse(int argc, char **argv, struct migrate *m)
{
	static const struct option options[] = {
		{"url", required_argument, NULL, 'u'},
		{"dir", required_argument, NULL, 'd'},
		{"tables", required_argument, NULL, 't'},
		{"name", required_argument, NULL, 'n'},
		{"drop", no_argument, NULL, 'x'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "u:d:t:n:jhV", options, NULL)) != -1) {
		switch (c) {
		case 'u':
			m->url = optarg;
			break;
		case 'd':
			m->folder = optarg;
			break;
		case 't':
			m->tables = optarg;
			break;
		case 'n':
			m->name = optarg;
			break;
		case 'x':
			m->drop = true;
			break;
		case 'j':
			m->json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		case 'V':
			puts("orm-migrate " STRAZH_VERSION);
			return 1;
		default:
			fputs(usage, stderr);
			return 3;
		}
	}
	if (!m->url || !m->folder)
		return wrong(m->url ? "--dir is missing" : "--url is missing");
	return name_ok(m->name) ? 0 : wrong("the name should be of [A-Za-z0-9_-], at most 63");
}

static const struct command {
	const char *name;
	int (*run)(struct migrate *m);
	bool versions;
} commands[] = {
	{"up", run_up, true},
	{"down", run_down, true},
	{"status", run_status, false},
	{"diff", run_diff, false},
};

/* 0 with *ret_command; else the exit status + 1. */
static int choose(int argc, char **argv, struct migrate *m, const struct command **ret_command)
{
	int left = argc - optind;

	for (size_t i = 0; left && i < ARRAY_LEN(commands); i++) {
		if (strcmp(argv[optind], commands[i].name) != 0)
			continue;
		if (left > 1 + commands[i].versions)
			return wrong("too many words");
		if (commands[i].run == run_diff && !m->tables)
			return wrong("diff needs --tables");
		m->version = left > 1 ? argv[optind + 1] : NULL;
		*ret_command = &commands[i];
		return 0;
	}
	return wrong("a command is wanted: up, down, status, diff");
}

static int run(struct migrate *m, const struct command *command)
{
	/* Building a large table anew takes as long as it takes. */
	const struct orm_options options = {.query_timeout_ms = -1};
	struct orm_error err;
	int status;

	if (orm_open(m->url, &options, &m->db, &err)) {
		(void)fail_error(&err);
		return 2;
	}
	if (orm_session_open(m->db, &m->s))
		status = fail("out of memory");
	else if (orm_migrations_read(m->folder, orm_dialect(m->db), &m->steps, &err))
		status = fail_error(&err);
	else
		status = command->run(m);
	orm_migrations_free(m->steps);
	orm_session_close(m->s);
	orm_close(m->db);
	if (fflush(stdout))
		return fail("cannot write");
	return status;
}

int main(int argc, char **argv)
{
	struct migrate m = {.name = "change"};
	const struct command *command = NULL;
	int status = parse(argc, argv, &m);

	if (!status)
		status = choose(argc, argv, &m, &command);
	return status ? status - 1 : run(&m, command);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orm-guard: what the guard says of each line of standard input; orm-guard(1). A line is kept in
 * one buffer of fixed size; what does not fit is read and forgotten.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <strazh/base/compiler.h>
#include <strazh/base/own.h>
#include <strazh/orm/guard.h>

#include <orm/table/json.h>

#define LINE_MAX_BYTES (ORM_GUARD_VALUE_MAX * 4)
#define SHOWN_MAX 160

enum { EXIT_OK, EXIT_FLAGGED, EXIT_USAGE };

struct settings {
	unsigned contexts;
	float threshold;
	bool json, quiet, fail;
};

struct sum {
	uint64_t lines, flagged, cut;
	uint64_t contexts[ORM_GUARD_CONTEXTS];
	uint64_t classes[ORM_GUARD_CLASS_COUNT];
};

struct line {
	uint8_t bytes[LINE_MAX_BYTES];
	size_t len;
	bool cut;
};

static const char usage[] =
	"usage: orm-guard [--json | --quiet] [--context bare|single|double|all] [--threshold N]\n"
	"                 [--fail] <lines\n"
	"Say of each line of standard input whether it is an SQL injection; orm-guard(1).\n"
	"  -c, --context C    judge it where a number stands (bare, or number), inside '...'\n"
	"                     (single), inside \"...\" (double), or in all three (all, the "
	"default)\n"
	"  -t, --threshold N  score from which a line is flagged, above 0 and up to 1 (0.6)\n"
	"  -j, --json         one JSON object a line, and one with the sum\n"
	"  -q, --quiet        only the sum\n"
	"  -f, --fail         exit 1 when a line was flagged\n"
	"  -h, --help  -V, --version\n";

/* False: the end of the input. */
static bool read_line(FILE *in, struct line *line)
{
	int c = getc_unlocked(in);

	line->len = 0;
	line->cut = false;
	if (c == EOF)
		return false;
	for (; c != EOF && c != '\n'; c = getc_unlocked(in)) {
		if (line->len < sizeof(line->bytes))
			line->bytes[line->len++] = (uint8_t)c;
		else
			line->cut = true;
	}
	return true;
}

/* Printable ASCII as it is, other bytes as \xHH, the backslash as two; cut at SHOWN_MAX bytes. */
static void escape(const struct line *line, char to[SHOWN_MAX * 4 + 4])
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	for (size_t i = 0; i < line->len && i < SHOWN_MAX; i++) {
		uint8_t c = line->bytes[i];

		if (c >= ' ' && c < 0x7f) {
			to[n++] = (char)c;
			if (c == '\\')
				to[n++] = '\\';
			continue;
		}
		to[n++] = '\\';
		to[n++] = 'x';
		to[n++] = digits[c >> 4];
		to[n++] = digits[c & 15];
	}
	if (line->len > SHOWN_MAX) {
		memcpy(to + n, "...", 3);
		n += 3;
	}
	to[n] = '\0';
}

static void count(struct sum *sum, const struct line *line, const struct orm_guard_finding *f)
{
	sum->lines++;
	sum->cut += line->cut;
	if (!f->injection)
		return;
	sum->flagged++;
	sum->classes[f->class]++;
	for (unsigned i = 0; i < ORM_GUARD_CONTEXTS; i++)
		sum->contexts[i] += f->contexts >> i & 1;
}

static void context_list(const struct orm_guard_finding *f, char to[32])
{
	size_t n = 0;

	to[0] = '\0';
	for (unsigned i = 0; i < ORM_GUARD_CONTEXTS; i++)
		if (f->contexts >> i & 1)
			n += (size_t)snprintf(to + n, 32 - n, "%s%s", n ? "," : "",
					      orm_guard_context_name(i));
}

static void print_text(const struct line *line, const struct orm_guard_finding *f)
{
	char shown[SHOWN_MAX * 4 + 4], contexts[32];

	escape(line, shown);
	context_list(f, contexts);
	if (f->injection)
		printf("injection %.2f %s %s: %s%s: %s\n", (double)f->score, contexts,
		       orm_guard_class_name(f->class), f->reason, f->encoded ? ", encoded" : "",
		       shown);
	else
		printf("harmless  %.2f - -: %s\n", (double)f->score, shown);
}

static int print_json(json_t *object)
{
	own_free char *text = NULL;
	int r = object ? orm_json_dump(object, JSON_COMPACT | JSON_REAL_PRECISION(4), &text)
		       : -ENOMEM;

	json_decref(object);
	if (!r)
		puts(text);
	return r;
}

static int print_finding(const struct line *line, const struct orm_guard_finding *f)
{
	char shown[SHOWN_MAX * 4 + 4];
	json_t *contexts = json_array();

	escape(line, shown);
	for (unsigned i = 0; contexts && i < ORM_GUARD_CONTEXTS; i++) {
		if (f->contexts >> i & 1 &&
		    json_array_append_new(contexts, json_string(orm_guard_context_name(i)))) {
			json_decref(contexts);
			contexts = NULL;
		}
	}
	return print_json(json_pack("{s:s, s:f, s:o, s:s, s:I, s:b, s:s, s:s, s:b}", "verdict",
				    f->injection ? "injection" : "harmless", "score",
				    (double)f->score, "contexts", contexts, "class",
				    orm_guard_class_name(f->injection ? f->class : ORM_GUARD_NONE),
				    "offset", (json_int_t)f->offset, "encoded", f->encoded,
				    "reason", f->reason, "line", shown, "cut", line->cut));
}

static double percent(uint64_t part, uint64_t all)
{
	return all ? 100.0 * (double)part / (double)all : 0;
}

static int print_sum_json(const struct sum *sum)
{
	json_t *classes = json_object(), *contexts = json_object();
	bool failed = !classes || !contexts;

	for (unsigned i = 1; !failed && i < ORM_GUARD_CLASS_COUNT; i++)
		failed = json_object_set_new(classes, orm_guard_class_name(i),
					     json_integer((json_int_t)sum->classes[i]));
	for (unsigned i = 0; !failed && i < ORM_GUARD_CONTEXTS; i++)
		failed = json_object_set_new(contexts, orm_guard_context_name(i),
					     json_integer((json_int_t)sum->contexts[i]));
	if (failed) {
		json_decref(classes);
		json_decref(contexts);
		return -ENOMEM;
	}
	return print_json(json_pack(
		"{s:{s:I, s:I, s:f, s:I, s:o, s:o}}", "sum", "lines", (json_int_t)sum->lines,
		"flagged", (json_int_t)sum->flagged, "percent", percent(sum->flagged, sum->lines),
		"cut", (json_int_t)sum->cut, "contexts", contexts, "classes", classes));
}

static void print_sum_text(const struct sum *sum)
{
	printf("%" PRIu64 " lines, %" PRIu64 " flagged, %.3f %%\n", sum->lines, sum->flagged,
	       percent(sum->flagged, sum->lines));
	for (unsigned i = 0; i < ORM_GUARD_CONTEXTS; i++)
		if (sum->contexts[i])
			printf("  context %-12s %" PRIu64 "\n", orm_guard_context_name(i),
			       sum->contexts[i]);
	for (unsigned i = 0; i < ORM_GUARD_CLASS_COUNT; i++)
		if (sum->classes[i])
			printf("  class   %-12s %" PRIu64 "\n", orm_guard_class_name(i),
			       sum->classes[i]);
	if (sum->cut)
		printf("  %" PRIu64 " lines were longer than %u bytes and were cut\n", sum->cut,
		       LINE_MAX_BYTES);
}

static int run(const struct settings *settings, struct sum *sum)
{
	own_free struct line *line = malloc(sizeof(*line));
	int r = line ? 0 : -ENOMEM;

	while (!r && read_line(stdin, line)) {
		struct orm_guard_finding f;

		orm_guard_inspect(line->bytes, line->len, settings->contexts, settings->threshold,
				  &f);
		count(sum, line, &f);
		if (settings->json && !settings->quiet)
			r = print_finding(line, &f);
		else if (!settings->quiet)
			print_text(line, &f);
	}
	if (!r && ferror(stdin))
		r = -EIO;
	if (r)
		return r;
	if (settings->json)
		r = print_sum_json(sum);
	else
		print_sum_text(sum);
	if (!r && (fflush(stdout) || ferror(stdout)))
		r = -EIO;
	return r;
}

static bool parse_context(const char *word, unsigned *ret_contexts)
{
	if (!strcmp(word, "all")) {
		*ret_contexts = ORM_GUARD_ANY;
		return true;
	}
	if (!strcmp(word, "number"))
		word = "bare";
	for (unsigned i = 0; i < ORM_GUARD_CONTEXTS; i++)
		if (!strcmp(word, orm_guard_context_name(i))) {
			*ret_contexts = 1U << i;
			return true;
		}
	fprintf(stderr, "orm-guard: no context '%s'; there are: bare, single, double, all\n", word);
	return false;
}

static bool parse_threshold(const char *word, float *ret_threshold)
{
	char *end;
	float value = strtof(word, &end);

	if (end == word || *end || !(value > 0) || value > 1) {
		fprintf(stderr, "orm-guard: threshold '%s'; it is above 0 and up to 1\n", word);
		return false;
	}
	*ret_threshold = value;
	return true;
}

/* -1: go on; else the exit status. */
static int parse_options(int argc, char **argv, struct settings *settings)
{
	static const struct option options[] = {
		{"context", required_argument, NULL, 'c'},
		{"threshold", required_argument, NULL, 't'},
		{"json", no_argument, NULL, 'j'},
		{"quiet", no_argument, NULL, 'q'},
		{"fail", no_argument, NULL, 'f'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:t:jqfhV", options, NULL)) >= 0) {
		switch (c) {
		case 'c':
			if (!parse_context(optarg, &settings->contexts))
				return EXIT_USAGE;
			break;
		case 't':
			if (!parse_threshold(optarg, &settings->threshold))
				return EXIT_USAGE;
			break;
		case 'j':
			settings->json = true;
			break;
		case 'q':
			settings->quiet = true;
			break;
		case 'f':
			settings->fail = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return EXIT_OK;
		case 'V':
			puts("orm-guard " STRAZH_VERSION);
			return EXIT_OK;
		default:
			fputs("orm-guard: try --help\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "orm-guard: '%s': it reads standard input only; try --help\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct settings settings = {.contexts = ORM_GUARD_ANY, .threshold = ORM_GUARD_THRESHOLD};
	struct sum sum = {0};
	int r = parse_options(argc, argv, &settings);

	if (r >= 0)
		return r;
	r = run(&settings, &sum);
	if (r) {
		fprintf(stderr, "orm-guard: %s\n", strerror(-r));
		return EXIT_USAGE;
	}
	return settings.fail && sum.flagged ? EXIT_FLAGGED : EXIT_OK;
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The text is read once, in place: a line gets its NUL where it ends, and the lines of an SQL text
 * are moved together over the newlines and spaces that were cut. What a record points to lies
 * behind the reader and is not touched again.
 */
#include <tests/orm/tools/kit/slt_read.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <strazh/base/own.h>

#define FILE_MAX (256L << 20)
#define WORDS_MAX 4

int slt_open(struct slt_reader *r, const char *path, const char *database)
{
	FILE *file = fopen(path, "re");
	long size = -1;

	*r = (struct slt_reader){.database = database};
	if (!file)
		return -errno;
	if (!fseek(file, 0, SEEK_END) && (size = ftell(file)) >= 0 && size <= FILE_MAX) {
		rewind(file);
		r->text = malloc((size_t)size + 1);
	}
	if (!r->text || fread(r->text, 1, (size_t)size, file) != (size_t)size) {
		int error = size > FILE_MAX ? EFBIG : size < 0 || r->text ? EIO : ENOMEM;

		fclose(file);
		slt_close(r);
		return -error;
	}
	fclose(file);
	r->next = r->text;
	r->end = r->text + size;
	*r->end = '\0';
	return 0;
}

void slt_close(struct slt_reader *r)
{
	free(r->text);
	free(r->want);
	*r = (struct slt_reader){0};
}

/* ---- lines ---- */

/* The next line without its end and the space before that; NULL: there is none. */
static char *read_line(struct slt_reader *r)
{
	char *line = r->next, *stop, *cut;

	if (line >= r->end)
		return NULL;
	stop = memchr(line, '\n', (size_t)(r->end - line));
	if (!stop)
		stop = r->end;
	for (cut = stop; cut > line && isspace((unsigned char)cut[-1]);)
		cut--;
	*cut = '\0';
	r->next = stop + 1;
	r->line++;
	return line;
}

/* The first line of a record, or NULL. */
static char *read_head(struct slt_reader *r)
{
	char *line;

	do
		line = read_line(r);
	while (line && (!*line || *line == '#'));
	return line;
}

/* SQL up to an empty line, the end or ----; *ret_more: it was ----. */
static char *read_sql(struct slt_reader *r, bool *ret_more)
{
	char *sql = r->next, *to = sql, *line;

	*ret_more = false;
	while ((line = read_line(r)) && *line) {
		size_t len = strlen(line);

		if (!strcmp(line, "----")) {
			*ret_more = true;
			break;
		}
		if (to > sql)
			to[-1] = '\n';
		memmove(to, line, len + 1);
		to += len + 1;
	}
	return to > sql ? sql : NULL;
}

static int read_wanted(struct slt_reader *r, struct slt_record *record)
{
	char *line;

	while ((line = read_line(r)) && *line) {
		if (record->wants == r->room) {
			size_t room = r->room * 2 + 64;
			char **more = reallocarray(r->want, room, sizeof(*more));

			if (!more)
				return -ENOMEM;
			r->want = more;
			r->room = room;
		}
		r->want[record->wants++] = line;
	}
	record->want = r->want;
	return 0;
}

/* Split in place at space; the last word is what is left of the line. */
static unsigned split(char *line, char *words[WORDS_MAX], unsigned most)
{
	unsigned n = 0;

	for (;;) {
		line += strspn(line, " \t");
		if (!*line)
			return n;
		words[n++] = line;
		if (n == most)
			return n;
		line += strcspn(line, " \t");
		if (!*line)
			return n;
		*line++ = '\0';
	}
}

/* ---- records ---- */

static bool is_us(const struct slt_reader *r, const char *name)
{
	if (!strcasecmp(name, "postgres"))
		name = "postgresql";
	return !strcasecmp(name, r->database);
}

static int bad(const char **ret_why, const char *why)
{
	*ret_why = why;
	return SLT_BAD;
}

static int parse_threshold(const char *word, struct slt_record *record, const char **ret_why)
{
	char *end;

	if (!word || !isdigit((unsigned char)*word))
		return bad(ret_why, "hash-threshold without a number");
	record->kind = SLT_THRESHOLD;
	record->threshold = strtoul(word, &end, 10);
	return *end ? bad(ret_why, "hash-threshold without a number") : 0;
}

static int parse_query(char *rest, struct slt_record *record, const char **ret_why)
{
	static const char *const sorts[] = {"nosort", "rowsort", "valuesort"};
	char *words[WORDS_MAX];
	unsigned n = split(rest, words, WORDS_MAX), i;

	if (n < 1 || n > 3 || words[0][strspn(words[0], "IRT")])
		return bad(ret_why, "a query is: query [IRT]+ [nosort|rowsort|valuesort] [LABEL]");
	record->types = words[0];
	if (n > 1) {
		for (i = 0; i < ARRAY_LEN(sorts) && strcmp(words[1], sorts[i]) != 0;)
			i++;
		if (i == ARRAY_LEN(sorts))
			return bad(ret_why, "no such sort: nosort, rowsort, valuesort");
		record->sort = (enum slt_sort)i;
	}
	record->label = n > 2 ? words[2] : NULL;
	return 0;
}

/* `statement` or `query`, and what follows it on its line. */
static int parse_head(bool query, char *rest, struct slt_record *record, const char **ret_why)
{
	char *word = rest + strspn(rest, " \t"), *behind = word + strcspn(word, " \t");
	size_t len = (size_t)(behind - word);

	record->kind = query ? SLT_QUERY : SLT_STATEMENT;
	behind += strspn(behind, " \t");
	if (len == 5 && !strncmp(word, "error", 5)) {
		record->error = true;
		record->regex = *behind ? behind : NULL;
		return 0;
	}
	if (query)
		return parse_query(rest, record, ret_why);
	if (len != 2 || strncmp(word, "ok", 2) != 0 || *behind)
		return bad(ret_why, "a statement is: statement ok, or statement error [REGEX]");
	return 0;
}

static int read_body(struct slt_reader *r, struct slt_record *record, const char **ret_why)
{
	bool more;
	int error;

	record->sql = read_sql(r, &more);
	error = more ? read_wanted(r, record) : 0;
	if (error)
		return error;
	if (!record->sql)
		return bad(ret_why, "there is no SQL");
	if (record->kind == SLT_QUERY && !record->error && !more)
		return bad(ret_why, "the query has no ---- and results");
	if (record->kind == SLT_STATEMENT && !record->error && more)
		return bad(ret_why, "a statement has no results");
	return 0;
}

static int pass_over(struct slt_reader *r, int result)
{
	char *line;

	while ((line = read_line(r)) && *line)
		;
	return result;
}

int slt_next(struct slt_reader *r, struct slt_record *ret_record, const char **ret_why)
{
	struct slt_record record = {0};
	char *line;
	int error;

	while ((line = read_head(r))) {
		char *words[WORDS_MAX] = {line};
		unsigned n = split(line, words, 2);
		char *rest = n > 1 ? words[1] : words[0] + strlen(words[0]);

		line = words[0];
		record.line = r->line;
		*ret_record = (struct slt_record){.line = r->line};
		if (!strcmp(line, "skipif") || !strcmp(line, "onlyif")) {
			/* A comment may stand behind the name. */
			rest[strcspn(rest, " \t#")] = '\0';
			if (!*rest)
				return pass_over(r, bad(ret_why, "which database?"));
			record.skip |= is_us(r, rest) == (*line == 's');
			continue;
		}
		if (!strcmp(line, "halt")) {
			record.kind = SLT_HALT;
		} else if (!strcmp(line, "hash-threshold")) {
			error = parse_threshold(n > 1 ? rest : NULL, &record, ret_why);
			if (error)
				return error;
		} else if (!strcmp(line, "statement") || !strcmp(line, "query")) {
			error = parse_head(*line == 'q', rest, &record, ret_why);
			if (error)
				return pass_over(r, error);
			error = read_body(r, &record, ret_why);
			if (error)
				return error;
		} else {
			return pass_over(r, bad(ret_why, "no such record"));
		}
		*ret_record = record;
		return 0;
	}
	return SLT_END;
}

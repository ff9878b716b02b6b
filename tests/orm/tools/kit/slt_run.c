/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Each record ends in one of three: passed, failed (told at once), skipped. A query's label stands
 * for its result: a later query of the same label must give the same.
 */
#include <tests/orm/tools/kit/slt_run.h>

#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <strazh/base/own.h>
#include <strazh/orm/tx.h>

#include <tests/orm/tools/kit/slt_read.h>
#include <tests/orm/tools/kit/slt_value.h>

#define SHOWN_MAX 20
/* More values than this are shown as their hash, until the file says hash-threshold. */
#define THRESHOLD 100

struct label {
	char *name;
	unsigned line;
	char hash[33];
};

struct run {
	struct orm_session *session;
	const char *path;
	const struct slt_record *record;
	unsigned long threshold;
	struct label *labels;
	size_t n_labels;
	bool ok; /* of this record */
};

/* ---- telling ---- */

static void tell(struct run *run, const char *what)
{
	run->ok = false;
	printf("%s:%u: %s\n", run->path, run->record->line, what);
	for (const char *line = run->record->sql; line && *line;) {
		size_t len = strcspn(line, "\n");

		printf("  | %.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
}

static void tell_lines(const char *title, char *const *lines, size_t n)
{
	printf("  %s:\n", title);
	for (size_t i = 0; i < n && i < SHOWN_MAX; i++)
		printf("    %s\n", lines[i]);
	if (n > SHOWN_MAX)
		printf("    ... %zu in all\n", n);
}

static void tell_error(const struct run *run, int r)
{
	const struct orm_error *error = orm_error(run->session);

	printf("  got: %s: %s%s%s\n", orm_class_name(r), error->text, *error->sqlstate ? ", " : "",
	       error->sqlstate);
}

static void tell_difference(struct run *run, const struct slt_values *got, const char *summary)
{
	const struct slt_record *record = run->record;

	tell(run, "wrong result");
	tell_lines("expected", record->want, record->wants);
	if ((record->wants == 1 && strstr(record->want[0], " values hashing to ")) ||
	    got->n > (run->threshold ? run->threshold : THRESHOLD))
		printf("  got:\n    %s\n", summary);
	else
		tell_lines("got", got->v, got->n);
}

/* ---- running ---- */

/* Is the SQL these words, one behind the other? "TO" may be left out when it is written "[TO]". */
static bool is_words(const char *sql, const char *words, char name[64])
{
	while (*words) {
		size_t len = strcspn(words, " "), word = strcspn(sql, " \t\n;");
		bool may = *words == '[';
		const char *plain = words + may;
		size_t plain_len = may ? len - 2 : len;

		if (*words == '?') {
			if (!word || word > 63)
				return false;
			memcpy(name, sql, word);
			name[word] = '\0';
		} else if (word != plain_len || strncasecmp(sql, plain, word) != 0) {
			if (!may)
				return false;
			word = 0;
		}
		sql += word;
		sql += strspn(sql, " \t\n");
		words += len;
		words += *words == ' ';
	}
	return !sql[strspn(sql, " \t\n;")];
}

static int end_transaction(struct orm_session *s, bool commit)
{
	if (commit)
		return orm_commit(s);
	if (!orm_in_transaction(s))
		return ORM_E_STATE;
	orm_rollback(s);
	return 0;
}

/* True: it was a word about transactions, *ret_r is what became of it. */
static bool run_transaction(struct orm_session *s, const char *sql, int *ret_r)
{
	char name[64];

	if (is_words(sql, "begin [transaction] [work]", name) ||
	    is_words(sql, "begin immediate [transaction]", name) ||
	    is_words(sql, "start transaction", name))
		*ret_r = orm_begin(s, NULL);
	else if (is_words(sql, "commit [transaction] [work]", name) ||
		 is_words(sql, "end [transaction] [work]", name))
		*ret_r = end_transaction(s, true);
	else if (is_words(sql, "rollback [transaction] [work]", name) ||
		 is_words(sql, "abort", name))
		*ret_r = end_transaction(s, false);
	else if (is_words(sql, "rollback [transaction] [work] to [savepoint] ?", name))
		*ret_r = orm_rollback_to(s, name);
	else if (is_words(sql, "savepoint ?", name))
		*ret_r = orm_savepoint(s, name);
	else if (is_words(sql, "release [savepoint] ?", name))
		*ret_r = orm_release(s, name);
	else
		return false;
	return true;
}

/* result NULL: a statement, whose rows are of no interest. */
static int run_sql(struct orm_session *s, const char *sql, struct orm_result **result)
{
	struct orm_query *q;
	int r;

	if (!result && run_transaction(s, sql, &r))
		return r;
	q = orm_raw(s, sql);
	r = result ? orm_fetch(s, q, NULL, result) : orm_exec(s, q, NULL);
	orm_query_free(q);
	return r;
}

/* ---- judging ---- */

/* It had to fail, and did: with the right words? */
static int judge_error(struct run *run, int r)
{
	const struct slt_record *record = run->record;
	const char *text = orm_error(run->session)->text;
	regex_t regex;
	char why[128];
	int status;

	for (size_t i = 0; i < record->wants && run->ok; i++) {
		if (strstr(text, record->want[i]))
			continue;
		tell(run, "the message lacks a line");
		printf("  expected: %s\n", record->want[i]);
		tell_error(run, r);
	}
	if (!record->regex || !run->ok)
		return 0;
	status = regcomp(&regex, record->regex, REG_EXTENDED | REG_NOSUB);
	if (status == REG_ESPACE)
		return -ENOMEM;
	if (status) {
		regerror(status, &regex, why, sizeof(why));
		tell(run, "no regular expression");
		printf("  '%s': %s\n", record->regex, why);
		return 0;
	}
	if (regexec(&regex, text, 0, NULL, 0) != 0) {
		tell(run, "the wrong error");
		printf("  expected a match of: %s\n", record->regex);
		tell_error(run, r);
	}
	regfree(&regex);
	return 0;
}

/* -ENOMEM, or 0 with the record judged as far as its error goes. */
static int judge_outcome(struct run *run, int r)
{
	if (run->record->error && r > 0 && r != ORM_E_CONNECTION)
		return judge_error(run, r);
	if (run->record->error && !r) {
		tell(run, "it succeeded, but an error was expected");
	} else if (r) {
		tell(run, "it failed");
		tell_error(run, r);
	}
	return r == -ENOMEM ? r : 0;
}

static int judge_label(struct run *run, const char *hash)
{
	const struct slt_record *record = run->record;
	struct label *more;
	size_t i;

	for (i = 0; i < run->n_labels && strcmp(run->labels[i].name, record->label) != 0;)
		i++;
	if (i < run->n_labels) {
		if (strcmp(run->labels[i].hash, hash) != 0) {
			tell(run, "the result differs from that of the same label");
			printf("  label '%s', line %u\n", record->label, run->labels[i].line);
		}
		return 0;
	}
	more = reallocarray(run->labels, run->n_labels + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	run->labels = more;
	more[i] = (struct label){.name = strdup(record->label), .line = record->line};
	memcpy(more[i].hash, hash, sizeof(more[i].hash));
	if (!more[i].name)
		return -ENOMEM;
	run->n_labels++;
	return 0;
}

/* The file cannot have space at the end of a line. */
static bool same_line(const char *got, const char *want)
{
	size_t len = strlen(got);

	while (len && isspace((unsigned char)got[len - 1]))
		len--;
	return strlen(want) == len && !strncmp(got, want, len);
}

static bool as_wanted(const struct slt_record *record, const struct slt_values *got,
		      const char *summary)
{
	size_t i = 0;

	if (record->wants == 1 && !strcmp(record->want[0], summary))
		return true;
	if (record->wants != got->n)
		return false;
	while (i < got->n && same_line(got->v[i], record->want[i]))
		i++;
	return i == got->n;
}

static int judge_values(struct run *run, struct slt_values *got)
{
	const struct slt_record *record = run->record;
	char hash[33], summary[80];
	int r;

	slt_values_sort(got, record->sort);
	r = slt_values_hash(got, hash);
	if (r)
		return r;
	snprintf(summary, sizeof(summary), "%zu values hashing to %s", got->n, hash);
	if (!as_wanted(record, got, summary))
		tell_difference(run, got, summary);
	return record->label && run->ok ? judge_label(run, hash) : 0;
}

static int run_query(struct run *run)
{
	const struct slt_record *record = run->record;
	struct orm_result *result = NULL;
	struct slt_values values;
	int r = run_sql(run->session, record->sql, &result);

	if (r || record->error) {
		r = judge_outcome(run, r);
	} else if (strlen(record->types) != orm_result_columns(result)) {
		tell(run, "wrong number of columns");
		printf("  expected: %zu\n  got: %u\n", strlen(record->types),
		       orm_result_columns(result));
	} else {
		r = slt_values_of(result, record->types, &values);
		if (!r) {
			r = judge_values(run, &values);
			slt_values_free(&values);
		}
	}
	orm_result_free(result);
	return r;
}

static int run_record(struct run *run, struct slt_sum *sum)
{
	const struct slt_record *record = run->record;
	int r;

	if (record->kind == SLT_THRESHOLD) {
		run->threshold = record->skip ? run->threshold : record->threshold;
		return 0;
	}
	if (record->skip) {
		sum->skipped++;
		return 0;
	}
	run->ok = true;
	r = record->kind == SLT_QUERY
		    ? run_query(run)
		    : judge_outcome(run, run_sql(run->session, record->sql, NULL));
	sum->passed += run->ok;
	sum->failed += !run->ok;
	return r;
}

int slt_run(struct orm_session *s, const char *path, struct slt_sum *sum)
{
	const char *engine = orm_dialect(orm_session_db(s)) == ORM_SQLITE ? "sqlite" : "postgresql";
	struct run run = {.session = s, .path = path};
	struct slt_record record;
	struct slt_reader reader;
	const char *why;
	int r = slt_open(&reader, path, engine);

	if (r)
		return r;
	run.record = &record;
	while (!(r = slt_next(&reader, &record, &why)) || r == SLT_BAD) {
		if (r == SLT_BAD) {
			tell(&run, why);
			sum->failed++;
			continue;
		}
		if (record.kind == SLT_HALT && !record.skip)
			break;
		if (record.kind == SLT_HALT)
			continue;
		r = run_record(&run, sum);
		if (r)
			break;
	}
	if (orm_in_transaction(s))
		orm_rollback(s);
	for (size_t i = 0; i < run.n_labels; i++)
		free(run.labels[i].name);
	free(run.labels);
	slt_close(&reader);
	return r == SLT_END ? 0 : r;
}

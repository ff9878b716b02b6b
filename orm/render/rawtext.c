/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over the words. The first says what kind of statement it is; one that reads by its first
 * word writes when another says so: WITH ... DELETE, EXPLAIN ANALYZE UPDATE, SELECT ... INTO,
 * SELECT ... FOR UPDATE. Comments and quoted texts are passed over, but in a text that quotes in
 * more ways than '' and "" neither is believed: then every word counts. A text with a comment that
 * the two databases end at different places writes.
 */
#include <string.h>
#include <strings.h>

#include <strazh/base/compiler.h>

#include <orm/render/rawtext.h>

struct text {
	const char *at, *end;
	bool plain; /* quotes and comments are to be passed over */
	bool odd;   /* a comment was, of which it is not known where it ends */
};

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || (unsigned char)c >= 128;
}

static bool is_one_of(const char *word, size_t len, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(list[i]) == len && !strncasecmp(word, list[i], len))
			return true;
	}
	return false;
}

static bool starts(const struct text *t, const char *two)
{
	return t->end - t->at >= 2 && !memcmp(t->at, two, 2);
}

/* To the end of the line. A carriage return ends it too, but not for SQLite. */
static void skip_line(struct text *t)
{
	const char *end = memchr(t->at, '\n', (size_t)(t->end - t->at));
	const char *back;

	end = end ? end : t->end;
	back = memchr(t->at, '\r', (size_t)(end - t->at));
	t->odd |= back && (back + 1 < end || end == t->end);
	t->at = end;
}

/* One that has no end has no statement behind it either. PostgreSQL's may have others inside. */
static void skip_block(struct text *t)
{
	const char *body = t->at + 2;
	const char *end = memmem(body, (size_t)(t->end - body), "*/", 2);

	end = end ? end : t->end;
	/* With the slash of its own end: in what looks like an end another one may begin. */
	t->odd |= memmem(body, MIN((size_t)(end - body) + 2, (size_t)(t->end - body)), "/*", 2) !=
		  NULL;
	t->at = end < t->end ? end + 2 : end;
}

static void skip_quoted(struct text *t)
{
	const char *end = memchr(t->at + 1, *t->at, (size_t)(t->end - t->at - 1));

	t->at = end ? end + 1 : t->end; /* a doubled quote begins another one */
}

/* The next word, of *ret_len characters; NULL: there is none. */
static const char *next_word(struct text *t, size_t *ret_len)
{
	const char *word;

	while (t->at < t->end && !is_word(*t->at)) {
		if (t->plain && starts(t, "--"))
			skip_line(t);
		else if (t->plain && starts(t, "/*"))
			skip_block(t);
		else if (t->plain && (*t->at == '\'' || *t->at == '"'))
			skip_quoted(t);
		else
			t->at++;
	}
	word = t->at;
	while (t->at < t->end && is_word(*t->at))
		t->at++;
	*ret_len = (size_t)(t->at - word);
	return *ret_len ? word : NULL;
}

bool raw_writes(const char *sql, size_t len)
{
	static const char *const reads[] = {"SELECT", "VALUES", "WITH", "EXPLAIN", "SHOW", "TABLE"};
	static const char *const writes[] = {"INSERT", "UPDATE", "DELETE", "MERGE", "INTO"};
	struct text t = {sql, sql + len, true, false};
	const char *word = next_word(&t, &len);

	if (!word || !is_one_of(word, len, reads, ARRAY_LEN(reads)))
		return true;
	for (const char *p = sql; p < t.end && t.plain; p++)
		t.plain = !strchr("\\$[`", *p) ||
			  (*p == '$' && p + 1 < t.end && p[1] >= '0' && p[1] <= '9');
	while ((word = next_word(&t, &len)) != NULL) {
		if (is_one_of(word, len, writes, ARRAY_LEN(writes)))
			return true;
	}
	return t.odd;
}

bool raw_stays(const char *sql, size_t len)
{
	static const char *const gone[] = {
		"SELECT", "INSERT",  "UPDATE",	 "DELETE",     "MERGE",	    "WITH",    "VALUES",
		"TABLE",  "EXPLAIN", "SHOW",	 "CREATE",     "ALTER",	    "DROP",    "COMMENT",
		"GRANT",  "REVOKE",  "TRUNCATE", "COPY",       "VACUUM",    "ANALYZE", "REINDEX",
		"LOCK",	  "CLUSTER", "REFRESH",	 "CHECKPOINT", "NOTIFY",    "BEGIN",   "START",
		"COMMIT", "END",     "ROLLBACK", "ABORT",      "SAVEPOINT", "RELEASE", "REPLACE"};
	static const char *const set[] = {"LOCAL", "TRANSACTION", "CONSTRAINTS"};
	static const char *const stay[] = {"TEMP",
					   "TEMPORARY",
					   "set_config",
					   "pg_advisory_lock",
					   "pg_advisory_lock_shared",
					   "pg_try_advisory_lock",
					   "pg_try_advisory_lock_shared"};
	struct text t = {sql, sql + len, true, false};
	const char *word = next_word(&t, &len);

	if (word && is_one_of(word, len, (const char *const[]){"SET"}, 1)) {
		word = next_word(&t, &len);
		return !word || t.odd || !is_one_of(word, len, set, ARRAY_LEN(set));
	}
	if (word && !is_one_of(word, len, gone, ARRAY_LEN(gone)))
		return true;
	t.plain = false; /* in a comment, too: these are rare */
	while ((word = next_word(&t, &len)) != NULL) {
		if (is_one_of(word, len, stay, ARRAY_LEN(stay)))
			return true;
	}
	return t.odd;
}

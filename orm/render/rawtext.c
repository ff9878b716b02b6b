/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over the words. The first says what kind of statement it is; one that reads by its first
 * word writes when another says so: WITH ... DELETE, EXPLAIN ANALYZE UPDATE, SELECT ... INTO,
 * SELECT
 * ... FOR UPDATE. Comments and quoted texts are passed over, but in a text that quotes in more ways
 * than '' and "" quotes are not believed: then every word counts.
 */
#include <string.h>
#include <strings.h>

#include <strazh/base/compiler.h>

#include <orm/render/rawtext.h>

struct text {
	const char *at, *end;
	bool quotes; /* to be passed over */
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

/* A comment that has no end has no statement behind it either. */
static void skip_comment(struct text *t)
{
	const char *end = starts(t, "--")
				  ? memchr(t->at, '\n', (size_t)(t->end - t->at))
				  : memmem(t->at + 2, (size_t)(t->end - t->at - 2), "*/", 2);

	t->at = !end ? t->end : *end == '\n' ? end + 1 : end + 2;
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
		if (starts(t, "--") || starts(t, "/*"))
			skip_comment(t);
		else if (t->quotes && (*t->at == '\'' || *t->at == '"'))
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
	struct text t = {sql, sql + len, true};
	const char *word = next_word(&t, &len);

	if (!word || !is_one_of(word, len, reads, ARRAY_LEN(reads)))
		return true;
	for (const char *p = sql; p < t.end && t.quotes; p++)
		t.quotes = !strchr("\\$[`", *p) ||
			   (*p == '$' && p + 1 < t.end && p[1] >= '0' && p[1] <= '9');
	while ((word = next_word(&t, &len)) != NULL) {
		if (is_one_of(word, len, writes, ARRAY_LEN(writes)))
			return true;
	}
	return false;
}

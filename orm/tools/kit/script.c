/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include <orm/tools/kit/script.h>

void script_init(struct script *s, const char *text, size_t len, enum orm_dialect dialect)
{
	*s = (struct script){.at = text, .end = text + len, .line = 1, .dialect = dialect};
}

static void advance(struct script *s, const char *to)
{
	for (; s->at < to; s->at++)
		s->line += *s->at == '\n';
}

static bool begins(const struct script *s, const char *text)
{
	size_t len = strlen(text);

	return (size_t)(s->end - s->at) >= len && !memcmp(s->at, text, len);
}

/* Behind the closing quote; a doubled one is inside. */
static void skip_quoted(struct script *s, char quote, bool backslash)
{
	const char *p = s->at + 1;

	for (; p < s->end; p++) {
		if (backslash && *p == '\\' && p + 1 < s->end)
			p++;
		else if (*p == quote && p + 1 < s->end && p[1] == quote)
			p++;
		else if (*p == quote)
			break;
	}
	advance(s, p < s->end ? p + 1 : s->end);
}

/* PostgreSQL nests comments, SQLite does not. */
static void skip_block_comment(struct script *s)
{
	const char *p = s->at + 2;
	unsigned depth = 1;

	for (; p + 1 < s->end && depth; p++) {
		if (p[0] == '*' && p[1] == '/') {
			depth--;
			p++;
		} else if (s->dialect == ORM_POSTGRESQL && p[0] == '/' && p[1] == '*') {
			depth++;
			p++;
		}
	}
	advance(s, depth ? s->end : p);
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* $$...$$ or $tag$...$tag$; false when it is something else. */
static bool skip_dollar(struct script *s)
{
	const char *p = s->at + 1, *body;
	size_t len;

	if (s->dialect != ORM_POSTGRESQL || (p < s->end && isdigit((unsigned char)*p)))
		return false;
	while (p < s->end && is_word(*p))
		p++;
	if (p == s->end || *p != '$')
		return false;
	len = (size_t)(p + 1 - s->at);
	body = memmem(p + 1, (size_t)(s->end - (p + 1)), s->at, len);
	advance(s, body ? body + len : s->end);
	return true;
}

/* Space and comments; true when there was something. */
static bool skip_blank(struct script *s)
{
	const char *from = s->at, *p;

	if (isspace((unsigned char)*s->at)) {
		advance(s, s->at + 1);
	} else if (begins(s, "--")) {
		p = memchr(s->at, '\n', (size_t)(s->end - s->at));
		advance(s, p ? p : s->end);
	} else if (begins(s, "/*")) {
		skip_block_comment(s);
	}
	return s->at != from;
}

/* One piece of a statement: a string, a name, a word, or a character. */
static void skip_token(struct script *s)
{
	char c = *s->at;
	const char *p = s->at;

	if ((c == 'e' || c == 'E') && p + 1 < s->end && p[1] == '\'' &&
	    s->dialect == ORM_POSTGRESQL) {
		advance(s, p + 1);
		skip_quoted(s, '\'', true);
	} else if (c == '\'' || c == '"') {
		skip_quoted(s, c, false);
	} else if (c == '`' && s->dialect == ORM_SQLITE) {
		skip_quoted(s, c, false);
	} else if (c == '[' && s->dialect == ORM_SQLITE) {
		p = memchr(p, ']', (size_t)(s->end - p));
		advance(s, p ? p + 1 : s->end);
	} else if (is_word(c)) {
		while (p < s->end && (is_word(*p) || *p == '$'))
			p++;
		advance(s, p);
	} else if (c != '$' || !skip_dollar(s)) {
		advance(s, p + 1);
	}
}

static bool token_is(const char *from, const char *to, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(to - from) == len && !strncasecmp(from, word, len);
}

/*
 * The words that decide whether a semicolon ends the statement: CREATE [TEMP] TRIGGER has a body
 * from BEGIN to END, and CASE ... END inside it.
 */
struct body {
	unsigned words; /* seen so far, up to 4 */
	bool create;
	bool trigger;
	unsigned depth;
};

static void see_word(struct body *b, const char *from, const char *to)
{
	if (!is_word(*from))
		return;
	if (!b->words)
		b->create = token_is(from, to, "CREATE");
	else if (b->create && b->words < 4 && token_is(from, to, "TRIGGER"))
		b->trigger = true;
	b->words += b->words < 4;
	if (!b->trigger)
		return;
	if (token_is(from, to, "BEGIN") || token_is(from, to, "CASE"))
		b->depth++;
	else if (token_is(from, to, "END") && b->depth)
		b->depth--;
}

bool script_next(struct script *s, struct script_stmt *ret_stmt)
{
	struct body body = {0};
	const char *last;

	while (s->at < s->end && (*s->at == ';' || skip_blank(s)))
		if (s->at < s->end && *s->at == ';')
			advance(s, s->at + 1);
	if (s->at == s->end)
		return false;
	*ret_stmt = (struct script_stmt){.text = s->at, .line = s->line};
	last = s->at;
	while (s->at < s->end && (*s->at != ';' || body.depth)) {
		const char *from = s->at;

		if (skip_blank(s))
			continue;
		skip_token(s);
		if (s->dialect == ORM_SQLITE)
			see_word(&body, from, s->at);
		last = s->at;
	}
	ret_stmt->len = (size_t)(last - ret_stmt->text);
	if (s->at < s->end)
		advance(s, s->at + 1);
	return true;
}

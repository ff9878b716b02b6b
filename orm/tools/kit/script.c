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
		for (p = s->at; p < s->end && *p != '\n'; p++)
			if (*p == '\r' && s->dialect == ORM_POSTGRESQL)
				break;
		advance(s, p);
	} else if (begins(s, "/*")) {
		skip_block_comment(s);
	}
	return s->at != from;
}

/* E'...': the pieces of it on the lines below have backslashes as well. */
static void skip_escaped(struct script *s)
{
	const char *p = s->at + 1;

	do {
		advance(s, p);
		skip_quoted(s, '\'', true);
		for (p = s->at; p < s->end && isspace((unsigned char)*p); p++)
			;
	} while (p < s->end && *p == '\'' && memchr(s->at, '\n', (size_t)(p - s->at)));
}

/* One piece of a statement: a string, a name, a word, or a character. */
static void skip_token(struct script *s)
{
	char c = *s->at;
	const char *p = s->at;

	if ((c == 'e' || c == 'E') && p + 1 < s->end && p[1] == '\'' &&
	    s->dialect == ORM_POSTGRESQL) {
		skip_escaped(s);
	} else if (c == '\'' || c == '"') {
		skip_quoted(s, c, false);
	} else if (c == '`' && s->dialect == ORM_SQLITE) {
		skip_quoted(s, c, false);
	} else if (c == '[' && s->dialect == ORM_SQLITE) {
		p = memchr(p, ']', (size_t)(s->end - p));
		advance(s, p ? p + 1 : s->end);
	} else if (is_word(c)) {
		/* A name may have a $ in it, a number not. */
		while (p < s->end && (is_word(*p) || (*p == '$' && !isdigit((unsigned char)c))))
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
 * Does a semicolon end the statement? SQLite's CREATE TRIGGER ends in "; END ;", as
 * sqlite3_complete() has it. PostgreSQL's routines may have a body from BEGIN ATOMIC to END, with
 * CASE ... END inside, and its rules have lists between parentheses.
 */
struct body {
	unsigned words; /* seen so far, up to 5 */
	bool create;
	bool trigger; /* SQLite */
	bool routine; /* PostgreSQL */
	bool begin;   /* the word before was BEGIN */
	unsigned depth;
	unsigned parens;
	unsigned ending; /* of the trigger: 1 behind a semicolon, 2 behind its END */
};

static void see_routine(struct body *b, const char *from, const char *to)
{
	bool begin = b->begin;

	b->begin = token_is(from, to, "BEGIN");
	if (!b->routine || b->parens)
		return;
	if ((begin && token_is(from, to, "ATOMIC")) || (b->depth && token_is(from, to, "CASE")))
		b->depth++;
	else if (token_is(from, to, "END") && b->depth)
		b->depth--;
}

static void see_token(struct body *b, const char *from, const char *to)
{
	bool early = b->words < 5;

	b->ending = b->ending == 1 && token_is(from, to, "END") ? 2 : 0;
	b->parens += *from == '(';
	b->parens -= *from == ')' && b->parens;
	if (!is_word(*from))
		return;
	if (b->words == 0 || (b->words == 1 && token_is(from, to, "CREATE")))
		b->create |= token_is(from, to, "CREATE"); /* also of an EXPLAIN */
	else if (b->create && early && token_is(from, to, "TRIGGER"))
		b->trigger = true;
	else if (b->create && early &&
		 (token_is(from, to, "FUNCTION") || token_is(from, to, "PROCEDURE")))
		b->routine = true;
	b->words += early;
	see_routine(b, from, to);
}

/* At a semicolon. */
static bool ends(struct body *b, enum orm_dialect dialect)
{
	if (dialect == ORM_POSTGRESQL)
		return !b->depth && !b->parens;
	if (!b->trigger || b->ending == 2)
		return true;
	b->ending = 1;
	return false;
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
	while (s->at < s->end && (*s->at != ';' || !ends(&body, s->dialect))) {
		const char *from = s->at;

		if (skip_blank(s))
			continue;
		skip_token(s);
		if (*from != ';')
			see_token(&body, from, s->at);
		last = s->at;
	}
	ret_stmt->len = (size_t)(last - ret_stmt->text);
	if (s->at < s->end)
		advance(s, s->at + 1);
	return true;
}

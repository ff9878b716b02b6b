/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lexer. `at` never passes `end`; a NUL in the text is a character like any other. A backslash
 * before a line's end joins the two lines, as everywhere in C.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <orm/base/fault.h>
#include <orm/schema/deflex.h>

static char peek(const struct lex *lex, size_t ahead)
{
	return (size_t)(lex->end - lex->at) > ahead ? lex->at[ahead] : '\0';
}

static void step(struct lex *lex)
{
	if (*lex->at == '\n') {
		lex->line++;
		lex->column = 0;
	}
	lex->column++;
	lex->at++;
}

static void steps(struct lex *lex, size_t n)
{
	while (n-- && lex->at < lex->end)
		step(lex);
}

int lex_refuse(const struct lex *lex, const struct token *at, const char *format, ...)
{
	char text[300];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return orm_fail(lex->err, ORM_E_QUERY, "%s:%u:%u: %s", lex->file, at->line, at->column,
			text);
}

/* Length of a backslash and the line's end behind it, or 0. */
static size_t joint(const struct lex *lex)
{
	if (peek(lex, 0) != '\\')
		return 0;
	if (peek(lex, 1) == '\n')
		return 2;
	return peek(lex, 1) == '\r' && peek(lex, 2) == '\n' ? 3 : 0;
}

static int skip_comment(struct lex *lex)
{
	const struct token begin = {.line = lex->line, .column = lex->column};

	steps(lex, 2);
	while (lex->at < lex->end) {
		if (peek(lex, 0) == '*' && peek(lex, 1) == '/') {
			steps(lex, 2);
			return 0;
		}
		step(lex);
	}
	return lex_refuse(lex, &begin, "a comment without its end");
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static int skip_space(struct lex *lex)
{
	while (lex->at < lex->end) {
		char c = peek(lex, 0);
		size_t join = joint(lex);
		int r = 0;

		if (join)
			steps(lex, join);
		else if (is_space(c) || (c == '\n' && !lex->directive))
			step(lex);
		else if (c == '/' && peek(lex, 1) == '*')
			r = skip_comment(lex);
		else if (c == '/' && peek(lex, 1) == '/')
			while (lex->at < lex->end && peek(lex, 0) != '\n')
				steps(lex, joint(lex) ? joint(lex) : 1);
		else
			break;
		if (r)
			return r;
	}
	return 0;
}

void lex_skip_line(struct lex *lex)
{
	while (lex->at < lex->end && peek(lex, 0) != '\n')
		steps(lex, joint(lex) ? joint(lex) : 1);
}

/* Strings, and characters, which no list has but other #defines may. */
static int read_string(struct lex *lex, struct token *t)
{
	char quote = peek(lex, 0);

	step(lex);
	while (lex->at < lex->end && peek(lex, 0) != quote) {
		if (peek(lex, 0) == '\n')
			return lex_refuse(lex, t, "a string without its end");
		steps(lex, peek(lex, 0) == '\\' ? 2 : 1);
	}
	if (lex->at == lex->end)
		return lex_refuse(lex, t, "a string without its end");
	step(lex);
	t->kind = quote == '"' ? LEX_STRING : LEX_MARK;
	return 0;
}

static bool is_word(char c, bool digits)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (digits && c >= '0' && c <= '9');
}

int lex_next(struct lex *lex, struct token *ret_token)
{
	struct token t = {.kind = LEX_MARK};
	int r = skip_space(lex);
	char c;

	if (r)
		return r;
	t.word.at = lex->at;
	t.line = lex->line;
	t.column = lex->column;
	c = peek(lex, 0);
	if (lex->at == lex->end) {
		t.kind = LEX_END;
	} else if (c == '"' || c == '\'') {
		r = read_string(lex, &t);
	} else if (is_word(c, true)) {
		t.kind = is_word(c, false) ? LEX_NAME : LEX_NUMBER;
		while (is_word(peek(lex, 0), true))
			step(lex);
	} else {
		if (c == '\n')
			t.kind = LEX_EOL;
		else if (c == '#')
			t.kind = LEX_HASH;
		step(lex);
	}
	t.word.len = (size_t)(lex->at - t.word.at);
	*ret_token = t;
	return r;
}

int lex_unquote(struct orm_word string, char *to, size_t *len)
{
	static const char from[] = "\"\\'nt", plain[] = "\"\\'\n\t";
	size_t n = 0;

	for (size_t i = 1; i + 1 < string.len; i++) {
		char c = string.at[i];

		if (c == '\\') {
			const char *at = string.at[++i] ? strchr(from, string.at[i]) : NULL;

			if (!at)
				return -1;
			c = plain[at - from];
		}
		if (!c)
			return -1;
		to[n++] = c;
	}
	*len = n;
	return 0;
}

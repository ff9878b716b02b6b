/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lexer: one pass, each byte is looked at a bounded number of times, nothing is copied. A token
 * begins after its blanks; the only state between two tokens is how many conditional comments are
 * open.
 */
#include <string.h>

#include <orm/guard/lex.h>
#include <strazh/base/compiler.h>

enum {
	C_SPACE = 1,
	C_DIGIT = 2,
	C_WORD = 4, /* begins a name */
	C_HEX = 8,
};

static const uint8_t classes[256] = {
	['0' ... '9'] = C_DIGIT | C_HEX, ['a' ... 'f'] = C_WORD | C_HEX,
	['A' ... 'F'] = C_WORD | C_HEX,	 ['g' ... 'z'] = C_WORD,
	['G' ... 'Z'] = C_WORD,		 ['_'] = C_WORD,
	[0x80 ... 0x9f] = C_WORD,	 [0xa1 ... 0xff] = C_WORD,
	[1 ... ' '] = C_SPACE, /* SQL Server takes every control character for a blank */
	[0xa0] = C_SPACE | C_WORD,
};

static bool is(uint8_t c, unsigned class)
{
	return classes[c] & class;
}

static size_t left(const struct guard_lex *lex)
{
	return (size_t)(lex->end - lex->p);
}

static uint8_t at(const struct guard_lex *lex, size_t i)
{
	return i < left(lex) ? lex->p[i] : 0;
}

static void take(struct guard_lex *lex, struct guard_token *t, enum guard_kind kind, size_t len)
{
	t->kind = (uint8_t)kind;
	t->p = lex->p;
	t->len = MIN(len, left(lex));
	lex->p += t->len;
}

static void count_comment(struct guard_lex *lex)
{
	if (lex->comments < UINT8_MAX)
		lex->comments++;
}

/*
 * A comment to the end of its line is a blank when another line follows, else the tail of the text.
 * `mark` is the length of what begins it.
 */
static bool line_comment(struct guard_lex *lex, struct guard_token *t, size_t mark)
{
	const uint8_t *line = memchr(lex->p, '\n', left(lex));

	if (line && line + 1 < lex->end) {
		count_comment(lex);
		lex->p = line + 1;
		return true;
	}
	lex->p += mark;
	take(lex, t, T_TAIL, left(lex));
	return false;
}

/* MySQL runs what is in a comment that begins with an exclamation mark and perhaps a version. */
static bool block_comment(struct guard_lex *lex, struct guard_token *t)
{
	size_t i = at(lex, 2) == 'M' ? 3 : 2;
	const uint8_t *end;

	if (at(lex, i) == '!') {
		count_comment(lex);
		lex->conditional += lex->conditional < UINT8_MAX;
		lex->p += i + 1;
		for (i = 0; i < 6 && is(at(lex, 0), C_DIGIT); i++)
			lex->p++;
		return true;
	}
	end = left(lex) > 3 ? memmem(lex->p + 2, left(lex) - 2, "*/", 2) : NULL;
	if (!end) {
		lex->p += 2;
		take(lex, t, T_TAIL, left(lex));
		return false;
	}
	count_comment(lex);
	lex->p = end + 2;
	return true;
}

/* MySQL ignores a number that was begun, 1.e, in front of signs. */
static size_t begun_number_len(const struct guard_lex *lex)
{
	size_t n = 0;

	while (n < 8 && is(at(lex, n), C_DIGIT))
		n++;
	if (!n || at(lex, n) != '.' || (at(lex, n + 1) | 0x20) != 'e')
		return 0;
	return at(lex, n + 2) && strchr("(),.|&*/%^=", at(lex, n + 2)) ? n + 2 : 0;
}

/*
 * 0xA0 is a blank, alone or as U+00A0; else it is part of some UTF-8. 0x16 and 0x1A end a text for
 * Access when they are its end.
 */
static size_t blank_len(const struct guard_lex *lex)
{
	uint8_t c = at(lex, 0);

	if ((c == 0x16 || c == 0x1a) && left(lex) == 1)
		return 0;
	if (is(c, C_DIGIT))
		return begun_number_len(lex);
	if (c == 0xc2 && at(lex, 1) == 0xa0)
		return 2;
	return left(lex) && is(c, C_SPACE) ? 1 : 0;
}

/* False: a tail was met, and is in *t. */
static bool skip_blanks(struct guard_lex *lex, struct guard_token *t)
{
	const uint8_t *begin = lex->p;

	while (lex->p < lex->end) {
		size_t n = blank_len(lex);
		uint8_t c = *lex->p, next = at(lex, 1);

		if (n) {
			lex->p += n;
		} else if (c == '/' && next == '*') {
			if (!block_comment(lex, t))
				return false;
		} else if (c == '*' && next == '/' && lex->conditional) {
			lex->conditional--;
			lex->p += 2;
		} else if (c == '-' && next == '-') {
			if (!line_comment(lex, t, 2))
				return false;
		} else if (c == '#' && next != '>' && next != '-') {
			if (!line_comment(lex, t, 1))
				return false;
		} else {
			break;
		}
	}
	t->glued = lex->p == begin;
	return true;
}

/* From an opening quote `mark` bytes ahead to its end; a doubled quote stays inside. */
static void quoted(struct guard_lex *lex, struct guard_token *t, enum guard_kind kind, size_t mark,
		   uint8_t close)
{
	const uint8_t *q = lex->p + mark + 1;

	for (;;) {
		q = q < lex->end ? memchr(q, close, (size_t)(lex->end - q)) : NULL;
		if (!q) {
			bool open = lex->quote ? close == lex->quote : kind == T_STR;

			take(lex, t, open ? T_OPEN : T_BAD, left(lex));
			return;
		}
		if (q + 1 >= lex->end || q[1] != close)
			break;
		q += 2;
	}
	take(lex, t, kind, (size_t)(q + 1 - lex->p));
}

static void number(struct guard_lex *lex, struct guard_token *t)
{
	size_t n = 0;

	if (at(lex, 0) == '0' && (at(lex, 1) | 0x20) == 'x' && is(at(lex, 2), C_HEX)) {
		for (n = 2; is(at(lex, n), C_HEX);)
			n++;
		take(lex, t, T_NUM, n);
		return;
	}
	while (is(at(lex, n), C_DIGIT))
		n++;
	if (at(lex, n) == '.')
		for (n++; is(at(lex, n), C_DIGIT);)
			n++;
	if ((at(lex, n) | 0x20) == 'e') {
		size_t e = n + 1;

		if (at(lex, e) == '+' || at(lex, e) == '-')
			e++;
		if (is(at(lex, e), C_DIGIT))
			for (n = e; is(at(lex, n), C_DIGIT);)
				n++;
	} else if (at(lex, n) && strchr("dDfF", at(lex, n))) {
		n++; /* Oracle's 1D */
	}
	take(lex, t, T_NUM, n);
}

static size_t name_len(const struct guard_lex *lex, size_t from)
{
	size_t n = from;

	while (n < left(lex)) {
		uint8_t c = lex->p[n];

		if (c == 0xa0 && n && lex->p[n - 1] < 0x80)
			break;
		if (c == 0xc2 && n + 1 < left(lex) && lex->p[n + 1] == 0xa0)
			break;
		if (!is(c, C_WORD | C_DIGIT) && !(c == '$' && n > from))
			break;
		n++;
	}
	return n;
}

/* What stands glued before a string and belongs to it: N'..', E'..', x'..', U&'..', _utf8'..'. */
static bool is_string_prefix(const struct guard_lex *lex, size_t n)
{
	if (at(lex, n) == '&' && n == 1 && (at(lex, 0) | 0x20) == 'u')
		return at(lex, 2) == '\'';
	if (at(lex, n) != '\'')
		return false;
	return (n == 1 && strchr("nNeEbBxXqQ", at(lex, 0))) || (at(lex, 0) == '_' && n < 12);
}

static bool begins_name(const struct guard_lex *lex, size_t n)
{
	return is(at(lex, n), C_WORD) && at(lex, n) != 0xa0;
}

/* Is there a ( behind it? Blanks do not count, comments do not either. */
static bool is_call(const struct guard_lex *lex)
{
	struct guard_lex ahead = *lex;
	struct guard_token t;

	return at(lex, 0) == '(' || (skip_blanks(&ahead, &t) && at(&ahead, 0) == '(');
}

static void word(struct guard_lex *lex, struct guard_token *t)
{
	size_t n = name_len(lex, 0), part = 0;

	if (is_string_prefix(lex, n)) {
		quoted(lex, t, T_STR, n + (at(lex, n) == '&'), '\'');
		return;
	}
	t->first = t->word = NULL;
	/* Dots, and the colon of Informix, between names without blanks. */
	for (;;) {
		size_t dot = n;

		if (at(lex, n) == ':' && begins_name(lex, n + 1))
			dot = n + 1;
		else
			while (dot < n + 2 && at(lex, dot) == '.')
				dot++;
		if (dot == n || !begins_name(lex, dot))
			break;
		if (!part)
			t->first = guard_word_find(lex->p, n);
		part = dot;
		n = name_len(lex, dot);
	}
	t->word = guard_word_find(lex->p + part, n - part);
	take(lex, t, T_WORD, n);
	t->call = is_call(lex);
	/* A keyword is none behind a dot. */
	if (part && t->word && t->word->role != W_FUNC && t->word->role != W_NAME)
		t->word = NULL;
}

static void variable(struct guard_lex *lex, struct guard_token *t, size_t mark)
{
	size_t n = name_len(lex, mark);

	if (at(lex, mark) == '`' || at(lex, mark) == '\'') {
		quoted(lex, t, T_VAR, mark, at(lex, mark));
		return;
	}
	take(lex, t, n == mark ? T_BAD : T_VAR, n == mark ? left(lex) : n);
}

/* $1, $name, or a string between two $tag$. */
static void dollar(struct guard_lex *lex, struct guard_token *t)
{
	size_t n = name_len(lex, 1);
	const uint8_t *end;

	while (n > 1 && at(lex, n - 1) == '$')
		n--;
	if (at(lex, n) != '$' || n > 64) {
		take(lex, t, n > 1 ? T_VAR : T_BAD, n > 1 ? n : left(lex));
		return;
	}
	n++;
	end = memmem(lex->p + n, left(lex) - n, lex->p, n);
	if (end)
		take(lex, t, T_STR, (size_t)(end - lex->p) + n);
	else
		take(lex, t, T_BAD, left(lex));
}

static void compare(struct guard_lex *lex, struct guard_token *t)
{
	size_t n = 0;

	while (n < 3 && strchr("=<>!~", at(lex, n)) && at(lex, n))
		n++;
	/* A second operand may begin with ~ or !. */
	while (n > 1 && strchr("~!", at(lex, n - 1)) && at(lex, 0) != '!' && at(lex, 0) != '~')
		n--;
	if (n == 1 && (at(lex, 0) == '!' || at(lex, 0) == '~'))
		take(lex, t, T_UNARY, 1);
	else
		take(lex, t, T_CMP, n);
}

static void sign(struct guard_lex *lex, struct guard_token *t)
{
	uint8_t c = *lex->p, next = at(lex, 1);

	switch (c) {
	case '(':
		take(lex, t, T_OPENING, 1);
		break;
	case ')':
		take(lex, t, T_CLOSING, 1);
		break;
	case ',':
		take(lex, t, T_COMMA, 1);
		break;
	case ';':
		take(lex, t, T_SEMI, 1);
		break;
	case '*':
		take(lex, t, T_STAR, 1);
		break;
	case '&':
	case '|':
		take(lex, t, next == c ? T_LOGIC : T_ARITH, next == c ? 2 : 1);
		break;
	case '+':
	case '-':
	case '/':
	case '%':
	case '^':
	case '#':
		take(lex, t, T_ARITH, next == '>' && c != '/' && c != '%' ? 2 : 1);
		break;
	case '?':
		take(lex, t, T_VAR, 1);
		break;
	case '\\': /* MySQL's \N is NULL */
		take(lex, t, next == 'N' ? T_NUM : T_BAD, 2);
		break;
	case 0:
	case 0x16:
	case 0x1a:
		lex->p++;
		take(lex, t, T_TAIL, left(lex));
		break;
	default:
		take(lex, t, T_BAD, left(lex));
	}
}

void guard_lex_init(struct guard_lex *lex, const uint8_t *p, const uint8_t *end, uint8_t quote)
{
	*lex = (struct guard_lex){.p = p, .end = end, .quote = quote};
}

void guard_lex_next(struct guard_lex *lex, struct guard_token *t)
{
	uint8_t c, next;

	t->word = t->first = NULL;
	t->call = false;
	if (!skip_blanks(lex, t))
		return;
	if (lex->p == lex->end) {
		take(lex, t, T_END, 0);
		return;
	}
	c = *lex->p;
	next = at(lex, 1);
	if (c == '\'' || c == '"')
		quoted(lex, t, T_STR, 0, c);
	else if (is(c, C_DIGIT) || (c == '.' && is(next, C_DIGIT)))
		number(lex, t);
	else if (is(c, C_WORD))
		word(lex, t);
	else if (c == '`')
		quoted(lex, t, T_QUOTED, 0, c);
	else if (c == '[')
		quoted(lex, t, T_QUOTED, 0, ']');
	else if (c == '@')
		variable(lex, t, next == '@' ? 2 : 1);
	else if (c == ':' && next == ':')
		take(lex, t, T_CAST, 2);
	else if (c == ':' && next == '=')
		take(lex, t, T_ASSIGN, 2);
	else if (c == ':')
		variable(lex, t, 1);
	else if (c == '$')
		dollar(lex, t);
	else if (strchr("=<>!~", c) && c)
		compare(lex, t);
	else
		sign(lex, t);
}

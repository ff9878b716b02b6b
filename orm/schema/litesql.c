/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens by https://sqlite.org/lang_keywords.html and lang_comment.html; no state is kept. */
#include <string.h>
#include <strings.h>

#include <orm/schema/litesql.h>

enum lite_kind { LITE_END, LITE_WORD, LITE_QUOTED, LITE_TEXT, LITE_COMMENT, LITE_MARK };

struct lite {
	enum lite_kind kind;
	struct orm_word word; /* without quotes or comment marks */
};

static struct orm_word span(const char *from, const char *to)
{
	return (struct orm_word){from, (size_t)(to - from)};
}

/* Behind the closing quote, doubled ones passed over; or the end of the text. */
static const char *quote_end(const char *at, char quote)
{
	for (at++; *at; at++) {
		if (*at != quote)
			continue;
		if (at[1] != quote || quote == ']')
			return at + 1;
		at++;
	}
	return at;
}

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static const char *next(const char *at, struct lite *t)
{
	const char *end;

	at += strspn(at, " \t\r\n\f\v");
	end = at + 1;
	if (!*at) {
		*t = (struct lite){LITE_END, {at, 0}};
		return at;
	}
	if (*at == '/' && at[1] == '*') {
		const char *close = strstr(at + 2, "*/");

		end = close ? close : at + strlen(at);
		*t = (struct lite){LITE_COMMENT, span(at + 2, end)};
		return close ? close + 2 : end;
	}
	if (*at == '-' && at[1] == '-') {
		end = at + strcspn(at, "\n");
		*t = (struct lite){LITE_COMMENT, span(at + 2, end)};
		return end;
	}
	if (*at == '"' || *at == '`' || *at == '[' || *at == '\'') {
		end = quote_end(at, *at == '[' ? ']' : *at);
		*t = (struct lite){*at == '\'' ? LITE_TEXT : LITE_QUOTED,
				   span(at + 1, end > at + 1 ? end - 1 : end)};
		return end;
	}
	if (is_word_char(*at)) {
		while (is_word_char(*end))
			end++;
		*t = (struct lite){LITE_WORD, span(at, end)};
		return end;
	}
	*t = (struct lite){LITE_MARK, span(at, end)};
	return end;
}

static bool is_word(const struct lite *t, const char *word)
{
	return t->kind == LITE_WORD && t->word.len == strlen(word) &&
	       !strncasecmp(t->word.at, word, t->word.len);
}

static bool is_mark(const struct lite *t, char mark)
{
	return t->kind == LITE_MARK && *t->word.at == mark;
}

/* From behind a '(' to behind its ')'; NULL: there is none. */
static const char *close_of(const char *at, const char **ret_inner_end)
{
	unsigned depth = 1;
	struct lite t;

	for (;;) {
		at = next(at, &t);
		if (t.kind == LITE_END)
			return NULL;
		depth += is_mark(&t, '(');
		depth -= is_mark(&t, ')');
		if (!depth) {
			*ret_inner_end = t.word.at;
			return at;
		}
	}
}

static struct orm_word trim(struct orm_word w)
{
	while (w.len && strchr(" \t\r\n", *w.at))
		w.at++, w.len--;
	while (w.len && strchr(" \t\r\n", w.at[w.len - 1]))
		w.len--;
	return w;
}

/* What a token of a part is about; `before` is the name that CONSTRAINT gave. */
static const char *take(const char *at, const struct lite *t, struct litepart *part,
			struct orm_word *before)
{
	struct lite open;
	const char *inner, *end;

	if (t->kind == LITE_COMMENT && !part->comment.at)
		part->comment = trim(t->word);
	if (is_word(t, "CONSTRAINT")) {
		at = next(at, &open);
		*before = open.word;
		return at;
	}
	part->has_collate |= is_word(t, "COLLATE");
	part->has_autoincrement |= is_word(t, "AUTOINCREMENT");
	part->has_deferrable |= is_word(t, "DEFERRABLE");
	if (is_mark(t, '(')) /* of a default, a list of columns, a type */
		return close_of(at, &inner);
	if (!is_word(t, "CHECK"))
		return at;
	at = next(at, &open);
	end = is_mark(&open, '(') ? close_of(at, &inner) : NULL;
	if (!end)
		return NULL;
	if (part->check.at) {
		part->more_checks = true;
		return end;
	}
	part->check = trim(span(at, inner));
	part->check_name = *before;
	return end;
}

static bool begins_constraint(const struct lite *t)
{
	static const char *const words[] = {"CONSTRAINT", "CHECK", "PRIMARY", "UNIQUE", "FOREIGN"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (is_word(t, words[i]))
			return true;
	return false;
}

const char *litesql_begin(const char *sql)
{
	struct lite t;

	do {
		sql = next(sql, &t);
	} while (t.kind != LITE_END && !is_mark(&t, '('));
	return t.kind == LITE_END ? NULL : sql;
}

/* Comments between two parts belong to none. */
static const char *first_token(const char *at, struct lite *t)
{
	do {
		at = next(at, t);
	} while (t->kind == LITE_COMMENT);
	return at;
}

int litesql_next(const char **at, struct litepart *ret_part)
{
	struct litepart part = {0};
	struct orm_word before = {0};
	const char *p = *at;
	struct lite t;

	if (!*p)
		return 0;
	p = first_token(p, &t);
	part.constraint = begins_constraint(&t);
	if (!part.constraint)
		part.name = t.word;
	else
		p = take(p, &t, &part, &before);
	while (p) {
		p = next(p, &t);
		if (t.kind == LITE_END)
			return -1;
		if (is_mark(&t, ',') || is_mark(&t, ')')) {
			/* What follows the last part is of no concern. */
			*at = is_mark(&t, ',') ? p : p + strlen(p);
			if (part.constraint)
				part.name = before;
			*ret_part = part;
			return 1;
		}
		p = take(p, &t, &part, &before);
	}
	return -1;
}

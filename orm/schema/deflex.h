/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of a file of lists: as much of C as these files are made of. */
#ifndef STRAZH_ORM_DEFLEX_H
#define STRAZH_ORM_DEFLEX_H

#include <strazh/orm/error.h>

#include <orm/table/keys.h>

enum lex_kind { LEX_END, LEX_EOL, LEX_HASH, LEX_NAME, LEX_NUMBER, LEX_STRING, LEX_MARK };

struct token {
	enum lex_kind kind;
	struct orm_word word; /* of a string with its quotes */
	unsigned line;
	unsigned column;
};

struct lex {
	const char *file;
	const char *at;
	const char *end;
	unsigned line;
	unsigned column;
	bool directive; /* a line's end is a token */
	struct orm_error *err;
};

/* 0 or ORM_E_QUERY: a string or comment without end. After the end: LEX_END for ever. */
int lex_next(struct lex *lex, struct token *ret_token) must_check;
/* Past the end of this line, whatever it holds. */
void lex_skip_line(struct lex *lex);
/* file:line:column: text. Returns ORM_E_QUERY. */
int lex_refuse(const struct lex *lex, const struct token *at, const char *format, ...)
	printf_like(3, 4);
/* The text of one string token, its escapes undone; `to` has room for word.len. -1: a wrong escape.
 */
int lex_unquote(struct orm_word string, char *to, size_t *len) must_check;

#endif

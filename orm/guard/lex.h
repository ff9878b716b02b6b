/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of a value that may be SQL, as any of the databases would cut it: PostgreSQL, SQLite,
 * MySQL, SQL Server, Oracle. Where they differ the reading is taken that serves an attacker.
 *
 *	blanks    all control blanks, 0xA0, comments with an end, the marks of MySQL's conditional
 *	          comments (their content is code)
 *	T_TAIL    a comment to the end of the text; also NUL and 0x16, which end it for Access
 *	T_OPEN    a string without an end, in the quotes of the context, which the program's own
 *	          quote closes; bare, in any: tried by those who guess wrong
 *	T_WORD    a name with all its dots (sys.a, master..b), looked up by its last part
 */
#ifndef STRAZH_ORM_GUARD_LEX_H
#define STRAZH_ORM_GUARD_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <orm/guard/words.h>

enum guard_kind {
	T_END,
	T_BAD, /* no database takes this here */
	T_NUM,
	T_STR,
	T_OPEN,
	T_WORD,
	T_QUOTED, /* `name` or [name] */
	T_VAR,	  /* @x, @@x, :x, ?, $1 */
	T_CMP,
	T_ARITH, /* two operands; + and - also one */
	T_STAR,
	T_UNARY, /* ~ and ! */
	T_LOGIC, /* &&, and || which is or for some */
	T_CAST,	 /* :: */
	T_ASSIGN,
	T_COMMA,
	T_OPENING,
	T_CLOSING,
	T_SEMI,
	T_TAIL,
};

struct guard_token {
	uint8_t kind;	  /* enum guard_kind */
	bool glued;	  /* no blank before it */
	bool call;	  /* a word with ( behind it */
	const uint8_t *p; /* of a comment: its text */
	size_t len;
	const struct guard_word *word;	/* of T_WORD, or NULL: a plain name */
	const struct guard_word *first; /* of a name with dots: its first part */
};

struct guard_lex {
	const uint8_t *p, *end;
	uint8_t quote;	     /* of the context; 0: none */
	uint8_t conditional; /* open comments of MySQL's kind */
	uint8_t comments;    /* met as blanks; stays at 255 */
};

void guard_lex_init(struct guard_lex *lex, const uint8_t *p, const uint8_t *end, uint8_t quote);
void guard_lex_next(struct guard_lex *lex, struct guard_token *ret_token);

#endif

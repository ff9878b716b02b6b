/* SPDX-License-Identifier: Apache-2.0 */
/* Words that mean something in SQL: what they do in a sentence, and what they betray. */
#ifndef STRAZH_ORM_GUARD_WORDS_H
#define STRAZH_ORM_GUARD_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* What a word does. W_FUNC and W_NAME are names otherwise. */
enum guard_role {
	W_NAME, /* of the catalog of some database */
	W_FUNC, /* a function when ( follows */
	W_AND,
	W_OR,
	W_NOT,
	W_CMP,
	W_BETWEEN,
	W_IS,
	W_CONST,
	W_PREFIX, /* before an operand: DISTINCT, EXISTS, INTERVAL */
	W_SELECT,
	W_VALUES,
	W_UNION,
	W_ALL,
	W_FROM,
	W_WHERE,
	W_ON,
	W_GROUP,
	W_ORDER,
	W_BY,
	W_LIMIT,
	W_INTO,
	W_FILE,
	W_PROCEDURE,
	W_AS,
	W_CASE,
	W_WHEN,
	W_THEN,
	W_ELSE,
	W_ENDS,
	W_JOIN,
	W_SORT,	  /* after an operand: ASC, DESC, NULLS */
	W_SUFFIX, /* after an operand, takes one more: COLLATE, ESCAPE, USING */
	W_TYPE,
	W_STATEMENT,
	W_OBJECT, /* TABLE, DATABASE: what statements are about */
	W_SET,
	W_IF, /* a function whose first argument is a condition; IF is a statement as well */
	W_FOR,
	W_TO,
	W_MODE, /* BOOLEAN MODE */
};

struct guard_word {
	const char *text;
	uint8_t len;
	uint8_t role;	 /* enum guard_role */
	uint8_t class;	 /* enum orm_guard_class it is a sign of, or NONE */
	uint8_t weight;	 /* of the sign, in hundredths */
	uint16_t second; /* of a statement: what may follow it, enum guard_after */
	uint16_t third;	 /* and then; 0: anything */
};

/* What follows the first word of a statement. */
enum guard_after {
	A_NAME = 1,
	A_VAR = 2,
	A_STR = 4,
	A_NUM = 8,
	A_OPENING = 16,
	A_OBJECT = 32,
	A_INTO = 64,
	A_FROM = 128,
	A_SET = 256,
	A_FUNC = 512, /* a function known to be dangerous, or a name with dots or _ */
	A_TO = 1024,
	A_STATEMENT = 2048,
	A_END = 4096,
	A_ASSIGN = 8192,
	A_SELECT = 16384,
	A_DELAY = 32768,
};

/* NULL: not one of them. Upper and lower case are the same. */
const struct guard_word *guard_word_find(const uint8_t *p, size_t len);
/* For the test that the table is in order. */
const struct guard_word *guard_word_at(size_t i);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decimal numbers of any length as text, in the form in which PostgreSQL prints numeric: "1.50" and
 * "1.5" stay two numbers of different scale, "+01.50" is "1.50", "15e-1" is "1.5".
 */
#ifndef STRAZH_ORM_DECIMAL_H
#define STRAZH_ORM_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>

#include <strazh/base/compiler.h>

/* PostgreSQL's own limits. */
#define ORM_DECIMAL_WHOLE_MAX 131072
#define ORM_DECIMAL_SCALE_MAX 16383

/* What was read; points into the text. */
struct orm_decimal {
	const char *special; /* "NaN", "Infinity", "-Infinity"; or NULL */
	const char *whole;   /* digits before the point, without leading zeros */
	const char *part;    /* after it */
	size_t whole_len;
	size_t part_len;
	long shift; /* the exponent */
	bool minus;
};

/* 0, or ORM_E_VALUE with *ret_why, a constant. */
int orm_decimal_parse(const char *text, size_t len, struct orm_decimal *ret_decimal,
		      const char **ret_why) must_check;
/* Characters of its text, without NUL. */
size_t orm_decimal_len(const struct orm_decimal *decimal);
/* Writes so many and a NUL. */
void orm_decimal_emit(const struct orm_decimal *decimal, char *to);

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Results as sqllogictest writes them: values as text, in order, and their hash. */
#ifndef TESTS_ORM_TOOLS_KIT_SLT_VALUE_H
#define TESTS_ORM_TOOLS_KIT_SLT_VALUE_H

#include <stddef.h>

#include <strazh/base/compiler.h>
#include <strazh/orm/session.h>

#include <tests/orm/tools/kit/slt_read.h>

struct slt_values {
	char **v; /* row after row */
	size_t n;
	unsigned columns;
};

/*
 * One value under a type letter: I an integer (a fraction is cut, of a text the number that it
 * begins with), R with three digits behind the point, T the text with @ for each byte that is not
 * printable ASCII, and "(empty)". NULL is "NULL" always. malloc'ed, or NULL.
 */
char *slt_format(char type, const struct orm_value *value) must_check;
/* All values of a result, `types` a letter a column. 0 or -ENOMEM. */
int slt_values_of(const struct orm_result *result, const char *types,
		  struct slt_values *ret_values) must_check;
void slt_values_free(struct slt_values *values);
void slt_values_sort(struct slt_values *values, enum slt_sort sort);
/* MD5 of each value with a newline behind it. 0 or -EIO: libcrypto has no MD5. */
int slt_values_hash(const struct slt_values *values, char ret_hash[33]) must_check;

#endif

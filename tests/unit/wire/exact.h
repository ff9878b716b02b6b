/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Bytes in memory that ends where they end, so that a sanitizer sees the first one too many. */
#ifndef STRAZH_TESTS_UNIT_WIRE_EXACT_H
#define STRAZH_TESTS_UNIT_WIRE_EXACT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* free() it. */
static inline uint8_t *exact(const void *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	if (len)
		memcpy(copy, bytes, len);
	return copy;
}

/* Every condition has a text, and nothing else has one. */
static inline void check_texts(const char *(*text)(int condition), int last)
{
	assert_null(text(0));
	assert_null(text(-1));
	assert_null(text(last + 1));
	for (int i = 1; i <= last; i++) {
		assert_non_null(text(i));
		for (int j = 1; j < i; j++)
			assert_string_not_equal(text(i), text(j));
	}
}

#endif

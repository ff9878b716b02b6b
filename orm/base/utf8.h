/* SPDX-License-Identifier: Apache-2.0 */
/* What a text must be for both databases: UTF-8 (RFC 3629), without a NUL. */
#ifndef STRAZH_ORM_UTF8_H
#define STRAZH_ORM_UTF8_H

#include <stdbool.h>
#include <stddef.h>

enum orm_utf8 { ORM_UTF8_OK, ORM_UTF8_NUL, ORM_UTF8_BAD };

/* What comes first in the text. Surrogates, overlong forms and what is above U+10FFFF are BAD. */
enum orm_utf8 orm_utf8_check(const void *text, size_t len);

/*
 * Of a JSON text that is known to be valid: do its \u escapes stand for text? \u0000 and half of a
 * surrogate pair do not; jsonb refuses them, json does not look.
 */
bool orm_json_escapes_ok(const char *text, size_t len);

#endif

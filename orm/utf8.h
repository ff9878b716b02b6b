/* SPDX-License-Identifier: Apache-2.0 */
/* What a text must be for both databases: UTF-8 (RFC 3629), without a NUL. */
#ifndef STRAZH_ORM_UTF8_H
#define STRAZH_ORM_UTF8_H

#include <stddef.h>

enum orm_utf8 { ORM_UTF8_OK, ORM_UTF8_NUL, ORM_UTF8_BAD };

/* What comes first in the text. Surrogates, overlong forms and what is above U+10FFFF are BAD. */
enum orm_utf8 orm_utf8_check(const void *text, size_t len);

#endif

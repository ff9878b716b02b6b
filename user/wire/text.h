/* SPDX-License-Identifier: Apache-2.0 */
/* Names and texts that one peer says and another shows. */
#ifndef STRAZH_USER_WIRE_TEXT_H
#define STRAZH_USER_WIRE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <strazh/base/compiler.h>

/*
 * UTF-8 as RFC 3629 section 4 has it (shortest form, no surrogates, up to U+10FFFF) without control
 * characters (U+0000 to U+001F, U+007F to U+009F): safe on a terminal and in a line of a log. The
 * empty text is clean.
 */
bool text_clean(const void *bytes, size_t len) must_check;

#endif

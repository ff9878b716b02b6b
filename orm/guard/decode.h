/* SPDX-License-Identifier: Apache-2.0 */
/* Encodings that a program or a proxy may undo after the guard saw the value. */
#ifndef STRAZH_ORM_GUARD_DECODE_H
#define STRAZH_ORM_GUARD_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUARD_DECODE_MAX 4096U

/* Cheap: is there anything that looks encoded? */
bool guard_is_encoded(const uint8_t *p, size_t len);
/*
 * One round: %27, %u0027, \u0027, \x27, \', &#39;, &#x27;, &apos;, overlong UTF-8, full-width
 * ASCII; NUL is dropped.
 * Where no blank is, + is one. The result is never longer. `to` has
 * GUARD_DECODE_MAX bytes and may be `p`. Returns its length, or 0: nothing was encoded.
 */
size_t guard_decode(const uint8_t *p, size_t len, uint8_t *to);

#endif

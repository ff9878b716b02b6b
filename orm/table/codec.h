/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as base64 (RFC 4648, section 4): padded, one text for each value. */
#ifndef STRAZH_ORM_CODEC_H
#define STRAZH_ORM_CODEC_H

#include <stdbool.h>

#include <strazh/base/compiler.h>
#include <strazh/orm/types.h>

/* Characters of `len` bytes, without a NUL. */
static inline size_t base64_len(size_t len)
{
	return (len + 2) / 3 * 4;
}
/* Writes base64_len(len) characters and no NUL. */
void base64_encode(const void *data, size_t len, char *to);
/* `to` has room for len / 4 * 3 bytes. False: not the text of any bytes. */
bool base64_decode(const char *text, size_t len, void *to, size_t *ret_len) must_check;

#endif

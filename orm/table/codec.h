/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of bytes and UUIDs. Base64 is RFC 4648, section 4: padded, one text for each value. */
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

#define UUID_TEXT_LEN 36
/* Lower case, and a NUL behind it. */
void uuid_encode(const uint8_t uuid[16], char to[UUID_TEXT_LEN + 1]);
/* Either case, with its hyphens. */
bool uuid_decode(const char *text, size_t len, struct orm_uuid *ret_uuid) must_check;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 (RFC 4648, section 4) of keys: no table and no branch depends on what is encoded. Strict:
 * padding must be there, bits that no byte has must be 0, nothing else may stand between, so that
 * there is one text for each value.
 */
#ifndef STRAZH_USER_CRYPTO_BASE64_H
#define STRAZH_USER_CRYPTO_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>

#define BASE64_LEN(len) (((len) + 2) / 3 * 4) /* without a terminator */

enum base64_condition {
	BASE64_BAD = 1, /* not the text of anything */
	BASE64_LONG,	/* of more than max bytes */
};

/* ret_text: BASE64_LEN(len) + 1 bytes, terminated. */
void base64_emit(const void *bytes, size_t len, char *ret_text);
/* ret_bytes: up to max; on a condition what it holds is wiped. */
int base64_parse(const char *text, size_t text_len, size_t max, void *ret_bytes,
		 size_t *ret_len) must_check;

#endif

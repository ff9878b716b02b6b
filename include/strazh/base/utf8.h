/* SPDX-License-Identifier: Apache-2.0 */
/* One character of UTF-8 at a time. What a text may be, and how long, is its reader's business. */
#ifndef STRAZH_BASE_UTF8_H
#define STRAZH_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Bytes of the character that begins at `at`, of which `left` may be read, at least one; 0: none
 * does. RFC 3629 section 4: no overlong forms, no surrogates, nothing above U+10FFFF. NUL is one.
 */
static inline size_t utf8_len(const unsigned char *at, size_t left)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (at[0] < 0x80)
		return 1;
	if (at[0] < 0xc2 || at[0] > 0xf4)
		return 0;
	len = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	if (len > left)
		return 0;
	if (at[0] == 0xe0)
		low = 0xa0;
	else if (at[0] == 0xed)
		high = 0x9f;
	else if (at[0] == 0xf0)
		low = 0x90;
	else if (at[0] == 0xf4)
		high = 0x8f;
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/* C0, DEL, C1, of a character that is one: they could drive the terminal of whoever reads it. */
static inline bool utf8_is_control(const unsigned char *at)
{
	return at[0] < 0x20 || at[0] == 0x7f || (at[0] == 0xc2 && at[1] < 0xa0);
}

#endif

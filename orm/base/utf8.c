/* SPDX-License-Identifier: Apache-2.0 */
#include <orm/base/utf8.h>

#include <stdint.h>
#include <string.h>

#include <strazh/base/utf8.h>

#define ONES 0x0101010101010101ULL
#define HIGHS 0x8080808080808080ULL

/* Eight characters of ASCII, none of them NUL. With no high bit set a borrow means a zero byte. */
static int is_plain(const unsigned char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return !((word | (word - ONES)) & HIGHS);
}

enum orm_utf8 orm_utf8_check(const void *text, size_t len)
{
	const unsigned char *p = text;
	const unsigned char *end = len ? p + len : p; /* NULL is an empty text */

	while (p < end) {
		size_t n;

		if (end - p >= 8 && is_plain(p)) {
			p += 8;
			continue;
		}
		if (!*p)
			return ORM_UTF8_NUL;
		n = utf8_len(p, (size_t)(end - p));
		if (!n)
			return ORM_UTF8_BAD;
		p += n;
	}
	return ORM_UTF8_OK;
}

static unsigned hex_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : ((unsigned)c & 0xdf) - 'A' + 10;
}

/* The \uXXXX that begins at p; 0 when there is none, as for \u0000. */
static unsigned escaped_unit(const char *p, size_t left)
{
	if (left < 6 || p[0] != '\\' || p[1] != 'u')
		return 0;
	return hex_digit(p[2]) << 12 | hex_digit(p[3]) << 8 | hex_digit(p[4]) << 4 |
	       hex_digit(p[5]);
}

bool orm_json_escapes_ok(const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		const char *found = memchr(text + at, '\\', len - at);
		unsigned unit, low;

		if (!found)
			return true;
		at = (size_t)(found - text);
		if (at + 1 < len && text[at + 1] != 'u') {
			at += 2;
			continue;
		}
		unit = escaped_unit(text + at, len - at);
		if (!unit || (unit >= 0xdc00 && unit < 0xe000))
			return false;
		at += 6;
		if (unit < 0xd800 || unit >= 0xe000)
			continue;
		low = at < len ? escaped_unit(text + at, len - at) : 0;
		if (low < 0xdc00 || low >= 0xe000)
			return false;
		at += 6;
	}
	return true;
}

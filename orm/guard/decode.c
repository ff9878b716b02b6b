/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding, one escape after the other; each gives one byte of ASCII (others give what they are).
 * An escape is tried by its first byte; what is none stays as it is.
 */
#include <string.h>

#include <orm/guard/decode.h>
#include <strazh/base/compiler.h>

struct input {
	const uint8_t *p;
	size_t len;
};

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Exactly n digits from p on, of which there are `len`; -1: not so. */
static int hex(const uint8_t *p, size_t len, size_t n)
{
	int value = 0;

	if (len < n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int digit = hex_digit(p[i]);

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

/* Each of these: bytes used, 0 for none; the byte in *ret_byte. */
static size_t percent(struct input in, uint8_t *ret_byte)
{
	int value;

	if (in.len > 1 && (in.p[1] | 0x20) == 'u') {
		value = hex(in.p + 2, in.len - 2, 4);
		if (value >= 0xff01 && value <= 0xff5e)
			value -= 0xfee0;
		if (value < 0 || value > 0xff)
			return 0;
		*ret_byte = (uint8_t)value;
		return 6;
	}
	value = hex(in.p + 1, in.len - 1, 2);
	if (value >= 0) {
		*ret_byte = (uint8_t)value;
		return 3;
	}
	/* Old ASP drops a percent sign that begins nothing: S%ELECT. */
	if (in.len > 1 && in.p[1] > ' ' && in.p[1] < 0x7f && in.p[1] != '%') {
		*ret_byte = in.p[1];
		return 2;
	}
	return 0;
}

static size_t backslash(struct input in, uint8_t *ret_byte)
{
	size_t digits;
	int value;

	if (in.len > 1 && (in.p[1] == '\'' || in.p[1] == '"')) {
		*ret_byte = in.p[1];
		return 2;
	}
	digits = in.len > 1 && in.p[1] == 'u' ? 4 : in.len > 1 && in.p[1] == 'x' ? 2 : 0;
	value = digits ? hex(in.p + 2, in.len - 2, digits) : -1;
	if (value < 0 || value > 0x7f)
		return 0;
	*ret_byte = (uint8_t)value;
	return 2 + digits;
}

static size_t numeric_entity(struct input in, uint8_t *ret_byte)
{
	bool is_hex = in.len > 2 && (in.p[2] | 0x20) == 'x';
	unsigned value = 0, base = is_hex ? 16 : 10;
	size_t i = is_hex ? 3 : 2, begin = i;

	for (; i < in.len && i < begin + 7; i++) {
		int digit = hex_digit(in.p[i]);

		if (digit < 0 || (unsigned)digit >= base)
			break;
		value = value * base + (unsigned)digit;
	}
	if (i == begin || value > 0x7f)
		return 0;
	*ret_byte = (uint8_t)value;
	return i < in.len && in.p[i] == ';' ? i + 1 : i;
}

static size_t entity(struct input in, uint8_t *ret_byte)
{
	static const struct {
		const char *name;
		uint8_t byte;
	} names[] = {{"&apos;", '\''}, {"&quot;", '"'}, {"&lt;", '<'},	   {"&gt;", '>'},
		     {"&amp;", '&'},   {"&nbsp;", ' '}, {"&lpar;", '('},   {"&rpar;", ')'},
		     {"&num;", '#'},   {"&semi;", ';'}, {"&equals;", '='}, {"&comma;", ','}};

	if (in.len > 1 && in.p[1] == '#')
		return numeric_entity(in, ret_byte);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t len = strlen(names[i].name);

		if (in.len >= len && !memcmp(in.p, names[i].name, len)) {
			*ret_byte = names[i].byte;
			return len;
		}
	}
	return 0;
}

/* C0 A7 and E0 80 A7 for 27; EF BC 87 is the full-width form of it. */
static size_t overlong(struct input in, uint8_t *ret_byte)
{
	if (in.len >= 2 && (in.p[0] == 0xc0 || in.p[0] == 0xc1)) {
		*ret_byte = (uint8_t)((in.p[0] & 1) << 6 | (in.p[1] & 0x3f));
		return 2;
	}
	if (in.len >= 3 && in.p[0] == 0xe0 && (in.p[1] == 0x80 || in.p[1] == 0x81)) {
		*ret_byte = (uint8_t)((in.p[1] & 1) << 6 | (in.p[2] & 0x3f));
		return 3;
	}
	if (in.len >= 3 && in.p[0] == 0xef && (in.p[1] == 0xbc || in.p[1] == 0xbd)) {
		unsigned wide = (in.p[1] & 3U) << 6 | (in.p[2] & 0x3fU);

		if (wide < 1 || wide > 0x5e)
			return 0;
		*ret_byte = (uint8_t)(wide + 0x20);
		return 3;
	}
	return 0;
}

static size_t escape(struct input in, uint8_t *ret_byte)
{
	switch (in.p[0]) {
	case '%':
		return percent(in, ret_byte);
	case '\\':
		return backslash(in, ret_byte);
	case '&':
		return entity(in, ret_byte);
	case 0xc0:
	case 0xc1:
	case 0xe0:
	case 0xef:
		return overlong(in, ret_byte);
	default:
		return 0;
	}
}

bool guard_is_encoded(const uint8_t *p, size_t len)
{
	len = MIN(len, GUARD_DECODE_MAX);
	if (memchr(p, '+', len) && !memchr(p, ' ', len) &&
	    (memchr(p, '\'', len) || memchr(p, '"', len) || memchr(p, '=', len)))
		return true;
	if (memchr(p, '%', len) || memchr(p, '\\', len) || memchr(p, '&', len))
		return true;
	return memchr(p, 0xc0, len) || memchr(p, 0xc1, len) || memchr(p, 0xe0, len) ||
	       memchr(p, 0xef, len);
}

size_t guard_decode(const uint8_t *p, size_t len, uint8_t *to)
{
	struct input in = {.p = p, .len = MIN(len, GUARD_DECODE_MAX)};
	bool pluses = !memchr(p, ' ', in.len);
	size_t n = 0, escapes = 0;

	while (in.len) {
		uint8_t byte = *in.p;
		size_t used = escape(in, &byte);

		escapes += used > 0;
		used = used ? used : 1;
		in.p += used;
		in.len -= used;
		/* Many programs lose a NUL on the way. At the end it may have been meant. */
		if (byte || !in.len)
			to[n++] = byte;
	}
	for (size_t i = 0; pluses && i < n; i++)
		if (to[i] == '+') {
			to[i] = ' ';
			escapes++;
		}
	return escapes ? n : 0;
}

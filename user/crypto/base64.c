/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups of 3 bytes and 4 digits. A digit is chosen by masks over the five ranges of the alphabet;
 * what is wrong is gathered and told once, at the end, so that the time tells nothing either.
 */
#include <user/crypto/base64.h>

#include <user/crypto/wipe.h>

#define DIGITS 4U
#define BYTES 3U

/* All ones when from <= value <= to, else 0; all below 2^31. */
static uint32_t mask_in(uint32_t value, uint32_t from, uint32_t to)
{
	return -(((from - 1U - value) & (value - to - 1U)) >> 31);
}

static char digit_of(uint32_t value)
{
	uint32_t digit = (mask_in(value, 0, 25) & (value + 'A')) |
			 (mask_in(value, 26, 51) & (value - 26 + 'a')) |
			 (mask_in(value, 52, 61) & (value - 52 + '0')) |
			 (mask_in(value, 62, 62) & '+') | (mask_in(value, 63, 63) & '/');

	return (char)digit;
}

/* 0 to 63; *bad gets bits when it is no digit. */
static uint32_t value_of(char digit, uint32_t *bad)
{
	const uint32_t d = (unsigned char)digit;
	const uint32_t upper = mask_in(d, 'A', 'Z'), lower = mask_in(d, 'a', 'z');
	const uint32_t number = mask_in(d, '0', '9');
	const uint32_t plus = mask_in(d, '+', '+'), slash = mask_in(d, '/', '/');

	*bad |= ~(upper | lower | number | plus | slash);
	return (upper & (d - 'A')) | (lower & (d - 'a' + 26)) | (number & (d - '0' + 52)) |
	       (plus & 62) | (slash & 63);
}

void base64_emit(const void *bytes, size_t len, char *ret_text)
{
	const uint8_t *from = bytes;

	while (len) {
		const size_t n = MIN(len, BYTES);
		uint32_t group = (uint32_t)from[0] << 16;

		group |= n > 1 ? (uint32_t)from[1] << 8 : 0;
		group |= n > 2 ? from[2] : 0U;
		for (size_t i = 0; i < DIGITS; i++)
			ret_text[i] = i <= n ? digit_of(group >> (18 - 6 * i) & 63) : '=';
		ret_text += DIGITS;
		from += n;
		len -= n;
	}
	*ret_text = '\0';
}

int base64_parse(const char *text, size_t text_len, size_t max, void *ret_bytes, size_t *ret_len)
{
	uint8_t *to = ret_bytes;
	uint32_t bad = 0;
	size_t pads = 0, len;

	if (text_len % DIGITS)
		return BASE64_BAD;
	while (pads < 2 && pads < text_len && text[text_len - 1 - pads] == '=')
		pads++;
	len = text_len / DIGITS * BYTES - pads;
	if (len > max)
		return BASE64_LONG;
	for (size_t at = 0; at < len; at += BYTES, text += DIGITS) {
		const size_t n = MIN(len - at, BYTES);
		uint32_t group = 0;

		for (size_t i = 0; i < DIGITS; i++)
			group = group << 6 | (i <= n ? value_of(text[i], &bad) : 0);
		for (size_t i = 0; i < BYTES; i++) {
			if (i < n)
				to[at + i] = (uint8_t)(group >> (16 - 8 * i));
			else
				bad |= group >> (16 - 8 * i) & 0xff;
		}
	}
	if (bad) {
		wipe(ret_bytes, len);
		return BASE64_BAD;
	}
	*ret_len = len;
	return 0;
}

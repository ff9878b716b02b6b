/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <orm/table/codec.h>

static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *data, size_t len, char *to)
{
	const uint8_t *from = data;

	for (size_t i = 0; i < len; i += 3) {
		size_t have = MIN(len - i, 3);
		uint32_t bits = (uint32_t)from[i] << 16;

		if (have > 1)
			bits |= (uint32_t)from[i + 1] << 8;
		if (have > 2)
			bits |= from[i + 2];
		*to++ = digits64[bits >> 18];
		*to++ = digits64[bits >> 12 & 63];
		*to++ = have > 1 ? digits64[bits >> 6 & 63] : '=';
		*to++ = have > 2 ? digits64[bits & 63] : '=';
	}
}

static int value64(char c)
{
	const char *at = c ? strchr(digits64, c) : NULL;

	return at ? (int)(at - digits64) : -1;
}

bool base64_decode(const char *text, size_t len, void *to, size_t *ret_len)
{
	uint8_t *out = to;
	size_t pad = 0;

	if (len % 4)
		return false;
	if (len && text[len - 1] == '=')
		pad = text[len - 2] == '=' ? 2 : 1;
	for (size_t i = 0; i < len; i += 4) {
		size_t skip = i + 4 == len ? pad : 0;
		uint32_t bits = 0;

		for (size_t k = 0; k < 4; k++) {
			int v = k < 4 - skip ? value64(text[i + k]) : 0;

			if (v < 0)
				return false;
			bits = bits << 6 | (uint32_t)v;
		}
		/* Bits that the padding hides are 0, or two texts would be one value. */
		if (bits & ((1U << 8 * skip) - 1))
			return false;
		for (size_t k = 0; k < 3 - skip; k++)
			*out++ = (uint8_t)(bits >> (16 - 8 * k));
	}
	*ret_len = (size_t)(out - (uint8_t *)to);
	return true;
}

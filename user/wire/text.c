/* SPDX-License-Identifier: Apache-2.0 */
/* One character at a time by its first byte; the table of RFC 3629 section 4. */
#include <user/wire/text.h>

#include <stdint.h>

/* How the characters that begin with first..last go on: `more` bytes, the first of them in
 * low..high, the others in 80..BF. */
static const struct lead {
	uint8_t first, last, more, low, high;
} leads[] = {
	{0x20, 0x7e, 0, 0, 0},	     {0xc2, 0xc2, 1, 0xa0, 0xbf}, /* C2 80 to C2 9F: controls */
	{0xc3, 0xdf, 1, 0x80, 0xbf}, {0xe0, 0xe0, 2, 0xa0, 0xbf}, {0xe1, 0xec, 2, 0x80, 0xbf},
	{0xed, 0xed, 2, 0x80, 0x9f}, {0xee, 0xef, 2, 0x80, 0xbf}, {0xf0, 0xf0, 3, 0x90, 0xbf},
	{0xf1, 0xf3, 3, 0x80, 0xbf}, {0xf4, 0xf4, 3, 0x80, 0x8f},
};

static const struct lead *lead_of(uint8_t byte)
{
	for (size_t i = 0; i < ARRAY_LEN(leads); i++)
		if (byte >= leads[i].first && byte <= leads[i].last)
			return &leads[i];
	return NULL;
}

bool text_clean(const void *bytes, size_t len)
{
	const uint8_t *at = bytes, *end = at + len;

	while (at < end) {
		const struct lead *lead = lead_of(*at++);

		if (!lead || lead->more > end - at)
			return false;
		for (unsigned i = 0; i < lead->more; i++, at++) {
			uint8_t low = i ? 0x80 : lead->low, high = i ? 0xbf : lead->high;

			if (*at < low || *at > high)
				return false;
		}
	}
	return true;
}

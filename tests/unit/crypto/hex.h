/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Vectors are written as their documents write them. */
#ifndef TESTS_UNIT_CRYPTO_HEX_H
#define TESTS_UNIT_CRYPTO_HEX_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Length; aborts when the text is no hex or longer than `most` bytes. */
static inline size_t unhex(const char *hex, void *to, size_t most)
{
	uint8_t *out = to;
	size_t n = 0;

	for (; hex[0] && hex[1]; hex += 2) {
		char two[3] = {hex[0], hex[1], 0}, *end;

		if (n == most)
			abort();
		out[n++] = (uint8_t)strtoul(two, &end, 16);
		if (*end)
			abort();
	}
	if (hex[0])
		abort();
	return n;
}

#define assert_hex(bytes, hex)                                                                     \
	do {                                                                                       \
		uint8_t wanted_[1024];                                                             \
		size_t len_ = unhex(hex, wanted_, sizeof(wanted_));                                \
		assert_memory_equal(bytes, wanted_, len_);                                         \
	} while (0)

#endif

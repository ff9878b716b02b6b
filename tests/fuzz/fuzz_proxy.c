/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A PROXY header in pieces: what is judged from its beginning stays judged with more bytes, a
 * header's length lies in what there is, and bytes behind it change nothing.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <user/net/proxy.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of exactly `len` bytes, so that a sanitizer sees what is read behind them. */
static int parse(const uint8_t *data, size_t len, struct proxy_header *ret_header)
{
	uint8_t *copy = malloc(len ? len : 1);
	int r;

	if (!copy)
		abort();
	memcpy(copy, data, len);
	r = proxy_parse(copy, len, ret_header);
	free(copy);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header whole = {0}, part = {0};
	int r = parse(data, size, &whole);

	if (!r && (whole.len < 16 || whole.len > size || whole.len > PROXY_MAX))
		abort();
	if (!r && whole.named != (whole.from.family != 0))
		abort();
	if (r && whole.len)
		abort(); /* untouched on failure */
	for (size_t len = 0; len < size; len += 1 + len / 16) {
		int before = parse(data, len, &part);

		if (before != PROXY_SHORT && before != r)
			abort();
	}
	if (!r && (parse(data, whole.len, &part) || part.len != whole.len))
		abort();
	if (!r && parse(data, whole.len - 1, &part) != PROXY_SHORT)
		abort();
	return 0;
}

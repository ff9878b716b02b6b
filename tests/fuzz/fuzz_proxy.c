/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A PROXY header in pieces: what is judged from its beginning stays judged with more bytes, a
 * header's length lies in what there is, and bytes behind it change nothing.
 */
#include "must.h"

#include <user/net/proxy.h>

/* A copy of exactly `len` bytes, so that a sanitizer sees what is read behind them. */
static int parse(const uint8_t *data, size_t len, struct proxy_header *ret_header)
{
	uint8_t *copy = malloc(len ? len : 1);
	int r;

	MUST(copy);
	memcpy(copy, data, len);
	r = proxy_parse(copy, len, ret_header);
	free(copy);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header whole = {0}, part = {0};
	int r = parse(data, size, &whole);

	MUST(r || (whole.len >= 16 && whole.len <= size && whole.len <= PROXY_MAX));
	MUST(r || whole.named == (whole.from.family != 0));
	MUST(!r || !whole.len); /* untouched on failure */
	for (size_t len = 0; len < size; len += 1 + len / 16) {
		int before = parse(data, len, &part);

		MUST(before == PROXY_SHORT || before == r);
	}
	MUST(r || (!parse(data, whole.len, &part) && part.len == whole.len));
	MUST(r || parse(data, whole.len - 1, &part) == PROXY_SHORT);
	return 0;
}

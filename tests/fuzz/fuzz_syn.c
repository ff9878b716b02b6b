// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The options of a SYN as the gate reads them (bpf/lib/syn_options.h, compiled for the host) beside
 * a second reader, written from RFC 9293 (3.1), RFC 7323 and RFC 2018.
 */
#include "must.h"

#include <stdbool.h>

#include <bpf/lib/syn_options.h>

struct offer {
	bool stamps, sack;
	uint32_t stamp;
	uint8_t scale;
};

/* One option after the other, from exactly these bytes: reading beyond them is found out. */
static void read_options(const uint8_t *at, const uint8_t *end, struct offer *offer)
{
	while (at < end && *at != 0) {
		if (*at == 1) {
			at++;
			continue;
		}
		if (end - at < 2 || at[1] < 2 || at[1] > end - at)
			return;
		if (at[0] == 3 && at[1] == 3)
			offer->scale = at[2] < 14 ? at[2] : 14;
		if (at[0] == 4 && at[1] == 2)
			offer->sack = true;
		if (at[0] == 8 && at[1] == 10) {
			offer->stamps = true;
			offer->stamp = (uint32_t)at[2] << 24 | (uint32_t)at[3] << 16 |
				       (uint32_t)at[4] << 8 | at[5];
		}
		at += at[1];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct syn_options o = {.scale = SYN_SCALE_NONE, .len = (uint32_t)size};
	struct offer offer = {.scale = SYN_SCALE_NONE};
	uint32_t steps = 0;

	if (size > SYN_OPTIONS_MAX)
		return 0;
	memcpy(o.bytes, data, size);
	memset(o.bytes + size, 8, sizeof(o.bytes) - size); /* what is behind is nobody's option */
	while (steps < SYN_OPTIONS_MAX && !syn_option(steps, &o))
		steps++;
	read_options(data, data + size, &offer);
	MUST(o.stamps == offer.stamps);
	MUST(o.sack == offer.sack);
	MUST(o.scale == offer.scale);
	MUST(o.stamp == offer.stamp);
	MUST(o.at <= size);
	return 0;
}

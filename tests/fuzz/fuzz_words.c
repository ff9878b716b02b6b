// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Limits and ports in words: what is taken is within the bounds of abi/rate.h, and goes through the
 * journal unchanged; what is not has its reason. First byte: which of them.
 */
#include "must.h"

#include <user/ctl/ports.h>
#include <user/gate/limits.h>

#define TEXT_MAX 200

static void check_limit(const struct sz_limit *limit)
{
	char text[LIMIT_TEXT_LEN];
	struct sz_limit again;

	MUST(limit->step_ns <= SZ_RATE_NS_MAX);
	MUST(limit->burst_ns <= SZ_RATE_NS_MAX);
	MUST(limit->byte_burst_ns <= SZ_RATE_NS_MAX);
	limit_format(limit, text);
	MUST(!limit_parse(text, &again));
	MUST(limit_equal(limit, &again));
	(void)limit_pps(limit);
	(void)limit_burst(limit);
	(void)limit_bps(limit);
	(void)limit_bytes(limit);
}

static void say(const struct limit_words *words)
{
	const struct sz_limit usual = limit_default(SZ_RATE_HOST, SZ_RATE_EST);
	struct sz_limit limit = {.step_ns = 10000,
				 .burst_ns = 20000000,
				 .byte_step = 1024,
				 .byte_burst_ns = 10000000};
	char why[LIMIT_WHY_LEN] = "";

	if (!limit_say(words, &usual, &limit, why))
		check_limit(&limit);
	else
		MUST(why[0] && strlen(why) < sizeof(why));
}

static void port(const char *text)
{
	char why[PORT_WHY_LEN] = "", again[PORT_TEXT_LEN];
	uint8_t proto = 0;
	uint16_t number = 0;

	if (port_parse(text, &proto, &number, why)) {
		MUST(why[0]);
		return;
	}
	MUST(number);
	MUST(strlen(port_format(proto, number, again)) < sizeof(again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[TEXT_MAX + 1] = "";
	struct sz_limit limit;

	if (!size || size > TEXT_MAX)
		return 0;
	memcpy(text, data + 1, size - 1);
	switch (data[0] % 6) {
	case 0:
		say(&(struct limit_words){.pps = text});
		break;
	case 1:
		say(&(struct limit_words){.burst = text});
		break;
	case 2:
		say(&(struct limit_words){.bps = text});
		break;
	case 3:
		say(&(struct limit_words){.bytes = text});
		break;
	case 4:
		port(text);
		break;
	default:
		if (!limit_parse(text, &limit))
			check_limit(&limit);
	}
	return 0;
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What is read as a prefix is written so that it is read as the same prefix. Times along with it.
 */
#include "must.h"

#include <user/base/clock.h>
#include <user/base/prefix.h>

#define TEXT_MAX 256

static void check_prefix(const struct prefix *p)
{
	char text[PREFIX_TEXT_LEN];
	struct prefix again;
	size_t len = strlen(prefix_format(p, text));

	MUST(len < sizeof(text));
	MUST(!prefix_parse(text, len, &again));
	MUST(memcmp(p, &again, sizeof(again)) == 0);
	MUST(prefix_covers(p, &again));
	MUST(prefix_compare(p, &again) == 0);
}

static void check_duration(const char *text)
{
	char formatted[DURATION_TEXT_LEN];
	const char *why = NULL;
	uint64_t seconds;

	if (duration_parse(text, &seconds, &why)) {
		MUST(why);
		return;
	}
	MUST(seconds);
	MUST(strlen(duration_format(seconds, formatted)) < sizeof(formatted));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[TEXT_MAX + 1];
	struct prefix p;
	int r;

	if (size > TEXT_MAX)
		return 0;
	r = prefix_parse((const char *)data, size, &p);
	if (!r || r == PREFIX_HOST_BITS)
		check_prefix(&p);
	memcpy(text, data, size);
	text[size] = '\0';
	check_duration(text);
	return 0;
}

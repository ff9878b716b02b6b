/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What strangers write for feeds: the first byte says what follows. The text of a list, an answer
 * of CrowdSec's API, a duration, or a copy as a broken strazh-fetch might leave it.
 */
#include "must_prefix.h"

#include <user/feed/copy.h>
#include <user/feed/lapi.h>
#include <user/feed/text.h>

#define TEXT_MAX 65536
#define ENTRIES 1000U

static void try_text(enum feed_format format, const char *from, size_t len)
{
	char *text = malloc(len + 1);
	struct cidrlist list;

	MUST(text);
	memcpy(text, from, len);
	if (!feed_text_parse(format, text, len, ENTRIES, &list)) {
		MUST(list.count <= ENTRIES);
		for (size_t i = 0; i < list.count; i++)
			must_prefix(&list.entries[i]);
		cidrlist_deinit(&list);
	}
	free(text);
}

static void try_lapi(const char *text, size_t len)
{
	struct lapi_changes c;
	char why[LAPI_WHY_LEN] = "";
	int r = lapi_parse(text, len, FEED_SCOPE_IP | FEED_SCOPE_RANGE, ENTRIES, &c, why);

	MUST(r != LAPI_NO_JSON || (why[0] && strnlen(why, sizeof(why)) < sizeof(why)));
	if (r)
		return;
	MUST(c.count <= ENTRIES && c.count + c.other + c.wrong == c.all);
	for (size_t i = 0; i < c.count; i++) {
		must_prefix(&c.list[i].prefix);
		MUST(c.list[i].gone ||
		     (c.list[i].left_ms && c.list[i].left_ms <= LAPI_DURATION_MOST_MS));
	}
	lapi_changes_deinit(&c);
}

static void try_duration(const char *from, size_t len)
{
	char *text = calloc(1, len + 1);
	uint64_t ms;

	MUST(text);
	memcpy(text, from, len);
	if (!lapi_duration_parse(text, &ms))
		MUST(ms <= LAPI_DURATION_MOST_MS);
	free(text);
}

static void try_copy(const char *from, size_t len, bool lapi)
{
	char *bytes = malloc(len + 1);
	struct feed_copy copy;
	const char *why = NULL;

	MUST(bytes);
	memcpy(bytes, from, len);
	if (feed_copy_check(bytes, len, lapi, ENTRIES, &copy, &why))
		MUST(why);
	else
		for (uint64_t i = 0; i < copy.head.count; i++)
			must_prefix(lapi ? &copy.decisions[i].prefix : &copy.entries[i]);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (!size || size > TEXT_MAX)
		return 0;
	switch (data[0] % 7) {
	case 0:
	case 1:
	case 2:
		try_text((enum feed_format)(data[0] % 7), text, size - 1);
		break;
	case 3:
		try_lapi(text, size - 1);
		break;
	case 4:
		try_duration(text, size - 1);
		break;
	default:
		try_copy(text, size - 1, data[0] % 7 == 5);
		break;
	}
	return 0;
}

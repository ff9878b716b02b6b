/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/guard/kind.h>

#include <stdio.h>

const struct guard_kind_info guard_kinds[GUARD_KIND_COUNT] = {
#define X(code, key, name, weight, cap, class, text)                                               \
	[GUARD_KIND_##code] = {name, text, (weight) / 100.0F, (cap) / 100.0F, GUARD_##class},
	GUARD_KINDS(X)
#undef X
};

const char *guard_kind_names(uint32_t reasons, char text[GUARD_KIND_NAMES_LEN])
{
	int at = 0;

	for (unsigned kind = 0; kind < GUARD_KIND_COUNT; kind++) {
		if (!(reasons & 1U << kind))
			continue;
		at += snprintf(text + at, GUARD_KIND_NAMES_LEN - (size_t)at, "%s%s", at ? "," : "",
			       guard_kinds[kind].name);
	}
	if (!at)
		snprintf(text, GUARD_KIND_NAMES_LEN, "none");
	return text;
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The words of the counters, from the one list. */
#include <user/net/net_stats.h>

static const struct {
	const char *name, *text;
} words[] = {
#define NET_COUNTER_WORDS(code, name, text) {name, text},
	NET_COUNTERS(NET_COUNTER_WORDS)
#undef NET_COUNTER_WORDS
};

const char *net_counter_name(enum net_counter which)
{
	return words[which].name;
}

const char *net_counter_text(enum net_counter which)
{
	return words[which].text;
}

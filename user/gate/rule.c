/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One expiry per origin, whatever number of its lists name an entry: so the expiry of an origin is
 * the longest that any of its live bits was given, and bits whose time is over must be forgotten
 * before the origin says something new, or they would come back to life with it.
 */
#include <user/gate/rule.h>

#include <string.h>

#include <strazh/base/compiler.h>

uint64_t rule_origin_bits(enum sz_table table, enum sz_origin origin)
{
	switch (origin) {
	case SZ_ORIGIN_OPERATOR:
		return 1ULL << SZ_LIST_OPERATOR;
	case SZ_ORIGIN_GUARD:
		return table == SZ_TABLE_DENY ? 1ULL << SZ_LIST_GUARD : ~(1ULL << SZ_PASS_OPERATOR);
	case SZ_ORIGIN_FEED:
		return table == SZ_TABLE_DENY ? RULE_FEED_BITS : 0;
	case SZ_ORIGINS:
		break;
	}
	return 0;
}

enum sz_origin rule_bit_origin(enum sz_table table, uint32_t bit)
{
	enum sz_origin origin = 0;

	while (!(rule_origin_bits(table, origin) & 1ULL << bit))
		origin++;
	return origin;
}

bool rule_is_over(uint32_t until_s, uint32_t now_s)
{
	return until_s && now_s >= until_s;
}

static void tidy(enum sz_table table, struct say *say)
{
	for (enum sz_origin o = 0; o < SZ_ORIGINS; o++)
		if (!(say->lists & rule_origin_bits(table, o)))
			say->until_s[o] = 0;
}

struct say say_make(uint64_t lists, const uint32_t until_s[SZ_ORIGINS])
{
	struct say say = {.lists = lists};

	memcpy(say.until_s, until_s, sizeof(say.until_s));
	return say;
}

bool say_equal(const struct say *a, const struct say *b)
{
	return a->lists == b->lists && memcmp(a->until_s, b->until_s, sizeof(a->until_s)) == 0;
}

uint64_t say_live(enum sz_table table, const struct say *say, uint32_t now_s)
{
	uint64_t live = 0;

	for (enum sz_origin o = 0; o < SZ_ORIGINS; o++)
		if (!rule_is_over(say->until_s[o], now_s))
			live |= say->lists & rule_origin_bits(table, o);
	return live;
}

void say_prune(enum sz_table table, struct say *say, uint32_t now_s)
{
	say->lists = say_live(table, say, now_s);
	tidy(table, say);
}

void say_drop(enum sz_table table, struct say *say, uint64_t bits)
{
	say->lists &= ~bits;
	tidy(table, say);
}

static uint32_t longer(uint32_t a, uint32_t b)
{
	return a && b ? MAX(a, b) : 0;
}

void say_add(enum sz_table table, struct say *say, uint32_t bit, uint32_t until_s, uint32_t now_s)
{
	enum sz_origin origin = rule_bit_origin(table, bit);
	uint64_t mine = 1ULL << bit;

	say_prune(table, say, now_s);
	if (say->lists & rule_origin_bits(table, origin) & ~mine)
		until_s = longer(until_s, say->until_s[origin]);
	say->lists |= mine;
	say->until_s[origin] = until_s;
}

void say_inherit(enum sz_table table, struct say *say, const struct say *above, uint32_t now_s)
{
	struct say more = *above;

	say_prune(table, say, now_s);
	say_prune(table, &more, now_s);
	for (enum sz_origin o = 0; o < SZ_ORIGINS; o++) {
		uint64_t bits = rule_origin_bits(table, o);

		if (!(more.lists & bits))
			continue;
		say->until_s[o] = say->lists & bits ? longer(say->until_s[o], more.until_s[o])
						    : more.until_s[o];
	}
	say->lists |= more.lists;
}

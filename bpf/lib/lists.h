/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is what an entry says in force? Bits of its mask belong to three origins, each with an expiry of
 * its own; an entry is live while any bit is.
 */
#ifndef STRAZH_BPF_LISTS_H
#define STRAZH_BPF_LISTS_H

#include <strazh/abi/rule.h>

#include <bpf/lib/cursor.h>

#define LISTS_OPERATOR 1ULL
/* Which bits are of the guard: in the deny maps one; in never and allow all that no person set. */
#define LISTS_DENY_GUARD (1ULL << SZ_LIST_GUARD)
#define LISTS_PASS_GUARD (~LISTS_OPERATOR)

#define LISTS_NS_PER_S 1000000000ULL

static inlined int lists_over(__u32 until_s, __u64 now_ns)
{
	return until_s && until_s * LISTS_NS_PER_S <= now_ns;
}

/* Has any origin set an end? Else nobody needs the clock. */
static inlined int lists_timed(const struct sz_rule *rule)
{
	return (rule->until_s[SZ_ORIGIN_OPERATOR] | rule->until_s[SZ_ORIGIN_GUARD] |
		rule->until_s[SZ_ORIGIN_FEED]) != 0;
}

/* The bits of `mask` whose origin still has a say. */
static inlined __u64 lists_live(const struct sz_rule *rule, __u64 mask, __u64 guard, __u64 now_ns)
{
	if (lists_over(rule->until_s[SZ_ORIGIN_OPERATOR], now_ns))
		mask &= ~LISTS_OPERATOR;
	if (lists_over(rule->until_s[SZ_ORIGIN_GUARD], now_ns))
		mask &= ~guard;
	if (lists_over(rule->until_s[SZ_ORIGIN_FEED], now_ns))
		mask &= LISTS_OPERATOR | guard;
	return mask;
}

_Static_assert(SZ_LIST_OPERATOR == 0 && SZ_PASS_OPERATOR == 0, "LISTS_OPERATOR");

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The line of a denied host, asked before sz_dhost4: see abi/dline.h. One cache miss, in which both
 * the answer and the counter are.
 */
#ifndef STRAZH_BPF_DLINE_H
#define STRAZH_BPF_DLINE_H

#include <strazh/abi/dline.h>

#include <bpf/lib/lists.h>
#include <bpf/lib/maps.h>
#include <bpf/lib/meter.h>

/*
 * Its slot, else SZ_DLINE_WAYS; 0.0.0.0 meets free ones, which say nothing. Without branches. The
 * number is masked where it is used: kernel 6.1 loses a comparison of a spilled one.
 */
static inlined __u64 dline_find(const struct sz_dline *line, __be32 addr)
{
	__u64 own = 0;

	for (__u32 i = 0; i < SZ_DLINE_WAYS; i++)
		own |= meter_is_zero((__u32)meter_read(&line->slot[i].who) ^ (__u32)addr) << i;
	own = meter_lowest(own);
	asm("" : "+r"(own));
	return own;
}

/* Hits have 32 bits here: every 2^32 of them the entry itself is told. */
static inlined void dline_carry(__be32 addr)
{
	struct sz_rule *rule = bpf_map_lookup_elem(&sz_dhost4, &addr);

	if (rule)
		__sync_fetch_and_add(&rule->hits, SZ_DSLOT_HIT);
}

/* Count a hit. Non-zero: the slot was given to another host meanwhile. */
static inlined int dline_hit(struct sz_dslot *slot, __be32 addr)
{
	__u64 who;

	if (sz_dry)
		return (__u32)meter_read(&slot->who) != (__u32)addr;
	who = __sync_fetch_and_add(&slot->who, SZ_DSLOT_HIT);
	if ((__u32)who != (__u32)addr)
		return 1;
	if (who + SZ_DSLOT_HIT < who)
		dline_carry(addr);
	return 0;
}

/* Non-zero: ask sz_dhost4. Else *ret_lists are the live lists that name the host; 0: none. */
static inlined int dline_ask(__be32 addr, const struct sz_seed *seed, __u64 off, __u64 *ret_lists)
{
	__u32 number = sz_dline_of(seed, addr);
	struct sz_dline *line = bpf_map_lookup_elem(&sz_dline4, &number);
	struct sz_dslot *slot;
	__u64 at, what, mask;

	if (!line)
		return 1;
	at = dline_find(line, addr);
	if (at & SZ_DLINE_WAYS) {
		what = meter_read(&line->slot[0].what);
		return (what & (SZ_DLINE_ALL | SZ_DLINE_BUSY)) != SZ_DLINE_ALL;
	}
	slot = &line->slot[at & (SZ_DLINE_WAYS - 1)];
	what = meter_read(&slot->what);
	if (!(what & SZ_DSLOT_SAYS))
		return 1;
	mask = sz_dslot_lists(what) & ~off;
	if (!mask || (what >> SZ_DSLOT_UNTIL_SHIFT &&
		      lists_over((__u32)(what >> SZ_DSLOT_UNTIL_SHIFT), bpf_ktime_get_boot_ns())))
		return 0;
	if (dline_hit(slot, addr))
		return 1;
	*ret_lists = mask;
	return 0;
}

_Static_assert(SZ_DLINE_WAYS == 4, "meter_lowest()");

#endif

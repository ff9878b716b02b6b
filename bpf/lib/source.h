/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The verdict over the source address: never, allow, denied host, denied prefix, in this order.
 * It looks at nothing but the address, so it holds for every protocol, fragment and header chain.
 *
 * The tries of never and allow cost a denied packet more than all the rest when its entry is in the
 * cache, and few sources have to do with them: a bit in the settings tells which need not ask.
 */
#ifndef STRAZH_BPF_SOURCE_H
#define STRAZH_BPF_SOURCE_H

#include <bpf/lib/dline.h>
#include <bpf/lib/lists.h>
#include <bpf/lib/maps.h>
#include <bpf/lib/packet.h>
#include <bpf/lib/presence.h>

/* The live lists of an entry; a hit counts, whatever the mode makes of it. */
static inlined __u64 source_hit(struct sz_rule *rule, __u64 off, __u64 guard)
{
	__u64 mask = rule->lists & ~off;

	if (mask && lists_timed(rule))
		mask = lists_live(rule, mask, guard, bpf_ktime_get_boot_ns());
	if (mask && !sz_dry)
		__sync_fetch_and_add(&rule->hits, 1);
	return mask;
}

/* `key` is that of `trie`: struct sz_net4 or sz_net6 of full length. */
static inlined __u64 source_in(void *trie, const void *key, __u64 off, __u64 guard)
{
	struct sz_net_rule *net = bpf_map_lookup_elem(trie, key);

	return net ? source_hit(&net->rule, off, guard) : 0;
}

static inlined __u64 source_is(void *hash, const void *key, __u64 off)
{
	struct sz_rule *rule = bpf_map_lookup_elem(hash, key);

	return rule ? source_hit(rule, off, LISTS_DENY_GUARD) : 0;
}

/* NEVER, ALLOW, or PASS. */
static inlined int source_pass4(const struct sz_net4 *key, const struct sz_settings *settings)
{
	__u32 bit = sz_pass4_bit(swap32(key->addr));

	if (settings->pass4_void[bit >> 6] >> (bit & 63) & 1)
		return SZ_REASON_PASS;
	if (source_in(&sz_never4, key, 0, LISTS_PASS_GUARD))
		return SZ_REASON_NEVER;
	return source_in(&sz_allow4, key, 0, LISTS_PASS_GUARD) ? SZ_REASON_ALLOW : SZ_REASON_PASS;
}

static inlined int source_pass6(const struct sz_net6 *key, const struct sz_settings *settings)
{
	__u32 bit = sz_pass6_bit(swap32(load_be32(key->addr)));

	if (settings->pass6_void[bit >> 6] >> (bit & 63) & 1)
		return SZ_REASON_PASS;
	if (source_in(&sz_never6, key, 0, LISTS_PASS_GUARD))
		return SZ_REASON_NEVER;
	return source_in(&sz_allow6, key, 0, LISTS_PASS_GUARD) ? SZ_REASON_ALLOW : SZ_REASON_PASS;
}

/*
 * An expired host says nothing, so its prefix is asked. The key is a copy because kernel 6.1 takes
 * none from memory that a global function was handed.
 */
static inlined int source_ip4(const struct packet *p, const struct sz_settings *settings,
			      const struct sz_seed *seed, __u64 *ret_lists)
{
	__u64 off = settings->lists_off;
	struct sz_net4 key = p->net4;
	int pass = source_pass4(&key, settings);

	if (pass)
		return pass;
	if (dline_ask(key.addr, seed, off, ret_lists))
		*ret_lists = source_is(&sz_dhost4, &key.addr, off);
	if (*ret_lists)
		return SZ_REASON_DENY_HOST;
	*ret_lists = source_in(&sz_dnet4, &key, off, LISTS_DENY_GUARD);
	return *ret_lists ? SZ_REASON_DENY_NET : SZ_REASON_PASS;
}

static inlined int source_ip6(const struct packet *p, const struct sz_settings *settings,
			      __u64 *ret_lists)
{
	__u64 off = settings->lists_off;
	struct sz_net6 key = p->net6;
	int pass = source_pass6(&key, settings);

	if (pass)
		return pass;
	*ret_lists = source_is(&sz_dhost6, key.addr, off);
	if (*ret_lists)
		return SZ_REASON_DENY_HOST;
	*ret_lists = source_in(&sz_dnet6, &key, off, LISTS_DENY_GUARD);
	return *ret_lists ? SZ_REASON_DENY_NET : SZ_REASON_PASS;
}

/* May any list, or sz_reput, speak of it? */
static inlined __u64 source_present(const struct packet *p, const struct sz_settings *settings,
				    const struct sz_seed *seed)
{
	return p->family == 4 ? presence_ip4(p) : presence_ip6(p, seed, settings->present6_levels);
}

/* PASS: no list speaks of it. *ret_lists: who denies it; 0 before. */
static inlined int source_ask(const struct packet *p, const struct sz_settings *settings,
			      const struct sz_seed *seed, __u64 *ret_lists)
{
	return p->family == 4 ? source_ip4(p, settings, seed, ret_lists)
			      : source_ip6(p, settings, ret_lists);
}

#endif

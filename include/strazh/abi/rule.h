/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keys and values of the list maps.
 *
 *   sz_never4/6   LPM_TRIE  sz_net4/6  -> sz_net_rule   never banned
 *   sz_allow4/6   LPM_TRIE  sz_net4/6  -> sz_net_rule   allowed: skips deny and source rates
 *   sz_dnet4/6    LPM_TRIE  sz_net4/6  -> sz_net_rule   denied prefixes
 *   sz_dhost4/6   HASH      sz_host4/6 -> sz_rule       denied hosts
 *
 * User space writes all of it but `hits`, which the gate adds to. An update carries `hits` over;
 * packets that arrive between its read and its write are missing from `hits` (never from the
 * counters per reason). The counter stands inside the entry because a side array costs a denied
 * packet one more cache miss: figures in bpf/README.md. Of a denied IPv4 host most hits are counted
 * in its line (abi/dline.h), from where the sweep carries them here.
 *
 * Times are whole seconds of CLOCK_BOOTTIME, which runs on over suspend and knows no clock steps.
 */
#ifndef STRAZH_ABI_RULE_H
#define STRAZH_ABI_RULE_H

#include <linux/types.h>

/* Who said it. Each origin has an expiry of its own in an entry. */
enum sz_origin {
	SZ_ORIGIN_OPERATOR,
	SZ_ORIGIN_GUARD, /* learned by the daemon */
	SZ_ORIGIN_FEED,	 /* loaded list */
	SZ_ORIGINS,
};

/*
 * Bits of sz_rule.lists in the deny maps. Bits SZ_LIST_FEED .. 63 are given to named lists at run
 * time; sz_list says which name holds which bit.
 */
#define SZ_LIST_OPERATOR 0
#define SZ_LIST_GUARD 1
#define SZ_LIST_FEED 2

/*
 * Bits of sz_rule.lists in the never and allow maps: why an entry is there. All of them are of
 * SZ_ORIGIN_OPERATOR where a person said it, else of SZ_ORIGIN_GUARD.
 */
#define SZ_PASS_OPERATOR 0
#define SZ_PASS_LOOPBACK 1
#define SZ_PASS_OWN 2	  /* an address of this machine */
#define SZ_PASS_GATEWAY 3 /* next hop of a default route */
#define SZ_PASS_DNS 4
#define SZ_PASS_SSH 5 /* the peer of the session in which an operator works */

struct sz_host4 {
	__be32 addr;
};

struct sz_host6 {
	__u8 addr[16];
};

struct sz_net4 {
	__u32 len;
	__be32 addr;
};

struct sz_net6 {
	__u32 len;
	__u8 addr[16];
};

struct sz_rule {
	__u64 lists;		   /* who names it: bit mask */
	__u64 hits;		   /* packets decided by this entry; in observe mode as well */
	__u32 until_s[SZ_ORIGINS]; /* boot time at which that origin's say ends; 0: never */
	__u32 since_s;		   /* boot time of the first entry; 0: before boot or unknown */
};

/*
 * A trie answers with the longest match only. So `rule` is what holds for a packet, own and
 * inherited from every covering prefix of the same map; `own` is what was said of this prefix.
 */
struct sz_net_rule {
	struct sz_rule rule;
	__u64 own_lists;
	__u32 own_until_s[SZ_ORIGINS];
	__u32 len; /* prefix length, as in the key */
};

_Static_assert(sizeof(struct sz_host4) == 4, "layout");
_Static_assert(sizeof(struct sz_host6) == 16, "layout");
_Static_assert(sizeof(struct sz_net4) == 8, "layout");
_Static_assert(sizeof(struct sz_net6) == 20, "layout");
_Static_assert(sizeof(struct sz_rule) == 32, "layout: 96-byte slab with the hash's own 56");
_Static_assert(sizeof(struct sz_net_rule) == 56, "layout");

#endif

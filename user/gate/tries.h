/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One trie of the kernel: reading and writing its entries as struct net. */
#ifndef STRAZH_USER_GATE_TRIES_H
#define STRAZH_USER_GATE_TRIES_H

#include <user/gate/nets.h>

/* Key of both families: the length, then the address; IPv4 uses the first eight bytes. */
struct trie_key {
	uint32_t len;
	uint8_t addr[16];
};

struct trie_key trie_key(const struct prefix *prefix);
struct prefix trie_prefix(uint8_t family, const void *key);

/* What the kernel says. Entries that others wrote may lack `own`: then their rule is their own. */
struct say trie_own(enum sz_table table, const struct sz_net_rule *value);
void trie_take(struct net *net, enum sz_table table, const struct sz_net_rule *value);

int tries_load(struct net_table *t) must_check;
/* The longest entry that covers `prefix`, or it itself: value->len tells which. 0 or -ENOENT. */
int trie_match(int map, const struct prefix *prefix, struct sz_net_rule *ret_value) must_check;
/*
 * What covers a prefix, longest first, without a model: start with {map, prefix}. 0, -ENOENT when
 * there is no more. Entries whose `len` others wrote wrong are told as wide as they claim to be.
 */
struct trie_climb {
	int map;
	struct prefix at;
	bool over;
};
int trie_climb(struct trie_climb *climb, struct prefix *ret_prefix,
	       struct sz_net_rule *ret_value) must_check;
/* Write own and `rule` of the entry; hits are carried over. */
int trie_write(struct net_table *t, struct net *net, const struct say *rule) must_check;
int trie_delete(struct net_table *t, const struct prefix *prefix) must_check; /* 0, -ENOENT */

/*
 * A trie in slices of at most TRIE_SLICE entries. Deleting the entry at which a slice ended makes
 * the next one start over: every entry comes at least once, and `cursor->read` bounds the rest.
 */
#define TRIE_SLICE 1024U
struct trie_slice {
	uint8_t keys[TRIE_SLICE * sizeof(struct trie_key)];
	struct sz_net_rule values[TRIE_SLICE];
	uint32_t count;
	bool last;
};
int trie_slice(int map, uint32_t most, struct nets_cursor *cursor,
	       struct trie_slice *ret_slice) must_check;
/* Key number i of a slice. */
const void *trie_slice_key(const struct trie_slice *slice, uint8_t family, uint32_t i);

#endif

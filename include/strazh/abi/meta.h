/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sz_meta, sz_list, sz_note: what the gate is, and what its lists are called.
 */
#ifndef STRAZH_ABI_META_H
#define STRAZH_ABI_META_H

#include <linux/types.h>

#include <strazh/abi/hash.h>
#include <strazh/abi/limits.h>

/* sz_meta, ARRAY of one, mmapable. */
struct sz_meta {
	/*
	 * SZ_LAYOUT; 0 until the first packet or the first opening by user space, which fills in
	 * sz_limit and draws the seed first.
	 */
	__u32 layout;
	/*
	 * The program instance in charge. While a new program and an old one overlap under a
	 * dispatcher, the one whose own number (constant `sz_instance`) is not this one passes.
	 * Objects loaded by ip or xdp-loader have number 0, as has a fresh map.
	 */
	__u32 instance;
	/*
	 * Drawn by whoever comes first, program or user space: each word is swapped once from 0
	 * to a random odd number, so every reader that has seen no 0 in it sees the same seed.
	 */
	struct sz_seed seed;
};

#define SZ_LIST_USED 1U

/* sz_list, ARRAY of SZ_LISTS: the names behind the bits of sz_rule.lists in the deny maps. */
struct sz_list {
	char name[SZ_LIST_NAME_LEN]; /* NUL-terminated; empty: bit is free */
	__u32 flags;		     /* SZ_LIST_USED */
	__u32 entries;		     /* when it was loaded */
	__u64 loaded_s;		     /* wall clock, seconds since 1970 */
};

enum sz_table {
	SZ_TABLE_NEVER,
	SZ_TABLE_ALLOW,
	SZ_TABLE_DENY,
	SZ_TABLES,
};

/* sz_note, HASH: why an operator made an entry, in the operator's words. The gate never reads it.
 */
struct sz_note_key {
	__u8 addr[16]; /* network order; IPv4 in the first four bytes, rest zero */
	__u8 family;   /* 4 or 6 */
	__u8 len;
	__u8 table; /* enum sz_table */
	__u8 zero;
};

struct sz_note {
	__u64 made_s;		/* wall clock, seconds since 1970 */
	char text[SZ_NOTE_LEN]; /* UTF-8, NUL-terminated, no control characters */
};

_Static_assert(sizeof(struct sz_meta) == 72, "layout");
_Static_assert(sizeof(struct sz_list) == 48, "layout");
_Static_assert(sizeof(struct sz_note_key) == 20, "layout");
_Static_assert(sizeof(struct sz_note) == 128, "layout");

#endif

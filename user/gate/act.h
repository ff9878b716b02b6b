/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What one can say about an address: deny it, allow it, protect it, and take that back. Every
 * change of a list map goes through here, so the rules hold whoever asks: nothing that never or
 * allow covers is denied; presence is set before an entry is inserted; entries below a prefix
 * inherit from it; when a map is full nothing is changed and the fill level is told.
 */
#ifndef STRAZH_USER_GATE_ACT_H
#define STRAZH_USER_GATE_ACT_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/abi/meta.h>
#include <strazh/abi/rule.h>
#include <user/base/prefix.h>
#include <user/gate/gate.h>

/* Conditions. GATE_ABSENT.. of gate.h are below 16. */
enum {
	ACT_REFUSED_NEVER = 16, /* the never-ban set covers it, or it covers a never-ban entry */
	ACT_REFUSED_ALLOW,	/* an allow entry covers it */
	ACT_FULL,		/* the map is full even after expired entries were collected */
	ACT_NOT_FOUND,		/* nothing to take back: see `other` for what covers it instead */
	ACT_TOO_MANY_LISTS,
};

struct act {
	enum sz_table table;
	struct prefix prefix;
	uint32_t bit; /* SZ_LIST_* (deny) or SZ_PASS_* (never, allow) */
	enum sz_origin origin;
	uint32_t until_s; /* boot time; 0: for good */
	const char *note; /* NULL: keep what is there */
};

/* Why not, or what it met. */
struct act_answer {
	enum sz_table other_table;
	struct prefix other; /* the entry that refuses, covers or was there; family 0: none */
	uint64_t other_lists;
	uint64_t fill, capacity; /* with ACT_FULL */
	bool was_there;		 /* the entry existed with this bit and was renewed */
	bool note_lost;		 /* it holds, but there was no room for its note */
};

/* Say it. A later say of the same origin replaces the expiry, also by an earlier one. */
int act_add(struct gate *gate, const struct act *act, struct act_answer *ret_answer) must_check;
/* Take one bit back, or all bits with bit == ACT_EVERY_LIST. */
#define ACT_EVERY_LIST UINT32_MAX
int act_remove(struct gate *gate, enum sz_table table, const struct prefix *prefix, uint32_t bit,
	       struct act_answer *ret_answer) must_check;
/* Empty a table: every entry, note and (deny) named list. SZ_TABLES: all but automatic never. */
int act_flush(struct gate *gate, enum sz_table table, uint64_t *ret_removed) must_check;

/* One entry, as it holds and as it was said. Hosts inside the deny table have own == rule. */
struct entry {
	enum sz_table table;
	struct prefix prefix;
	struct sz_rule rule;
	uint64_t own_lists;
	uint32_t own_until_s[SZ_ORIGINS];
};

/* Is any of it live at `now_s`, lists_off considered? */
bool entry_live(const struct entry *entry, uint64_t lists_off, uint32_t now_s);

/* Every entry that covers `prefix` (host or wider), never, allow, deny, longest first, at most max.
 */
int act_covering(struct gate *gate, const struct prefix *prefix, struct entry *entries, size_t max,
		 size_t *ret_count) must_check;
int act_note(struct gate *gate, enum sz_table table, const struct prefix *prefix,
	     struct sz_note *ret_note) must_check; /* ACT_NOT_FOUND */

/*
 * Walk a table in no particular order (hosts after prefixes) without holding it: batches of some
 * thousand. Expired entries come too: entry_live(). A positive return of `visit` ends the walk and
 * is returned.
 */
typedef int (*entry_visit)(void *context, const struct entry *entry);
int act_walk(struct gate *gate, enum sz_table table, entry_visit visit, void *context) must_check;

/*
 * Replace the named list by `entries` (sorted, canonical, no duplicates) in one step: packets see
 * the old list or the new one, nothing between. Entries that would deny a never-ban address are
 * left out and reported. Count 0 removes the list.
 */
struct list_report {
	uint64_t added, kept, removed;
	uint64_t refused;
	struct {
		struct prefix entry, never;
	} refusals[8]; /* the first ones */
	uint64_t fill, capacity;
};
int act_load(struct gate *gate, const char *name, const struct prefix *entries, size_t count,
	     uint32_t until_s, struct list_report *ret_report) must_check;

#endif

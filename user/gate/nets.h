/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A model in memory of the six tries (never, allow, deny; IPv4 and IPv6), and the one way in which
 * they are changed: say in the model what is wanted, then settle a range: what each entry holds is
 * computed from its own say and from everything that covers it, and what differs from the kernel's
 * copy is written. A table is read from the kernel on first use.
 *
 * Indices into a table are good until the next nets_add(), nets_merge() or nets_settle().
 */
#ifndef STRAZH_USER_GATE_NETS_H
#define STRAZH_USER_GATE_NETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/base/prefix.h>
#include <user/gate/gate.h>
#include <user/gate/rule.h>

struct net {
	struct prefix prefix;
	bool kept;		 /* the kernel has it, and says: */
	struct say was_own, was; /* own, and own with what covers it */
	struct say own;		 /* wanted; no lists: it goes */
	uint32_t since_s;
	uint32_t round; /* sweep in which the kernel was last seen to have it */
};

struct net_table {
	enum sz_table table;
	uint8_t family;
	int map;	 /* descriptor */
	size_t capacity; /* entries that may be in it */
	bool loaded;
	struct net *at; /* sorted by prefix_compare */
	size_t count, room;
	size_t kept;		 /* entries in the kernel */
	uint32_t of_length[129]; /* entries per prefix length: where to look for what covers */
};

struct present_shadow;

/* Everything that a handle for writing remembers between calls. */
struct gate_nets {
	struct net_table tables[SZ_TABLES][2];
	struct present_shadow *shadow; /* of the running sweep round, not owned */
	uint32_t round;		       /* number of that round */
	uint32_t loads;		       /* how often bits may have changed hands so far */
	uint32_t flushes;	       /* of the deny table, so far */
	uint64_t loading;   /* bits of loads that are under way: silenced, and not to be cleaned */
	uint64_t host_acts; /* changes of the host maps so far, but for the sweep's own */
	uint32_t host_expiry_s[2]; /* no denied host of that family expires before; 0: unknown */
};

int nets_get(struct gate *gate, struct gate_nets **ret_nets) must_check;
void nets_free(struct gate_nets *nets);
/* Of a running round, NULL without. */
struct present_shadow *nets_shadow(struct gate *gate);

/* The table, loaded. */
int nets_table(struct gate *gate, enum sz_table table, uint8_t family,
	       struct net_table **ret_table) must_check;
enum gate_map nets_map(enum sz_table table, uint8_t family);

/* Where the prefix is, or where it would be inserted. */
size_t nets_seek(const struct net_table *t, const struct prefix *prefix);
/* NULL: absent. */
struct net *nets_find(struct net_table *t, const struct prefix *prefix);
/* End of the entries from `begin` (its place, whether it is there or not) that prefix covers. */
size_t nets_end(const struct net_table *t, size_t begin, const struct prefix *prefix);
/* An entry inside `prefix`, or it, with a live say of its own. */
struct net *nets_inside(struct net_table *t, const struct prefix *prefix, uint32_t now_s);

/* Insert an entry that says nothing yet. */
int nets_add(struct net_table *t, const struct prefix *prefix, struct net **ret_net) must_check;
/* Insert those of `prefixes` (sorted; hosts are skipped if asked) that are not there. */
int nets_merge(struct net_table *t, const struct prefix *prefixes, size_t count, bool skip_hosts,
	       size_t *ret_added) must_check;

/* What settling did. */
struct nets_settled {
	uint64_t written, removed;
	uint64_t expired;  /* of the removed: their time was over */
	uint64_t repaired; /* written because the kernel's copy did not say what it should */
};

/*
 * Bring the kernel to what is wanted for entries [begin, end): forget what is over and the bits of
 * `drop`, remove what says nothing, write what differs. *ret_end is where `end` is afterwards.
 * -ENOSPC: no room for a new entry; those before it are settled.
 */
int nets_settle(struct gate *gate, struct net_table *t, size_t begin, size_t end, uint64_t drop,
		struct nets_settled *settled, size_t *ret_end) must_check;
/* The entry and all that inherits from it. */
int nets_settle_below(struct gate *gate, struct net_table *t,
		      const struct prefix *prefix) must_check;
/*
 * List `bit` says `net` until then (0: for good), and that is settled; where it cannot be, the old
 * say holds.
 */
int nets_say(struct gate *gate, struct net_table *t, struct net *net, uint32_t bit,
	     uint32_t until_s) must_check;
int nets_settle_all(struct gate *gate, struct net_table *t, uint64_t drop,
		    struct nets_settled *settled) must_check;

/*
 * Drift, for the sweep: compare up to `most` entries of the kernel with the model and take over
 * what differs. `cursor` starts as zeros. *ret_done: the trie is through.
 */
struct nets_cursor {
	uint8_t key[20];
	bool started;
	uint64_t read;
};
int nets_compare(struct gate *gate, struct net_table *t, struct nets_cursor *cursor, uint32_t most,
		 uint64_t *repaired, bool *ret_done) must_check;
/* Then: entries [begin, end) that the comparison did not come by; gone from the kernel? */
int nets_miss(struct gate *gate, struct net_table *t, size_t begin, size_t end, uint64_t *repaired,
	      size_t *ret_end) must_check;

#endif

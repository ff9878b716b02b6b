/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Questions, for readers as well: straight from the kernel's maps, no model, no lock. A walk is a
 * view that others may change under it: an entry that stays comes by at least once.
 */
#include <user/gate/act.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <user/gate/dlines.h>
#include <user/gate/hosts.h>
#include <user/gate/nets.h>
#include <user/gate/note.h>
#include <user/gate/rule.h>
#include <user/gate/tries.h>

static struct entry entry_of_host(struct gate *gate, const struct prefix *host,
				  const struct sz_rule *rule)
{
	struct entry entry = {
		.table = SZ_TABLE_DENY,
		.prefix = *host,
		.rule = *rule,
		.own_lists = rule->lists,
	};

	entry.rule.hits += dlines_hits(gate, host);
	memcpy(entry.own_until_s, rule->until_s, sizeof(entry.own_until_s));
	return entry;
}

static struct entry entry_of_net(enum sz_table table, const struct prefix *prefix,
				 const struct sz_net_rule *value)
{
	struct say own = trie_own(table, value);
	struct entry entry = {
		.table = table,
		.prefix = *prefix,
		.rule = value->rule,
		.own_lists = own.lists,
	};

	memcpy(entry.own_until_s, own.until_s, sizeof(entry.own_until_s));
	return entry;
}

bool entry_live(const struct entry *entry, uint64_t lists_off, uint32_t now_s)
{
	struct say say = host_say(&entry->rule);
	uint64_t live = say_live(entry->table, &say, now_s);

	return (entry->table == SZ_TABLE_DENY ? live & ~lists_off : live) != 0;
}

/* ---- what covers ---- */

struct cover {
	struct entry *entries;
	size_t max, count;
};

static void cover_put(struct cover *cover, struct entry entry)
{
	if (cover->count < cover->max)
		cover->entries[cover->count++] = entry;
}

static int cover_host(struct gate *gate, const struct prefix *host, struct cover *cover)
{
	struct sz_rule rule;
	int r = host_read(gate, host, &rule);

	if (r)
		return r == -ENOENT ? 0 : r;
	cover_put(cover, entry_of_host(gate, host, &rule));
	return 0;
}

static int cover_table(struct gate *gate, enum sz_table table, const struct prefix *prefix,
		       struct cover *cover)
{
	struct trie_climb climb = {gate->map[nets_map(table, prefix->family)], *prefix, false};
	struct sz_net_rule value;
	struct prefix over;
	int r = table == SZ_TABLE_DENY && prefix_is_host(prefix) ? cover_host(gate, prefix, cover)
								 : 0;

	if (r)
		return r;
	while (!(r = trie_climb(&climb, &over, &value)))
		cover_put(cover, entry_of_net(table, &over, &value));
	return r == -ENOENT ? 0 : r;
}

int act_covering(struct gate *gate, const struct prefix *prefix, struct entry *entries, size_t max,
		 size_t *ret_count)
{
	struct cover cover = {.entries = entries, .max = max};

	for (enum sz_table table = 0; table < SZ_TABLES; table++) {
		int r = cover_table(gate, table, prefix, &cover);

		if (r)
			return r;
	}
	*ret_count = cover.count;
	return 0;
}

int act_note(struct gate *gate, enum sz_table table, const struct prefix *prefix,
	     struct sz_note *ret_note)
{
	int r = note_read(gate, table, prefix, ret_note);

	return r == -ENOENT ? ACT_NOT_FOUND : r;
}

/* ---- walk ---- */

struct walk {
	struct gate *gate;
	entry_visit visit;
	void *context;
	int stopped; /* what `visit` returned */
};

static enum host_fate walk_host(void *context, const struct prefix *host, struct sz_rule *rule)
{
	struct walk *walk = context;
	struct entry entry = entry_of_host(walk->gate, host, rule);

	walk->stopped = walk->visit(walk->context, &entry);
	return walk->stopped ? HOST_STOP : HOST_KEEP;
}

static int walk_slice(struct walk *walk, enum sz_table table, uint8_t family,
		      const struct trie_slice *slice)
{
	for (uint32_t i = 0; i < slice->count && !walk->stopped; i++) {
		struct prefix p = trie_prefix(family, trie_slice_key(slice, family, i));
		struct entry entry = entry_of_net(table, &p, &slice->values[i]);

		walk->stopped = walk->visit(walk->context, &entry);
	}
	return walk->stopped;
}

static int walk_trie(struct gate *gate, struct walk *walk, enum sz_table table, uint8_t family)
{
	enum gate_map map = nets_map(table, family);
	own_free struct trie_slice *slice = malloc(sizeof(*slice));
	struct nets_cursor cursor = {0};

	if (!slice)
		return -ENOMEM;
	do {
		int r = trie_slice(gate->map[map], TRIE_SLICE, &cursor, slice);

		if (!r)
			r = walk_slice(walk, table, family, slice);
		if (r)
			return r;
	} while (!slice->last && cursor.read <= 4ULL * gate->max[map]);
	return 0;
}

int act_walk(struct gate *gate, enum sz_table table, entry_visit visit, void *context)
{
	struct walk walk = {.gate = gate, .visit = visit, .context = context};
	int r = walk_trie(gate, &walk, table, 4);

	if (!r)
		r = walk_trie(gate, &walk, table, 6);
	for (uint8_t family = 4; !r && table == SZ_TABLE_DENY && family <= 6; family += 2) {
		r = hosts_scan(gate, family, walk_host, &walk);
		r = r ? r : walk.stopped;
	}
	return r;
}

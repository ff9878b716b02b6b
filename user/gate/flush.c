/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Emptying a table. The named lists go first, all silenced in one store: a flush that dies half-way
 * leaves dirty bits, which deny nobody and which the sweep takes out of the entries. A list that is
 * being loaded sees it by the number of flushes, and gives up.
 */
#include <user/gate/act.h>

#include <user/gate/hosts.h>
#include <user/gate/lists.h>
#include <user/gate/nets.h>
#include <user/gate/note.h>
#include <user/gate/rule.h>

#define EVERY_BIT (~0ULL)

/* Read anew: entries that others wrote since then have to go as well. */
static int flush_nets(struct gate *gate, enum sz_table table, uint8_t family, uint64_t bits,
		      uint64_t *removed)
{
	struct nets_settled settled = {0};
	struct gate_nets *nets;
	struct net_table *t;
	int r = nets_get(gate, &nets);

	if (r)
		return r;
	nets->tables[table][family == 6].loaded = false;
	r = nets_table(gate, table, family, &t);
	if (!r)
		r = nets_settle_all(gate, t, bits, &settled);
	*removed += settled.removed;
	return r;
}

static int silence_lists(struct gate *gate, uint64_t *ret_bits)
{
	struct lists lists;
	struct gate_nets *nets;
	int r = lists_read(gate, &lists);

	if (!r)
		r = nets_get(gate, &nets);
	if (r)
		return r;
	nets->flushes++;
	lists_switch(gate, lists.used, 0);
	for (uint32_t bit = SZ_LIST_FEED; !r && bit < SZ_LISTS; bit++)
		r = lists.used & 1ULL << bit ? lists_erase(gate, bit) : 0;
	*ret_bits = RULE_FEED_BITS;
	return r;
}

static int flush_hosts(struct gate *gate, uint64_t *removed)
{
	int r = hosts_clear(gate, 4, removed);

	return r ? r : hosts_clear(gate, 6, removed);
}

static int flush_table(struct gate *gate, enum sz_table table, uint64_t bits, uint64_t *removed)
{
	uint64_t feeds = 0;
	int r = table == SZ_TABLE_DENY ? silence_lists(gate, &feeds) : 0;

	if (!r && table == SZ_TABLE_DENY)
		r = flush_hosts(gate, removed);
	if (!r)
		r = flush_nets(gate, table, 4, bits, removed);
	if (!r)
		r = flush_nets(gate, table, 6, bits, removed);
	if (!r)
		r = notes_clear(gate, table);
	if (!r) /* nobody carries any of them now */
		lists_switch(gate, 0, feeds);
	return r;
}

int act_flush(struct gate *gate, enum sz_table table, uint64_t *ret_removed)
{
	uint64_t removed = 0, operator_only = 1ULL << SZ_PASS_OPERATOR;
	int r;

	if (table != SZ_TABLES) {
		r = flush_table(gate, table, EVERY_BIT, &removed);
	} else {
		r = flush_table(gate, SZ_TABLE_DENY, EVERY_BIT, &removed);
		if (!r)
			r = flush_table(gate, SZ_TABLE_ALLOW, EVERY_BIT, &removed);
		if (!r)
			r = flush_table(gate, SZ_TABLE_NEVER, operator_only, &removed);
	}
	if (!r)
		*ret_removed = removed;
	return r;
}

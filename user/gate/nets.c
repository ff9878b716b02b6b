/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A table is an array sorted by (address, length), so a prefix stands right before everything
 * inside it: what it covers is a range that begins behind it, and what covers it is found by
 * looking, for every length in use, for the prefix cut to that length. Two kinds of entry are not
 * in the kernel: those that were just added, and, until the array is closed up at the end of a
 * settling, those that were just removed.
 */
#include <user/gate/nets.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <user/gate/tries.h>

enum gate_map nets_map(enum sz_table table, uint8_t family)
{
	static const enum gate_map maps[SZ_TABLES][2] = {
		[SZ_TABLE_NEVER] = {GATE_MAP_NEVER4, GATE_MAP_NEVER6},
		[SZ_TABLE_ALLOW] = {GATE_MAP_ALLOW4, GATE_MAP_ALLOW6},
		[SZ_TABLE_DENY] = {GATE_MAP_DNET4, GATE_MAP_DNET6},
	};

	return maps[table][family == 6];
}

static void table_init(struct gate *gate, struct net_table *t, enum sz_table table, uint8_t family)
{
	enum gate_map map = nets_map(table, family);

	t->table = table;
	t->family = family;
	t->map = gate->map[map];
	/* Before 6.13 a full trie refuses to replace what it has: one entry is kept free. */
	t->capacity = MAX(gate->max[map], 2U) - 1;
}

int nets_get(struct gate *gate, struct gate_nets **ret_nets)
{
	if (!gate->nets) {
		gate->nets = calloc(1, sizeof(*gate->nets));
		if (!gate->nets)
			return -ENOMEM;
		for (enum sz_table table = 0; table < SZ_TABLES; table++) {
			table_init(gate, &gate->nets->tables[table][0], table, 4);
			table_init(gate, &gate->nets->tables[table][1], table, 6);
		}
	}
	*ret_nets = gate->nets;
	return 0;
}

void nets_free(struct gate_nets *nets)
{
	if (!nets)
		return;
	for (int i = 0; i < SZ_TABLES * 2; i++)
		free(nets->tables[i / 2][i % 2].at);
	free(nets);
}

struct present_shadow *nets_shadow(struct gate *gate)
{
	return gate->nets ? gate->nets->shadow : NULL;
}

int nets_table(struct gate *gate, enum sz_table table, uint8_t family, struct net_table **ret_table)
{
	struct gate_nets *nets;
	struct net_table *t;
	int r = nets_get(gate, &nets);

	if (r)
		return r;
	t = &nets->tables[table][family == 6];
	r = t->loaded ? 0 : tries_load(t);
	if (r)
		return r;
	*ret_table = t;
	return 0;
}

/* ---- looking ---- */

size_t nets_seek(const struct net_table *t, const struct prefix *prefix)
{
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (prefix_compare(&t->at[middle].prefix, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct net *nets_find(struct net_table *t, const struct prefix *prefix)
{
	size_t i = nets_seek(t, prefix);

	return i < t->count && prefix_compare(&t->at[i].prefix, prefix) == 0 ? &t->at[i] : NULL;
}

size_t nets_end(const struct net_table *t, size_t begin, const struct prefix *prefix)
{
	size_t low = begin, high = t->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (prefix_covers(prefix, &t->at[middle].prefix))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct net *nets_inside(struct net_table *t, const struct prefix *prefix, uint32_t now_s)
{
	for (size_t i = nets_seek(t, prefix); i < t->count; i++) {
		if (!prefix_covers(prefix, &t->at[i].prefix))
			break;
		if (say_live(t->table, &t->at[i].own, now_s))
			return &t->at[i];
	}
	return NULL;
}

/* ---- inserting ---- */

static int reserve(struct net_table *t, size_t count)
{
	size_t room = t->room ? t->room : 64;
	struct net *at;

	if (count <= t->room)
		return 0;
	while (room < count)
		room += room / 2;
	at = reallocarray(t->at, room, sizeof(*at));
	if (!at)
		return -ENOMEM;
	t->at = at;
	t->room = room;
	return 0;
}

int nets_add(struct net_table *t, const struct prefix *prefix, struct net **ret_net)
{
	size_t i = nets_seek(t, prefix);
	int r = reserve(t, t->count + 1);

	if (r)
		return r;
	memmove(&t->at[i + 1], &t->at[i], (t->count - i) * sizeof(*t->at));
	t->at[i] = (struct net){.prefix = *prefix};
	t->count++;
	t->of_length[prefix->len]++;
	*ret_net = &t->at[i];
	return 0;
}

static size_t count_absent(struct net_table *t, const struct prefix *prefixes, size_t count,
			   bool skip_hosts)
{
	size_t absent = 0, at = 0;

	for (size_t i = 0; i < count; i++) {
		if (skip_hosts && prefix_is_host(&prefixes[i]))
			continue;
		while (at < t->count && prefix_compare(&t->at[at].prefix, &prefixes[i]) < 0)
			at++;
		if (at == t->count || prefix_compare(&t->at[at].prefix, &prefixes[i]) != 0)
			absent++;
	}
	return absent;
}

/* From the back, so that the array is its own target. */
int nets_merge(struct net_table *t, const struct prefix *prefixes, size_t count, bool skip_hosts,
	       size_t *ret_added)
{
	size_t absent = count_absent(t, prefixes, count, skip_hosts), from = t->count;
	size_t to = from + absent;
	int r = reserve(t, to);

	if (r)
		return r;
	t->count = to;
	while (to > from) {
		const struct prefix *p = &prefixes[count - 1];
		int order = from ? prefix_compare(&t->at[from - 1].prefix, p) : -1;

		if ((skip_hosts && prefix_is_host(p)) || order == 0) {
			count--;
		} else if (order > 0) {
			t->at[--to] = t->at[--from];
		} else {
			t->at[--to] = (struct net){.prefix = *p};
			t->of_length[p->len]++;
			count--;
		}
	}
	*ret_added = absent;
	return 0;
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/gate/restore.h>

#include <errno.h>

#include <user/base/clock.h>
#include <user/gate/collect.h>
#include <user/gate/nets.h>
#include <user/gate/note.h>
#include <user/gate/present.h>

#define BIT (1ULL << SZ_LIST_OPERATOR)

_Static_assert(SZ_LIST_OPERATOR == SZ_PASS_OPERATOR, "one bit for all tables");

static int own_say(struct gate *gate, enum sz_table table, const struct prefix *prefix,
		   struct say *ret_say)
{
	struct net_table *t;
	const struct net *net;
	struct sz_rule rule;
	int r;

	if (table == SZ_TABLE_DENY && prefix_is_host(prefix)) {
		r = host_read(gate, prefix, &rule);
		if (!r)
			*ret_say = host_say(&rule);
		return r;
	}
	r = nets_table(gate, table, prefix->family, &t);
	net = r ? NULL : nets_find(t, prefix);
	if (net)
		*ret_say = net->own;
	return r ? r : net ? 0 : -ENOENT;
}

int restore_ask(struct gate *gate, enum sz_table table, const struct prefix *prefix,
		enum restore_state *ret_state, uint32_t *ret_until_s)
{
	struct say say;
	int r = own_say(gate, table, prefix, &say);

	if (r && r != -ENOENT)
		return r;
	if (r || !(say.lists & BIT)) {
		*ret_state = RESTORE_ABSENT;
		return 0;
	}
	*ret_until_s = say.until_s[SZ_ORIGIN_OPERATOR];
	*ret_state = say_live(table, &say, clock_boot_s()) & BIT ? RESTORE_LIVE : RESTORE_OVER;
	return 0;
}

/* A note is no reason to lose an entry: there is room for so many only. */
static void put_note(struct gate *gate, enum sz_table table, const struct restore_host *entry)
{
	if (entry->note && entry->note[0] && !note_check(entry->note))
		(void)!note_write(gate, table, &entry->prefix, entry->note);
}

static int try_net(struct gate *gate, enum sz_table table, const struct restore_host *entry)
{
	struct net_table *t;
	struct net *net;
	int r = nets_table(gate, table, entry->prefix.family, &t);

	if (r)
		return r;
	net = nets_find(t, &entry->prefix);
	if (!net)
		r = nets_add(t, &entry->prefix, &net);
	if (r)
		return r;
	return nets_say(gate, t, net, SZ_LIST_OPERATOR, entry->until_s);
}

int restore_net(struct gate *gate, enum sz_table table, const struct restore_host *net)
{
	int r = try_net(gate, table, net);

	if (r == -ENOSPC) {
		r = collect_one(gate, table, net->prefix.family, false);
		r = r ? r : try_net(gate, table, net);
	}
	if (!r)
		put_note(gate, table, net);
	return r == -ENOSPC ? ACT_FULL : r;
}

static int put_one(struct gate *gate, const struct restore_host *host, bool fresh, uint32_t now_s,
		   struct host_batch *room, uint64_t *added)
{
	struct sz_rule rule = {.since_s = MAX(now_s, 1U)};
	struct say say;
	int r = fresh ? -ENOENT : host_read(gate, &host->prefix, &rule);

	if (r && r != -ENOENT)
		return r;
	if (r && gate->hosts[host->prefix.family == 6] + *added >=
			 gate->max[hosts_map(host->prefix.family)])
		return ACT_FULL;
	*added += r ? 1 : 0;
	say = host_say(&rule);
	say_add(SZ_TABLE_DENY, &say, SZ_LIST_OPERATOR, host->until_s, now_s);
	host_set(&rule, &say);
	put_note(gate, SZ_TABLE_DENY, host);
	present_mark(gate, &host->prefix);
	collect_expect(gate, host->prefix.family, host->until_s);
	host_batch_put(room, host->prefix.addr, &rule);
	return 0;
}

int restore_hosts(struct gate *gate, const struct restore_host *hosts, size_t count, bool fresh,
		  struct host_batch *room, size_t *ret_done)
{
	struct gate_nets *nets;
	uint64_t added = 0;
	size_t put = 0;
	int r = nets_get(gate, &nets), full = 0;

	if (!r)
		r = hosts_count(gate);
	if (r || !count)
		return r;
	room->gate = gate;
	room->family = hosts[0].prefix.family;
	room->count = 0;
	while (!full && put < count) {
		full = put_one(gate, &hosts[put], fresh, clock_boot_s(), room, &added);
		put += !full;
	}
	r = put ? host_batch_write(room) : 0;
	if (r)
		put = room->done;
	gate->hosts[hosts[0].prefix.family == 6] += MIN(added, put);
	nets->host_acts += put;
	*ret_done = put;
	return r == -ENOSPC ? ACT_FULL : r ? r : full;
}

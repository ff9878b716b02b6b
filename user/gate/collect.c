/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A full map of two million hosts takes long to search, and whoever bans into a full map does it
 * again and again: so after a search that left nothing expired the next expiry is remembered, and
 * until then nobody searches.
 */
#include <user/gate/collect.h>

#include <user/base/clock.h>
#include <user/gate/hosts.h>
#include <user/gate/lists.h>
#include <user/gate/nets.h>
#include <user/gate/rule.h>

struct collecting {
	uint64_t drop;
	uint32_t now_s;
	uint32_t next_s; /* first expiry of those that stay */
};

void collect_expect(struct gate *gate, uint8_t family, uint32_t until_s)
{
	uint32_t *next_s = gate->nets ? &gate->nets->host_expiry_s[family == 6] : NULL;

	if (next_s && *next_s && until_s)
		*next_s = MIN(*next_s, until_s);
}

static enum host_fate collect_host(void *context, const struct prefix *host, struct sz_rule *rule)
{
	struct collecting *c = context;
	struct say say = host_say(rule);

	(void)host;
	say_drop(SZ_TABLE_DENY, &say, c->drop);
	say_prune(SZ_TABLE_DENY, &say, c->now_s);
	if (!say.lists)
		return HOST_DELETE;
	for (int o = 0; o < SZ_ORIGINS; o++)
		if (say.until_s[o])
			c->next_s = MIN(c->next_s, say.until_s[o]);
	return HOST_KEEP;
}

static int collect_hosts(struct gate *gate, uint8_t family)
{
	struct collecting c = {.now_s = clock_boot_s(), .next_s = UINT32_MAX};
	struct gate_nets *nets;
	int r = nets_get(gate, &nets);

	if (r || nets->host_expiry_s[family == 6] > c.now_s)
		return r;
	r = lists_dirty(gate, &c.drop);
	if (!r)
		r = hosts_scan(gate, family, collect_host, &c);
	if (!r)
		nets->host_expiry_s[family == 6] = c.next_s;
	return r;
}

int collect_one(struct gate *gate, enum sz_table table, uint8_t family, bool host)
{
	struct nets_settled settled = {0};
	struct net_table *t;
	uint64_t drop = 0;
	int r;

	if (host)
		return collect_hosts(gate, family);
	r = table == SZ_TABLE_DENY ? lists_dirty(gate, &drop) : 0;
	if (!r)
		r = nets_table(gate, table, family, &t);
	return r ? r : nets_settle_all(gate, t, drop, &settled);
}

int collect_fill(struct gate *gate, enum sz_table table, uint8_t family, bool host,
		 uint64_t *ret_fill, uint64_t *ret_capacity)
{
	struct net_table *t;
	int r;

	if (host) {
		r = hosts_count(gate);
		if (r)
			return r;
		*ret_fill = gate->hosts[family == 6];
		*ret_capacity = gate->max[hosts_map(family)];
		return 0;
	}
	r = nets_table(gate, table, family, &t);
	if (r)
		return r;
	*ret_fill = t->kept;
	*ret_capacity = t->capacity;
	return 0;
}

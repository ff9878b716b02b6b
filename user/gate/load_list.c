/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A named list is written into its entries under a silenced bit and put in force by one store
 * (lists.c has the order). Until that store nothing that a packet can see has changed, but one: of
 * an entry that other lists name too, the expiry of the feeds is already the longer of the two.
 *
 * Hosts go in batches, by two threads, since an insert is mostly waiting for memory; prefixes go
 * through the model. Room is counted before anything is written; if a map is full all the same, the
 * bit is taken out again.
 */
#include <user/gate/act.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/gate/collect.h>
#include <user/gate/hosts.h>
#include <user/gate/lists.h>
#include <user/gate/nets.h>
#include <user/gate/overlap.h>
#include <user/gate/present.h>

/* Fewer hosts than that are not worth a thread. */
#define THREAD_MIN 50000U

struct load {
	struct gate *gate;
	const struct prefix *entries;
	size_t count, split; /* the IPv6 ones begin at split */
	uint32_t bit, old;   /* SZ_LISTS: there is no old one */
	uint32_t until_s, now_s;
	bool empty[2]; /* no host of that family yet */
	struct list_report *report;
};

/* ---- hosts ---- */

/* The hosts among entries [begin, end), all of one family. */
struct part {
	struct load *load;
	size_t begin, end;
	struct host_batch *batch;
	uint64_t fresh, added, kept;
	int r;
};

static int part_rule(struct part *part, const struct prefix *host, struct sz_rule *rule)
{
	struct load *load = part->load;
	int r = load->empty[host->family == 6] ? -ENOENT : host_read(load->gate, host, rule);
	struct say say;

	if (r && r != -ENOENT)
		return r;
	if (r)
		*rule = (struct sz_rule){.since_s = MAX(load->now_s, 1U)};
	part->fresh += r ? 1 : 0;
	say = host_say(rule);
	if (load->old < SZ_LISTS && say.lists & 1ULL << load->old)
		part->kept++;
	else
		part->added++;
	say_add(SZ_TABLE_DENY, &say, load->bit, load->until_s, load->now_s);
	host_set(rule, &say);
	return 0;
}

static int part_run(struct part *part)
{
	struct load *load = part->load;
	int r = 0;

	for (size_t i = part->begin; !r && i < part->end; i++) {
		const struct prefix *p = &load->entries[i];
		struct sz_rule rule;

		if (!prefix_is_host(p))
			continue;
		r = part_rule(part, p, &rule);
		if (r)
			break;
		present_mark(load->gate, p);
		host_batch_put(part->batch, p->addr, &rule);
		if (part->batch->count == HOSTS_BATCH)
			r = host_batch_write(part->batch);
	}
	return r ? r : host_batch_write(part->batch);
}

static void *part_thread(void *context)
{
	struct part *part = context;

	part->r = part_run(part);
	return NULL;
}

static int part_init(struct part *part, struct load *load, size_t begin, size_t end)
{
	*part = (struct part){.load = load, .begin = begin, .end = end};
	part->batch = malloc(sizeof(*part->batch));
	if (!part->batch)
		return -ENOMEM;
	part->batch->gate = load->gate;
	part->batch->family = begin < load->split ? 4 : 6;
	part->batch->count = 0;
	return 0;
}

static void parts_run(struct part parts[2])
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, part_thread, &parts[1])) {
		parts[0].r = part_run(&parts[0]);
		parts[1].r = part_run(&parts[1]);
		return;
	}
	parts[0].r = part_run(&parts[0]);
	pthread_join(thread, NULL);
}

static int load_hosts(struct load *load, size_t begin, size_t end)
{
	size_t middle = end - begin >= THREAD_MIN ? begin + (end - begin) / 2 : end;
	struct part parts[2] = {0};
	int r;

	if (begin == end)
		return 0;
	r = part_init(&parts[0], load, begin, middle);
	if (!r && middle != end)
		r = part_init(&parts[1], load, middle, end);
	if (!r && middle != end)
		parts_run(parts);
	else if (!r)
		parts[0].r = part_run(&parts[0]);
	for (int i = 0; i < 2; i++) {
		r = r ? r : parts[i].r;
		load->gate->hosts[begin >= load->split] += parts[i].fresh;
		load->gate->nets->host_acts += parts[i].fresh;
		load->report->added += parts[i].added;
		load->report->kept += parts[i].kept;
		free(parts[i].batch);
	}
	return r;
}

/* ---- prefixes ---- */

static int load_nets(struct load *load, size_t begin, size_t end)
{
	struct nets_settled settled = {0};
	size_t added, at = 0;
	struct net_table *t;
	int r;

	if (begin == end)
		return 0;
	r = nets_table(load->gate, SZ_TABLE_DENY, load->entries[begin].family, &t);
	if (!r)
		r = nets_merge(t, load->entries + begin, end - begin, true, &added);
	if (r)
		return r;
	for (size_t i = begin; i < end; i++) {
		struct net *net;

		if (prefix_is_host(&load->entries[i]))
			continue;
		while (prefix_compare(&t->at[at].prefix, &load->entries[i]) < 0)
			at++;
		net = &t->at[at];
		if (load->old < SZ_LISTS && net->own.lists & 1ULL << load->old)
			load->report->kept++;
		else
			load->report->added++;
		say_add(SZ_TABLE_DENY, &net->own, load->bit, load->until_s, load->now_s);
	}
	return nets_settle_all(load->gate, t, 0, &settled);
}

/* ---- room ---- */

/* Hosts of [begin, end) that are not in the map. */
static int count_fresh(struct load *load, size_t begin, size_t end, uint64_t *ret_fresh)
{
	uint64_t fresh = 0;

	for (size_t i = begin; i < end; i++) {
		const struct prefix *p = &load->entries[i];
		struct sz_rule rule;
		int r;

		if (!prefix_is_host(p))
			continue;
		r = load->empty[p->family == 6] ? -ENOENT : host_read(load->gate, p, &rule);
		if (r && r != -ENOENT)
			return r;
		fresh += r ? 1 : 0;
	}
	*ret_fresh = fresh;
	return 0;
}

static int room_hosts(struct load *load, size_t begin, size_t end, bool *ret_fits)
{
	struct gate *gate = load->gate;
	uint8_t family = begin < load->split ? 4 : 6;
	uint64_t max = gate->max[hosts_map(family)], fresh = end - begin;
	int r = 0;

	if (gate->hosts[family == 6] + fresh > max)
		r = count_fresh(load, begin, end, &fresh);
	*ret_fits = gate->hosts[family == 6] + fresh <= max;
	load->report->fill = gate->hosts[family == 6];
	load->report->capacity = max;
	return r;
}

static int room_nets(struct load *load, size_t begin, size_t end, bool *ret_fits)
{
	size_t fresh = 0;
	struct net_table *t;
	int r = nets_table(load->gate, SZ_TABLE_DENY, load->entries[begin].family, &t);

	if (r)
		return r;
	for (size_t i = begin; i < end; i++)
		if (!prefix_is_host(&load->entries[i]) && !nets_find(t, &load->entries[i]))
			fresh++;
	*ret_fits = t->kept + fresh <= t->capacity;
	load->report->fill = t->kept;
	load->report->capacity = t->capacity;
	return 0;
}

typedef int (*room_check)(struct load *load, size_t begin, size_t end, bool *ret_fits);

static int room_or_collect(struct load *load, size_t begin, size_t end, room_check check, bool host)
{
	bool fits;
	int r = check(load, begin, end, &fits);

	if (!r && !fits) {
		r = collect_one(load->gate, SZ_TABLE_DENY, load->entries[begin].family, host);
		r = r ? r : check(load, begin, end, &fits);
	}
	return r ? r : fits ? 0 : ACT_FULL;
}

static int room_all(struct load *load)
{
	size_t edge[3] = {0, load->split, load->count};

	for (int six = 0; six < 2; six++) {
		int r;

		if (edge[six] == edge[six + 1])
			continue;
		r = room_or_collect(load, edge[six], edge[six + 1], room_hosts, true);
		if (!r)
			r = room_or_collect(load, edge[six], edge[six + 1], room_nets, false);
		if (r)
			return r;
	}
	load->report->fill = load->report->capacity = 0;
	return 0;
}

/* ---- all of it ---- */

static int load_write(struct load *load)
{
	int r = load_nets(load, 0, load->split);

	if (!r)
		r = load_nets(load, load->split, load->count);
	if (!r)
		r = load_hosts(load, 0, load->split);
	if (!r)
		r = load_hosts(load, load->split, load->count);
	return r;
}

/* The bit is silenced: whatever of it was written denies nobody. */
static int load_undo(struct load *load, int reason)
{
	struct lists_stripped stripped;
	int r = lists_strip(load->gate, 1ULL << load->bit, SZ_LISTS, 0, &stripped);

	if (r) /* still dirty: the sweep cleans it */
		return reason == -ENOSPC ? ACT_FULL : reason;
	load->report->added = load->report->kept = 0;
	return reason == -ENOSPC ? ACT_FULL : reason;
}

static int load_swap(struct load *load, const char *name)
{
	uint64_t old = load->old < SZ_LISTS ? 1ULL << load->old : 0;
	struct lists_stripped stripped = {0};
	int r = lists_write(load->gate, load->bit, name, (uint32_t)load->count);

	if (r)
		return load_undo(load, r);
	lists_switch(load->gate, old, 1ULL << load->bit);
	if (!old)
		return 0;
	r = lists_erase(load->gate, load->old);
	if (!r)
		r = lists_strip(load->gate, old, load->bit, load->until_s, &stripped);
	load->report->removed = stripped.touched - stripped.inherited;
	return r;
}

static int load_remove(struct load *load, const char *name)
{
	struct lists_stripped stripped;
	int r;

	if (load->old == SZ_LISTS) {
		gate_explain("there is no list '%s'", name);
		return ACT_NOT_FOUND;
	}
	lists_switch(load->gate, 1ULL << load->old, 0);
	r = lists_erase(load->gate, load->old);
	if (!r)
		r = lists_strip(load->gate, 1ULL << load->old, SZ_LISTS, 0, &stripped);
	if (!r)
		load->report->removed = stripped.touched;
	return r;
}

static int load_add(struct load *load, const char *name)
{
	int r = hosts_count(load->gate);

	if (r)
		return r;
	load->empty[0] = !load->gate->hosts[0];
	load->empty[1] = !load->gate->hosts[1];
	collect_expect(load->gate, 4, load->until_s);
	collect_expect(load->gate, 6, load->until_s);
	r = room_all(load);
	if (!r)
		r = lists_take(load->gate, &load->bit);
	if (r)
		return r;
	load->gate->nets->loads++;
	r = load_write(load);
	return r ? load_undo(load, r) : load_swap(load, name);
}

static int load_begin(struct load *load, const char *name)
{
	struct gate_nets *nets;
	struct lists lists;
	int r = lists_check_name(name);

	if (!r)
		r = nets_get(load->gate, &nets);
	if (!r)
		r = lists_recover(load->gate);
	if (!r)
		r = lists_read(load->gate, &lists);
	if (!r)
		load->old = lists_find(&lists, name);
	return r;
}

int act_load(struct gate *gate, const char *name, const struct prefix *entries, size_t count,
	     uint32_t until_s, struct list_report *ret_report)
{
	own_free struct prefix *safe = NULL;
	struct list_report report = {0};
	struct load load = {
		.gate = gate,
		.bit = SZ_LISTS,
		.until_s = until_s,
		.now_s = clock_boot_s(),
		.report = &report,
	};
	int r = load_begin(&load, name);

	if (!r)
		r = overlap_refuse(gate, entries, count, &report, &safe, &load.count);
	if (r)
		return r;
	load.entries = safe ? safe : entries;
	while (load.split < load.count && load.entries[load.split].family == 4)
		load.split++;
	r = count ? load_add(&load, name) : load_remove(&load, name);
	if (r >= 0)
		*ret_report = report;
	return r;
}

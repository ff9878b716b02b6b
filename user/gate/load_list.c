/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A named list is written into its entries under a silenced bit and put in force by one store
 * (lists.c has the order). Until that store nothing that a packet can see has changed, but one: of
 * an entry that other lists name too, the expiry of the feeds is already the longer of the two.
 *
 * Room is counted before anything is written; if a map is full all the same, the bit is taken out
 * again. Hosts go in batches, large ones by two threads, since an insert is mostly waiting for
 * memory; prefixes go through the model.
 *
 *	ROOM -> NETS -> HOSTS -> SWAP -> STRIP (the old bit) -> OVER
 *	  from any of them that fails: UNDO (strip the new bit) -> OVER
 */
#include <user/gate/list_load.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
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

enum load_stage { LOAD_ROOM, LOAD_NETS, LOAD_HOSTS, LOAD_SWAP, LOAD_STRIP, LOAD_UNDO, LOAD_OVER };

struct list_load {
	struct gate *gate;
	char name[SZ_LIST_NAME_LEN];
	const struct prefix *entries;
	struct prefix *safe;   /* instead of the caller's, when some are left out */
	size_t count, edge[3]; /* the IPv6 ones begin at edge[1] */
	uint32_t bit, old;     /* SZ_LISTS: none yet; there is no old one */
	uint32_t until_s, now_s;
	bool empty[2];	    /* no host of that family yet */
	uint64_t host_acts; /* of the gate, after our last step */
	uint32_t flushes;   /* as of the beginning */
	struct list_report report;

	enum load_stage stage;
	bool removes, in_force;
	unsigned int six; /* family */
	size_t at;
	uint64_t fresh; /* hosts that are not in the map, as far as counted */
	bool collected; /* in vain, if there is no room still */
	struct lists_strip strip;
	int result;
	char why[200]; /* gate_error() as it was then */
};

/* ---- hosts ---- */

/* The hosts among entries [begin, end), all of one family. */
struct part {
	struct list_load *load;
	size_t begin, end;
	struct host_batch *batch;
	uint64_t fresh, added, kept;
	int r;
};

static int part_rule(struct part *part, const struct prefix *host, struct sz_rule *rule)
{
	struct list_load *load = part->load;
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
	struct list_load *load = part->load;
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

static int part_init(struct part *part, struct list_load *load, size_t begin, size_t end)
{
	*part = (struct part){.load = load, .begin = begin, .end = end};
	part->batch = malloc(sizeof(*part->batch));
	if (!part->batch)
		return -ENOMEM;
	part->batch->gate = load->gate;
	part->batch->family = load->six ? 6 : 4;
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

static int load_hosts(struct list_load *load, size_t begin, size_t end)
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
		load->gate->hosts[load->six] += parts[i].fresh;
		load->gate->nets->host_acts += parts[i].fresh;
		load->report.added += parts[i].added;
		load->report.kept += parts[i].kept;
		free(parts[i].batch);
	}
	return r;
}

/* ---- prefixes ---- */

/* Where what these cover ends: it inherits from them. */
static size_t nets_bound(struct list_load *load, const struct net_table *t, size_t begin,
			 size_t end)
{
	size_t bound = 0;

	for (size_t i = begin; i < end; i++) {
		const struct prefix *p = &load->entries[i];

		if (!prefix_is_host(p))
			bound = MAX(bound, nets_end(t, nets_seek(t, p), p));
	}
	return bound;
}

static int load_nets(struct list_load *load, size_t begin, size_t end)
{
	struct nets_settled settled = {0};
	struct net_table *t;
	size_t added, first;
	int r = nets_table(load->gate, SZ_TABLE_DENY, load->six ? 6 : 4, &t);

	while (begin < end && prefix_is_host(&load->entries[begin]))
		begin++;
	if (r || begin == end)
		return r;
	r = nets_merge(t, load->entries + begin, end - begin, true, &added);
	if (r)
		return r;
	first = nets_seek(t, &load->entries[begin]);
	for (size_t i = begin, at = first; i < end; i++) {
		struct net *net;

		if (prefix_is_host(&load->entries[i]))
			continue;
		while (prefix_compare(&t->at[at].prefix, &load->entries[i]) < 0)
			at++;
		net = &t->at[at];
		if (load->old < SZ_LISTS && net->own.lists & 1ULL << load->old)
			load->report.kept++;
		else
			load->report.added++;
		say_add(SZ_TABLE_DENY, &net->own, load->bit, load->until_s, load->now_s);
	}
	end = nets_bound(load, t, begin, end);
	return nets_settle(load->gate, t, first, end, 0, &settled, &end);
}

/* ---- room ---- */

/* Hosts from `at` on that are not in the map: a slice. */
static int count_fresh(struct list_load *load, uint32_t most, size_t end)
{
	int r = 0;

	for (; !r && load->at < end && most; load->at++, most--) {
		const struct prefix *p = &load->entries[load->at];
		struct sz_rule rule;

		if (!prefix_is_host(p))
			continue;
		r = load->empty[load->six] ? -ENOENT : host_read(load->gate, p, &rule);
		load->fresh += r == -ENOENT;
		r = r == -ENOENT ? 0 : r;
	}
	return r;
}

static int room_hosts(struct list_load *load, uint32_t most, bool *ret_known, bool *ret_fits)
{
	const struct gate *gate = load->gate;
	size_t end = load->edge[load->six + 1], all = end - load->edge[load->six];
	uint64_t max = gate->max[hosts_map(load->six ? 6 : 4)], held = gate->hosts[load->six];
	int r = 0;

	*ret_known = *ret_fits = held + all <= max;
	if (!*ret_known) {
		r = count_fresh(load, most, end);
		*ret_known = load->at == end;
		*ret_fits = *ret_known && held + load->fresh <= max;
	}
	load->report.fill = held;
	load->report.capacity = max;
	return r;
}

static int room_nets(struct list_load *load, bool *ret_fits)
{
	size_t fresh = 0;
	struct net_table *t;
	int r = nets_table(load->gate, SZ_TABLE_DENY, load->six ? 6 : 4, &t);

	if (r)
		return r;
	for (size_t i = load->edge[load->six]; i < load->edge[load->six + 1]; i++)
		if (!prefix_is_host(&load->entries[i]) && !nets_find(t, &load->entries[i]))
			fresh++;
	*ret_fits = t->kept + fresh <= t->capacity;
	load->report.fill = t->kept;
	load->report.capacity = t->capacity;
	return 0;
}

/* Of a family: what is over makes room. */
static int step_room(struct list_load *load, uint32_t most, bool *ret_done)
{
	bool known, fits, hosts = true;
	int r = room_hosts(load, most, &known, &fits);

	if (!r && known && fits) {
		hosts = false;
		r = room_nets(load, &fits);
	}
	if (r || !known)
		return r;
	*ret_done = fits;
	if (fits)
		return 0;
	if (load->collected)
		return ACT_FULL;
	load->collected = true;
	load->fresh = 0;
	load->at = load->edge[load->six];
	return collect_one(load->gate, SZ_TABLE_DENY, load->six ? 6 : 4, hosts);
}

/* ---- all of it ---- */

static uint64_t mask_of(uint32_t bit)
{
	return bit < SZ_LISTS ? 1ULL << bit : 0;
}

static int strip(struct list_load *load, uint32_t bit, uint32_t heir)
{
	load->gate->nets->loading |= mask_of(bit);
	return lists_strip_begin(&load->strip, load->gate, mask_of(bit), heir, load->until_s);
}

/* After ROOM: the bit is ours. */
static int take_bit(struct list_load *load)
{
	int r = lists_take(load->gate, &load->bit);

	if (r) {
		load->bit = SZ_LISTS;
		return r;
	}
	load->gate->nets->loading |= mask_of(load->bit);
	load->gate->nets->loads++;
	return 0;
}

/* The old one may have gone since the beginning, or come. */
static int step_swap(struct list_load *load)
{
	struct lists lists;
	int r = lists_read(load->gate, &lists);

	if (r)
		return r;
	load->old = lists_find(&lists, load->name);
	if (!load->removes)
		r = lists_write(load->gate, load->bit, load->name, (uint32_t)load->count);
	if (r)
		return r;
	lists_switch(load->gate, mask_of(load->old), mask_of(load->bit));
	load->gate->nets->loads++;
	load->gate->nets->loading &= ~mask_of(load->bit);
	load->in_force = true;
	if (load->old == SZ_LISTS) {
		load->stage = LOAD_OVER;
		return 0;
	}
	load->stage = LOAD_STRIP;
	r = lists_erase(load->gate, load->old);
	return r ? r : strip(load, load->old, load->bit);
}

static int step_strip(struct list_load *load, uint32_t most)
{
	bool done;
	int r = lists_strip_step(&load->strip, most, &done);

	if (r || !done)
		return r;
	load->gate->nets->loading &= ~load->strip.bits;
	if (load->stage == LOAD_STRIP)
		load->report.removed = load->strip.result.touched - load->strip.result.inherited;
	else
		load->report.added = load->report.kept = 0;
	load->stage = LOAD_OVER;
	return 0;
}

/* A stage that goes through both families: the next slice of it, ret_begin to ret_end. */
static void slice(struct list_load *load, uint32_t most, size_t *ret_begin, size_t *ret_end)
{
	size_t end = load->edge[load->six + 1];

	*ret_begin = load->at;
	load->at = most < end - load->at ? load->at + most : end;
	*ret_end = load->at;
}

static void next_family(struct list_load *load)
{
	load->six = !load->six;
	load->at = load->edge[load->six];
	load->fresh = 0;
	load->collected = false;
	if (!load->six)
		load->stage++;
}

static int step_families(struct list_load *load, uint32_t most)
{
	size_t begin, end;
	bool done = false;
	int r;

	if (load->stage == LOAD_ROOM) {
		r = step_room(load, most, &done);
		if (!r && done && load->six)
			r = take_bit(load);
	} else {
		slice(load, most, &begin, &end);
		r = load->stage == LOAD_NETS ? load_nets(load, begin, end)
					     : load_hosts(load, begin, end);
		done = end == load->edge[load->six + 1];
	}
	if (!r && done)
		next_family(load);
	return r;
}

static int step(struct list_load *load, uint32_t most)
{
	switch (load->stage) {
	case LOAD_ROOM:
	case LOAD_NETS:
	case LOAD_HOSTS:
		return step_families(load, most);
	case LOAD_SWAP:
		return step_swap(load);
	case LOAD_STRIP:
	case LOAD_UNDO:
		return step_strip(load, most);
	case LOAD_OVER:
	default:
		return 0;
	}
}

/* The bit is silenced: whatever of it was written denies nobody. */
static void undo(struct list_load *load, int reason)
{
	bool again = load->stage == LOAD_UNDO; /* it stays dirty: the sweep cleans it */

	if (!again) {
		load->result = reason == -ENOSPC ? ACT_FULL : reason;
		(void)snprintf(load->why, sizeof(load->why), "%s", gate_error());
	}
	load->stage = LOAD_OVER;
	if (!again && !load->in_force && load->bit < SZ_LISTS && !strip(load, load->bit, SZ_LISTS))
		load->stage = LOAD_UNDO;
}

/* Of a denied table that was emptied every bit is free, and no entry carries ours. */
static bool is_flushed(struct list_load *load)
{
	if (load->flushes == load->gate->nets->flushes || load->stage == LOAD_OVER)
		return false;
	load->result = -ECANCELED;
	load->report = (struct list_report){0};
	(void)snprintf(load->why, sizeof(load->why), "the denied entries were flushed meanwhile");
	load->stage = LOAD_OVER;
	return true;
}

/* Did others add hosts since our last step? Then what is there has to be asked for. */
static void look_around(struct list_load *load)
{
	for (int six = 0; six < 2 && load->host_acts != load->gate->nets->host_acts; six++)
		load->empty[six] = false;
	load->now_s = clock_boot_s();
}

int list_load_step(struct list_load *load, uint32_t most, bool *ret_done)
{
	int r = 0;

	if (!is_flushed(load)) {
		look_around(load);
		r = step(load, most);
		load->host_acts = load->gate->nets->host_acts;
	}
	if (r)
		undo(load, r);
	*ret_done = load->stage == LOAD_OVER;
	if (!*ret_done)
		return 0;
	if (load->result)
		gate_explain("%s", load->why);
	return load->result;
}

bool list_load_cancel(struct list_load *load)
{
	if (load->in_force)
		return false;
	if (load->stage != LOAD_UNDO && load->stage != LOAD_OVER) {
		gate_explain("it was given up");
		undo(load, -ECANCELED);
	}
	return true;
}

bool list_load_in_force(const struct list_load *load)
{
	return load->in_force;
}

const struct list_report *list_load_report(const struct list_load *load)
{
	return &load->report;
}

void list_load_free(struct list_load *load)
{
	if (!load)
		return;
	if (load->gate->nets)
		load->gate->nets->loading &= ~(load->strip.bits | mask_of(load->bit));
	lists_strip_end(&load->strip);
	free(load->safe);
	free(load);
}

static int begin(struct list_load *load)
{
	struct gate_nets *nets;
	struct lists lists;
	int r = nets_get(load->gate, &nets);

	if (!r)
		r = lists_recover(load->gate);
	if (!r)
		r = lists_read(load->gate, &lists);
	if (r)
		return r;
	load->old = lists_find(&lists, load->name);
	load->flushes = nets->flushes;
	if (!load->removes)
		return hosts_count(load->gate);
	load->stage = LOAD_SWAP;
	if (load->old != SZ_LISTS)
		return 0;
	gate_explain("there is no list '%s'", load->name);
	return ACT_NOT_FOUND;
}

static int sort_out(struct list_load *load, size_t count)
{
	int r = overlap_refuse(load->gate, load->entries, count, &load->report, &load->safe,
			       &load->count);

	if (r)
		return r;
	load->entries = load->safe ? load->safe : load->entries;
	load->edge[2] = load->count;
	while (load->edge[1] < load->count && load->entries[load->edge[1]].family == 4)
		load->edge[1]++;
	for (uint8_t six = 0; six < 2; six++) {
		load->empty[six] = !load->gate->hosts[six];
		collect_expect(load->gate, six ? 6 : 4, load->until_s);
	}
	load->host_acts = load->gate->nets->host_acts;
	return 0;
}

int list_load_new(struct gate *gate, const char *name, const struct prefix *entries, size_t count,
		  uint32_t until_s, struct list_load **ret_load)
{
	own_list_load struct list_load *load = calloc(1, sizeof(*load));
	int r;

	if (!load)
		return -ENOMEM;
	load->gate = gate;
	load->entries = entries;
	load->removes = !count;
	load->until_s = until_s;
	load->bit = load->old = SZ_LISTS;
	r = lists_check_name(name);
	if (r)
		return r;
	memcpy(load->name, name, strlen(name) + 1);
	r = begin(load);
	if (!r && count)
		r = sort_out(load, count);
	if (r)
		return r;
	*ret_load = take_ptr(load);
	return 0;
}

int act_load(struct gate *gate, const char *name, const struct prefix *entries, size_t count,
	     uint32_t until_s, struct list_report *ret_report)
{
	own_list_load struct list_load *load = NULL;
	bool done = false;
	int r = list_load_new(gate, name, entries, count, until_s, &load);

	if (r)
		return r;
	while (!done)
		r = list_load_step(load, UINT32_MAX, &done);
	if (r >= 0)
		*ret_report = load->report;
	return r;
}

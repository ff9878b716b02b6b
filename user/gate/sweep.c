/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A round goes through stages, each in slices, and remembers where it is by key, so that acts may
 * come in between:
 *
 *   for each trie   compare   the kernel's entries with the model; what differs is taken over
 *                   miss      entries of the model that the kernel no longer has
 *                   settle    forget what is over, put inheritance right, see presence, count
 *   hosts           forget what is over, see presence, put the table in front right, count
 *   lines           forget there what no host has
 *   notes           forget those without an entry
 *   proven          forget flows that are over
 *   reput           forget sources whose limits of their own are over, see presence
 *   finish          presence as seen; dirty bits are free; bits that others used become lists
 *
 * Every entry that stays was seen in its settle or hosts stage, or was inserted since the round
 * began and then marked in the shadow by present_mark().
 */
#include <user/gate/sweep.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/gate/dlines.h>
#include <user/gate/hosts.h>
#include <user/gate/lists.h>
#include <user/gate/nets.h>
#include <user/gate/note.h>
#include <user/gate/present.h>
#include <user/gate/proven.h>
#include <user/gate/reput.h>
#include <user/gate/rule.h>
#include <user/gate/tries.h>

enum stage {
	STAGE_COMPARE,
	STAGE_MISS,
	STAGE_SETTLE,
	STAGE_HOSTS,
	STAGE_LINES,
	STAGE_NOTES,
	STAGE_PROVEN,
	STAGE_REPUT,
	STAGE_FINISH,
};

#define TRIES (SZ_TABLES * 2)
#define SLICE 4096U

struct sweep {
	struct gate *gate;
	struct present_shadow *shadow;
	struct sweep_round now, last;
	bool running;
	enum stage stage;
	unsigned int trie; /* table * 2 + (IPv6) */
	struct nets_cursor cursor;
	struct prefix next; /* first entry of the slice to come; family 0: from the start */
	struct host_scan *scan;
	uint8_t family;
	uint64_t hosts_seen, host_acts;
	bool quiet; /* no act changed a host map while it was scanned */
	uint32_t note_token, proven_token;
	struct reput_cursor reput;
	struct prefix reput_over; /* over, and still the place where the walk is; or none */
	uint64_t dirty;		  /* bits that were when the round began */
	uint32_t loads;		  /* as of then */
	uint64_t silent;	  /* lists_off, of this step */
	uint32_t now_s;		  /* of this step */
};

int sweep_new(struct gate *gate, struct sweep **ret_sweep)
{
	own_free struct sweep *sweep = calloc(1, sizeof(*sweep));
	struct gate_nets *nets;
	int r = sweep ? nets_get(gate, &nets) : -ENOMEM;

	if (r)
		return r;
	sweep->shadow = calloc(1, sizeof(*sweep->shadow));
	if (!sweep->shadow)
		return -ENOMEM;
	sweep->gate = gate;
	*ret_sweep = take_ptr(sweep);
	return 0;
}

void sweep_free(struct sweep *sweep)
{
	if (!sweep)
		return;
	if (sweep->running)
		sweep->gate->nets->shadow = NULL;
	host_scan_free(sweep->scan);
	free(sweep->shadow);
	free(sweep);
}

const struct sweep_round *sweep_last(const struct sweep *sweep)
{
	return &sweep->last;
}

/* ---- counting ---- */

static void count_entry(struct sweep *sweep, enum sz_table table, const struct say *own)
{
	uint64_t live = say_live(table, own, sweep->now_s);

	if (table == SZ_TABLE_DENY)
		live &= ~sweep->silent;
	sweep->now.entries[table] += live ? 1 : 0;
	for (; live && table == SZ_TABLE_DENY; live &= live - 1)
		sweep->now.list_entries[__builtin_ctzll(live)]++;
}

/* Dirty bits go; but a list loaded since the round began may have been given one of them. */
static uint64_t dropped_bits(const struct sweep *sweep)
{
	return sweep->loads == sweep->gate->nets->loads ? sweep->dirty : 0;
}

/* ---- tries ---- */

static int trie_table(struct sweep *sweep, struct net_table **ret_table)
{
	return nets_table(sweep->gate, (enum sz_table)(sweep->trie / 2), sweep->trie % 2 ? 6 : 4,
			  ret_table);
}

static void stage_set(struct sweep *sweep, enum stage stage)
{
	sweep->stage = stage;
	sweep->next.family = 0;
}

static int step_compare(struct sweep *sweep, uint32_t most)
{
	struct net_table *t;
	bool done;
	int r = trie_table(sweep, &t);

	if (!r)
		r = nets_compare(sweep->gate, t, &sweep->cursor, most, &sweep->now.repaired, &done);
	if (!r && done)
		stage_set(sweep, STAGE_MISS);
	return r;
}

static void slice_bounds(const struct sweep *sweep, const struct net_table *t, uint32_t most,
			 size_t *ret_begin, size_t *ret_end)
{
	*ret_begin = sweep->next.family ? nets_seek(t, &sweep->next) : 0;
	*ret_end = MIN(*ret_begin + most, t->count);
}

/* Is there more behind `end`? Then the next slice begins with it. */
static bool slice_next(struct sweep *sweep, const struct net_table *t, size_t end)
{
	if (end >= t->count)
		return false;
	sweep->next = t->at[end].prefix;
	return true;
}

static int step_miss(struct sweep *sweep, uint32_t most)
{
	struct net_table *t;
	size_t begin, end;
	int r = trie_table(sweep, &t);

	if (r)
		return r;
	slice_bounds(sweep, t, most, &begin, &end);
	r = nets_miss(sweep->gate, t, begin, end, &sweep->now.repaired, &end);
	if (!r && !slice_next(sweep, t, end))
		stage_set(sweep, STAGE_SETTLE);
	return r;
}

static int next_trie(struct sweep *sweep)
{
	memset(&sweep->cursor, 0, sizeof(sweep->cursor));
	stage_set(sweep, STAGE_COMPARE);
	if (++sweep->trie == TRIES) {
		stage_set(sweep, STAGE_HOSTS);
		sweep->family = 4;
	}
	return 0;
}

static int step_settle(struct sweep *sweep, uint32_t most)
{
	struct nets_settled settled = {0};
	struct net_table *t;
	size_t begin, end;
	int r = trie_table(sweep, &t);

	if (r)
		return r;
	slice_bounds(sweep, t, most, &begin, &end);
	r = nets_settle(sweep->gate, t, begin, end,
			t->table == SZ_TABLE_DENY ? dropped_bits(sweep) : 0, &settled, &end);
	sweep->now.collected += settled.expired;
	sweep->now.repaired += settled.repaired;
	if (r)
		return r;
	for (size_t i = begin; i < end; i++) {
		present_see(sweep->gate, sweep->shadow, &t->at[i].prefix);
		if (t->table != SZ_TABLE_DENY)
			present_see_pass(sweep->shadow, &t->at[i].prefix);
		count_entry(sweep, t->table, &t->at[i].own);
	}
	return slice_next(sweep, t, end) ? 0 : next_trie(sweep);
}

/* ---- hosts ---- */

static enum host_fate sweep_host(void *context, const struct prefix *host, struct sz_rule *rule)
{
	struct sweep *sweep = context;
	struct say was = host_say(rule), say = was;
	bool carried = false;

	say_drop(SZ_TABLE_DENY, &say, dropped_bits(sweep));
	say_prune(SZ_TABLE_DENY, &say, sweep->now_s);
	if (!say.lists) {
		sweep->now.collected++;
		return HOST_DELETE;
	}
	sweep->hosts_seen++;
	present_see(sweep->gate, sweep->shadow, host);
	count_entry(sweep, SZ_TABLE_DENY, &say);
	if (host->family == 4 &&
	    dlines_see(sweep->gate, &sweep->shadow->dlines, host, rule, &carried))
		sweep->now.repaired_lines++;
	host_set(rule, &say);
	return carried || !say_equal(&say, &was) ? HOST_WRITE : HOST_KEEP;
}

static int hosts_begin(struct sweep *sweep)
{
	sweep->hosts_seen = 0;
	sweep->host_acts = sweep->gate->nets->host_acts;
	return host_scan_new(sweep->gate, sweep->family, &sweep->scan);
}

/* With acts during the scan nobody knows what it saw of them: the number the writers keep stands.
 */
static void hosts_end(struct sweep *sweep)
{
	if (sweep->host_acts == sweep->gate->nets->host_acts)
		sweep->gate->hosts[sweep->family == 6] = sweep->hosts_seen;
	else
		sweep->quiet = false;
	host_scan_free(sweep->scan);
	sweep->scan = NULL;
}

static int step_hosts(struct sweep *sweep, uint32_t most)
{
	bool done;
	int r = sweep->scan ? 0 : hosts_begin(sweep);

	if (!r)
		r = host_scan_step(sweep->scan, MIN(most, SLICE), sweep_host, sweep, &done);
	if (r || !done)
		return r;
	hosts_end(sweep);
	if (sweep->family == 4)
		sweep->family = 6;
	else
		stage_set(sweep, STAGE_LINES);
	return 0;
}

static int step_lines(struct sweep *sweep, uint32_t most)
{
	bool done;
	int r = dlines_finish(sweep->gate, &sweep->shadow->dlines, most, &sweep->now.repaired_lines,
			      &done);

	if (!r && done)
		stage_set(sweep, STAGE_NOTES);
	return r;
}

/* ---- notes ---- */

static int note_has_entry(struct gate *gate, enum sz_table table, const struct prefix *prefix)
{
	struct net_table *t;
	struct sz_rule rule;
	int r;

	if (table == SZ_TABLE_DENY && prefix_is_host(prefix)) {
		r = host_read(gate, prefix, &rule);
		return r == -ENOENT ? 0 : r ? r : 1;
	}
	r = nets_table(gate, table, prefix->family, &t);
	return r ? r : nets_find(t, prefix) != NULL;
}

static int step_notes(struct sweep *sweep, uint32_t most)
{
	bool done;
	int r = notes_collect(sweep->gate, note_has_entry, most, &sweep->note_token, &done);

	if (!r && done)
		stage_set(sweep, STAGE_PROVEN);
	return r;
}

static int step_proven(struct sweep *sweep, uint32_t most)
{
	bool done;
	int r = proven_collect(sweep->gate, most, &sweep->proven_token, &sweep->now.collected,
			       &done);

	if (!r && done)
		stage_set(sweep, STAGE_REPUT);
	return r;
}

/* The entry behind which the walk goes on stays for this round: see reput_walk(). */
static int reput_entry(void *context, const struct prefix *prefix, const struct sz_reput *reput)
{
	struct sweep *sweep = context;

	if (reput_is_over(reput, sweep->now_s)) {
		if (sweep->reput_over.family &&
		    !reput_drop(sweep->gate, &sweep->reput_over, SZ_ORIGIN_OPERATOR))
			sweep->now.collected++;
		sweep->reput_over = *prefix;
		return 0;
	}
	present_see(sweep->gate, sweep->shadow, prefix);
	return 0;
}

static int step_reput(struct sweep *sweep, uint32_t most)
{
	bool done;
	int r = reput_walk(sweep->gate, &sweep->reput, most, reput_entry, sweep, &done);

	if (r || !done)
		return r;
	if (sweep->reput_over.family &&
	    !reput_drop(sweep->gate, &sweep->reput_over, SZ_ORIGIN_OPERATOR))
		sweep->now.collected++;
	stage_set(sweep, STAGE_FINISH);
	return 0;
}

/* ---- the round ---- */

static int round_begin(struct sweep *sweep)
{
	struct gate_nets *nets = sweep->gate->nets;
	int r = lists_recover(sweep->gate);

	if (!r)
		r = lists_dirty(sweep->gate, &sweep->dirty);
	if (r)
		return r;
	memset(sweep->shadow, 0, sizeof(*sweep->shadow));
	sweep->now = (struct sweep_round){.rounds = sweep->last.rounds};
	sweep->loads = nets->loads;
	sweep->trie = 0;
	sweep->note_token = sweep->proven_token = 0;
	memset(&sweep->reput, 0, sizeof(sweep->reput));
	sweep->reput_over.family = 0;
	sweep->quiet = true;
	memset(&sweep->cursor, 0, sizeof(sweep->cursor));
	stage_set(sweep, STAGE_COMPARE);
	nets->round++;
	nets->shadow = sweep->shadow;
	sweep->running = true;
	return 0;
}

/* Bits that entries carry and that no list has: somebody else's denials. Give them a name. */
static int name_strangers(struct sweep *sweep)
{
	char name[SZ_LIST_NAME_LEN];
	struct lists lists;
	int r = lists_read(sweep->gate, &lists);

	for (uint32_t bit = SZ_LIST_FEED; !r && bit < SZ_LISTS; bit++) {
		uint64_t entries = sweep->now.list_entries[bit];

		if (!entries || (lists.used | sweep->gate->settings->lists_off) & 1ULL << bit)
			continue;
		snprintf(name, sizeof(name), "recovered-%u", bit);
		r = lists_write(sweep->gate, bit, name, (uint32_t)entries);
	}
	return r;
}

static int round_finish(struct sweep *sweep)
{
	struct gate *gate = sweep->gate;
	int r = 0;

	/* The counts are of this round only while no list changed hands in it. */
	if (sweep->loads == gate->nets->loads) {
		r = name_strangers(sweep);
		lists_switch(gate, 0, sweep->dirty);
	}
	if (r)
		return r;
	present_finish(gate, sweep->shadow, &sweep->now.bits_set, &sweep->now.bits_cleared);
	gate->hosts_known |= sweep->quiet;
	gate->nets->shadow = NULL;
	sweep->running = false;
	sweep->now.rounds++;
	sweep->last = sweep->now;
	return 0;
}

static int step(struct sweep *sweep, uint32_t most)
{
	sweep->now_s = clock_boot_s();
	sweep->silent = sweep->gate->settings->lists_off;
	switch (sweep->stage) {
	case STAGE_COMPARE:
		return step_compare(sweep, most);
	case STAGE_MISS:
		return step_miss(sweep, most);
	case STAGE_SETTLE:
		return step_settle(sweep, most);
	case STAGE_HOSTS:
		return step_hosts(sweep, most);
	case STAGE_LINES:
		return step_lines(sweep, most);
	case STAGE_NOTES:
		return step_notes(sweep, most);
	case STAGE_PROVEN:
		return step_proven(sweep, most);
	case STAGE_REPUT:
		return step_reput(sweep, most);
	case STAGE_FINISH:
		return round_finish(sweep);
	}
	return -EINVAL;
}

int sweep_step(struct sweep *sweep, uint32_t most, bool *ret_done)
{
	int r = sweep->running ? 0 : round_begin(sweep);

	if (!r)
		r = step(sweep, MAX(most, 1U));
	if (r)
		return r;
	*ret_done = !sweep->running;
	return 0;
}

int sweep_all(struct sweep *sweep)
{
	bool done = false;
	int r = 0;

	while (!r && !done)
		r = sweep_step(sweep, SLICE, &done);
	return r;
}

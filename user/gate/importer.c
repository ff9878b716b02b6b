/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a foreign instance holds, said again on ours through act_add(): so the rules hold (nothing
 * that never or allow covers is denied), presence and inheritance are computed for our seed, and
 * what both say adds up. Expiries are boot time on both sides and are taken as they are.
 *
 * Order: never, allow, deny, so that its own never-ban entries protect what it should not deny.
 * Entries whose time is over and lists that are silenced there are left behind. Entries made by
 * hand (bpftool) may lack the fields that only user space reads; what the gate reads then counts.
 */
#include <user/gate/adopt.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include <strazh/abi/rule.h>
#include <user/base/clock.h>
#include <user/gate/act.h>
#include <user/gate/lists.h>
#include <user/gate/nets.h>
#include <user/gate/rule.h>

#define UNNAMED_LIST "imported"

struct import {
	struct gate *gate, *foreign;
	struct adoption *adoption;
	uint64_t off; /* lists silenced there */
	uint32_t now_s;
	uint32_t bits[SZ_LISTS]; /* its bit of a named list -> ours; 0: not met yet */
};

/* ---- list names ---- */

/* Where the foreign list has no name, or one that we would not take: UNNAMED_LIST. */
static int list_name(struct gate *foreign, uint32_t bit, char name[SZ_LIST_NAME_LEN])
{
	struct sz_list list = {0};

	if (foreign->map[GATE_MAP_LIST] >= 0 &&
	    bpf_map_lookup_elem(foreign->map[GATE_MAP_LIST], &bit, &list))
		return -errno;
	list.name[SZ_LIST_NAME_LEN - 1] = '\0';
	snprintf(name, SZ_LIST_NAME_LEN, "%s",
		 lists_check_name(list.name) ? UNNAMED_LIST : list.name);
	return 0;
}

/* The bit of the list of that name in ours, given now if there is none. */
static int our_bit(struct gate *gate, const char *name, uint32_t *ret_bit)
{
	struct lists lists;
	uint32_t bit;
	int r = lists_read(gate, &lists);

	if (r)
		return r;
	bit = lists_find(&lists, name);
	if (bit >= SZ_LISTS) {
		r = lists_take(gate, &bit);
		if (!r)
			r = lists_write(gate, bit, name, 0);
		if (!r)
			lists_switch(gate, 0, 1ULL << bit);
	}
	if (r == ACT_TOO_MANY_LISTS) {
		gate_explain("no room for the list '%s': all %d names are given", name,
			     SZ_LISTS - SZ_LIST_FEED);
		return ATTACH_NO_ROOM;
	}
	if (!r)
		*ret_bit = bit;
	return r;
}

static int translate(struct import *import, enum sz_table table, uint32_t bit, uint32_t *ret_bit)
{
	char name[SZ_LIST_NAME_LEN];
	int r = 0;

	if (table != SZ_TABLE_DENY || bit < SZ_LIST_FEED) {
		*ret_bit = bit;
		return 0;
	}
	if (!import->bits[bit]) {
		r = list_name(import->foreign, bit, name);
		if (!r)
			r = our_bit(import->gate, name, &import->bits[bit]);
	}
	if (!r)
		*ret_bit = import->bits[bit];
	return r;
}

/* ---- one entry ---- */

/* Our copy of a trie entry or denied host, as bytes of its map. */
struct slot {
	int map;
	bool host;
	union {
		struct sz_net4 net4;
		struct sz_net6 net6;
		uint8_t addr[16];
	} key;
	struct sz_net_rule value; /* of a host: value.rule */
};

static bool slot_read(struct gate *gate, enum sz_table table, const struct prefix *prefix,
		      struct slot *slot)
{
	*slot = (struct slot){.host = table == SZ_TABLE_DENY && prefix_is_host(prefix)};
	if (slot->host) {
		slot->map = gate->map[prefix->family == 4 ? GATE_MAP_DHOST4 : GATE_MAP_DHOST6];
		memcpy(slot->key.addr, prefix->addr, sizeof(slot->key.addr));
	} else {
		slot->map = gate->map[nets_map(table, prefix->family)];
		slot->key.net6.len = prefix->len;
		memcpy(slot->key.net6.addr, prefix->addr, sizeof(slot->key.net6.addr));
	}
	if (bpf_map_lookup_elem(slot->map, &slot->key, &slot->value))
		return false;
	if (slot->host) {
		slot->value.own_lists = slot->value.rule.lists;
		memcpy(slot->value.own_until_s, slot->value.rule.until_s,
		       sizeof(slot->value.own_until_s));
	}
	/* A trie answers with what covers the key as well. */
	return slot->host || slot->value.len == prefix->len;
}

static bool said_already(const struct slot *slot, uint32_t bit, enum sz_origin origin,
			 uint32_t until_s)
{
	uint32_t ours = slot->value.own_until_s[origin];

	return slot->value.own_lists & (1ULL << bit) && (!ours || (until_s && ours >= until_s));
}

/* An update replaces the entry: what the gate counts in these microseconds is lost from `hits`. */
static int carry_hits(struct gate *gate, const struct entry *entry)
{
	struct slot slot;

	if (!entry->rule.hits || !slot_read(gate, entry->table, &entry->prefix, &slot))
		return 0;
	slot.value.rule.hits += entry->rule.hits;
	if (bpf_map_update_elem(slot.map, &slot.key, &slot.value, BPF_EXIST) && errno != ENOENT)
		return -errno;
	return 0;
}

static int no_room(const struct act_answer *answer)
{
	gate_explain("no room for what the foreign gate holds: %llu of %llu entries are in use; "
		     "it stays in force",
		     (unsigned long long)answer->fill, (unsigned long long)answer->capacity);
	return ATTACH_NO_ROOM;
}

static int say_bit(struct import *import, struct act *act, bool *ret_said)
{
	struct act_answer answer = {0};
	int r = act_add(import->gate, act, &answer);

	switch (r) {
	case 0:
		*ret_said = true;
		return 0;
	case ACT_REFUSED_NEVER:
	case ACT_REFUSED_ALLOW:
		import->adoption->refused++;
		return 0;
	case ACT_FULL:
	case ACT_TOO_MANY_LISTS:
		return no_room(&answer);
	default:
		return r;
	}
}

static int say_bits(struct import *import, const struct entry *entry, const struct say *say,
		    struct act *act, bool *ret_said)
{
	uint64_t live = say_live(entry->table, say, import->now_s);
	struct slot slot;
	bool there = slot_read(import->gate, entry->table, &entry->prefix, &slot);

	if (entry->table == SZ_TABLE_DENY)
		live &= ~import->off;
	for (uint32_t bit = 0; bit < SZ_LISTS; bit++) {
		int r;

		if (!(live & (1ULL << bit)))
			continue;
		act->origin = rule_bit_origin(entry->table, bit);
		act->until_s = say->until_s[act->origin];
		r = translate(import, entry->table, bit, &act->bit);
		if (r)
			return r;
		if (there && said_already(&slot, act->bit, act->origin, act->until_s))
			continue;
		r = say_bit(import, act, ret_said);
		if (r)
			return r;
	}
	return 0;
}

static void count(struct adoption *adoption, const struct entry *entry)
{
	switch (entry->table) {
	case SZ_TABLE_NEVER:
		adoption->never++;
		break;
	case SZ_TABLE_ALLOW:
		adoption->allow++;
		break;
	case SZ_TABLE_DENY:
	case SZ_TABLES:
		if (prefix_is_host(&entry->prefix))
			adoption->hosts++;
		else
			adoption->nets++;
		break;
	}
}

static int import_entry(void *context, const struct entry *entry)
{
	struct import *import = context;
	struct act act = {.table = entry->table, .prefix = entry->prefix};
	struct say say = entry->own_lists ? say_make(entry->own_lists, entry->own_until_s)
					  : say_make(entry->rule.lists, entry->rule.until_s);
	struct sz_note note;
	bool said = false;
	int r;

	if (import->foreign->map[GATE_MAP_NOTE] >= 0 &&
	    !act_note(import->foreign, entry->table, &entry->prefix, &note)) {
		note.text[sizeof(note.text) - 1] = '\0';
		act.note = note.text;
	}
	r = say_bits(import, entry, &say, &act, &said);
	if (r || !said)
		return r;
	count(import->adoption, entry);
	import->adoption->notes += act.note != NULL;
	return carry_hits(import->gate, entry);
}

int import_entries(struct gate *gate, struct gate *foreign, struct adoption *adoption)
{
	struct import import = {
		.gate = gate,
		.foreign = foreign,
		.adoption = adoption,
		.off = foreign->settings->lists_off,
		.now_s = clock_boot_s(),
	};
	int r = 0;

	for (enum sz_table table = 0; table < SZ_TABLES && !r; table++)
		r = act_walk(foreign, table, import_entry, &import);
	return r;
}

bool import_settings(struct gate *gate, struct gate *foreign)
{
	static const struct sz_settings untouched;
	struct sz_settings ours = *(struct sz_settings *)(uintptr_t)gate->settings;
	volatile struct sz_settings *to = gate->settings, *from = foreign->settings;

	/* How lists are indexed, which ones are silenced, a pending attach: nobody's wishes. */
	ours.present6_levels = 0;
	memset(ours.pass4_void, 0, sizeof(ours.pass4_void));
	memset(ours.pass6_void, 0, sizeof(ours.pass6_void));
	ours.lists_off = 0;
	ours.tap_on = 0;
	ours.tcp = 0;
	ours.lease_ifindex = 0;
	ours.lease_until_s = 0;
	ours.pace_until_ns = 0;
	memset(ours.pace, 0, sizeof(ours.pace));
	ours.pace_flags = 0;
	if (memcmp(&ours, &untouched, sizeof(ours)) != 0)
		return false;
	to->bogon_flip = from->bogon_flip;
	to->events_per_s = from->events_per_s;
	to->flags = from->flags;
	return true;
}

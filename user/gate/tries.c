/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The kernel's side of struct net. A trie cannot be asked for an entry, only for the longest match:
 * the entry of that prefix is the longest if it is there, and its `len` says so.
 */
#include <user/gate/tries.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>

struct trie_key trie_key(const struct prefix *prefix)
{
	struct trie_key key = {.len = prefix->len};

	memcpy(key.addr, prefix->addr, sizeof(key.addr));
	return key;
}

static size_t key_size(uint8_t family)
{
	return family == 4 ? sizeof(struct sz_net4) : sizeof(struct sz_net6);
}

/* Not prefix_from(): what stands in a trie of IPv6 stays IPv6, whoever wrote it. */
struct prefix trie_prefix(uint8_t family, const void *key)
{
	struct prefix p = {.family = family};
	uint32_t len;

	memcpy(&len, key, sizeof(len));
	p.len = (uint8_t)MIN(len, prefix_len_max(family));
	memcpy(p.addr, (const uint8_t *)key + sizeof(len), family == 4 ? 4 : 16);
	for (uint32_t bit = p.len; bit < prefix_len_max(family); bit++)
		p.addr[bit / 8] &= (uint8_t) ~(0x80U >> bit % 8);
	return p;
}

struct say trie_own(enum sz_table table, const struct sz_net_rule *value)
{
	struct say own = say_make(value->own_lists, value->own_until_s);

	if (!value->own_lists)
		own = say_make(value->rule.lists, value->rule.until_s);
	say_drop(table, &own, 0);
	return own;
}

void trie_take(struct net *net, enum sz_table table, const struct sz_net_rule *value)
{
	net->kept = true;
	net->was_own = say_make(value->own_lists, value->own_until_s);
	net->was = say_make(value->rule.lists, value->rule.until_s);
	if (value->len != net->prefix.len) /* written without it: differs from all that is wanted */
		net->was.lists = 0;
	net->own = trie_own(table, value);
	net->since_s = value->rule.since_s;
}

int trie_match(int map, const struct prefix *prefix, struct sz_net_rule *ret_value)
{
	struct trie_key key = trie_key(prefix);

	return bpf_map_lookup_elem(map, &key, ret_value);
}

int trie_climb(struct trie_climb *climb, struct prefix *ret_prefix, struct sz_net_rule *ret_value)
{
	struct sz_net_rule value;
	int r = climb->over ? -ENOENT : trie_match(climb->map, &climb->at, &value);
	struct trie_key key;

	if (r)
		return r;
	key = trie_key(&climb->at);
	key.len = MIN(value.len, climb->at.len);
	*ret_prefix = trie_prefix(climb->at.family, &key);
	*ret_value = value;
	climb->over = !key.len;
	climb->at = *ret_prefix;
	climb->at.len -= climb->over ? 0 : 1;
	return 0;
}

int trie_write(struct net_table *t, struct net *net, const struct say *rule)
{
	struct trie_key key = trie_key(&net->prefix);
	struct sz_net_rule value = {.len = net->prefix.len}, old;
	int r = net->kept ? trie_match(t->map, &net->prefix, &old) : -ENOENT;

	if (r && r != -ENOENT)
		return r;
	if (!net->kept)
		net->since_s = MAX(clock_boot_s(), 1U);
	value.rule.lists = rule->lists;
	value.rule.since_s = net->since_s;
	if (!r && old.len == net->prefix.len)
		value.rule.hits = old.rule.hits;
	memcpy(value.rule.until_s, rule->until_s, sizeof(value.rule.until_s));
	value.own_lists = net->own.lists;
	memcpy(value.own_until_s, net->own.until_s, sizeof(value.own_until_s));
	r = bpf_map_update_elem(t->map, &key, &value, BPF_ANY);
	if (r)
		return r == -E2BIG ? -ENOSPC : r;
	t->kept += net->kept ? 0 : 1;
	net->kept = true;
	net->was_own = net->own;
	net->was = *rule;
	return 0;
}

int trie_delete(struct net_table *t, const struct prefix *prefix)
{
	struct trie_key key = trie_key(prefix);

	return bpf_map_delete_elem(t->map, &key);
}

/* ---- reading all ---- */

const void *trie_slice_key(const struct trie_slice *slice, uint8_t family, uint32_t i)
{
	return slice->keys + i * key_size(family);
}

int trie_slice(int map, uint32_t most, struct nets_cursor *cursor, struct trie_slice *ret_slice)
{
	uint32_t count = MIN(most, TRIE_SLICE);
	uint8_t next[sizeof(cursor->key)];
	int r;

	LIBBPF_OPTS(bpf_map_batch_opts, options);
	r = bpf_map_lookup_batch(map, cursor->started ? cursor->key : NULL, next, ret_slice->keys,
				 ret_slice->values, &count, &options);
	if (r && r != -ENOENT)
		return r;
	ret_slice->count = count;
	ret_slice->last = r == -ENOENT;
	memcpy(cursor->key, next, sizeof(next));
	cursor->started = true;
	cursor->read += count;
	return 0;
}

static int order_nets(const void *a, const void *b)
{
	return prefix_compare(&((const struct net *)a)->prefix, &((const struct net *)b)->prefix);
}

/* An entry may have come twice when the trie was changed while it was read. */
static size_t drop_repeats(struct net *at, size_t count)
{
	size_t to = 0;

	for (size_t i = 0; i < count; i++)
		if (!to || order_nets(&at[to - 1], &at[i]) != 0)
			at[to++] = at[i];
	return to;
}

static int load_slice(struct net_table *t, const struct trie_slice *slice)
{
	if (t->count + slice->count > t->room) {
		size_t room = MAX(t->room * 2, t->count + TRIE_SLICE);
		struct net *at = reallocarray(t->at, room, sizeof(*at));

		if (!at)
			return -ENOMEM;
		t->at = at;
		t->room = room;
	}
	for (uint32_t i = 0; i < slice->count; i++) {
		struct net *net = &t->at[t->count++];

		*net = (struct net){
			.prefix = trie_prefix(t->family, trie_slice_key(slice, t->family, i))};
		trie_take(net, t->table, &slice->values[i]);
	}
	return 0;
}

int tries_load(struct net_table *t)
{
	own_free struct trie_slice *slice = malloc(sizeof(*slice));
	struct nets_cursor cursor = {0};

	if (!slice)
		return -ENOMEM;
	t->count = 0;
	do {
		int r = trie_slice(t->map, TRIE_SLICE, &cursor, slice);

		if (!r)
			r = load_slice(t, slice);
		if (r)
			return r;
	} while (!slice->last && cursor.read <= 2 * t->capacity + TRIE_SLICE);
	if (t->count)
		qsort(t->at, t->count, sizeof(*t->at), order_nets);
	t->kept = t->count = drop_repeats(t->at, t->count);
	memset(t->of_length, 0, sizeof(t->of_length));
	for (size_t i = 0; i < t->count; i++)
		t->of_length[t->at[i].prefix.len]++;
	t->loaded = true;
	return 0;
}

/* ---- drift ---- */

static int compare_one(struct net_table *t, const struct prefix *prefix,
		       const struct sz_net_rule *value, uint32_t round, uint64_t *repaired)
{
	struct net *net = nets_find(t, prefix), seen = {.prefix = *prefix};
	int r;

	trie_take(&seen, t->table, value);
	if (!net) {
		r = nets_add(t, prefix, &net);
		if (r)
			return r;
		t->kept++;
	} else if (net->kept && say_equal(&net->was_own, &seen.was_own) &&
		   say_equal(&net->was, &seen.was)) {
		net->round = round;
		return 0;
	} else {
		t->kept += net->kept ? 0 : 1;
	}
	*net = seen;
	net->round = round;
	++*repaired;
	return 0;
}

int nets_compare(struct gate *gate, struct net_table *t, struct nets_cursor *cursor, uint32_t most,
		 uint64_t *repaired, bool *ret_done)
{
	own_free struct trie_slice *slice = malloc(sizeof(*slice));
	int r = slice ? trie_slice(t->map, most, cursor, slice) : -ENOMEM;

	for (uint32_t i = 0; !r && i < slice->count; i++) {
		struct prefix p = trie_prefix(t->family, trie_slice_key(slice, t->family, i));

		r = compare_one(t, &p, &slice->values[i], gate->nets->round, repaired);
	}
	if (r)
		return r;
	*ret_done = slice->last || cursor->read > 4 * t->capacity + TRIE_SLICE;
	return 0;
}

/* Is it really gone? It may have been added behind the comparison's back, or ahead of it. */
static int miss_one(struct net_table *t, struct net *net, uint64_t *repaired)
{
	struct sz_net_rule value;
	int r = trie_match(t->map, &net->prefix, &value);

	if (r && r != -ENOENT)
		return r;
	if (!r && value.len == net->prefix.len)
		return 0;
	net->kept = false;
	net->own = (struct say){0};
	t->kept--;
	++*repaired;
	return 0;
}

int nets_miss(struct gate *gate, struct net_table *t, size_t begin, size_t end, uint64_t *repaired,
	      size_t *ret_end)
{
	size_t to = begin;

	for (size_t i = begin; i < end; i++) {
		struct net *net = &t->at[i];
		int r = net->round == gate->nets->round ? 0 : miss_one(t, net, repaired);

		if (r)
			return r;
		t->of_length[net->prefix.len] -= net->kept ? 0 : 1;
		if (net->kept)
			t->at[to++] = *net;
	}
	if (to != end)
		memmove(&t->at[to], &t->at[end], (t->count - end) * sizeof(*t->at));
	t->count -= end - to;
	*ret_end = to;
	return 0;
}

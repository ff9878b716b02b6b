/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One pass over a sorted range with a stack of the prefixes that are open at this point: the top
 * holds all that is said by everything that covers the present entry. An entry is deleted before
 * those inside it are rewritten and written before them, and each write replaces a whole entry at
 * once: a process that dies in between leaves some entries inside with an older inheritance, which
 * the next sweep mends. While a denial is added that is a part not denied yet; while one is taken
 * back, a part denied still.
 */
#include <user/gate/nets.h>

#include <errno.h>
#include <string.h>

#include <user/base/clock.h>
#include <user/gate/present.h>
#include <user/gate/tries.h>

#define DEPTH_MAX 129

struct open_net {
	struct prefix prefix;
	struct say all; /* its own and what covers it */
};

struct pass {
	struct gate *gate;
	struct net_table *t;
	struct nets_settled *settled;
	uint64_t drop;
	uint32_t now_s;
	unsigned int depth;
	struct open_net stack[DEPTH_MAX];
};

static void push(struct pass *pass, const struct prefix *prefix, const struct say *own)
{
	struct open_net *top = &pass->stack[pass->depth];

	top->prefix = *prefix;
	top->all = *own;
	if (pass->depth)
		say_inherit(pass->t->table, &top->all, &pass->stack[pass->depth - 1].all,
			    pass->now_s);
	else
		say_prune(pass->t->table, &top->all, pass->now_s);
	pass->depth++;
}

/* What covers the first entry of the range, from the widest on. */
static void open_above(struct pass *pass, const struct prefix *first)
{
	for (uint8_t len = 0; len < first->len; len++) {
		struct prefix wider;
		const struct net *net;

		if (!pass->t->of_length[len])
			continue;
		wider = prefix_from(first->family, first->addr, len);
		net = nets_find(pass->t, &wider);
		if (net) {
			struct say own = net->own;

			say_drop(pass->t->table, &own, pass->drop);
			push(pass, &wider, &own);
		}
	}
}

static int remove_net(struct pass *pass, struct net *net)
{
	int r = net->kept ? trie_delete(pass->t, &net->prefix) : 0;

	if (r && r != -ENOENT)
		return r;
	if (net->kept) {
		pass->t->kept--;
		pass->settled->removed++;
	}
	net->kept = false;
	return 0;
}

static int write_net(struct pass *pass, struct net *net, const struct say *all)
{
	if (net->kept && say_equal(&net->was_own, &net->own) && say_equal(&net->was, all))
		return 0;
	if (!net->kept && pass->t->kept >= pass->t->capacity)
		return -ENOSPC;
	present_mark(pass->gate, &net->prefix);
	if (pass->t->table != SZ_TABLE_DENY)
		present_mark_pass(pass->gate, &net->prefix);
	pass->settled->written++;
	pass->settled->repaired += net->kept && say_equal(&net->was_own, &net->own) ? 1 : 0;
	return trie_write(pass->t, net, all);
}

/* Entries that say nothing stay in the array, kept == false, until the pass is over. */
static int settle_one(struct pass *pass, struct net *net)
{
	uint64_t said;

	while (pass->depth && !prefix_covers(&pass->stack[pass->depth - 1].prefix, &net->prefix))
		pass->depth--;
	say_drop(pass->t->table, &net->own, pass->drop);
	said = net->own.lists;
	say_prune(pass->t->table, &net->own, pass->now_s);
	if (!net->own.lists) {
		pass->settled->expired += said ? 1 : 0;
		return remove_net(pass, net);
	}
	push(pass, &net->prefix, &net->own);
	return write_net(pass, net, &pass->stack[pass->depth - 1].all);
}

/* Take out of [begin, end) what is neither in the kernel nor wanted there. */
static size_t close_up(struct net_table *t, size_t begin, size_t end)
{
	size_t to = begin;

	for (size_t i = begin; i < end; i++) {
		if (!t->at[i].kept && !t->at[i].own.lists) {
			t->of_length[t->at[i].prefix.len]--;
			continue;
		}
		if (to != i)
			t->at[to] = t->at[i];
		to++;
	}
	if (to != end)
		memmove(&t->at[to], &t->at[end], (t->count - end) * sizeof(*t->at));
	t->count -= end - to;
	return to;
}

int nets_settle(struct gate *gate, struct net_table *t, size_t begin, size_t end, uint64_t drop,
		struct nets_settled *settled, size_t *ret_end)
{
	struct pass pass = {
		.gate = gate,
		.t = t,
		.settled = settled,
		.drop = drop,
		.now_s = clock_boot_s(),
	};
	int r = 0;

	if (begin < end)
		open_above(&pass, &t->at[begin].prefix);
	for (size_t i = begin; !r && i < end; i++)
		r = settle_one(&pass, &t->at[i]);
	*ret_end = close_up(t, begin, end);
	return r;
}

int nets_settle_below(struct gate *gate, struct net_table *t, const struct prefix *prefix)
{
	size_t begin = nets_seek(t, prefix), end = nets_end(t, begin, prefix);
	struct nets_settled settled = {0};

	return nets_settle(gate, t, begin, end, 0, &settled, &end);
}

int nets_say(struct gate *gate, struct net_table *t, struct net *net, uint32_t bit,
	     uint32_t until_s)
{
	const struct prefix prefix = net->prefix;
	const struct say old = net->own;
	int r;

	say_add(t->table, &net->own, bit, until_s, clock_boot_s());
	r = nets_settle_below(gate, t, &prefix);
	if (!r)
		return 0;
	net = nets_find(t, &prefix);
	if (net) {
		net->own = old;
		if (nets_settle_below(gate, t, &prefix))
			return r; /* the first failure; the sweep settles it again */
	}
	return r;
}

int nets_settle_all(struct gate *gate, struct net_table *t, uint64_t drop,
		    struct nets_settled *settled)
{
	size_t end;

	return nets_settle(gate, t, 0, t->count, drop, settled, &end);
}

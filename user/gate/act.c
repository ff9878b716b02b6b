/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Single acts. A denied host is one lookup and one write in a hash; everything else is a change in
 * the model of its trie that is then settled (nets.h). An act that fails leaves the entry as it
 * was: the model is put back and settled again.
 *
 * Questions about what covers a prefix go to the kernel's tries, not to the model: the answer costs
 * a lookup for each covering entry, and a one-shot strazhctl need not read a table to ban a host.
 */
#include <user/gate/act.h>

#include <errno.h>
#include <string.h>

#include <user/base/clock.h>
#include <user/gate/collect.h>
#include <user/gate/hosts.h>
#include <user/gate/nets.h>
#include <user/gate/note.h>
#include <user/gate/rule.h>
#include <user/gate/tries.h>

static bool is_denied_host(enum sz_table table, const struct prefix *prefix)
{
	return table == SZ_TABLE_DENY && prefix_is_host(prefix);
}

static uint64_t silenced(const struct gate *gate, enum sz_table table)
{
	return table == SZ_TABLE_DENY ? gate->settings->lists_off : 0;
}

static void answer_other(struct act_answer *answer, enum sz_table table,
			 const struct prefix *prefix, uint64_t lists)
{
	answer->other_table = table;
	answer->other = *prefix;
	answer->other_lists = lists;
}

/* ---- what covers a prefix ---- */

/* The longest entry of a trie with a live say of its own over `prefix`: 1 (answer set), 0, -errno.
 */
static int find_over(struct gate *gate, enum sz_table table, const struct prefix *prefix,
		     struct act_answer *answer)
{
	struct trie_climb climb = {gate->map[nets_map(table, prefix->family)], *prefix, false};
	uint32_t now_s = clock_boot_s();
	struct sz_net_rule value;
	struct prefix over;
	int r;

	while (!(r = trie_climb(&climb, &over, &value))) {
		struct say own = trie_own(table, &value);
		uint64_t live = say_live(table, &own, now_s) & ~silenced(gate, table);

		if (!live)
			continue;
		answer_other(answer, table, &over, live);
		return 1;
	}
	return r == -ENOENT ? 0 : r;
}

static int find_host(struct gate *gate, const struct prefix *host, struct act_answer *answer)
{
	struct sz_rule rule;
	struct say say;
	uint64_t live;
	int r = host_read(gate, host, &rule);

	if (r)
		return r == -ENOENT ? 0 : r;
	say = host_say(&rule);
	live = say_live(SZ_TABLE_DENY, &say, clock_boot_s()) & ~silenced(gate, SZ_TABLE_DENY);
	if (!live)
		return 0;
	answer_other(answer, SZ_TABLE_DENY, host, live);
	return 1;
}

static int find_inside(struct gate *gate, enum sz_table table, const struct prefix *prefix,
		       struct act_answer *answer)
{
	uint32_t now_s = clock_boot_s();
	struct net_table *t;
	struct net *net;
	int r = nets_table(gate, table, prefix->family, &t);

	if (r)
		return r;
	net = nets_inside(t, prefix, now_s);
	if (!net)
		return 0;
	answer_other(answer, table, &net->prefix, say_live(table, &net->own, now_s));
	return 1;
}

/* May it be denied: 0, ACT_REFUSED_*, -errno. */
static int check_deny(struct gate *gate, const struct prefix *prefix, struct act_answer *answer)
{
	int r = find_over(gate, SZ_TABLE_NEVER, prefix, answer);

	if (!r && !prefix_is_host(prefix))
		r = find_inside(gate, SZ_TABLE_NEVER, prefix, answer);
	if (r)
		return r < 0 ? r : ACT_REFUSED_NEVER;
	r = find_over(gate, SZ_TABLE_ALLOW, prefix, answer);
	return r > 0 ? ACT_REFUSED_ALLOW : r;
}

/* Which denial does this protection override? Tells; refuses nothing. */
static int tell_denied(struct gate *gate, const struct prefix *prefix, struct act_answer *answer)
{
	int r = prefix_is_host(prefix) ? find_host(gate, prefix, answer) : 0;

	if (!r)
		r = find_over(gate, SZ_TABLE_DENY, prefix, answer);
	if (!r && !prefix_is_host(prefix))
		r = find_inside(gate, SZ_TABLE_DENY, prefix, answer);
	return r < 0 ? r : 0;
}

/* ---- add ---- */

static int act_check(const struct act *act)
{
	const struct prefix *p = &act->prefix;

	if (act->table >= SZ_TABLES || act->bit >= SZ_LISTS || !prefix_ok(p) ||
	    rule_bit_origin(act->table, act->bit) != act->origin) {
		gate_explain("not an act: table %d, list bit %u, origin %d, family %u, length %u",
			     (int)act->table, act->bit, (int)act->origin, p->family, p->len);
		return -EINVAL;
	}
	return act->note ? note_check(act->note) : 0;
}

static bool was_live(const struct act *act, const struct say *say)
{
	return say_live(act->table, say, clock_boot_s()) & 1ULL << act->bit;
}

static int try_host(struct gate *gate, const struct act *act, struct act_answer *answer)
{
	struct sz_rule rule = {0};
	struct say say;
	int r = host_read(gate, &act->prefix, &rule);
	bool fresh = r == -ENOENT;

	if (r && !fresh)
		return r;
	if (fresh)
		rule.since_s = MAX(clock_boot_s(), 1U);
	say = host_say(&rule);
	answer->was_there = was_live(act, &say);
	say_add(act->table, &say, act->bit, act->until_s, clock_boot_s());
	host_set(&rule, &say);
	collect_expect(gate, act->prefix.family, act->until_s);
	return host_write(gate, &act->prefix, &rule, fresh);
}

/* The model's entry; a foreign one that the model has not seen is taken into it first. */
static int find_net(struct net_table *t, const struct prefix *prefix, struct net **ret_net)
{
	struct sz_net_rule value;
	int r;

	*ret_net = nets_find(t, prefix);
	if (*ret_net)
		return 0;
	r = trie_match(t->map, prefix, &value);
	if (r || value.len != prefix->len)
		return r == -ENOENT ? 0 : r;
	r = nets_add(t, prefix, ret_net);
	if (r)
		return r;
	trie_take(*ret_net, t->table, &value);
	t->kept++;
	return 0;
}

static int try_net(struct gate *gate, const struct act *act, struct act_answer *answer)
{
	struct net_table *t;
	struct net *net;
	int r = nets_table(gate, act->table, act->prefix.family, &t);

	if (!r)
		r = find_net(t, &act->prefix, &net);
	if (!r && !net)
		r = nets_add(t, &act->prefix, &net);
	if (r)
		return r;
	net->was.lists = 0; /* written in any case: others may have deleted it meanwhile */
	answer->was_there = was_live(act, &net->own);
	return nets_say(gate, t, net, act->bit, act->until_s);
}

static int try_add(struct gate *gate, const struct act *act, struct act_answer *answer)
{
	return is_denied_host(act->table, &act->prefix) ? try_host(gate, act, answer)
							: try_net(gate, act, answer);
}

static int add_or_collect(struct gate *gate, const struct act *act, struct act_answer *answer)
{
	bool host = is_denied_host(act->table, &act->prefix);
	int r = try_add(gate, act, answer);

	if (r != -ENOSPC)
		return r;
	r = collect_one(gate, act->table, act->prefix.family, host);
	if (!r)
		r = try_add(gate, act, answer);
	if (r != -ENOSPC)
		return r;
	r = collect_fill(gate, act->table, act->prefix.family, host, &answer->fill,
			 &answer->capacity);
	return r ? r : ACT_FULL;
}

int act_add(struct gate *gate, const struct act *act, struct act_answer *ret_answer)
{
	struct act_answer answer = {0};
	int r = act_check(act), noted = 0;

	if (r)
		return r;
	r = act->table == SZ_TABLE_DENY ? check_deny(gate, &act->prefix, &answer)
					: tell_denied(gate, &act->prefix, &answer);
	if (!r && act->note) {
		noted = note_write(gate, act->table, &act->prefix, act->note);
		answer.note_lost = noted == -ENOSPC;
		r = noted == -ENOSPC ? 0 : noted;
	}
	if (!r)
		r = add_or_collect(gate, act, &answer);
	if (r == ACT_FULL && act->note && note_delete(gate, act->table, &act->prefix))
		return r; /* the sweep collects it */
	if (r >= 0)
		*ret_answer = answer;
	return r;
}

/* ---- remove ---- */

static int remove_host(struct gate *gate, const struct prefix *prefix, uint64_t bits)
{
	struct sz_rule rule;
	struct say say;
	uint64_t live;
	int r = host_read(gate, prefix, &rule);

	if (r == -ENOENT) /* others deleted it, perhaps, and packets have not heard of it yet */
		r = host_delete(gate, prefix);
	if (r)
		return r == -ENOENT ? ACT_NOT_FOUND : r;
	say = host_say(&rule);
	live = say_live(SZ_TABLE_DENY, &say, clock_boot_s()) & bits;
	say_drop(SZ_TABLE_DENY, &say, bits);
	say_prune(SZ_TABLE_DENY, &say, clock_boot_s());
	host_set(&rule, &say);
	r = say.lists ? host_write(gate, prefix, &rule, false) : host_delete(gate, prefix);
	if (!r && !say.lists)
		r = note_delete(gate, SZ_TABLE_DENY, prefix);
	return r || live ? r : ACT_NOT_FOUND;
}

static int remove_net(struct gate *gate, enum sz_table table, const struct prefix *prefix,
		      uint64_t bits)
{
	struct net_table *t;
	struct net *net;
	uint64_t live;
	int r = nets_table(gate, table, prefix->family, &t);

	if (!r)
		r = find_net(t, prefix, &net);
	if (r)
		return r;
	if (!net) {
		/* Perhaps there all the same, written by others with a wrong `len`. */
		r = bits == ~0ULL ? trie_delete(t, prefix) : -ENOENT;
		return r == -ENOENT ? ACT_NOT_FOUND : r;
	}
	live = say_live(table, &net->own, clock_boot_s()) & bits;
	say_drop(table, &net->own, bits);
	r = nets_settle_below(gate, t, prefix);
	if (!r && !nets_find(t, prefix))
		r = note_delete(gate, table, prefix);
	return r || live ? r : ACT_NOT_FOUND;
}

int act_remove(struct gate *gate, enum sz_table table, const struct prefix *prefix, uint32_t bit,
	       struct act_answer *ret_answer)
{
	uint64_t bits = bit == ACT_EVERY_LIST ? ~0ULL : 1ULL << (bit % SZ_LISTS);
	struct act_answer answer = {0};
	int r = is_denied_host(table, prefix) ? remove_host(gate, prefix, bits)
					      : remove_net(gate, table, prefix, bits);

	if (r == ACT_NOT_FOUND) {
		int over = is_denied_host(table, prefix) ? find_host(gate, prefix, &answer) : 0;

		if (!over)
			over = find_over(gate, table, prefix, &answer);
		if (over < 0)
			return over;
	}
	if (r >= 0)
		*ret_answer = answer;
	return r;
}

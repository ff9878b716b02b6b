/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The order of a swap, each step safe to die after:
 *
 *   1. silence a free bit          it is dirty: whatever carries it denies nobody
 *   2. write it into the entries
 *   3. name it, SZ_LIST_USED       two lists of that name, the new one silenced
 *   4. one store to lists_off      the new one is in force, the old one silenced: that is the swap
 *   5. unname the old one          it is dirty
 *   6. take it out of the entries
 *   7. unsilence it                it is free
 *
 * A packet reads lists_off once. One that read it before step 4 must not meet an entry of after
 * step 6, so between them every program that runs is waited for: membarrier(2) with
 * MEMBARRIER_CMD_GLOBAL is synchronize_rcu().
 */
#include <user/gate/lists.h>

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/membarrier.h>

#include <bpf/bpf.h>

#include <user/base/clock.h>
#include <user/gate/act.h>
#include <user/gate/hosts.h>
#include <user/gate/nets.h>
#include <user/gate/rule.h>

/* Where membarrier is refused (nohz_full): longer than any packet is under way. */
#define GRACE_US 50000

int lists_read(struct gate *gate, struct lists *ret_lists)
{
	struct lists lists = {0};

	for (uint32_t bit = SZ_LIST_FEED; bit < SZ_LISTS; bit++) {
		struct sz_list *list = &lists.at[bit];
		int r = bpf_map_lookup_elem(gate->map[GATE_MAP_LIST], &bit, list);

		if (r)
			return r;
		list->name[sizeof(list->name) - 1] = '\0';
		if (list->flags & SZ_LIST_USED)
			lists.used |= 1ULL << bit;
	}
	*ret_lists = lists;
	return 0;
}

/* Dirty, and nobody is at work with it. */
static uint64_t left_over(const struct gate *gate, const struct lists *lists)
{
	uint64_t loading = gate->nets ? gate->nets->loading : 0;

	return gate->settings->lists_off & ~lists->used & RULE_FEED_BITS & ~loading;
}

int lists_dirty(struct gate *gate, uint64_t *ret_bits)
{
	struct lists lists;
	int r = lists_read(gate, &lists);

	if (r)
		return r;
	*ret_bits = left_over(gate, &lists);
	return 0;
}

uint32_t lists_find(const struct lists *lists, const char *name)
{
	uint32_t bit = SZ_LIST_FEED;

	while (bit < SZ_LISTS &&
	       !(lists->used & 1ULL << bit && strcmp(lists->at[bit].name, name) == 0))
		bit++;
	return bit;
}

int lists_check_name(const char *name)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789._-";
	size_t len = strlen(name), span = strspn(name, good);

	if (!len || len >= SZ_LIST_NAME_LEN) {
		gate_explain("a list name has 1 to %d characters, this one has %zu",
			     SZ_LIST_NAME_LEN - 1, len);
		return -EINVAL;
	}
	if (span != len) {
		gate_explain("list name has a character 0x%02x at place %zu: letters, digits, '.', "
			     "'_' and '-' are right",
			     (unsigned char)name[span], span + 1);
		return -EINVAL;
	}
	return 0;
}

/* ---- changing what a bit is ---- */

int lists_write(struct gate *gate, uint32_t bit, const char *name, uint32_t entries)
{
	struct sz_list list = {
		.flags = SZ_LIST_USED,
		.entries = entries,
		.loaded_s = clock_wall_s(),
	};

	memcpy(list.name, name, strnlen(name, sizeof(list.name) - 1));
	return bpf_map_update_elem(gate->map[GATE_MAP_LIST], &bit, &list, BPF_ANY);
}

int lists_erase(struct gate *gate, uint32_t bit)
{
	struct sz_list none = {0};

	return bpf_map_update_elem(gate->map[GATE_MAP_LIST], &bit, &none, BPF_ANY);
}

static void set_off(struct gate *gate, uint64_t off)
{
	__atomic_store_n(&gate->settings->lists_off, off, __ATOMIC_SEQ_CST);
}

void lists_switch(struct gate *gate, uint64_t off, uint64_t on)
{
	uint64_t was = gate->settings->lists_off, is = (was | off) & ~on;

	if (is == was)
		return;
	set_off(gate, is);
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		usleep(GRACE_US);
}

/* The other list of that name; SZ_LISTS: none. */
static uint32_t find_twin(const struct lists *lists, uint32_t bit)
{
	uint32_t twin = SZ_LIST_FEED;

	while (twin < SZ_LISTS && (twin == bit || !(lists->used & 1ULL << twin) ||
				   strcmp(lists->at[twin].name, lists->at[bit].name) != 0))
		twin++;
	return twin;
}

int lists_recover(struct gate *gate)
{
	struct lists lists;
	int r = lists_read(gate, &lists);

	for (uint32_t bit = SZ_LIST_FEED; !r && bit < SZ_LISTS; bit++) {
		if (!(lists.used & gate->settings->lists_off & 1ULL << bit))
			continue;
		if (find_twin(&lists, bit) == SZ_LISTS) {
			lists_switch(gate, 0, 1ULL << bit);
			continue;
		}
		r = lists_erase(gate, bit);
		lists.used &= ~(1ULL << bit);
	}
	return r;
}

static uint32_t find_free(const struct gate *gate, const struct lists *lists)
{
	uint64_t taken = gate->settings->lists_off | lists->used | ~RULE_FEED_BITS;

	return ~taken ? (uint32_t)__builtin_ctzll(~taken) : SZ_LISTS;
}

int lists_take(struct gate *gate, uint32_t *ret_bit)
{
	struct lists_stripped stripped;
	struct lists lists;
	uint64_t dirty;
	uint32_t bit;
	int r = lists_read(gate, &lists);

	if (r)
		return r;
	bit = find_free(gate, &lists);
	if (bit == SZ_LISTS) {
		dirty = left_over(gate, &lists);
		if (!dirty) {
			gate_explain("there are %d lists already, and there is no room for more",
				     SZ_LISTS - SZ_LIST_FEED);
			return ACT_TOO_MANY_LISTS;
		}
		r = lists_strip(gate, dirty, SZ_LISTS, 0, &stripped);
		if (r)
			return r;
		bit = (uint32_t)__builtin_ctzll(dirty);
	}
	set_off(gate, gate->settings->lists_off | 1ULL << bit);
	*ret_bit = bit;
	return 0;
}

/* ---- cleaning ---- */

/* Was anything changed? */
static bool strip_say(struct lists_strip *s, struct say *say)
{
	uint64_t carried = say->lists & s->bits;

	if (!carried)
		return false;
	s->result.touched++;
	s->result.inherited += say->lists & s->heir ? 1 : 0;
	say_drop(SZ_TABLE_DENY, say, s->bits);
	if (s->heir && (say->lists & RULE_FEED_BITS) == s->heir)
		say->until_s[SZ_ORIGIN_FEED] = s->until_s;
	return true;
}

static enum host_fate strip_host(void *context, const struct prefix *host, struct sz_rule *rule)
{
	struct say say = host_say(rule);

	(void)host;
	if (!strip_say(context, &say))
		return HOST_KEEP;
	host_set(rule, &say);
	return say.lists ? HOST_WRITE : HOST_DELETE;
}

static int strip_hosts(struct lists_strip *s, uint32_t most, bool *ret_done)
{
	int r = s->scan ? 0 : host_scan_new(s->gate, s->family, &s->scan);

	s->gate->nets->host_acts++;
	if (!r)
		r = host_scan_step(s->scan, MIN(most, HOSTS_BATCH), strip_host, s, ret_done);
	if (!r && *ret_done) {
		host_scan_free(s->scan);
		s->scan = NULL;
	}
	return r;
}

/* What is inside an entry stands behind it: from the first that was changed on all are settled. */
static int strip_nets(struct lists_strip *s, uint32_t most, bool *ret_done)
{
	struct nets_settled settled = {0};
	size_t begin, end;
	struct net_table *t;
	int r = nets_table(s->gate, SZ_TABLE_DENY, s->family, &t);

	if (r)
		return r;
	begin = s->next.family ? nets_seek(t, &s->next) : 0;
	end = most < t->count - begin ? begin + most : t->count;
	for (size_t i = begin; i < end; i++)
		s->any |= strip_say(s, &t->at[i].own);
	if (s->any)
		r = nets_settle(s->gate, t, begin, end, s->bits, &settled, &end);
	*ret_done = end >= t->count;
	if (!*ret_done)
		s->next = t->at[end].prefix;
	return r;
}

int lists_strip_begin(struct lists_strip *s, struct gate *gate, uint64_t bits, uint32_t heir,
		      uint32_t until_s)
{
	struct gate_nets *nets;

	*s = (struct lists_strip){
		.gate = gate,
		.bits = bits,
		.heir = heir < SZ_LISTS ? 1ULL << heir : 0,
		.until_s = until_s,
		.family = 4,
	};
	return nets_get(gate, &nets);
}

int lists_strip_step(struct lists_strip *s, uint32_t most, bool *ret_done)
{
	bool done = false;
	int r = s->in_nets ? strip_nets(s, most, &done) : strip_hosts(s, most, &done);

	*ret_done = false;
	if (r || !done)
		return r;
	if (!s->in_nets) {
		s->in_nets = true;
		return 0;
	}
	if (s->family == 4) {
		s->family = 6;
		s->in_nets = s->any = false;
		s->next.family = 0;
		return 0;
	}
	s->gate->nets->loads++; /* a round that saw them in force must not take them for a list */
	set_off(s->gate, s->gate->settings->lists_off & ~s->bits);
	*ret_done = true;
	return 0;
}

void lists_strip_end(struct lists_strip *s)
{
	host_scan_free(s->scan);
	s->scan = NULL;
}

int lists_strip(struct gate *gate, uint64_t bits, uint32_t heir, uint32_t until_s,
		struct lists_stripped *ret_stripped)
{
	struct lists_strip s;
	bool done = false;
	int r = lists_strip_begin(&s, gate, bits, heir, until_s);

	while (!r && !done)
		r = lists_strip_step(&s, UINT32_MAX, &done);
	lists_strip_end(&s);
	*ret_stripped = s.result;
	return r;
}

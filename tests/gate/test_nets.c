/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Random acts against a brute-force model: what holds for a prefix is what was said of it and of
 * every prefix around it. Checked after every act on the kernel's maps, with sweeps in slices in
 * between; presence must never miss, and is exact after a round.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include <tests/gate/fake_gate.h>
#include <user/base/clock.h>
#include <user/gate/act.h>
#include <user/gate/nets.h>
#include <user/gate/sweep.h>
#include <user/gate/tries.h>

#define PREFIXES 60
#define ACTS 1500
#define BITS 6

/* ---- the model ---- */

struct said {
	struct prefix prefix;
	bool there[BITS];
	uint32_t until_s[SZ_ORIGINS];
};

struct model {
	struct said at[PREFIXES];
	size_t count;
};

static uint64_t rng_state = 0x9e3779b97f4a7c15ULL;

static uint32_t draw(uint32_t below)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return (uint32_t)(rng_state >> 33) % below;
}

static enum sz_origin origin_of(uint32_t bit)
{
	return bit == 0 ? SZ_ORIGIN_OPERATOR : bit == 1 ? SZ_ORIGIN_GUARD : SZ_ORIGIN_FEED;
}

static bool over(uint32_t until_s)
{
	return until_s && until_s <= clock_boot_s();
}

static void model_add(struct said *said, uint32_t bit, uint32_t until_s)
{
	enum sz_origin origin = origin_of(bit);
	bool others = false;

	for (uint32_t b = 0; b < BITS; b++) {
		if (over(said->until_s[origin_of(b)]))
			said->there[b] = false;
		others |= said->there[b] && b != bit && origin_of(b) == origin;
	}
	said->there[bit] = true;
	if (!others)
		said->until_s[origin] = until_s;
	else if (!until_s || !said->until_s[origin])
		said->until_s[origin] = 0;
	else if (until_s > said->until_s[origin])
		said->until_s[origin] = until_s;
}

/* Live bits over `prefix`, and the longest expiry of each origin; hosts inherit nothing here. */
static uint64_t model_effective(const struct model *model, const struct prefix *prefix,
				bool nets_only, uint32_t until_s[SZ_ORIGINS])
{
	uint64_t lists = 0;
	bool any[SZ_ORIGINS] = {false};

	memset(until_s, 0, SZ_ORIGINS * sizeof(*until_s));
	for (size_t i = 0; i < model->count; i++) {
		const struct said *s = &model->at[i];

		if (!prefix_covers(&s->prefix, prefix) || (nets_only && prefix_is_host(&s->prefix)))
			continue;
		for (uint32_t b = 0; b < BITS; b++) {
			enum sz_origin o = origin_of(b);
			uint32_t end = s->until_s[o];

			if (!s->there[b] || over(end))
				continue;
			lists |= 1ULL << b;
			if (!any[o])
				until_s[o] = end;
			else if (!end || !until_s[o])
				until_s[o] = 0;
			else if (end > until_s[o])
				until_s[o] = end;
			any[o] = true;
		}
	}
	return lists;
}

static bool model_lives(const struct said *s)
{
	for (uint32_t b = 0; b < BITS; b++)
		if (s->there[b] && !over(s->until_s[origin_of(b)]))
			return true;
	return false;
}

/* ---- the universe: prefixes that are often inside each other ---- */

static struct prefix draw_prefix(uint8_t family)
{
	static const uint8_t lens4[] = {0, 8, 9, 12, 16, 20, 23, 24, 25, 28, 30, 31, 32};
	static const uint8_t lens6[] = {0, 10, 16, 24, 31, 32, 40, 47, 48, 56, 64, 96, 128};
	uint8_t addr[16] = {0}, n = family == 4 ? 4 : 16;
	uint8_t len = family == 4 ? lens4[draw(ARRAY_LEN(lens4))] : lens6[draw(ARRAY_LEN(lens6))];

	addr[0] = family == 4 ? 10 : 0x20;
	for (uint8_t i = 1; i < n; i++)
		addr[i] = (uint8_t)(draw(3) ? 0 : draw(4) << 6);
	return prefix_from(family, addr, len);
}

static void model_fill(struct model *model, uint8_t family)
{
	while (model->count < PREFIXES) {
		struct prefix p = draw_prefix(family);
		size_t i = 0;

		while (i < model->count && prefix_compare(&model->at[i].prefix, &p) != 0)
			i++;
		if (i == model->count || draw(40) == 0) /* the universe may be smaller than that */
			model->at[i == model->count ? model->count++ : i].prefix = p;
		if (draw(2000) == 0)
			break;
	}
}

/* ---- comparing ---- */

static void check_net(struct gate *gate, const struct model *model, const struct said *s)
{
	uint32_t now_s = clock_boot_s(), until_s[SZ_ORIGINS];
	int map = gate->map[nets_map(SZ_TABLE_DENY, s->prefix.family)];
	uint64_t lists = model_effective(model, &s->prefix, true, until_s);
	struct sz_net_rule value = {0};
	char text[PREFIX_TEXT_LEN];
	struct say rule;

	if (!model_lives(s))
		return;
	if (trie_match(map, &s->prefix, &value) || value.len != s->prefix.len)
		fail_msg("%s is not there", prefix_format(&s->prefix, text));
	rule = say_make(value.rule.lists, value.rule.until_s);
	if (say_live(SZ_TABLE_DENY, &rule, now_s) != lists)
		fail_msg("%s: lists %llx, should be %llx", prefix_format(&s->prefix, text),
			 (unsigned long long)say_live(SZ_TABLE_DENY, &rule, now_s),
			 (unsigned long long)lists);
	for (enum sz_origin o = 0; o < SZ_ORIGINS; o++)
		if (lists & rule_origin_bits(SZ_TABLE_DENY, o))
			assert_int_equal(value.rule.until_s[o], until_s[o]);
}

static void check_verdict(struct gate *gate, const struct model *model, const struct prefix *host)
{
	uint32_t until_s[SZ_ORIGINS];
	char text[PREFIX_TEXT_LEN];
	uint64_t lists;
	bool denied = model_effective(model, host, false, until_s) != 0;
	int verdict = fake_verdict(gate, host, &lists);

	if ((verdict != 0) != denied)
		fail_msg("%s: verdict %d, should be %s", prefix_format(host, text), verdict,
			 denied ? "denied" : "pass");
}

static void check_all(struct gate *gate, const struct model *model)
{
	for (size_t i = 0; i < model->count; i++) {
		const struct prefix *p = &model->at[i].prefix;
		struct prefix host = prefix_from(p->family, p->addr, 128);

		if (!prefix_is_host(p))
			check_net(gate, model, &model->at[i]);
		check_verdict(gate, model, &host);
	}
}

/* Exactly the bits that live entries need: counted over distinct places. */
static void check_presence(struct gate *gate, const struct model *model)
{
	static uint64_t want4[SZ_PRESENT4_LINES * 4];
	struct sz_present6 *want6 = calloc(SZ_PRESENT6_LINES, sizeof(*want6));
	const struct sz_seed *seed = gate_seed(gate);

	assert_non_null(want6);
	memset(want4, 0, sizeof(want4));
	for (size_t i = 0; i < model->count; i++) {
		const struct prefix *p = &model->at[i].prefix;
		uint32_t hi = (uint32_t)p->addr[0] << 24 | (uint32_t)p->addr[1] << 16 |
			      (uint32_t)p->addr[2] << 8 | p->addr[3];
		uint32_t lo = (uint32_t)p->addr[4] << 24 | (uint32_t)p->addr[5] << 16 |
			      (uint32_t)p->addr[6] << 8 | p->addr[7];
		uint32_t first, count = 1;

		if (!model_lives(&model->at[i]))
			continue;
		if (p->family == 4) {
			first = hi >> 8;
			count = p->len < 24 ? 1U << (24 - p->len) : 1;
		} else if (p->len < 32) {
			first = hi >> 16;
			count = p->len < 16 ? 1U << (16 - p->len) : 1;
		} else {
			first = sz_present6_bit(seed, hi,
						p->len < 48   ? 0
						: p->len < 64 ? lo & 0xffff0000
							      : lo);
		}
		for (uint32_t b = first; b < first + count; b++)
			if (p->family == 4)
				want4[b / 64] |= 1ULL << b % 64;
			else
				want6[b / 512].bits[b / 64 % 8] |= 1ULL << b % 64;
	}
	assert_memory_equal(gate->present4, want4, sizeof(want4));
	assert_memory_equal(gate->present6, want6, SZ_PRESENT6_LINES * sizeof(*want6));
	free(want6);
}

/* ---- acting ---- */

static void act_random(struct gate *gate, struct said *s)
{
	uint32_t bit = draw(BITS), kind = draw(10), now_s = clock_boot_s();
	struct act_answer answer;

	if (kind < 6) {
		struct act act = {
			.table = SZ_TABLE_DENY,
			.prefix = s->prefix,
			.bit = bit,
			.origin = origin_of(bit),
			.until_s = kind < 3   ? 0
				   : kind < 5 ? now_s + 1000 + draw(5)
					      : now_s - 5,
		};

		assert_int_equal(act_add(gate, &act, &answer), 0);
		model_add(s, bit, act.until_s);
	} else {
		bool all = kind == 9;
		int r = act_remove(gate, SZ_TABLE_DENY, &s->prefix, all ? ACT_EVERY_LIST : bit,
				   &answer);
		bool had = all ? model_lives(s)
			       : s->there[bit] && !over(s->until_s[origin_of(bit)]);

		assert_int_equal(r, had ? 0 : ACT_NOT_FOUND);
		for (uint32_t b = 0; b < BITS; b++)
			if (all || b == bit)
				s->there[b] = false;
	}
}

static void run_random(uint8_t family)
{
	struct gate *gate = fake_gate(NULL);
	struct model *model = calloc(1, sizeof(*model));
	struct sweep *sweep;
	bool done;

	assert_non_null(model);
	/* Bits 2 to 5 are lists with names, or the sweep would name them. */
	for (uint32_t bit = 2; bit < BITS; bit++) {
		struct sz_list list = {.flags = SZ_LIST_USED, .name = {(char)('a' + bit)}};

		assert_int_equal(bpf_map_update_elem(gate->map[GATE_MAP_LIST], &bit, &list, 0), 0);
	}
	model_fill(model, family);
	assert_true(model->count > 20);
	assert_int_equal(sweep_new(gate, &sweep), 0);
	for (int i = 0; i < ACTS; i++) {
		act_random(gate, &model->at[draw((uint32_t)model->count)]);
		if (draw(3) == 0)
			assert_int_equal(sweep_step(sweep, 1 + draw(20), &done), 0);
		check_all(gate, model);
	}
	assert_int_equal(sweep_all(sweep), 0); /* the round that was under way */
	assert_int_equal(sweep_all(sweep), 0);
	assert_true(sweep_last(sweep)->rounds > 2);
	check_all(gate, model);
	check_presence(gate, model);
	assert_int_equal(sweep_last(sweep)->repaired, 0);
	sweep_free(sweep);
	gate_close(gate);
	free(model);
}

static void random_acts_ip4(void **state)
{
	(void)state;
	run_random(4);
}

static void random_acts_ip6(void **state)
{
	(void)state;
	run_random(6);
}

/* A second handle reads the tries anew and must come to the same. */
static void model_is_what_the_kernel_has(void **state)
{
	struct gate *gate = fake_gate(NULL), *again;
	struct net_table *t, *u;
	struct said said = {0};

	(void)state;
	for (int i = 0; i < 300; i++) {
		do {
			said.prefix = draw_prefix(4);
		} while (prefix_is_host(&said.prefix));
		memset(said.there, 0, sizeof(said.there));
		struct act act = {.table = SZ_TABLE_DENY, .prefix = said.prefix};
		struct act_answer answer;

		assert_int_equal(act_add(gate, &act, &answer), 0);
	}
	again = fake_gate_again(gate);
	assert_int_equal(nets_table(gate, SZ_TABLE_DENY, 4, &t), 0);
	assert_int_equal(nets_table(again, SZ_TABLE_DENY, 4, &u), 0);
	assert_true(t->count > 20);
	assert_int_equal(t->count, u->count);
	assert_int_equal(t->kept, u->kept);
	assert_memory_equal(t->of_length, u->of_length, sizeof(t->of_length));
	for (size_t i = 0; i < t->count; i++) {
		assert_int_equal(prefix_compare(&t->at[i].prefix, &u->at[i].prefix), 0);
		assert_true(say_equal(&t->at[i].own, &u->at[i].own));
		assert_true(say_equal(&t->at[i].was, &u->at[i].was));
	}
	gate_close(again);
	gate_close(gate);
}

/* What the gate counted stays through every rewriting that an inheritance brings. */
static void hits_and_since_survive(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct act act = {.table = SZ_TABLE_DENY, .prefix = pfx("10.1.0.0/16")};
	struct trie_key key = trie_key(&act.prefix);
	struct act_answer answer;
	struct sz_net_rule value;

	(void)state;
	assert_int_equal(act_add(gate, &act, &answer), 0);
	assert_int_equal(trie_match(gate->map[GATE_MAP_DNET4], &act.prefix, &value), 0);
	assert_true(value.rule.since_s > 0);
	value.rule.hits = 123;
	value.rule.since_s = 9;
	assert_int_equal(bpf_map_update_elem(gate->map[GATE_MAP_DNET4], &key, &value, 0), 0);
	nets_free(gate->nets); /* as another process would find it */
	gate->nets = NULL;
	act.prefix = pfx("10.0.0.0/8");
	act.bit = SZ_LIST_GUARD;
	act.origin = SZ_ORIGIN_GUARD;
	assert_int_equal(act_add(gate, &act, &answer), 0);
	act.prefix = pfx("10.1.0.0/16");
	assert_int_equal(trie_match(gate->map[GATE_MAP_DNET4], &act.prefix, &value), 0);
	assert_int_equal(value.rule.lists, 3);
	assert_int_equal(value.rule.hits, 123);
	assert_int_equal(value.rule.since_s, 9);
	gate_close(gate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_acts_ip4),
		cmocka_unit_test(random_acts_ip6),
		cmocka_unit_test(model_is_what_the_kernel_has),
		cmocka_unit_test(hits_and_since_survive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

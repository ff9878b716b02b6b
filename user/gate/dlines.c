/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A slot is taken, changed and freed in the order that abi/dline.h asks for; each step is one store
 * into memory that the gate reads. The same address keeps its slot, and with it its hits, as long
 * as it is denied; a host that finds four others in its line stays outside until a sweep finds room
 * for it.
 *
 * Writers are one process at a time (gate.h), but a load has two threads: they take `writing` for a
 * batch, which is short against the batch's system call. Between begin and end of one thread the
 * other may take SZ_DLINE_BUSY from a line they share; what a load writes is silenced then, so no
 * packet can tell.
 */
#include <user/gate/dlines.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <user/gate/hosts.h>
#include <user/gate/nets.h>
#include <user/gate/present.h>
#include <user/gate/rule.h>

#define LINE_FLAGS (SZ_DLINE_ALL | SZ_DLINE_BUSY)
#define WHO_ADDR 0xffffffffULL
/* Looked through by one call of dlines_finish(): a fraction of a millisecond. */
#define FINISH_LINES 16384U

static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;

/* ---- words ---- */

static uint64_t word_read(const __u64 *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static void word_write(__u64 *word, uint64_t value)
{
	if (word_read(word) != value)
		__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static uint32_t slot_addr(const struct sz_dslot *slot)
{
	return (uint32_t)(word_read(&slot->who) & WHO_ADDR);
}

/* Flags of the line stay as they are. */
static void slot_say(struct sz_dslot *slot, uint64_t what)
{
	word_write(&slot->what, what | (word_read(&slot->what) & LINE_FLAGS));
}

static void slot_free(struct sz_dslot *slot)
{
	slot_say(slot, 0);
	word_write(&slot->who, 0);
}

static uint64_t line_flags(const struct sz_dline *line)
{
	return word_read(&line->slot[0].what) & LINE_FLAGS;
}

static void line_set(struct sz_dline *line, uint64_t flags)
{
	word_write(&line->slot[0].what, (word_read(&line->slot[0].what) & ~LINE_FLAGS) | flags);
}

/* ---- where a host stands ---- */

struct spot {
	struct sz_dline *line; /* NULL: no table, or not that much of it */
	uint32_t number;
	uint32_t addr;
	uint32_t at; /* its slot; SZ_DLINE_WAYS: it has none */
};

static uint32_t find_addr(const struct sz_dline *line, uint32_t addr)
{
	uint32_t at = 0;

	while (at < SZ_DLINE_WAYS && slot_addr(&line->slot[at]) != addr)
		at++;
	return at;
}

static struct spot spot_of(struct gate *gate, const struct sz_seed *seed, const uint8_t *key)
{
	struct spot spot = {.at = SZ_DLINE_WAYS};

	memcpy(&spot.addr, key, sizeof(spot.addr));
	spot.number = sz_dline_of(seed, spot.addr);
	if (!gate->dlines || spot.number >= gate->max[GATE_MAP_DLINE4])
		return spot;
	spot.line = &gate->dlines[spot.number];
	if (spot.addr) /* 0.0.0.0 looks like a free slot, so it never has one */
		spot.at = find_addr(spot.line, spot.addr);
	return spot;
}

/* What its slot is to say. */
static uint64_t what_of(const struct sz_rule *rule)
{
	uint64_t left = rule->lists, what = SZ_DSLOT_SAYS;
	uint32_t until_s = 0, bit = 0;
	bool timed = false;

	if (!left || __builtin_popcountll(left) > SZ_DSLOT_LISTS)
		return 0;
	for (enum sz_origin o = 0; o < SZ_ORIGINS; o++) {
		if (!(rule->lists & rule_origin_bits(SZ_TABLE_DENY, o)))
			continue;
		if (timed && rule->until_s[o] != until_s)
			return 0;
		until_s = rule->until_s[o];
		timed = true;
	}
	for (uint32_t i = 0; i < SZ_DSLOT_LISTS; i++) {
		if (left)
			bit = (uint32_t)__builtin_ctzll(left);
		left &= left - 1;
		what |= (uint64_t)bit << i * SZ_DSLOT_LIST_SHIFT;
	}
	return what | (uint64_t)until_s << SZ_DSLOT_UNTIL_SHIFT;
}

static void shadow_outside(struct dlines_shadow *shadow, uint32_t number)
{
	shadow->outside[number / 64] |= 1ULL << number % 64;
}

/* Give it a slot that says nothing yet. False: no room; the line then says so. */
static bool spot_take(struct spot *spot, struct dlines_shadow *shadow)
{
	spot->at = spot->addr ? find_addr(spot->line, 0) : SZ_DLINE_WAYS;
	if (spot->at == SZ_DLINE_WAYS) {
		line_set(spot->line, line_flags(spot->line) & ~SZ_DLINE_ALL);
		if (shadow)
			shadow_outside(shadow, spot->number);
		return false;
	}
	slot_say(&spot->line->slot[spot->at], 0);
	word_write(&spot->line->slot[spot->at].who, spot->addr);
	return true;
}

/* ---- changes ---- */

static void begin_one(const struct spot *spot)
{
	struct sz_dslot *slot;

	if (spot->at == SZ_DLINE_WAYS) {
		line_set(spot->line, line_flags(spot->line) | SZ_DLINE_BUSY);
		return;
	}
	slot = &spot->line->slot[spot->at];
	slot_say(slot, word_read(&slot->what) & ~(SZ_DSLOT_SAYS | LINE_FLAGS));
}

void dlines_begin(struct gate *gate, const uint8_t *keys, uint32_t count)
{
	const struct sz_seed *seed = gate_seed(gate);

	pthread_mutex_lock(&writing);
	for (uint32_t i = 0; i < count; i++) {
		struct spot spot = spot_of(gate, seed, keys + i * sizeof(struct sz_host4));

		if (spot.line)
			begin_one(&spot);
	}
	pthread_mutex_unlock(&writing);
}

static struct dlines_shadow *shadow_of(struct gate *gate)
{
	struct present_shadow *shadow = nets_shadow(gate);

	return shadow ? &shadow->dlines : NULL;
}

void dlines_write(struct gate *gate, const uint8_t *keys, const struct sz_rule *rules,
		  uint32_t count)
{
	const struct sz_seed *seed = gate_seed(gate);
	struct dlines_shadow *shadow = shadow_of(gate);

	pthread_mutex_lock(&writing);
	for (uint32_t i = 0; i < count; i++) {
		struct spot spot = spot_of(gate, seed, keys + i * sizeof(struct sz_host4));

		if (!spot.line)
			continue;
		if (spot.at < SZ_DLINE_WAYS || spot_take(&spot, shadow))
			slot_say(&spot.line->slot[spot.at], what_of(&rules[i]));
		line_set(spot.line, line_flags(spot.line) & ~SZ_DLINE_BUSY);
	}
	pthread_mutex_unlock(&writing);
}

void dlines_delete(struct gate *gate, const uint8_t *keys, uint32_t count)
{
	const struct sz_seed *seed = gate_seed(gate);

	pthread_mutex_lock(&writing);
	for (uint32_t i = 0; i < count; i++) {
		struct spot spot = spot_of(gate, seed, keys + i * sizeof(struct sz_host4));

		if (!spot.line)
			continue;
		if (spot.at < SZ_DLINE_WAYS)
			slot_free(&spot.line->slot[spot.at]);
		line_set(spot.line, line_flags(spot.line) & ~SZ_DLINE_BUSY);
	}
	pthread_mutex_unlock(&writing);
}

uint64_t dlines_hits(struct gate *gate, const struct prefix *host)
{
	struct spot spot = {.at = SZ_DLINE_WAYS};

	if (host->family == 4)
		spot = spot_of(gate, gate_seed(gate), host->addr);
	return spot.at < SZ_DLINE_WAYS ? word_read(&spot.line->slot[spot.at].who) / SZ_DSLOT_HIT
				       : 0;
}

static uint32_t lines_of(const struct gate *gate)
{
	return gate->dlines ? MIN(gate->max[GATE_MAP_DLINE4], SZ_DLINES) : 0;
}

void dlines_clear(struct gate *gate, bool all)
{
	uint32_t count = lines_of(gate);

	for (uint32_t i = 0; i < count; i++) {
		struct sz_dline *line = &gate->dlines[i];

		line_set(line, 0);
		for (uint32_t at = 0; at < SZ_DLINE_WAYS; at++)
			slot_free(&line->slot[at]);
		line_set(line, all ? SZ_DLINE_ALL : 0);
	}
}

/* ---- the sweep ---- */

static void shadow_see(struct dlines_shadow *shadow, uint32_t number, uint32_t at)
{
	size_t bit = (size_t)number * SZ_DLINE_WAYS + at;

	shadow->seen[bit / 64] |= 1ULL << bit % 64;
}

static bool shadow_seen(const struct dlines_shadow *shadow, uint32_t number, uint32_t at)
{
	size_t bit = (size_t)number * SZ_DLINE_WAYS + at;

	return shadow->seen[bit / 64] >> bit % 64 & 1;
}

bool dlines_see(struct gate *gate, struct dlines_shadow *shadow, const struct prefix *host,
		struct sz_rule *rule, bool *ret_carried)
{
	struct spot spot = spot_of(gate, gate_seed(gate), host->addr);
	struct sz_dslot *slot;
	uint64_t hits, said;
	bool wrong;

	*ret_carried = false;
	if (!spot.line)
		return false;
	/* Without a slot, but the line says that it knows all? */
	wrong = spot.at == SZ_DLINE_WAYS && line_flags(spot.line) == SZ_DLINE_ALL;
	if (spot.at == SZ_DLINE_WAYS && !spot_take(&spot, shadow))
		return wrong;
	slot = &spot.line->slot[spot.at];
	shadow_see(shadow, spot.number, spot.at);
	said = word_read(&slot->what) & ~LINE_FLAGS;
	wrong |= said & SZ_DSLOT_SAYS && said != what_of(rule);
	slot_say(slot, what_of(rule));
	hits = __atomic_fetch_and(&slot->who, WHO_ADDR, __ATOMIC_RELAXED) / SZ_DSLOT_HIT;
	rule->hits += hits;
	*ret_carried = hits != 0;
	return wrong;
}

/* Nobody came by who has it: is it a host's that was denied in the meantime? */
static int finish_slot(struct gate *gate, uint32_t number, uint32_t at, uint64_t *repaired,
		       uint32_t *asked)
{
	struct sz_dslot *slot = &gate->dlines[number].slot[at];
	struct prefix host = {.family = 4, .len = 32};
	uint32_t addr = slot_addr(slot);
	struct sz_rule rule;
	struct spot spot;
	int r;

	if (!addr)
		return 0;
	memcpy(host.addr, &addr, sizeof(addr));
	spot = spot_of(gate, gate_seed(gate), host.addr);
	++*asked;
	r = spot.number == number && spot.at == at ? host_read(gate, &host, &rule) : -ENOENT;
	if (r == -ENOENT) {
		slot_free(slot);
		++*repaired;
		return 0;
	}
	if (!r)
		slot_say(slot, what_of(&rule));
	return r;
}

static int finish_line(struct gate *gate, struct dlines_shadow *shadow, uint32_t number,
		       uint64_t *repaired, uint32_t *asked)
{
	bool outside = shadow->outside[number / 64] >> number % 64 & 1;
	struct sz_dline *line = &gate->dlines[number];

	for (uint32_t at = 0; at < SZ_DLINE_WAYS; at++) {
		int r = shadow_seen(shadow, number, at)
				? 0
				: finish_slot(gate, number, at, repaired, asked);

		if (r)
			return r;
	}
	line_set(line, outside ? 0 : SZ_DLINE_ALL);
	return 0;
}

int dlines_finish(struct gate *gate, struct dlines_shadow *shadow, uint32_t most,
		  uint64_t *repaired, bool *ret_done)
{
	uint32_t count = lines_of(gate), end = MIN(shadow->next + FINISH_LINES, count), asked = 0;

	for (; shadow->next < end && asked < most; shadow->next++) {
		int r = finish_line(gate, shadow, shadow->next, repaired, &asked);

		if (r)
			return r;
	}
	*ret_done = shadow->next >= count;
	return 0;
}

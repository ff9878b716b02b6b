/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A slot is written only when something is added to it; reading decays what is read, not what is
 * kept. So there is nothing to round away however often a source is looked at.
 */
#include <user/guard/score.h>

#include <math.h>
#include <stddef.h>

#include <strazh/base/compiler.h>

float score_nats(float weight)
{
	return -log1pf(-weight);
}

float score_of(float nats)
{
	return -expm1f(-nats);
}

float score_slot_nats(const struct score_slot *slot, const struct score_rules *rules,
		      uint32_t now_ds)
{
	uint32_t passed = now_ds > slot->last_ds ? now_ds - slot->last_ds : 0;

	return passed ? slot->nats * exp2f(-(float)passed / rules->half_ds[slot->proven])
		      : slot->nats;
}

float score_sum(const struct score_slot slots[SCORE_SLOTS], const struct score_rules *rules,
		enum guard_evidence evidence, uint32_t now_ds, uint32_t *ret_reasons)
{
	uint32_t reasons = 0;
	float sum = 0;

	for (unsigned i = 0; i < SCORE_SLOTS; i++) {
		if (!slots[i].count || slots[i].proven != evidence)
			continue;
		sum += score_slot_nats(&slots[i], rules, now_ds);
		reasons |= 1U << slots[i].kind;
	}
	*ret_reasons = reasons;
	return sum;
}

struct score_slot *score_find(struct score_slot slots[SCORE_SLOTS], unsigned kind,
			      enum guard_evidence evidence)
{
	for (unsigned i = 0; i < SCORE_SLOTS; i++)
		if (slots[i].count && slots[i].kind == kind && slots[i].proven == evidence)
			return &slots[i];
	return NULL;
}

/* A free one, else the least. Proven evidence is never given up for spoofable: that would be a way
 * to wash a score clean by a flood under one's own address. */
static struct score_slot *make_room(struct score_slot slots[SCORE_SLOTS],
				    const struct score_rules *rules, enum guard_evidence evidence,
				    uint32_t now_ds)
{
	struct score_slot *least = NULL;
	float least_nats = 0;

	for (unsigned i = 0; i < SCORE_SLOTS; i++) {
		float nats;

		if (!slots[i].count)
			return &slots[i];
		if (slots[i].proven > (unsigned)evidence)
			continue;
		nats = score_slot_nats(&slots[i], rules, now_ds);
		if (slots[i].proven < (unsigned)evidence) /* spoofable goes first */
			nats = -1;
		if (!least || nats < least_nats) {
			least = &slots[i];
			least_nats = nats;
		}
	}
	return least;
}

void score_add(struct score_slot slots[SCORE_SLOTS], const struct score_rules *rules, unsigned kind,
	       enum guard_evidence evidence, float nats, uint32_t count, bool once, uint32_t now_ds,
	       uint32_t hold_ds)
{
	struct score_slot *slot = score_find(slots, kind, evidence);
	float had = 0;

	if (slot) {
		had = score_slot_nats(slot, rules, now_ds);
		/* An old story is told no more once next to nothing of it is left. */
		if (had < 0.01F) {
			slot->count = 0;
			slot->since_ds = now_ds;
		}
	} else {
		slot = make_room(slots, rules, evidence, now_ds);
		if (!slot)
			return;
		*slot = (struct score_slot){.since_ds = now_ds};
		slot->kind = kind & 0x7fU;
		slot->proven = evidence == GUARD_PROVEN;
	}
	nats = once ? MAX(had, nats) : had + nats;
	slot->nats = MIN(nats, rules->most[kind]);
	slot->last_ds = MAX(MAX(now_ds, hold_ds), slot->last_ds);
	count = once ? MAX(slot->count, MAX(count, 1))
		     : slot->count + MAX(MIN(count, SCORE_COUNT_MAX), 1);
	slot->count = MIN(count, SCORE_COUNT_MAX) & SCORE_COUNT_MAX;
}

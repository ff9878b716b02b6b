/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The score of a source: a noisy-or of what it did. One observation of weight w leaves a chance of
 * 1 - w that the source is honest; independent ones multiply:
 *
 *	score = 1 - product of (1 - w_i)        J. Pearl, Probabilistic Reasoning (1988), 4.3.2
 *
 * Kept as its logarithm, so that it adds up: evidence in nats, -ln(1 - w) for one observation, and
 * score = 1 - exp(-sum). Each kind saturates at its cap. Nats halve once in a half-life. A kind's
 * share of the score is its share of the nats, so the shares of a story add up to the score.
 *
 * Spoofable and proven evidence never add up with each other: two sums, two half-lives.
 */
#ifndef STRAZH_USER_GUARD_SCORE_H
#define STRAZH_USER_GUARD_SCORE_H

#include <stdbool.h>
#include <stdint.h>

#include <user/guard/kind.h>

/* A source has this many kinds at a time; one more replaces the least of its class and below. */
#define SCORE_SLOTS 5U
#define SCORE_COUNT_MAX 0xffffffU  /* "or more" */
#define SCORE_HOLD_MOST_S 3600000U /* evidence does not fade for so long at most: 1,000 hours */

/* Times in tenths of a second, as now_ms / 100: 13 years of a boot. */
struct score_slot {
	float nats; /* as of last_ds, which may be ahead: until then it does not fade */
	uint32_t since_ds, last_ds;
	uint32_t count : 24, kind : 7, proven : 1; /* count 0: the slot is free */
};

struct score_rules {
	float nats[GUARD_KIND_COUNT]; /* of one observation */
	float most[GUARD_KIND_COUNT]; /* saturation */
	float half_ds[GUARD_EVIDENCES];
};

/* -ln(1 - weight), for weights in [0, 1). */
float score_nats(float weight);
float score_of(float nats);
/* What a slot still holds. */
float score_slot_nats(const struct score_slot *slot, const struct score_rules *rules,
		      uint32_t now_ds);
/* The sum of one class. *ret_reasons: bits of its kinds. */
float score_sum(const struct score_slot slots[SCORE_SLOTS], const struct score_rules *rules,
		enum guard_evidence evidence, uint32_t now_ds, uint32_t *ret_reasons);
/* The slot of a kind and class, NULL when there is none. */
struct score_slot *score_find(struct score_slot slots[SCORE_SLOTS], unsigned kind,
			      enum guard_evidence evidence);
/*
 * `count` events that are one observation of `nats`. `once`: said again it is the same thing, not
 * more of it (a feed that is loaded again): the larger of the two holds. It fades from hold_ds on.
 */
void score_add(struct score_slot slots[SCORE_SLOTS], const struct score_rules *rules, unsigned kind,
	       enum guard_evidence evidence, float nats, uint32_t count, bool once, uint32_t now_ds,
	       uint32_t hold_ds);

#endif

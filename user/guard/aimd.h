/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A share of a limit that follows congestion: additive increase while there is none, multiplicative
 * decrease when there is (D.-M. Chiu, R. Jain, Analysis of the Increase and Decrease Algorithms for
 * Congestion Avoidance, 1989: of the linear rules the one that converges to what is fair). Two
 * things keep it from oscillating: a decrease is as large as the congestion (DCTCP, RFC 8257: 1 -
 * alpha * cut), and between `low` and `high` the share stays. No step is taken before the last one
 * could show (settle_ms).
 *
 * Far below the share at which there was congestion last the increase is four times as fast, so
 * that what an attack took is soon given back (CUBIC, RFC 9438, has the same idea).
 */
#ifndef STRAZH_USER_GUARD_AIMD_H
#define STRAZH_USER_GUARD_AIMD_H

#include <stdbool.h>
#include <stdint.h>

struct aimd_config {
	float least;	    /* of the share; the most is 1 */
	float low, high;    /* congestion below which it grows, above which it shrinks */
	float add_per_s;    /* growth */
	float cut;	    /* shrinks by this under full congestion */
	uint32_t settle_ms; /* from step to step */
};

struct aimd {
	float share;
	float knee;  /* the share at which there was congestion last */
	float alpha; /* congestion, smoothed */
	uint64_t stepped_ms;
};

void aimd_init(struct aimd *aimd, uint64_t now_ms);
/*
 * congestion: 0 none, 1 full. `behaves` false: those who have the share give no reason to let it
 * grow. True: the share has changed.
 */
bool aimd_step(struct aimd *aimd, const struct aimd_config *config, float congestion, bool behaves,
	       uint64_t now_ms);

/* J. R. Jain's index of fairness: 1 where all have the same, 1/n where one has all. */
double aimd_jain(const double *values, unsigned len);

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A share of a limit that follows congestion: additive increase while there is none, multiplicative
 * decrease when there is (D.-M. Chiu, R. Jain, Analysis of the Increase and Decrease Algorithms for
 * Congestion Avoidance, 1989: of the linear rules the one that converges to what is fair). Two
 * things keep it from oscillating: a decrease is as large as the congestion (DCTCP, RFC 8257: 1 -
 * alpha * cut), and there is none while congestion falls already, for a queue takes its time to
 * drain. Between `low` and `high` the share stays, and it does not grow while congestion rises: a
 * queue that grows says already that too much comes. No step is taken before the last one could
 * show (settle_ms), nor a second cut within a second. tests/unit/guard/test_curve.c draws what
 * comes of it: without these two the loop swings with a period of ten seconds once what is measured
 * comes a quarter of a second late.
 *
 * Near the share at which congestion began last (the knee) the increase is slow, below it fast
 * (CUBIC, RFC 9438, has the same idea); a knee is forgotten when there was no congestion for long.
 */
#ifndef STRAZH_USER_GUARD_AIMD_H
#define STRAZH_USER_GUARD_AIMD_H

#include <stdbool.h>
#include <stdint.h>

struct aimd_config {
	float least;	    /* of the share; the most is 1 */
	float low, high;    /* congestion below which it grows, above which it shrinks */
	float add_per_s;    /* growth below the knee; near it a sixteenth */
	float cut;	    /* shrinks by this under full congestion */
	uint32_t settle_ms; /* from step to step */
};

struct aimd {
	float share;
	float knee;	       /* the share at which congestion began last */
	bool cuts;	       /* it has not ended */
	float alpha;	       /* congestion, smoothed */
	float last;	       /* congestion, of the last step */
	uint64_t congested_ms; /* when there was some last */
	uint64_t stepped_ms;
	uint64_t cut_ms; /* when it was cut last; 0: not yet */
};

void aimd_init(struct aimd *aimd, uint64_t now_ms);
/*
 * congestion: 0 none, 1 full. `behaves` false: those who have the share give no reason to let it
 * grow. True: the share has changed.
 */
bool aimd_step(struct aimd *aimd, const struct aimd_config *config, float congestion, bool behaves,
	       uint64_t now_ms);

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A share of a limit that follows congestion: increase while there is none, multiplicative decrease
 * when there is (D.-M. Chiu, R. Jain, Analysis of the Increase and Decrease Algorithms for
 * Congestion Avoidance, 1989). What is measured comes late, by how much is not known when this is
 * built, and a loop that is quicker than its own round trip swings. So:
 *
 *	the round trip is measured: from a cut to where congestion falls;
 *	a cut comes at most each round trip and a half, and none while congestion falls: a queue
 *	takes its time to drain. It is as large as the congestion (DCTCP, RFC 8257);
 *	growth is a part of the share in a round trip, so that it overshoots by the same part
 *	however small the share, and gets faster by the cube of the time without congestion
 *	(CUBIC, RFC 9438), up to add_per_s;
 *	between `low` and `high` the share stays, and it does not grow while congestion rises.
 *
 * tests/unit/guard/test_sweep.c plays it over delays of 50 to 1,000 ms and loads of 1.04 to 9 times
 * of what can be done; test_curve.c draws a curve.
 */
#ifndef STRAZH_USER_GUARD_AIMD_H
#define STRAZH_USER_GUARD_AIMD_H

#include <stdbool.h>
#include <stdint.h>

struct aimd_config {
	float least;	    /* of the share; the most is 1 */
	float low, high;    /* congestion below which it grows, above which it shrinks */
	float add_per_s;    /* growth, at most */
	float cut;	    /* shrinks by this, and less when congestion is just above high */
	uint32_t settle_ms; /* from step to step */
};

struct aimd {
	float share;
	bool waits;	       /* for the last cut to show */
	float round_ms;	       /* so late a cut shows, smoothed */
	float last;	       /* congestion, of the last step */
	uint64_t congested_ms; /* when there was some last */
	uint64_t stepped_ms;
	uint64_t cut_ms; /* when it was cut last; 0: not yet */
};

void aimd_init(struct aimd *aimd, uint64_t now_ms);
/*
 * congestion: 0 none, 1 full, and more is more. `behaves` false: those who have the share give no
 * reason to let it grow. True: the share has changed.
 */
bool aimd_step(struct aimd *aimd, const struct aimd_config *config, float congestion, bool behaves,
	       uint64_t now_ms);

/* The share is no more than that, until it has grown again. */
void aimd_bound(struct aimd *aimd, float most);

#endif

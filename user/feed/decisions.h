/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The decisions of CrowdSec as they stream in, and what of them is in the gate. Several may be
 * about one prefix: the longest that is left holds, and when none is left the prefix goes.
 *
 *	decisions_take() ... -> prefixes to be written -> decisions_next(), the gate,
 * decisions_done()
 *
 * Bounded by `most` decisions. One owner, no I/O; time is CLOCK_BOOTTIME in ms.
 */
#ifndef STRAZH_USER_FEED_DECISIONS_H
#define STRAZH_USER_FEED_DECISIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/feed/message.h>

struct decisions;

/* `seed`: of chance, so that nobody can choose prefixes that meet in one bucket. -ENOMEM. */
int decisions_new(uint32_t most, uint64_t seed, struct decisions **ret_decisions) must_check;
void decisions_free(struct decisions *decisions); /* NULL is fine */

/* Another bound. What is above a lower one stays until it goes by itself. */
void decisions_limit(struct decisions *decisions, uint32_t most);

/*
 * What goes through all of them does so in slices, since a million take 20 ms and more: it looks at
 * `most` prefixes and goes on there when it is called again. False: it is over.
 *
 * The whole state comes now: all decisions are forgotten, and what is in the gate is not. What none
 * comes for goes with decisions_settle() behind the last one. From the first slice of the one to
 * the last of the other nothing is to be carried out: what holds is not known.
 */
bool decisions_forget(struct decisions *decisions, uint32_t most) must_check;
bool decisions_settle(struct decisions *decisions, uint32_t most) must_check;
/* A prefix that the gate has from an earlier life. 0, DECISIONS_FULL, -ENOMEM. */
int decisions_adopt(struct decisions *decisions, const struct prefix *prefix) must_check;
#define DECISIONS_FULL 1 /* not taken, and counted */
int decisions_take(struct decisions *decisions, const struct feed_decision *decision,
		   uint64_t now_ms) must_check;
/* Forget what is over. Now and then, in slices. */
bool decisions_expire(struct decisions *decisions, uint64_t now_ms, uint32_t most) must_check;

struct decision_deed {
	struct prefix prefix;
	uint64_t until_ms; /* 0: out of the gate with it */
};
/* The next one that the gate does not have as it should; false: none. Each comes once. */
bool decisions_next(struct decisions *decisions, uint64_t now_ms, struct decision_deed *ret_deed);
enum decision_fate {
	DECISION_DONE,
	DECISION_REFUSED, /* the gate does not want it: it is left alone until it changes */
	DECISION_FAILED,  /* it comes again, behind the others */
};
void decisions_done(struct decisions *decisions, const struct decision_deed *deed,
		    enum decision_fate fate);

struct decisions_figures {
	uint32_t decisions, prefixes; /* known */
	uint32_t in_gate, waiting;
	uint32_t refused; /* of the known ones */
	uint64_t full;	  /* that found no room */
	uint64_t unknown; /* that went and had never come */
};
struct decisions_figures decisions_figures(const struct decisions *decisions);
/* When that prefix is over as far as is known; 0: it is not there. */
uint64_t decisions_until(const struct decisions *decisions, const struct prefix *prefix);

#endif

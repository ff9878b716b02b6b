/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Size profiles: which lengths of transport packets (header and data, in bins of powers of two) a
 * service usually gets. Learned in a window, or said by the operator; watched for drift. All state
 * is in sz_service and sz_size, so whoever looks next goes on.
 *
 * Learning. The histogram is zeroed when a window begins. At its end a bin is usual that has
 * 1/1000 of the packets and at least PROFILE_BIN_MIN; and any bin beside such a one in which
 * something was seen. With fewer than PROFILE_PACKETS_MIN packets the window goes on for as long
 * again, at most an hour.
 *
 * Drift, or attack? Both are odd sizes. A gate that enforces lets each source have its SZ_RATE_ODD
 * and drops what is above. Of a window of watching:
 *   heavy   more than a fifth of the odd packets were above the limits of their sources, and of
 *           no connection that the kernel has or that is proven
 *   attack  heavy, and above the limits were more than 5 % of what passed
 *   drift   not heavy, and within the limits were more than 5 % of what passed
 * Attack is few sources that send much of it: it is told, the profile stays, and windows of drift
 * begin from 0. Drift is many sources that send some of it each, which is what a new version of a
 * client looks like: three such windows in a row raise the alarm, and a learned profile is learned
 * anew for a window, which only widens it (and begins again should it be one of attack). Odd sizes
 * spread over so many sources that each stays within its limit are taken for drift: they pass
 * anyway, so a wider profile loses nothing against them. So does who sends them over connections.
 * What the operator set is not widened.
 */
#ifndef STRAZH_USER_GATE_PROFILE_H
#define STRAZH_USER_GATE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/abi/service.h>
#include <strazh/base/compiler.h>
#include <user/gate/gate.h>

#define PROFILE_LEARN_S 600U
#define PROFILE_EXTEND_MAX_S 3600U
#define PROFILE_PACKETS_MIN 1000U
#define PROFILE_BIN_MIN 5U
#define PROFILE_SHARE 1000U

#define PROFILE_WINDOW_S 60U
#define PROFILE_WATCH_MIN 200U /* packets; with fewer the window goes on */
#define PROFILE_ODD_SHARE 20U
#define PROFILE_HEAVY_SHARE 5U
#define PROFILE_DRIFT_WINDOWS 3U

enum profile_news {
	PROFILE_NOTHING,
	PROFILE_LEARNED,
	PROFILE_EXTENDED,  /* too few packets to learn from */
	PROFILE_DISCARDED, /* the window that should widen was an attack: another one begins */
	PROFILE_DRIFT,	   /* alarm; what was learned is being widened */
	PROFILE_ATTACK,	   /* the first window of one */
};

struct profile_time {
	uint32_t boot_s, window_s;
	uint64_t wall_s;
};

/* ---- pure ---- */

uint64_t profile_sum(const __u64 bins[SZ_SIZE_BINS]);
/* The bins that this histogram makes usual. */
uint32_t profile_usual(const struct sz_size *sizes);
/* Is learning over by now? */
bool profile_is_due(const struct sz_service *config, uint32_t boot_s);
/*
 * What the time and the counters make of it; *ret_zero: the histogram is to be zeroed. Changes only
 * what user space writes.
 */
enum profile_news profile_step(struct sz_service *config, const struct sz_size *sizes,
			       const struct profile_time *time, bool *ret_zero);
/* A window of learning begins now; the histogram is to be zeroed. */
void profile_begin(struct sz_service *config, uint32_t boot_s, uint32_t for_s, bool widen);

/* "none", "learned", "set by hand", "learning, 3m left", ... */
#define PROFILE_STATE_LEN 80
const char *profile_state(const struct sz_service *config, uint32_t boot_s,
			  char text[PROFILE_STATE_LEN]);
/* "20-1480,9000" bytes, or "4-10" bins, as a mask. 0; or -EINVAL and `why`. */
#define PROFILE_WHY_LEN 200
int profile_parse(const char *text, bool bins, uint32_t *ret_usual,
		  char why[PROFILE_WHY_LEN]) must_check;

/* ---- on the maps ---- */

/* Summed over CPUs. */
int profile_sizes(struct gate *gate, uint32_t index, struct sz_size *ret_sizes) must_check;
int profile_learn(struct gate *gate, uint32_t index, uint32_t for_s) must_check;
/* The operator's word; 0: no profile. */
void profile_set(struct gate *gate, uint32_t index, uint32_t usual);
/* profile_step() with the clock of now, carried out. window_s: PROFILE_WINDOW_S, or as wished. */
int profile_tick(struct gate *gate, uint32_t index, uint32_t window_s,
		 enum profile_news *ret_news) must_check;

#endif

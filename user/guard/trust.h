/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What speaks for a source: the crowd behind it, and trust.
 *
 * The crowd is how many sessions an address keeps up and ended well: 500 clients behind one NAT are
 * 500. What a crowded address does wrong weighs less, in proportion to it, and from a certain size
 * on it is limited but never banned: the bad ones among many cannot be told apart by address. What
 * holds them then is the server's admission (half-open slots of a source, puzzles) and the gate's
 * limits for new connections, which shrink; sessions that live have flows of their own.
 *
 * A session counts once it has lasted a window, or has ended in order; of those that end sooner a
 * few count in each window: a crowd is earned by time, not by opening and closing many. Sessions
 * that are there now and did not last yet count a quarter, so that a crowd which comes at once is
 * safe from its first bad member; he who holds so many open to pass for a crowd is held by the
 * server's limit of connections for each source.
 *
 * Trust is earned by days: a source that had good sessions on so many days, and no proven evidence
 * against it in that time, gets larger buckets and a higher bar, until it was away for long or is
 * banned after all.
 */
#ifndef STRAZH_USER_GUARD_TRUST_H
#define STRAZH_USER_GUARD_TRUST_H

#include <user/guard/source.h>

struct trust_config {
	uint32_t window_s;   /* a session has to last so long to count */
	uint32_t short_most; /* shorter ones that count in each window */
	float live_share;    /* what a session counts that has not lasted yet */
	float good_half_s;   /* sessions that ended well are forgotten with this half-life */
	float crowd_half;    /* with a crowd of this size evidence weighs half */
	float crowd_floor;   /* from this size on there are no bans */
	uint32_t days;	     /* good ones that earn trust, at most 255 */
	uint32_t sessions;   /* that must have ended well in them, at most 255 */
	uint32_t gap_days;   /* away for longer: it begins anew */
	uint32_t lasts_h;    /* hours that trust lasts after the last good session */
};

struct trust_config trust_config_usual(void);

/* Before anything else is done with a source: what time has done to its crowd. */
void trust_touch(const struct trust_config *config, struct source *source, uint32_t now_s);
void trust_opened(struct source *source, uint32_t count);
/* True: it counts. */
bool trust_ended(const struct trust_config *config, struct source *source, uint32_t lasted_ms,
		 uint32_t now_s);
void trust_lost(struct source *source);
/* Proven evidence against it: the days begin anew. `all`: a ban, nothing good is left. */
void trust_doubt(struct source *source, bool all);
bool trust_has(const struct source *source, uint32_t now_s);

float trust_crowd(const struct trust_config *config, const struct source *source);
/* What evidence weighs in such a crowd: 1 to 0. */
float trust_factor(const struct trust_config *config, const struct source *source);

#endif

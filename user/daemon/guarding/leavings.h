/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the guard left in the gate, by looking at the gate itself: a guard that was just started, or
 * that has forgotten a source, does not know all that is there in its name. In modes in which
 * nothing is done, off and learn, it is taken back. A guard that was started and enforces learns of
 * the bans: the one before may have been killed while the store was away, and had told nobody.
 */
#ifndef STRAZH_USER_DAEMON_GUARDING_LEAVINGS_H
#define STRAZH_USER_DAEMON_GUARDING_LEAVINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/gate/hosts.h>
#include <user/gate/reput.h>
#include <user/net/loop.h>

struct keeper;

#define LEAVINGS_MAX 512U

struct leavings {
	struct keeper *keeper;
	struct timer timer;
	enum leavings_stage {
		LEAVINGS_NONE,
		LEAVINGS_HOSTS4,
		LEAVINGS_HOSTS6,
		LEAVINGS_NETS4,
		LEAVINGS_NETS6,
		LEAVINGS_LIMITS,
	} stage;
	struct host_scan *scan;
	struct reput_cursor cursor;
	size_t net;	       /* the next one of a table of prefixes */
	bool adopting;	       /* bans alone, and none is taken back */
	bool said, missed;     /* a failure; an entry that has to be looked for once more */
	uint64_t bans, limits; /* taken back, or made known */
	struct prefix found[LEAVINGS_MAX];
	size_t len;
};

int leavings_open(struct leavings *leavings, struct keeper *keeper) must_check;
void leavings_close(struct leavings *leavings);
/* From now on, a slice at a time, in the keeper's loop; a walk that runs begins anew. */
void leavings_begin(struct leavings *leavings);
/* After a start: the guard is told of bans that it does not know, once the store has told its. */
void leavings_adopt(struct leavings *leavings);
/* The guard acts again: what it puts there now is no leaving. */
void leavings_stop(struct leavings *leavings);

#endif

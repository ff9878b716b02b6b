/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Gate and store, what operators said: the same in both. A pass reads all of it from the store, in
 * a thread of its own, and then compares, in the loop, a slice at a time:
 *
 *	in the store, not in the gate	put into the gate: its maps are new, or somebody took it
 *	in the gate, not in the store	put into the store: an older strazhd did it, or another
 *	in both, other ends		the gate is right (its clock knows no steps): the store
 *					learns it
 *
 * So no ban of an operator is lost. None comes back after `unban` either: that takes it out of the
 * gate and then out of the store before it is acknowledged (acts.h), a pass begins only when the
 * store has every act, and what an act touches while it runs is left alone.
 *
 * What is over is not put back, whatever the wall clock says of it now: a ban has to be live by the
 * wall's clock as it is and by the one that was when this boot's first pass was made, and lasts the
 * shorter time of both. What was left out at that first pass because it was over then, and is not
 * by the clock as it is now (which was wrong, then), is put back.
 *
 * A pass is made at start, when the store is there again, when the clock was set, and each ten
 * minutes.
 */
#ifndef STRAZH_USER_DAEMON_ACTS_REBUILD_H
#define STRAZH_USER_DAEMON_ACTS_REBUILD_H

#include <strazh/base/compiler.h>

struct keeper;

/*
 * After acts_open(), before the loop runs: the first pass, as far as it comes within some seconds;
 * the rest, and the others, by the loop. 0 or -errno.
 */
int rebuild_open(struct keeper *keeper) must_check;
void rebuild_close(struct keeper *keeper);
/* A pass soon: one that begins after this call. */
void rebuild_soon(struct keeper *keeper);
/* The setting PROTECT_STORED (protecting.h) as a pass has read it; NULL: none has, or there is
 * none. */
const char *rebuild_normal(const struct keeper *keeper);

#endif

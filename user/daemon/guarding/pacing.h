/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the load asks for, carried out: shares of the gate's limits and SYN cookies (gate/pace.h),
 * admission and puzzles in the worker (SPLIT_PACE). Nothing that an operator set is changed, and
 * all of it is said again each tick: it ends by itself when it is not.
 *
 * Done where guard.mode is enforce and guard.pace on; shown always. A puzzle is asked for where
 * server.puzzle is auto or always; cookies are sent for services whose cookies are auto.
 */
#ifndef STRAZH_USER_DAEMON_GUARDING_PACING_H
#define STRAZH_USER_DAEMON_GUARDING_PACING_H

#include <stdbool.h>
#include <stdint.h>

#include <user/guard/attack.h>

struct guarding;
struct guard_figures;
struct host_guard;

struct pacing {
	bool in_gate;		   /* something was asked of it */
	uint32_t withheld, puzzle; /* that the worker was told last */
	bool probes;		   /* the gate tells of SYNs to closed ports */
	uint64_t looked_ms;	   /* whether this machine passes packets or frames on */
	uint64_t told_ms;	   /* 0: nothing yet, or it was not heard */
	enum attack_state state;
	uint64_t since_ms; /* of the state */
	uint64_t changes;  /* of it */
};

/* Each tick, after guard_load(). */
void pacing_keep(struct guarding *guarding);
/* All is as it was set. */
void pacing_end(struct guarding *guarding);
void pacing_show(const struct guarding *guarding, const struct guard_figures *figures,
		 struct host_guard *shown);

#endif

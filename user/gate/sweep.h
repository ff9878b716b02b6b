/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Mark and sweep over the lists, in slices that never hold the daemon for long: collects entries
 * whose time is over (the gate ignores them already), counts what is there, and rebuilds presence
 * from what it saw: a bit that no entry needs is cleared at the end of a round, a missing one is
 * set at once. That is also the repair of drift: whatever was done to the maps behind our back,
 * after one round presence and inheritance are right again.
 *
 * Inserts made during a round mark their bits in the round's shadow too (act.c calls
 * sweep_mark()).
 */
#ifndef STRAZH_USER_GATE_SWEEP_H
#define STRAZH_USER_GATE_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include <user/gate/gate.h>

struct sweep;

struct sweep_round {
	uint64_t entries[3];		 /* by enum sz_table, live ones */
	uint64_t list_entries[64];	 /* deny entries per list bit */
	uint64_t collected;		 /* expired, removed */
	uint64_t bits_set, bits_cleared; /* presence: missing ones set, stale ones cleared */
	uint64_t repaired;		 /* prefixes whose inherited say was wrong */
	uint64_t repaired_lines; /* falsehoods in the table in front of the denied IPv4 hosts */
	uint64_t rounds;
};

int sweep_new(struct gate *gate, struct sweep **ret_sweep) must_check;
void sweep_free(struct sweep *sweep);
/* Up to `most` entries; *ret_done when that ended a round. */
int sweep_step(struct sweep *sweep, uint32_t most, bool *ret_done) must_check;
/* A whole round. */
int sweep_all(struct sweep *sweep) must_check;
/* The last whole round. */
const struct sweep_round *sweep_last(const struct sweep *sweep);

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the guard asks of the gate by itself while it enforces, so that an attack which nobody
 * configured meets limits that act:
 *
 *	rates	drop, unless an operator says otherwise (rate.mode; sz_rates_drop() has the order)
 *	ports	of the secured server are protected services: SYN cookies under pressure, and above
 *		PROTECT_EST_PPS packets the kernel is asked whether it has their connections
 *	totals	of UDP, ICMP and fragments that are for no service, see guard/total.h; answers to
 *		what this machine asked (connected sockets), who is on the never or allow list, and
 *		what a network cannot be without (path MTU, VRRP) are beside them
 *
 * What an operator has said of any of it stands, and nothing of this is his: it is not in the
 * journal, and of the store it has what is normal: when that has doubled, and else at most once an
 * hour. A strazhd that comes back takes it from there, and from what its predecessor, if it was
 * killed, left in the gate. Mode learn or off takes all of it back; in mode learn totals that
 * nothing reaches stay, for the gate counts what has one.
 *
 * When strazhd dies or stops, the totals end with what the load asks for (gate/pace.h), since
 * nobody is left who learns what is normal; rates and services stay, for its end leaves the gate
 * enforcing.
 */
#ifndef STRAZH_USER_DAEMON_GUARDING_PROTECTING_H
#define STRAZH_USER_DAEMON_GUARDING_PROTECTING_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/abi/rate.h>
#include <user/guard/total.h>

struct guarding;
struct keeper;

/* For each processor, and at least twice as much: who has more of them takes more. */
#define PROTECT_EST_PPS 10000U
#define PROTECT_UDP_PPS 10000U
#define PROTECT_OTHER_PPS 2500U
#define PROTECT_FRAG_PPS 2500U

/* The setting of the store that says what is normal: packets a second of UDP, other, fragments. */
#define PROTECT_STORED "gate.normal"

struct protecting {
	struct total totals[SZ_RATE_CLASSES];
	uint64_t over[SZ_RATE_CLASSES];	   /* counted so far; what proved itself then has passed */
	uint64_t dropped[SZ_RATE_CLASSES]; /* of it, as far as the gate says that it dropped */
	uint64_t guards;		   /* so many, by limits of the guard's */
	float stored_pps[SZ_RATE_CLASSES];
	uint64_t stored_ms; /* when that was tried last; 0: not yet */
	bool stored;	    /* the store has it */
	bool known; /* what was stored has been taken, once: since then it may have fallen */
	uint64_t looked_ms; /* for the ports; 0: not yet */
	bool failing;
};

/* Each tick, after the state is known, and in any mode that has a guard. */
void protecting_keep(struct guarding *guarding);
/* The guard does not enforce, or is off. */
void protecting_end(struct guarding *guarding);
/* What the store has of PROTECT_STORED. */
void protecting_know(struct keeper *keeper, const char *value);

#endif

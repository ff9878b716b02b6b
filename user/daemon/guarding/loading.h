/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What strains us, measured four times a second without waiting, for guard_load().
 *
 * PSI, /proc/pressure: tasks that waited for a processor or for memory, or that all waited for a
 * disk, over two seconds. It is the whole machine's, and may be somebody's batch job, which smaller
 * limits do not relieve: it counts as far as there is traffic, fully from LOADING_BUSY_PPS packets
 * or LOADING_BUSY_S handshakes a second on, and limits nobody alone (user/guard/attack.h).
 *
 * Loss: packets that the kernel had no room for (/proc/net/softnet_stat) and that services got more
 * of than an operator lets them, of all that came. What the guard's own limits drop is what it
 * wants dropped, and no strain: else a few forged pings would have everybody slowed down. Samples
 * that found no room in the ring are told apart. Few are noise.
 *
 * Delay: what a call waits for the slowest reactor. The worker says the least of some calls: a
 * queue that stands and not one that comes and goes (RFC 8289). Nothing smooths it here, for the
 * loop swings when it is told late (tests/unit/guard/test_curve.c).
 *
 * Slots: half-open connections and the accept queue; of all connections what is above
 * LOADING_CONNS, for sessions that live long are no strain.
 */
#ifndef STRAZH_USER_DAEMON_GUARDING_LOADING_H
#define STRAZH_USER_DAEMON_GUARDING_LOADING_H

#include <stdbool.h>
#include <stdint.h>

#include <user/daemon/worker/split.h>
#include <user/gate/stats.h>
#include <user/guard/attack.h>

#define LOADING_BUSY_PPS 20000U
#define LOADING_BUSY_S 500U
#define LOADING_CONNS 0.8F

enum loading_psi { LOADING_CPU, LOADING_MEMORY, LOADING_IO, LOADING_PSIS };

struct loading {
	int psi_fd[LOADING_PSIS], softnet_fd; /* -1: the kernel has none, or we may not */
	uint64_t psi_us[LOADING_PSIS];	      /* stalled, in all */
	float psi[LOADING_PSIS];	      /* per cent */
	uint64_t softnet, service, guards, passed, lost_events, events_seen;
	uint64_t events; /* that were read: counted by their reader */
	uint64_t at_ms;	 /* of the last measurement; 0: there is none */
	uint64_t opened, refused;
	bool use_psi;
	/* The last measurement, for people. */
	struct guard_load load;
	uint64_t pps, lost_pps;
};

/* What is not there is not measured. */
void loading_open(struct loading *loading);
void loading_close(struct loading *loading);
/* stats, figures: NULL where there are none. */
void loading_take(struct loading *loading, const struct gate_stats *stats,
		  const struct split_message *figures, uint64_t now_ms,
		  struct guard_load *ret_load);

/* ---- for tests ---- */

/* The line `who` of /proc/pressure: its "total"; false: there is none. */
bool loading_psi_total(const char *text, const char *who, uint64_t *ret_us);
/* /proc/net/softnet_stat: the sum of its second column. */
uint64_t loading_softnet_drops(const char *text);

#endif

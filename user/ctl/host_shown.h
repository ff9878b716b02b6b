/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What strazhd tells commands of its feeds, of its store on the move, of a list that it loaded, and
 * of what its guard made of a report. */
#ifndef STRAZH_USER_CTL_HOST_SHOWN_H
#define STRAZH_USER_CTL_HOST_SHOWN_H

#include <stdbool.h>
#include <stdint.h>

struct list_report;

/* A block list, or CrowdSec. Times are of the wall, 0: never; next_s is so long from now. */
struct host_feed {
	const char *name, *url;
	const char *fault; /* of the last try, or "" */
	const char *state; /* "in the gate", "weighed", "not in force", "no copy yet" */
	const char *left;  /* the first entry that is not taken, and why, or "" */
	uint64_t entries, left_out;
	uint64_t lines_wrong, other; /* decisions of another type or scope */
	uint64_t fetched, next_s, expires_s;
	unsigned failures, weight;
	bool running; /* it is being fetched */
};

/* The store on its way to another database, or how it went the last time. */
struct host_switch {
	const char *now; /* none running done failed */
	const char *why; /* it failed */
	uint64_t rows, took_ms;
};

/* What holds for who was reported. HELD: nothing is done (yet, while learning, to whom a list has).
 * OFF: there is no guard. */
enum host_reported {
	HOST_REPORTED_HELD,
	HOST_REPORTED_LIMITED,
	HOST_REPORTED_BANNED,
	HOST_REPORTED_OFF,
};

/* How a load went that the host did: as act_load() returned. */
struct loaded {
	int r, copied; /* copied: 0, or why there is no copy */
	const struct list_report *report;
	uint64_t count, until_wall;
};

#endif

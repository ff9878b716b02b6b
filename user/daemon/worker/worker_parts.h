/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Inside the worker: worker.c runs it, worker_change.c changes it while it runs, worker_check.c
 * reads what its configuration names. */
#ifndef STRAZH_USER_DAEMON_WORKER_WORKER_PARTS_H
#define STRAZH_USER_DAEMON_WORKER_WORKER_PARTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <user/daemon/worker/split.h>
#include <user/daemon/worker/worker.h>
#include <user/daemon/worker/worker_plan.h>
#include <user/net/reactors.h>
#include <user/server/server.h>

/* One address that is listened at. */
struct entrance {
	struct worker *worker;
	uint16_t port;
};

/* Asks a reactor how it is: a letter that comes back. */
struct worker_probe {
	struct mail letter;
	_Atomic(uint64_t) sent_us; /* 0: it is back */
	_Atomic(uint32_t) lag_us, waiting, most, puzzle;
	uint32_t least_us; /* of those since the last figures; the control thread's */
};

struct worker {
	const struct worker_given *given; /* during the start; NULL: nothing */
	struct worker_plan plan;	  /* of the start, but for what is live in it */
	struct server_common common;
	struct sources *sources;
	struct reactors *reactors;
	struct server *servers[REACTORS_MAX];
	struct entrance entrances[WORKER_ADDRESSES_MAX];
	int split;
	_Atomic(uint64_t) unsaid;     /* signs that the keeper had no room for */
	_Atomic(uint64_t) bad_unsaid; /* of what clients did wrong */
	_Atomic(uint32_t) bad_said;   /* in this second: SPLIT_BAD_RATE at most */
	_Atomic(uint32_t) opened_said;
	struct worker_probe probes[REACTORS_MAX];
	uint64_t paced_ms; /* when a pace was heard last */
	bool deaf;	   /* nothing comes from the keeper any more */
	char text[160];

	pthread_mutex_t lock; /* of what follows, and of plan.live */
	struct identity *identity;
	struct ticket_keys tickets;
	bool has_tickets;

	pthread_t control;
	bool has_control;
	_Atomic(bool) stopping;
};

/* ---- worker_load.c: by the control thread ---- */

/* For so long, and what the keeper says meanwhile holds; reactors are asked now and then. */
void worker_listen(struct worker *worker, unsigned ms);
/* How it stands, into FIGURES. */
void worker_measure(struct worker *worker, struct split_message *figures);

/* ---- worker_check.c ---- */

/* Where a key has its value from is where the fault is. CONFIG_WRONG. */
int worker_fault(struct config_faults *faults, const struct config *config, enum config_key key,
		 const char *why, ...) printf_like(4, 5);
int worker_read_identity(const struct config *config, const struct identity_files *files,
			 struct identity **ret_identity, struct config_faults *faults) must_check;
/* Those that are enabled. What is open is to be closed, also on failure. */
int worker_open_services(const struct config *config, struct server_service services[PH_SERVICES],
			 struct config_faults *faults) must_check;
void worker_close_services(struct server_service services[PH_SERVICES]);

/* ---- worker_change.c ---- */

/* The first keys of tickets, when there are to be some. 0 or -errno. */
int worker_start_tickets(struct worker *worker) must_check;
/* Shields and keys of tickets, by the control thread. */
void worker_renew(struct worker *worker);
void worker_describe(struct worker *worker);

#endif

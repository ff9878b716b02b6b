/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A crowd of clients: small requests at a steady rate, so many to a connection, every byte of
 * every answer compared.
 *
 * Each client is idle until its next time, then connecting (when it has no connection), then
 * waiting for the answer. A request ends well when the whole answer has come and is right; it ends
 * badly at its deadline, on an error, and on a wrong byte. Times that pass while a request hangs
 * are requests that a person would have made: when it fails they count as failed too, so a dead
 * server costs the whole rate and not one request in a timeout; when it succeeds late, its latency
 * says so.
 */
#ifndef STRAZH_TESTS_TOOLS_KIT_CROWD_H
#define STRAZH_TESTS_TOOLS_KIT_CROWD_H

#include <poll.h>
#include <stdint.h>

#include <tests/tools/kit/samples.h>
#include <tests/tools/kit/target.h>

#define CROWD_MAX 64 /* clients */

enum crowd_state { CROWD_IDLE, CROWD_CONNECTING, CROWD_WAITING };

struct crowd_client {
	enum crowd_state state;
	int fd;
	unsigned int target;
	unsigned int left; /* requests on this connection */
	uint64_t next_ns, begin_ns, deadline_ns;
	uint64_t number;
	unsigned int skipped; /* times that passed while this request hung */
	size_t got;
	unsigned char sent[MESSAGE_LEN];
};

struct crowd {
	const struct target *target;
	unsigned int targets;
	unsigned int per_conn; /* requests, then another connection */
	uint64_t every_ns;     /* a client */
	uint64_t timeout_ns;
	struct crowd_client client[CROWD_MAX];
	unsigned int clients;
	/* Since the last look; who looks sets them to zero. */
	unsigned int ok, fail, connects;
	struct samples request, connect;
};

/* rate: requests a second in all. More clients: fewer times pass while a request hangs. */
void crowd_init(struct crowd *crowd, const struct target *target, unsigned int targets,
		unsigned int clients, unsigned int rate, unsigned int per_conn,
		unsigned int timeout_ms);
/* What is due; returns when it is to be called again at the latest, as far as that is known. */
uint64_t crowd_on_time(struct crowd *crowd, uint64_t now);
/* Takes and gives crowd->clients of them. */
void crowd_poll(const struct crowd *crowd, struct pollfd *ret_fds);
void crowd_on_events(struct crowd *crowd, const struct pollfd *fds);

#endif

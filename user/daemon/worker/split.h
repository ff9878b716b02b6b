/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the worker tells the keeper: messages of one size over a socketpair (SOCK_SEQPACKET), so
 * that the two can become two processes. The worker talks to strangers and is not trusted: the
 * keeper takes nothing from it but that flows are proven or over, what clients did wrong, all
 * at ports of the server, and figures, and at most SPLIT_RATE of these a second. Of what is wrong
 * the worker says SPLIT_BAD_RATE a second at most, and of connections that come SPLIT_OPENED_RATE,
 * so that a flood of either takes no room from flows. The other way there is SPLIT_PACE, and calls
 * (worker.h).
 */
#ifndef STRAZH_USER_DAEMON_WORKER_SPLIT_H
#define STRAZH_USER_DAEMON_WORKER_SPLIT_H

#include <stdint.h>

#include <strazh/base/compiler.h>

#define SPLIT_RATE 20000U
#define SPLIT_BAD_RATE 4000U
#define SPLIT_OPENED_RATE 4000U
#define SPLIT_FIGURES_MS 250U
/* A pace that was not said for so long is over. */
#define SPLIT_PACE_MS 3000U

enum split_type {
	SPLIT_PROVEN = 1,    /* a flow of a live session */
	SPLIT_GONE,	     /* that session is over */
	SPLIT_BAD_HANDSHAKE, /* of that address and port */
	SPLIT_BAD_RECORD,
	SPLIT_OPENED,	 /* a connection has said something */
	SPLIT_REFUSED,	 /* one was above the limits of its source; condition 1: which is mute */
	SPLIT_BAD_QUERY, /* condition: enum peer_fault */
	SPLIT_FIGURES,	 /* each SPLIT_FIGURES_MS */
	SPLIT_PACE,	 /* keeper to worker: when it changes, and each second */
};

/* Fields that a type has no use for are zero. Addresses in network order, ports in host order. */
struct split_message {
	uint32_t type;
	uint8_t family; /* 4 or 6 */
	uint8_t zero;
	uint16_t sport, dport;
	uint16_t condition; /* as struct server_watcher has it */
	uint32_t age_ms;    /* of the session; 0: it opens just now, or there is none */
	uint8_t addr[16];
	/* FIGURES: now, and since the start */
	uint64_t sessions, opened, refused, bad;
	uint64_t pool_threads, pool_jobs, pool_full; /* of the crypto pool: now; since the start */
	uint64_t bad_unsaid; /* bad handshakes and records beyond the rate */
	/* FIGURES: how it stands */
	uint32_t connections_max, half_open, half_open_max;
	uint32_t accept_waiting, accept_max; /* of the fullest listener */
	uint32_t lag_us; /* that a call waited for the slowest reactor, the least of some */
	uint32_t puzzle; /* bits that strangers are given now. PACE: at least so many */
	/* PACE */
	uint32_t withheld; /* thousandths of admission */
};
_Static_assert(sizeof(struct split_message) == 128, "one size on both sides");

int split_pair(int ret_fds[2]) must_check;
/* Never waits. -EAGAIN: the other side does not read. */
int split_send(int fd, const struct split_message *message) must_check;
/* The keeper. -EAGAIN: nothing there; -EPIPE: the other side is gone; -EBADMSG: of another size or
 * type. */
int split_receive(int fd, struct split_message *ret_message) must_check;
/* The same for the worker: SPLIT_PACE only. */
int split_hear(int fd, struct split_message *ret_message) must_check;

#endif

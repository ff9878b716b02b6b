/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the worker tells the keeper: messages of one size over a socketpair (SOCK_SEQPACKET), so
 * that the two can become two processes. The worker talks to strangers and is not trusted: the
 * keeper takes nothing from it but that flows are proven or over, what clients did wrong, and
 * figures, and at most SPLIT_RATE of these a second. Of what is wrong the worker says
 * SPLIT_BAD_RATE a second at most, so that a flood of it takes no room from flows. The other way
 * there are calls still (worker.h).
 */
#ifndef STRAZH_USER_DAEMON_SPLIT_H
#define STRAZH_USER_DAEMON_SPLIT_H

#include <stdint.h>

#include <strazh/base/compiler.h>

#define SPLIT_RATE 20000U
#define SPLIT_BAD_RATE 4000U

enum split_type {
	SPLIT_PROVEN = 1,    /* a flow of a live session */
	SPLIT_GONE,	     /* that session is over */
	SPLIT_BAD_HANDSHAKE, /* of that address and port */
	SPLIT_BAD_RECORD,
	SPLIT_FIGURES, /* each second */
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
};
_Static_assert(sizeof(struct split_message) == 96, "one size on both sides");

int split_pair(int ret_fds[2]) must_check;
/* Never waits. -EAGAIN: the other side does not read. */
int split_send(int fd, const struct split_message *message) must_check;
/* -EAGAIN: nothing there; -EPIPE: the other side is gone; -EBADMSG: of another size or type. */
int split_receive(int fd, struct split_message *ret_message) must_check;

#endif

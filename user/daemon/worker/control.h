/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the keeper tells the worker, and the worker's answers: one message each over a socketpair
 * (SOCK_SEQPACKET), with descriptors. Flows and figures go through the split (split.h).
 *
 *	keeper				worker
 *	SOCKETS, until all are there
 *	START, configuration, files	ANSWER: it serves, or what is wrong
 *	RELOAD, configuration, files	ANSWER: all of it was taken, or nothing and what is wrong
 *	STOP				ends in order; when the socket ends, the worker ends at once
 *
 * An answer is what a worker that has been taken over says: text for the log and for the status,
 * of bounded length, and nothing is done on the strength of it but to take a configuration.
 */
#ifndef STRAZH_USER_DAEMON_WORKER_CONTROL_H
#define STRAZH_USER_DAEMON_WORKER_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/daemon/config/config.h>

enum control_type { CONTROL_SOCKETS = 1, CONTROL_START, CONTROL_RELOAD, CONTROL_STOP };

#define CONTROL_FDS_MAX 64U
#define CONTROL_TEXT_LEN 160

struct control_message {
	uint32_t type;
	uint32_t count; /* START: of the sockets that were given */
};

struct control_answer {
	int32_t r; /* 0, CONFIG_WRONG or -errno */
	char text[CONTROL_TEXT_LEN];
	/* What it is held by, as far as no file in /proc tells that. */
	uint32_t calls;	  /* system calls that it may make; 0: no filter */
	int32_t landlock; /* its ABI; 0: this kernel has none */
	uint32_t ports;	  /* that it may connect to */
	struct config_faults faults;
};

int control_pair(int ret_fds[2]) must_check;
/* -EAGAIN: the other side does not read. The descriptors stay the caller's. */
int control_send(int fd, const struct control_message *message, const int *fds,
		 size_t fds_len) must_check;
/* Waits. -EPIPE: the other side is gone; -EBADMSG. The descriptors are the caller's. */
int control_receive(int fd, struct control_message *ret_message, int ret_fds[CONTROL_FDS_MAX],
		    size_t *ret_fds_len) must_check;
/* Waits. */
int control_answer(int fd, const struct control_answer *answer) must_check;
/* Never waits: -EAGAIN, -EPIPE, -EBADMSG. All texts of `ret_answer` end. */
int control_hear(int fd, struct control_answer *ret_answer) must_check;

#endif

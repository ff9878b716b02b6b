/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Starts the worker, and tells how it ended. The launcher is a process of its own, forked before
 * strazhd drops what it must not keep: it alone holds what another user's process takes
 * (CAP_SETUID, CAP_SETGID, CAP_KILL, CAP_SETPCAP), as long as strazhd runs, because a worker that
 * died is started again. The keeper, which parses what strazhctl says and holds the gate, never has
 * them; and the launcher reads nothing but a few words of the keeper, and holds nothing else. A
 * fork() of it is small, and one of a process without threads.
 */
#ifndef STRAZH_USER_DAEMON_WORKER_LAUNCHER_H
#define STRAZH_USER_DAEMON_WORKER_LAUNCHER_H

#include <stdint.h>
#include <sys/types.h>

#include <strazh/base/compiler.h>

/* The word by which strazhd is started as a worker, and where it then finds its sockets. */
#define LAUNCHER_WORD "--worker"
#define LAUNCHER_CONTROL_FD 3
#define LAUNCHER_SPLIT_FD 4

enum launcher_said { LAUNCHER_STARTED = 1, LAUNCHER_ENDED };

struct launcher_message {
	uint32_t said;
	int32_t pid;
	int32_t status; /* ENDED: of waitpid(2) */
	int32_t error;	/* STARTED: 0 or -errno */
};

/*
 * First of all in main(), before options are looked at, which cuts their texts in place: how this
 * program was called. 0 or -errno.
 */
int launcher_note(int argc) must_check;
/*
 * While there is one thread, with all rights that strazhd was given. The
 * caller has the socket and the process's number; when it closes the socket the launcher ends, and
 * with it, within two seconds, a worker that still runs.
 */
int launcher_new(int *ret_fd, pid_t *ret_pid) must_check;
/* Never waits. The worker gets the descriptors; the caller's stay his. */
int launcher_start(int fd, int control, int split) must_check;
/* SIGKILL to the worker, when there is one. */
int launcher_kill(int fd) must_check;
/* -EAGAIN: nothing there; -EPIPE: the launcher is gone. */
int launcher_hear(int fd, struct launcher_message *ret_message) must_check;

#endif

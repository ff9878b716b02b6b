/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The worker: the secured server, as threads: one a reactor, and one that renews shields and
 * tickets. In strazhd it is a process of its own (worker_main.c) that may open nothing: ports are
 * bound for it and files opened, and before its first thread starts it is confined. What it tells
 * the keeper goes through a split socket. Starting, reloading and stopping it are calls, all from
 * one thread.
 *
 * Nothing is shared by pointer: a configuration is read during the call and what is needed of it
 * copied, faults are written during the call, and `split` is the worker's.
 */
#ifndef STRAZH_USER_DAEMON_WORKER_WORKER_H
#define STRAZH_USER_DAEMON_WORKER_WORKER_H

#include <strazh/base/compiler.h>
#include <user/daemon/config/config.h>
#include <user/server/identity.h>

struct worker;

/* All of them: 0; CONFIG_WRONG: what is wrong is added to `faults`, each with its place; or
 * -ENOMEM.
 */

/* Reads all that the configuration of the secured server names, as worker_start() would, and
 * changes nothing. No socket is bound, so an address may still be another's. */
int worker_check(const struct config *config, struct config_faults *faults) must_check;
/* What a process that must not open anything was given; borrowed. */
struct worker_given {
	const struct identity_files *files;
	/* Bound, for each reactor one of each address, in the order of worker_plan.h. Those that a
	 * reactor took are -1 then. */
	int *sockets;
	size_t sockets_len;
	/* All is read and open, no thread runs yet: 0 or -errno. */
	int (*confine)(void *context);
	void *context;
};

/* Reads keys, opens ports, starts serving. given NULL: it opens all by itself. `split` is taken,
 * also on failure. */
int worker_start(const struct config *config, const struct worker_given *given, int split,
		 struct worker **ret_worker, struct config_faults *faults) must_check;
/* Sessions are closed in order, as long as drain_timeout allows. NULL is fine. */
void worker_stop(struct worker *worker);
/* All keys that are LIVE, and the files that they name, anew. All or nothing: with a fault, each
 * thread goes on as before. Those that need a restart have to be as they were at the start. `files`
 * NULL: it opens them. */
int worker_reload(struct worker *worker, const struct config *config,
		  const struct identity_files *files, struct config_faults *faults) must_check;
/* "127.0.0.1:8000, engine ipsec-mb, key 0123456789abcdef": for the log. */
const char *worker_text(const struct worker *worker);

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The worker: the secured server, as threads: one a reactor, and one that renews shields and
 * tickets. What it tells the keeper goes through a split socket, as it will when it is a process of
 * its own; starting, reloading and stopping it are calls, all from one thread.
 *
 * Nothing is shared by pointer: a configuration is read during the call and what is needed of it
 * copied, faults are written during the call, and `split` is the worker's. What is left in common
 * is the process itself, and that is what the split will still have to bring over:
 *   - the descriptors of the ports, bound while there is CAP_NET_BIND_SERVICE, and of the files
 * with keys, which only root reads: opened by the keeper and passed with SCM_RIGHTS, or read before
 *     privileges are dropped; a reload needs the files once more;
 *   - the configuration as text (what config_read() takes), and the faults as its answer;
 *   - the limit of open files, the log's level, and log lines: its standard error may stay as it
 * is;
 *   - how the worker ended: today that is the end of its split socket.
 */
#ifndef STRAZH_USER_DAEMON_WORKER_H
#define STRAZH_USER_DAEMON_WORKER_H

#include <strazh/base/compiler.h>
#include <user/daemon/config.h>

struct worker;

/* All of them: 0; CONFIG_WRONG: what is wrong is added to `faults`, each with its place; or
 * -ENOMEM.
 */

/* Reads all that the configuration of the secured server names, as worker_start() would, and
 * changes nothing. No socket is bound, so an address may still be another's. */
int worker_check(const struct config *config, struct config_faults *faults) must_check;
/* Reads keys, opens ports, gives up the capability to open more of them, starts serving. `split` is
 * taken, also on failure. */
int worker_start(const struct config *config, int split, struct worker **ret_worker,
		 struct config_faults *faults) must_check;
/* Sessions are closed in order, as long as drain_timeout allows. NULL is fine. */
void worker_stop(struct worker *worker);
/* All keys that are LIVE, and the files that they name, anew. All or nothing: with a fault, each
 * thread goes on as before. Those that need a restart have to be as they were at the start. */
int worker_reload(struct worker *worker, const struct config *config,
		  struct config_faults *faults) must_check;
/* Around a fork(), which copies what all threads have in hand: waits until none has a key in plain
 * memory, and lets none go on before the other. A child goes without worker_let_go(). NULL is fine.
 */
void worker_hold(struct worker *worker);
void worker_let_go(struct worker *worker);
/* "127.0.0.1:8000, engine ipsec-mb, key 0123456789abcdef": for the log. */
const char *worker_text(const struct worker *worker);

#endif

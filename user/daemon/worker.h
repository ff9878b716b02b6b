/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The worker: the secured server, as threads: one a reactor, and one that renews shields and
 * tickets. What it tells the keeper goes through a split socket, as it will when it is a process of
 * its own; starting, reloading and stopping it are calls.
 */
#ifndef STRAZH_USER_DAEMON_WORKER_H
#define STRAZH_USER_DAEMON_WORKER_H

#include <stdbool.h>

#include <strazh/base/compiler.h>
#include <user/daemon/config.h>

struct worker;

#define WORKER_WHY_LEN 320

/*
 * Reads keys, opens ports, starts serving. `split` is taken, also on failure. What goes wrong is in
 * `why`, for a person. 0 or -errno.
 */
int worker_start(const struct config *config, int split, struct worker **ret_worker,
		 char why[WORKER_WHY_LEN]) must_check;
/* Sessions are closed in order, as long as drain_timeout allows. NULL is fine. */
void worker_stop(struct worker *worker);
/* Keys, certificates, clients and suites for handshakes that come. All or nothing. */
int worker_reload(struct worker *worker, const struct config *config,
		  char why[WORKER_WHY_LEN]) must_check;
/* Around a fork(), which copies what all threads have in hand: waits until none has a key in plain
 * memory, and lets none go on before the other. A child goes without worker_let_go(). NULL is fine.
 */
void worker_hold(struct worker *worker);
void worker_let_go(struct worker *worker);
/* "127.0.0.1:8000, engine ipsec-mb, key 0123456789abcdef": for the log. */
const char *worker_text(const struct worker *worker);

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STRAZH_USER_DAEMON_WORKER_WORKER_MAIN_H
#define STRAZH_USER_DAEMON_WORKER_WORKER_MAIN_H

/*
 * The worker's process, as the launcher executes it: no rights, sockets where launcher.h says.
 * Until the keeper says so or is gone. Its exit status: 0; 1, and the keeper was told why; 2,
 * nobody's worker: started by hand, and said so.
 */
int worker_main(void);

#endif

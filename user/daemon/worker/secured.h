/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The keeper's side of the worker: secured.c hears what it says of flows, secured_life.c starts it,
 * gives it its configuration, and starts it again. */
#ifndef STRAZH_USER_DAEMON_WORKER_SECURED_H
#define STRAZH_USER_DAEMON_WORKER_SECURED_H

#include <user/daemon/keeper.h>

/* It said or did what it must not, or does not answer: it is killed, and how it ended comes later.
 */
void secured_kill(struct keeper *keeper, const char *why);
/* What it told is not true any more: our end of the split is closed, no flow is marked. */
void secured_forget(struct keeper *keeper);
/* Each second: does it live? */
void secured_tick(struct keeper *keeper);
/* Of the split. */
void secured_hear(struct watch *watch, uint32_t events);

/* Starts the worker; a first answer is waited for, some seconds at most. */
int secured_life_open(struct keeper *keeper) must_check;
/* Sessions are closed in order, as long as drain_timeout allows. */
void secured_life_close(struct keeper *keeper);

#endif

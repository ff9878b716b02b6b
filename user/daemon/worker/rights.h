/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Becoming a process that may do nothing that a stranger's own process may not. */
#ifndef STRAZH_USER_DAEMON_WORKER_RIGHTS_H
#define STRAZH_USER_DAEMON_WORKER_RIGHTS_H

#include <stdbool.h>
#include <sys/types.h>

#include <strazh/base/compiler.h>

/* Whose the worker is, where there is such a user; his group is nobody's, because members of the
 * group `strazh` may ask strazhd. */
#define RIGHTS_USER "strazh"
#define RIGHTS_GROUP 65534

/*
 * For good, also over exec: no capability in any set, no_new_privs; and `uid` with RIGHTS_GROUP,
 * unless that is our own already or we may not. One thread. -EPERM: something was left.
 */
int rights_drop(uid_t uid) must_check;
/* Is there really none left? As the kernel says it. */
bool rights_gone(void);

#endif

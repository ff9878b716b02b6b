/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STRAZH_USER_DAEMON_CAPS_H
#define STRAZH_USER_DAEMON_CAPS_H

#include <stdbool.h>

#include <strazh/base/compiler.h>

/*
 * Keep CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_ADMIN, for ever. The last one because the
 * kernel turns program and map ids into descriptors for nobody else, and drift is found by ids.
 * `ports`: CAP_NET_BIND_SERVICE as well, until caps_drop_ports(); no child can have it. Without it
 * (a unit that does not grant it), ports below 1024 fail when they are bound. 0 or -EPERM.
 */
int caps_drop(bool ports) must_check;
/* The ports are bound: from here on this thread, and those that it starts, bind none below 1024. */
int caps_drop_ports(void) must_check;
/* This thread, and those that it starts, have none at all any more. 0 or -EPERM. */
int caps_drop_thread(void) must_check;

#endif

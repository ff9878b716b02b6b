/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STRAZH_USER_DAEMON_CAPS_H
#define STRAZH_USER_DAEMON_CAPS_H

#include <strazh/base/compiler.h>

/*
 * Keep CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_ADMIN, for ever. The last one because the
 * kernel turns program and map ids into descriptors for nobody else, and drift is found by ids.
 * 0 or -EPERM.
 */
int caps_drop(void) must_check;

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef STRAZH_USER_DAEMON_WORKER_RUN_H
#define STRAZH_USER_DAEMON_WORKER_RUN_H

#include <strazh/base/compiler.h>
#include <user/daemon/config/options.h>

struct launched;

/* Until SIGTERM. 0, or -errno; what went wrong has been logged. */
int keeper_run(const struct daemon_options *options, const struct launched *launcher) must_check;

#endif

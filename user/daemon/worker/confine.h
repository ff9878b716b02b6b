/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the worker is held by once it serves: a list of system calls, all others end it, and where
 * the kernel has it Landlock, which leaves it no file and no port but those of its upstreams. Both
 * are for good, and for the threads that are started afterwards: to be called while there is one.
 */
#ifndef STRAZH_USER_DAEMON_WORKER_CONFINE_H
#define STRAZH_USER_DAEMON_WORKER_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>

struct confine_report {
	unsigned calls; /* system calls that are allowed, some of them with some arguments only */
	int landlock;	/* its ABI; 0: this kernel has none */
};

/* no_new_privs is set. `ports`: TCP ports that it connects to; 0 of them: it makes no socket at
 * all. -errno: it is not held, and must not go on. */
int confine(const uint16_t *ports, size_t ports_len, struct confine_report *ret_report) must_check;

#define CONFINE_NAMES_MAX 128U
/* Of the system calls that report.calls counts; returns how many. `connects`: with ports. */
unsigned confine_names(bool connects, const char *ret_names[CONFINE_NAMES_MAX]);

#endif

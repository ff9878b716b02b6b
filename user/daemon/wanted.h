/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The interfaces that the gate should be on, by name: an interface that comes back has another
 * index. Pure. */
#ifndef STRAZH_USER_DAEMON_WANTED_H
#define STRAZH_USER_DAEMON_WANTED_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include <strazh/base/compiler.h>
#include <user/gate/attach.h>

#define WANTED_MAX 256U

struct wanted_one {
	char ifname[IF_NAMESIZE];
	enum attach_mode mode;
	bool told; /* its absence has been logged */
};

struct wanted {
	struct wanted_one at[WANTED_MAX];
	size_t len;
};

struct wanted_one *wanted_find(struct wanted *wanted, const char *ifname);
/* Add or change. -ENOSPC: there are too many. */
int wanted_put(struct wanted *wanted, const char *ifname, enum attach_mode mode) must_check;
bool wanted_drop(struct wanted *wanted, const char *ifname);

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Acts of the guard that found the store's backlog full: they hold in the gate and wait here, in
 * their order, until the store takes them. Bounded; there is memory for them only when it is
 * needed.
 */
#ifndef STRAZH_USER_DAEMON_MEMORY_LATE_H
#define STRAZH_USER_DAEMON_MEMORY_LATE_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/store/rows.h>

#define LATE_MAX 8192U
#define LATE_CAUSE_LEN 240

struct late_act {
	bool lifts;
	bool clears; /* all bans of the guard; it has no prefix */
	struct prefix prefix;
	int64_t at_ms, until_ms;
	int32_t offences;
	char cause[LATE_CAUSE_LEN];
	char actor[STORE_NAME_MAX + 1]; /* "": the guard */
};

/* All zero: empty. */
struct late {
	struct late_act *acts; /* a ring */
	uint32_t at, len;
};

/* 0; -ENOBUFS: there is no room; -ENOMEM. */
int late_put(struct late *late, const struct late_act *act) must_check;
/* The oldest; NULL: there is none. */
const struct late_act *late_first(const struct late *late);
void late_drop_first(struct late *late);
void late_deinit(struct late *late);

#endif

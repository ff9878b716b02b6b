/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Block lists in the keeper: each feed is fetched on its schedule by a process of its own
 * (feed_child.h), judged, kept as a file in state_dir/feeds, and put in force: in the gate as list
 * feed.NAME, or, if it weighs less than a ban, in a table that is asked whenever the guard hears of
 * a source. The last good copy is in force from the start on, without a network, until it expires.
 */
#ifndef STRAZH_USER_DAEMON_FEEDING_FEEDING_H
#define STRAZH_USER_DAEMON_FEEDING_FEEDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <strazh/base/compiler.h>
#include <user/base/prefix.h>
#include <user/ctl/request.h>
#include <user/daemon/config/config.h>

struct keeper;

int feeding_open(struct keeper *keeper) must_check;
void feeding_close(struct keeper *keeper);
/* What can fail of a configuration that is about to hold; then feeding_take(), which cannot. */
int feeding_prepare(struct keeper *keeper, const struct config *config) must_check;
void feeding_take(struct keeper *keeper);

/* What a feed says of a host whom the guard has just met, as a fact to the guard. */
void feeding_met(struct keeper *keeper, uint8_t family, const uint8_t addr[16]);

#define FEEDING_RUNNING_MAX 4U
struct feeding_process {
	pid_t pid;
	const char *does;
};
/* Those of strazh-fetch that run now; returns how many. */
size_t feeding_processes(const struct keeper *keeper,
			 struct feeding_process ret_list[FEEDING_RUNNING_MAX]);

/* For `strazhctl feeds` and status: all of them; valid until the next call. */
const struct host_feed *feeding_show(void *keeper, size_t *ret_count);

#endif

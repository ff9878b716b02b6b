/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One run of strazh-fetch: started, awaited in the keeper's loop, killed when it takes too long. */
#ifndef STRAZH_USER_DAEMON_FEEDING_FEED_CHILD_H
#define STRAZH_USER_DAEMON_FEEDING_FEED_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <user/feed/message.h>
#include <user/net/loop.h>

#define FEED_CHILD_PATH_LEN 320

struct feed_child {
	struct loop *loop;
	pid_t pid; /* 0: none runs */
	struct watch watch;
	size_t got;
	struct feed_answer answer;
	uint64_t until_ms;		/* boot time: then it is killed */
	char copy[FEED_CHILD_PATH_LEN]; /* what it writes */
	void (*on_done)(void *context, const struct feed_answer *answer);
	void *context;
};

/*
 * 0, and on_done() comes once unless feed_child_kill() does before; else -errno and why[]: it was
 * not started. `copy` is emptied first.
 */
int feed_child_start(struct feed_child *child, const struct feed_request *request, const char *copy,
		     char why[FEED_TEXT_LEN]) must_check;
/* Kills it when its time is over. */
void feed_child_tick(struct feed_child *child, uint64_t now_ms);
/* Waits for its end, which is at hand. Safe when there is none. */
void feed_child_kill(struct feed_child *child);
/* Those that were killed, with SIGCHLD. */
void feed_child_reap(void);

#endif

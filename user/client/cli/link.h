/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One client of libstrazh in a command: opened with what was asked for, and driven by poll. A first
 * attempt that fails is the end; later losses are made good, unless the server is a stranger now.
 */
#ifndef STRAZH_USER_CLIENT_CLI_LINK_H
#define STRAZH_USER_CLIENT_CLI_LINK_H

#include <poll.h>

#include <user/client/cli/cli.h>

/* Any may be NULL. */
struct link_ops {
	void (*on_up)(void *data);
	void (*on_down)(void *data, const struct strazh_error *why);
	void (*on_message)(void *data, const struct strazh_message *message);
	void (*on_room)(void *data);
};

struct link {
	struct strazh *strazh;
	const struct link_ops *ops;
	void *data;
	bool up;
	uint64_t sessions;
	int code; /* the end: what was said */
};

/* Connects later, in link_wait(). What fails is said. */
int link_open(struct link *link, struct cli *cli, const struct link_ops *ops,
	      void *data) must_check;
void link_close(struct link *link);
/* What can be done now. 0, or the code with which it is over. */
int link_turn(struct link *link) must_check;
/* What was queued goes, and nothing is read; for options.flushes, and with the same answer. */
int link_flush(struct link *link) must_check;
/* Until something happened, a signal came or the clock shows until_ms (0: for ever). `more` is one
 * descriptor to be waited for besides, or NULL. 0, or the code with which it is over. */
int link_wait(struct link *link, struct pollfd *more, uint64_t until_ms) must_check;
/* FULL is left to the caller; all else ends the link, and is said. */
int link_queue(struct link *link, const struct strazh_message *message) must_check;

uint64_t cli_now_ns(void);
static inline uint64_t cli_now_ms(void)
{
	return cli_now_ns() / 1000000;
}

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A command that tells the story of an address waits for what the audit has of it, and its client
 * with it; nobody else does. A store that does not answer is waited for for some seconds.
 */
#ifndef STRAZH_USER_DAEMON_MEMORY_STORY_H
#define STRAZH_USER_DAEMON_MEMORY_STORY_H

#include <stdbool.h>

#include <user/daemon/server.h>

/*
 * Ask for it: true, and link_go_on() follows, unless the client leaves before. False: there is
 * nothing to wait for; *ret_why says why, or is NULL where there is no store.
 */
bool story_ask(struct client_link *link, const struct request *request,
	       const char **ret_why) must_check;
/* The client has left. */
void story_abandon(struct client_link *link);

#endif

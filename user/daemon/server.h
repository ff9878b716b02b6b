/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * strazhctl's end of the socket. One connection is a client_link; a long answer is written by a
 * child process, a reader, which has its own view of the maps and its own pace.
 */
#ifndef STRAZH_USER_DAEMON_SERVER_H
#define STRAZH_USER_DAEMON_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <user/daemon/keeper.h>
#include <user/net/lines.h>
#include <user/net/unix.h>

struct link_load;
struct loaded;
struct story_wait;

struct client_link {
	struct lines lines;
	struct keeper *keeper;
	struct client_link *next;
	struct unix_peer peer;
	uint32_t active_s; /* boot time of the last sign of life */
	bool root;
	bool following;
	uint64_t lost; /* events that did not fit since the last that did */
	struct reader *reader;
	struct ack *ack;	  /* its answer waits for the store: acts.h */
	struct story_wait *story; /* what it waits for: story.h */
	struct link_load *load;	  /* loads.h */
};

struct reader {
	struct reader *next;
	struct client_link *link; /* NULL: it left */
	bool root;
	pid_t pid;
};

/* Let a child run the request and write the answer. A ctl_code, CTL_DONE: it is on its way. */
int reader_start(struct client_link *link, struct request *request, char *why,
		 size_t size) must_check;
/* The client has left: its reader ends. */
void reader_abandon(struct reader *reader);
/* All of them end, after all clients have left. */
void readers_close(struct keeper *keeper);

/* More than this waiting for a client, and it is not read until it has taken its answers. */
#define OUT_BUSY (64U << 10)

/* One row or result as a line; steals it. 0, -ENOBUFS, -ENOMEM. */
int link_put(struct client_link *link, json_t *row) must_check;
void link_close(struct client_link *link);

/* A line of a client: carry it out. */
void link_request(struct lines *lines, char *line, size_t len);
/* What it waited for is there: see struct request. */
void link_go_on(struct client_link *link, const struct command *command, json_t *args,
		const json_t *story, const char *why);
/* Its list is loaded, or is not; NULL: the client left, and what was done is remembered. */
void link_loaded(struct keeper *keeper, struct client_link *link, const struct unix_peer *peer,
		 const struct command *command, json_t *args, const struct loaded *loaded);

#endif

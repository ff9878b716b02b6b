/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * strazhctl as a process: what it was told, how it reaches a gate, where rows go. One call of
 * client_call() is one request, through strazhd where it runs, else done here.
 */
#ifndef STRAZH_USER_CTL_CLIENT_H
#define STRAZH_USER_CTL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include <user/ctl/command.h>
#include <user/ctl/render.h>

struct client {
	const char *run_dir, *pin_dir, *state_dir; /* state_dir NULL: as strazhd left it */
	bool json, quiet, said_way;
	const struct command *command;
	struct render *render;
	int file_fd;   /* to be sent along, -1 */
	int socket_fd; /* connection to strazhd, -1 */
	bool direct;   /* no strazhd: found out by the first call */
	char *in;      /* received, not yet shown */
	size_t in_len, in_size;
};

/* Send or run one request, show its rows; *ret_result is the caller's. A ctl_code. */
int client_call(struct client *client, const json_t *args, json_t **ret_result) must_check;
/* Through strazhd. *ret_absent: nobody is there, nothing was done. */
int remote_call(struct client *client, const json_t *args, json_t **ret_result,
		bool *ret_absent) must_check;
/*
 * The same in parts, for many requests on one connection, answered in the order in which they were
 * sent. 0 or -errno. Who leaves the connection unused for 30 s is hung up on: close it before.
 */
int remote_send(struct client *client, const json_t *args, bool *ret_absent) must_check;
int remote_receive(struct client *client, json_t **ret_result) must_check;
void remote_close(struct client *client);
/* On the pinned maps. *ret_busy: somebody else is writing. */
int local_call(struct client *client, const json_t *args, json_t **ret_result,
	       bool *ret_busy) must_check;
/* Which way it goes, on stderr, once. */
void client_say_way(struct client *client);
/* An error of the client's own: shown on stderr (and as a result with --json). Returns `code`. */
int client_fail(struct client *client, int code, const char *format, ...) printf_like(3, 4);
/* Show how it ended and return the exit code. */
int client_finish(struct client *client, json_t *result);
void client_deinit(struct client *client);

/* Where strazhctl's journal is: --state-dir, else what strazhd left in its run dir. */
void client_state_dir(const struct client *client, char *path, size_t size);

#endif

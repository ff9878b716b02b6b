/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The socket of strazhd: a request line goes out, row lines come back until one has "result".
 */
#include <user/ctl/client.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/ctl/request.h>
#include <user/net/lines.h>
#include <user/net/unix.h>

#define ANSWER_MAX (4U << 20)
#define ANSWER_FIRST 65536U

static int give_up(struct client *client, json_t **ret_result, int code, const char *text)
{
	*ret_result = result_make(client->command->name, code, text);
	return code;
}

/* 0, or -errno; *ret_absent where nobody listens. */
static int reach(struct client *client, bool *ret_absent)
{
	char path[300];
	int r;

	*ret_absent = false;
	if (client->socket_fd >= 0)
		return 0;
	(void)snprintf(path, sizeof(path), "%s/strazhd.sock", client->run_dir);
	r = unix_connect(path, &client->socket_fd);
	*ret_absent = r == -ENOENT || r == -ECONNREFUSED || r == -ENOTDIR;
	return r;
}

static int send_request(struct client *client, const json_t *args)
{
	own_free char *line = request_format(client->command, args);
	size_t len = line ? strlen(line) : 0, at = 0;

	if (!line)
		return -ENOMEM;
	if (len > LINES_IN_MAX)
		return -EMSGSIZE;
	while (at < len) {
		ssize_t n = unix_send(client->socket_fd, line + at, len - at,
				      at ? -1 : client->file_fd);

		if (n < 0 && n != -EINTR)
			return (int)n;
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* More bytes into client->in, which has room for ANSWER_MAX. 0, -ENODATA at the end, -errno. */
static int receive(struct client *client)
{
	int fd = -1;
	ssize_t n;

	if (client->in_len == client->in_size) {
		size_t next = client->in_size ? client->in_size * 2 : ANSWER_FIRST;
		char *bigger = next <= ANSWER_MAX ? realloc(client->in, next) : NULL;

		if (!bigger)
			return -ENOMEM;
		client->in = bigger;
		client->in_size = next;
	}
	n = unix_recv(client->socket_fd, client->in + client->in_len,
		      client->in_size - client->in_len, &fd);
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return n == -EINTR ? 0 : (int)n;
	if (n == 0)
		return -ENODATA;
	client->in_len += (size_t)n;
	return 0;
}

/* Show the whole lines that are there; true when the result has come. */
static bool take_lines(struct client *client, json_t **ret_result)
{
	size_t begin = 0;
	bool found = false;

	while (!found) {
		char *newline = memchr(client->in + begin, '\n', client->in_len - begin);
		json_t *row;

		if (!newline)
			break;
		row = json_loadb(client->in + begin, (size_t)(newline - client->in) - begin, 0,
				 NULL);
		begin = (size_t)(newline - client->in) + 1;
		if (row && json_object_get(row, "result")) {
			*ret_result = row;
			found = true;
		} else {
			render_row(client->render, row);
		}
	}
	client->in_len -= begin;
	memmove(client->in, client->in + begin, client->in_len);
	return found;
}

int remote_receive(struct client *client, json_t **ret_result)
{
	const bool live = client->command->flags & CMD_FOLLOW;
	int r = 0;

	/* What came behind the last answer may hold this one. */
	while (!client->in_len || !take_lines(client, ret_result)) {
		if (live)
			render_flush(client->render);
		if (client->render->broken)
			return -EPIPE;
		r = receive(client);
		if (r)
			return r;
	}
	return 0;
}

int remote_send(struct client *client, const json_t *args, bool *ret_absent)
{
	int r = reach(client, ret_absent);

	if (r)
		return r;
	r = send_request(client, args);
	/* A daemon that refuses us says so before it hangs up: that is to be read. */
	return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

void remote_close(struct client *client)
{
	if (client->socket_fd >= 0)
		close(client->socket_fd);
	client->socket_fd = -1;
	free(client->in);
	client->in = NULL;
	client->in_len = client->in_size = 0;
}

int remote_call(struct client *client, const json_t *args, json_t **ret_result, bool *ret_absent)
{
	int r = remote_send(client, args, ret_absent);

	if (*ret_absent)
		return CTL_NO_GATE;
	if (client->socket_fd < 0)
		return give_up(client, ret_result, r == -EACCES ? CTL_NO_GATE : CTL_FAILED,
			       r == -EACCES ? "not permitted to speak to strazhd" : strerror(-r));
	if (!r)
		r = remote_receive(client, ret_result);
	remote_close(client);
	if (!r)
		return (int)json_integer_value(json_object_get(*ret_result, "code"));
	if (r == -EPIPE)
		return give_up(client, ret_result, CTL_FAILED, NULL);
	return give_up(client, ret_result, CTL_FAILED,
		       r == -ENODATA || r == -ECONNRESET
			       ? "strazhd hung up before it answered: what was asked may be done "
				 "or not"
			       : strerror(-r));
}

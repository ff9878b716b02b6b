/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What one read() brought, up to its last newline, is one request: a line that comes alone (from
 * a log watcher) is in force at once, a file goes in pieces of some hundred lines.
 *
 * Requests go out on one connection without waiting for the answers, WAITING_MAX ahead at most.
 * Before it would wait for input, all answers are taken and the connection is closed: the next line
 * may come in hours, and until then strazhd may be gone, or be there where it was not. A piece is
 * kept until it is answered: when strazhd dies over it, it is sent again to whoever comes after
 * (what an entry says is the same, said twice).
 */
#include <user/ctl/feedlines.h>

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PIECE_MAX 8192U
#define WAITING_MAX 4U

struct feed {
	struct client *client;
	const json_t *args;
	const char *act; /* the command's name */
	char text[PIECE_MAX];
	size_t len;
	uint64_t line; /* number of the first line in `text` */
	bool skipping; /* the rest of a line that is too long */
	json_t *waiting[WAITING_MAX];
	unsigned first, count; /* of those */
	uint64_t done, failed;
	int first_code;
};

/* JSON carries UTF-8 only; a reason in another encoding must not cost the ban. */
static json_t *as_json(char *text, size_t len)
{
	json_t *value;

	for (size_t i = 0; i < len; i++)
		if (!text[i])
			text[i] = '?';
	value = json_stringn(text, len);
	if (value)
		return value;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] >= 0x80)
			text[i] = '?';
	return json_stringn(text, len);
}

/* ---- answers ---- */

/* Steals the result. Other than CTL_DONE: it goes no further, and that is said. */
static int take_result(struct feed *feed, json_t *result)
{
	int code = result ? (int)json_integer_value(json_object_get(result, "code")) : CTL_FAILED;

	if (!json_object_get(result, "done")) {
		client_finish(feed->client, result);
		return code ? code : CTL_FAILED;
	}
	feed->done += (uint64_t)json_integer_value(json_object_get(result, "done"));
	feed->failed += (uint64_t)json_integer_value(json_object_get(result, "failed"));
	if (code && !feed->first_code)
		feed->first_code = code;
	if (json_object_get(result, "warning"))
		fprintf(stderr, "strazhctl: warning: %s\n",
			json_string_value(json_object_get(result, "warning")));
	json_decref(result);
	return CTL_DONE;
}

static int call(struct feed *feed, const json_t *args)
{
	json_t *result = NULL;

	/* Who was not there for the last one may be for this. */
	feed->client->direct = false;
	(void)!client_call(feed->client, args, &result);
	return take_result(feed, result);
}

static json_t *next_waiting(struct feed *feed)
{
	json_t *args = feed->waiting[feed->first];

	feed->first = (feed->first + 1) % WAITING_MAX;
	feed->count--;
	return args;
}

/* Until no more than `most` wait for an answer. */
static int settle(struct feed *feed, unsigned most)
{
	int code = CTL_DONE;

	while (feed->count > most && !code) {
		bool hung_up = feed->client->socket_fd < 0;
		json_t *args, *result = NULL;

		if (!hung_up && remote_receive(feed->client, &result)) {
			remote_close(feed->client);
			hung_up = true;
		}
		args = next_waiting(feed);
		code = hung_up ? call(feed, args) : take_result(feed, result);
		json_decref(args);
	}
	return code;
}

/* ---- requests ---- */

/* Steals args. */
static int send_args(struct feed *feed, json_t *args)
{
	bool absent = false;
	int code = settle(feed, WAITING_MAX - 1);

	/* Whoever hung up, hung up on those that wait too: first come, first done. */
	if (!code && feed->client->socket_fd < 0)
		code = settle(feed, 0);
	if (code) {
		json_decref(args);
		return code;
	}
	if (remote_send(feed->client, args, &absent)) {
		remote_close(feed->client);
		code = settle(feed, 0);
		if (!code)
			code = call(feed, args);
		json_decref(args);
		return code;
	}
	client_say_way(feed->client);
	feed->waiting[(feed->first + feed->count++) % WAITING_MAX] = args;
	return CTL_DONE;
}

static int send_piece(struct feed *feed, size_t len)
{
	json_t *args = json_object();

	(void)!json_object_set_new(args, "lines", as_json(feed->text, len));
	(void)!json_object_set_new(args, "first", json_integer((json_int_t)feed->line));
	(void)!json_object_set_new(args, "act", json_string(feed->act));
	(void)!json_object_update_missing(args, (json_t *)(uintptr_t)feed->args);
	(void)json_object_del(args, "prefix");
	if (!json_object_get(args, "act") || !json_object_get(args, "lines")) {
		json_decref(args);
		return client_fail(feed->client, CTL_FAILED, "%s: out of memory", feed->act);
	}
	return send_args(feed, args);
}

static void too_long(struct feed *feed)
{
	json_t *row = json_pack("{s:I, s:i, s:s}", "line", (json_int_t)feed->line, "code",
				CTL_USAGE, "error", "the line is longer than 8,191 bytes");

	if (!feed->failed++ && !feed->first_code)
		feed->first_code = CTL_USAGE;
	render_row(feed->client->render, row);
	feed->skipping = true;
	feed->len = 0;
}

static size_t count_lines(const char *text, size_t len)
{
	size_t lines = 0;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	return lines;
}

static void drop(struct feed *feed, size_t len)
{
	feed->line += count_lines(feed->text, len);
	feed->len -= len;
	memmove(feed->text, feed->text + len, feed->len);
}

/* Send all whole lines; at the end of input also a last one without newline. */
static int flush(struct feed *feed, bool end)
{
	const char *last;
	size_t len;
	int code;

	if (feed->skipping) {
		last = memchr(feed->text, '\n', feed->len);
		feed->skipping = !last;
		drop(feed, last ? (size_t)(last - feed->text) + 1 : feed->len);
	}
	last = memrchr(feed->text, '\n', feed->len);
	len = last ? (size_t)(last - feed->text) + 1 : 0;
	if (end)
		len = feed->len;
	if (!len) {
		if (feed->len == PIECE_MAX)
			too_long(feed);
		return CTL_DONE;
	}
	/* Without the last newline: behind it is no line. */
	code = send_piece(feed, len - (feed->text[len - 1] == '\n'));
	drop(feed, len);
	return code;
}

/* ---- the whole ---- */

static json_t *summary(const struct feed *feed, int code)
{
	static const char *const words[][2] = {
		{"ban", "banned"},	{"unban", "no longer banned"},
		{"allow", "allowed"},	{"disallow", "no longer allowed"},
		{"report", "reported"},
	};
	const char *done = "done";
	char text[120];

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(feed->act, words[i][0]) == 0)
			done = words[i][1];
	if (feed->failed)
		(void)snprintf(text, sizeof(text), "%llu %s, %llu not",
			       (unsigned long long)feed->done, done,
			       (unsigned long long)feed->failed);
	else
		(void)snprintf(text, sizeof(text), "%llu %s", (unsigned long long)feed->done, done);
	return json_pack("{s:s, s:i, s:s, s:s, s:I, s:I}", "result", ctl_code_names[code], "code",
			 code, "command", feed->act, "message", text, "done",
			 (json_int_t)feed->done, "failed", (json_int_t)feed->failed);
}

/* Nothing to read at once: whoever waits for us hears first what became of the lines so far. */
static int rest(struct feed *feed)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	int code;

	if (poll(&input, 1, 0) > 0)
		return CTL_DONE;
	code = settle(feed, 0);
	remote_close(feed->client);
	render_flush(feed->client->render);
	return code;
}

static int run_feed(struct feed *feed)
{
	int code = CTL_DONE;

	while (!code) {
		ssize_t n;

		code = rest(feed);
		if (code)
			break;
		n = read(STDIN_FILENO, feed->text + feed->len, PIECE_MAX - feed->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return client_fail(feed->client, CTL_FAILED, "%s: stdin: %s", feed->act,
					   strerror(errno));
		feed->len += (size_t)n;
		code = flush(feed, n == 0);
		if (n == 0)
			break;
	}
	if (!code)
		code = settle(feed, 0);
	if (code)
		return code;
	if (feed->failed)
		code = feed->done ? CTL_PARTLY : feed->first_code;
	return client_finish(feed->client, summary(feed, code));
}

int feedlines_prepare(struct client *client, json_t *args, bool *ret_stop)
{
	struct feed feed = {
		.client = client, .args = args, .act = client->command->name, .line = 1};
	const char *prefix = json_string_value(json_object_get(args, "prefix"));
	int code;

	if (!prefix || strcmp(prefix, "-") != 0)
		return CTL_DONE;
	*ret_stop = true;
	client->command = command_find("ban-lines");
	code = run_feed(&feed);
	while (feed.count)
		json_decref(next_waiting(&feed));
	return code;
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What one read() brought, up to its last newline, is one request: a line that comes alone (from
 * a log watcher) is in force at once, a file goes in pieces of some hundred lines.
 */
#include <user/ctl/feedlines.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PIECE_MAX 8192U

struct feed {
	struct client *client;
	const json_t *args;
	char text[PIECE_MAX + 1];
	size_t len;
	uint64_t line; /* number of the first line in `text` */
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

static int send_piece(struct feed *feed, size_t len)
{
	json_t *args = json_object(), *result = NULL;
	int code;

	(void)!json_object_set_new(args, "lines", as_json(feed->text, len));
	(void)!json_object_set_new(args, "first", json_integer((json_int_t)feed->line));
	(void)!json_object_update(args, (json_t *)(uintptr_t)feed->args);
	(void)json_object_del(args, "prefix");
	code = client_call(feed->client, args, &result);
	json_decref(args);
	if (!json_object_get(result, "done")) {
		client_finish(feed->client, result);
		return code ? code : CTL_FAILED;
	}
	feed->done += (uint64_t)json_integer_value(json_object_get(result, "done"));
	feed->failed += (uint64_t)json_integer_value(json_object_get(result, "failed"));
	if (code && !feed->first_code)
		feed->first_code = code;
	json_decref(result);
	return CTL_DONE;
}

static size_t count_lines(const char *text, size_t len)
{
	size_t lines = 0;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	return lines;
}

/* Send all whole lines; at the end of input also a last one without newline. */
static int flush(struct feed *feed, bool end)
{
	char *last = memrchr(feed->text, '\n', feed->len);
	size_t len = last ? (size_t)(last - feed->text) + 1 : 0;
	int code;

	if (end || (!len && feed->len == PIECE_MAX))
		len = feed->len; /* a line that fills the piece is no ban: it is told as wrong */
	if (!len)
		return CTL_DONE;
	/* Without the last newline: behind it is no line. */
	code = send_piece(feed, len - (feed->text[len - 1] == '\n'));
	feed->line += count_lines(feed->text, len);
	feed->len -= len;
	memmove(feed->text, feed->text + len, feed->len);
	return code;
}

static json_t *summary(const struct feed *feed, int code)
{
	char text[120];
	json_t *result;

	if (feed->failed)
		(void)snprintf(text, sizeof(text), "%llu banned, %llu not",
			       (unsigned long long)feed->done, (unsigned long long)feed->failed);
	else
		(void)snprintf(text, sizeof(text), "%llu banned", (unsigned long long)feed->done);
	result = json_pack("{s:s, s:i, s:s, s:s, s:I, s:I}", "result", ctl_code_names[code], "code",
			   code, "command", "ban", "message", text, "done", (json_int_t)feed->done,
			   "failed", (json_int_t)feed->failed);
	return result;
}

static int run_feed(struct feed *feed)
{
	int code = CTL_DONE;

	for (;;) {
		ssize_t n = read(STDIN_FILENO, feed->text + feed->len, PIECE_MAX - feed->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return client_fail(feed->client, CTL_FAILED, "ban: stdin: %s",
					   strerror(errno));
		feed->len += (size_t)n;
		code = flush(feed, n == 0);
		if (code || n == 0)
			break;
	}
	if (code)
		return code;
	if (feed->failed)
		code = feed->done ? CTL_PARTLY : feed->first_code;
	return client_finish(feed->client, summary(feed, code));
}

int feedlines_prepare(struct client *client, json_t *args, bool *ret_stop)
{
	struct feed feed = {.client = client, .args = args, .line = 1};
	const char *prefix = json_string_value(json_object_get(args, "prefix"));

	if (!prefix || strcmp(prefix, "-") != 0)
		return CTL_DONE;
	*ret_stop = true;
	client->command = command_find("ban-lines");
	return run_feed(&feed);
}

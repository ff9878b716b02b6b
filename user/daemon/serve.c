/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One request of one client: parsed, permitted, carried out here or by a reader. */
#include <user/daemon/memory/story.h>
#include <user/daemon/server.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/log.h>
#include <user/daemon/acts/acts.h>

static int put_row(void *context, json_t *row)
{
	return link_put(context, row);
}

static void answer(struct client_link *link, const char *command, int code, const char *text)
{
	(void)!link_put(link, result_make(command, code, text));
}

static void log_act(const struct client_link *link, const struct request *request,
		    const json_t *result)
{
	const char *message = json_string_value(json_object_get(result, "message"));

	log_info("%s by uid %u, process %d: %s%s%s", request->command->name, link->peer.uid,
		 link->peer.pid, json_string_value(json_object_get(result, "result")),
		 message ? ": " : "", message ? message : "");
}

/* It may write more than one answer's worth: a child does, or it follows. */
static bool run_elsewhere(struct client_link *link, struct request *request)
{
	char why[160];
	int code;

	if (request->command->flags & CMD_FOLLOW && request_flag(request, "follow")) {
		link->following = true;
		return true;
	}
	if (!(request->command->flags & CMD_STREAM))
		return false;
	code = reader_start(link, request, why, sizeof(why));
	if (code)
		answer(link, request->command->name, code, why);
	return true;
}

static void run_here(struct client_link *link, struct request *request)
{
	json_t *result;

	acts_begin(link->keeper, link->peer.uid);
	result = request_run(request);
	if (request->later) {
		json_decref(result);
		lines_pause(&link->lines);
		return;
	}
	if (!command_reads(request->command, request->args))
		log_act(link, request, result);
	if (acts_end(link->keeper, link, result))
		return;
	if (!result || link_put(link, result))
		lines_finish(&link->lines);
	else if (link->lines.out_len > OUT_BUSY)
		lines_pause(&link->lines);
}

void link_go_on(struct client_link *link, const struct command *command, json_t *args,
		const json_t *story, const char *why)
{
	struct request request = {
		.command = command,
		.args = args,
		.gate = link->keeper->gate,
		.host = &link->keeper->host,
		.uid = link->peer.uid,
		.on_row = put_row,
		.sink = link,
		.file_fd = -1,
		.story = story,
		.story_why = why,
	};

	run_here(link, &request);
	if (!link->lines.finishing && link->lines.out_len <= OUT_BUSY)
		lines_resume(&link->lines);
}

static int drop_row(void *context, json_t *row)
{
	(void)context;
	json_decref(row);
	return 0;
}

void link_loaded(struct keeper *keeper, struct client_link *link, const struct unix_peer *peer,
		 const struct command *command, json_t *args, const struct loaded *loaded)
{
	struct request request = {
		.command = command,
		.args = args,
		.gate = keeper->gate,
		.host = &keeper->host,
		.uid = peer->uid,
		.on_row = link ? put_row : drop_row,
		.sink = link,
		.file_fd = -1,
		.loaded = loaded,
	};
	json_t *result;

	if (link) {
		run_here(link, &request);
		if (!link->lines.finishing && !link->ack && link->lines.out_len <= OUT_BUSY)
			lines_resume(&link->lines);
		return;
	}
	acts_begin(keeper, peer->uid);
	result = request_run(&request);
	if (!acts_end(keeper, NULL, result))
		json_decref(result);
}

void link_request(struct lines *lines, char *line, size_t len)
{
	struct client_link *link = lines->context;
	own_fd int file = take_fd(&lines->passed_fd);
	struct request request = {
		.gate = link->keeper->gate,
		.host = &link->keeper->host,
		.uid = link->peer.uid,
		.on_row = put_row,
		.sink = link,
		.file_fd = file,
	};
	char why[WHY_LEN];

	if (link->following)
		return;
	if (request_parse(line, len, &request.command, &request.args, why)) {
		answer(link, NULL, CTL_USAGE, why);
		return;
	}
	if (!link->root && !command_reads(request.command, request.args)) {
		answer(link, request.command->name, CTL_NO_GATE,
		       "not permitted: members of group 'strazh' may look, root may change");
	} else if (request.command->flags & CMD_STORY &&
		   story_ask(link, &request, &request.story_why)) {
		/* link_go_on() follows. */
	} else if (!run_elsewhere(link, &request)) {
		run_here(link, &request);
	}
	json_decref(request.args);
}

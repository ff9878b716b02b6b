/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* events: what strazhd remembers; it goes on with --follow by itself (daemon/follow.c). */
#include <user/ctl/cmd.h>

#include <user/ctl/history.h>
#include <user/ctl/request.h>
#include <user/ctl/rows.h>
#include <user/ctl/view.h>

static int run_events(struct request *request)
{
	const struct history *history = request->host->history;
	struct list_names names;
	size_t count;
	int r;

	if (!history)
		return request_say(request, CTL_NO_GATE,
				   "events: strazhd reads and keeps them, and it is not running");
	r = names_read(request->gate, &names);
	if (r)
		return r;
	count = history_count(history);
	for (size_t i = 0; i < count; i++)
		if (request_row(request, row_event(request->gate, &names, history_get(history, i))))
			return CTL_FAILED;
	request_set(request, "count", json_integer((json_int_t)count));
	return CTL_DONE;
}

static const struct arg events_args[] = {
	{"follow", ARG_FLAG, 0, NULL, "go on with new ones as they happen, until Ctrl-C"},
	{0},
};

const struct command cmd_events = {
	.name = "events",
	.flags = CMD_READ | CMD_STREAM | CMD_FOLLOW,
	.args = events_args,
	.summary = "show samples of what was dropped",
	.help = "strazhd keeps the last 4,096. They are samples: `strazhctl stats` counts all. A "
		"reader that is too slow for --follow misses some and is told how many.",
	.run = run_events,
	.view = &view_events,
};

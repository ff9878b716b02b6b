/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* feeds: the block lists that strazhd fetches, and CrowdSec. */
#include <user/ctl/cmd_feeds.h>

#include <stdio.h>

#include <user/ctl/cmd.h>
#include <user/ctl/request.h>
#include <user/ctl/view.h>

static void set_time(json_t *row, const char *key, uint64_t value)
{
	if (value)
		(void)!json_object_set_new(row, key, json_integer((json_int_t)value));
}

json_t *feed_row(const struct host_feed *feed)
{
	json_t *row = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "feed",
				feed->name, "state", feed->state, "url", feed->url, "entries",
				(json_int_t)feed->entries, "left_out", (json_int_t)feed->left_out,
				"wrong", (json_int_t)feed->lines_wrong, "other",
				(json_int_t)feed->other, "weight", (json_int_t)feed->weight,
				"failures", (json_int_t)feed->failures, "next_s",
				(json_int_t)feed->next_s, "running", (int)feed->running);

	if (!row)
		return NULL;
	set_time(row, "fetched", feed->fetched);
	set_time(row, "expires_s", feed->expires_s);
	if (feed->left[0])
		(void)!json_object_set_new(row, "left_out_first", json_string(feed->left));
	if (feed->fault[0])
		(void)!json_object_set_new(row, "fault", json_string(feed->fault));
	return row;
}

static int run_feeds(struct request *request)
{
	const struct host *host = request->host;
	const struct host_feed *feeds;
	size_t count = 0;
	int r = 0;

	if (!host->feeds)
		return request_say(request, CTL_FAILED,
				   "feeds: strazhd fetches them, and it is not running");
	feeds = host->feeds(host->context, &count);
	for (size_t i = 0; !r && i < count; i++)
		r = request_row(request, feed_row(&feeds[i]));
	return r ? CTL_FAILED : CTL_DONE;
}

static const struct arg no_args[] = {{0}};

static const struct column feeds_columns[] = {
	{"FEED", "feed", COL_TEXT, false},	  {"STATE", "state", COL_TEXT, false},
	{"ENTRIES", "entries", COL_COUNT, false}, {"LEFT OUT", "left_out", COL_COUNT, false},
	{"FETCHED", "fetched", COL_WALL, false},  {"NEXT", "next_s", COL_LEFT, false},
	{"LAST FAULT", "fault", COL_TEXT, true},  {0},
};

static const struct view view_feeds = {.columns = feeds_columns, .nothing = "no feeds"};

const struct command cmd_feeds = {
	.name = "feeds",
	.flags = CMD_READ,
	.args = no_args,
	.summary = "show the block lists that strazhd fetches",
	.help = "Each [feed NAME] of strazh.conf and CrowdSec: how many entries are in force, how "
		"many were left out (never-ban, allowed, too wide), when it was fetched and will "
		"be, and what went wrong with the last try.",
	.run = run_feeds,
	.view = &view_feeds,
};

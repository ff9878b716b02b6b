/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ban, unban, and the lines of `ban -`. */
#include <user/ctl/cmd.h>

#include <string.h>

#include <strazh/base/own.h>
#include <user/ctl/banlines.h>
#include <user/ctl/feedlines.h>
#include <user/ctl/request.h>
#include <user/ctl/saying.h>
#include <user/ctl/view.h>

static int say(struct request *request, int code, const char *text)
{
	return code < 0 ? code : request_say(request, code, "%s: %s", request->command->name, text);
}

static int run_ban(struct request *request)
{
	struct prefix prefix;
	char text[SAYING_LEN] = "";
	int r = request_prefix(request, "prefix", &prefix);

	if (r)
		return r;
	r = saying_add(request, SZ_TABLE_DENY, &prefix, request_seconds(request, "for"),
		       request_text(request, "reason"), text);
	return r == CTL_DONE ? request_say(request, r, "%s", text) : say(request, r, text);
}

static const struct arg ban_args[] = {
	{"prefix", ARG_PREFIX, ARG_POSITIONAL | ARG_REQUIRED, "ADDR[/LEN]",
	 "an address or prefix; or - for lines from stdin"},
	{"for", ARG_DURATION, 0, "10m", "how long; for good without it"},
	{"reason", ARG_TEXT, 0, "TEXT", "kept with the entry, shown by list and why"},
	{0},
};

const struct command cmd_ban = {
	.name = "ban",
	.args = ban_args,
	.summary = "drop everything from an address or prefix",
	.help = "Effective at once, for every protocol. What never or allow covers is refused.\n"
		"`ban -` reads lines \"ADDR[/LEN] [DURATION] [REASON...]\" from stdin; each is "
		"effective when its line is read. Options given apply to lines that say nothing "
		"else.",
	.prepare = feedlines_prepare,
	.run = run_ban,
};

/* ---- lines ---- */

struct tally {
	uint64_t done, failed;
	int first_code;
};

static int bad_line(struct request *request, struct tally *tally, uint64_t number, int code,
		    const char *error)
{
	if (!tally->failed++)
		tally->first_code = code;
	return request_row(request, json_pack("{s:I, s:i, s:s}", "line", (json_int_t)number, "code",
					      code, "error", error));
}

static int one_line(struct request *request, struct tally *tally, uint64_t number, char *line)
{
	struct banline parsed;
	char text[SAYING_LEN] = "", why[BANLINE_WHY_LEN];
	uint64_t for_s;
	int r = banline_parse(line, &parsed, why);

	if (r == BANLINE_EMPTY)
		return 0;
	if (r)
		return bad_line(request, tally, number, CTL_USAGE, why);
	for_s = parsed.for_s ? parsed.for_s : request_seconds(request, "for");
	r = saying_add(request, SZ_TABLE_DENY, &parsed.prefix, for_s,
		       parsed.reason ? parsed.reason : request_text(request, "reason"), text);
	if (r)
		return bad_line(request, tally, number, r < 0 ? CTL_FAILED : r,
				text[0] ? text : gate_error());
	tally->done++;
	return 0;
}

static int run_lines(struct request *request)
{
	own_free char *text = strdup(request_text(request, "lines"));
	uint64_t number = request_number(request, "first");
	struct tally tally = {0};
	int stop = text ? 0 : -1;

	for (char *line = text, *next; line && !stop; line = next, number++) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		stop = one_line(request, &tally, number, line);
	}
	request_set(request, "done", json_integer((json_int_t)tally.done));
	request_set(request, "failed", json_integer((json_int_t)tally.failed));
	if (!tally.failed)
		return CTL_DONE;
	return tally.done ? CTL_PARTLY : tally.first_code;
}

static const struct arg lines_args[] = {
	{"lines", ARG_TEXT, ARG_INTERNAL | ARG_REQUIRED, "TEXT", "some lines"},
	{"first", ARG_NUMBER, ARG_INTERNAL | ARG_REQUIRED, "N", "number of the first of them"},
	{"for", ARG_DURATION, ARG_INTERNAL, "10m", "for lines that name none"},
	{"reason", ARG_TEXT, ARG_INTERNAL, "TEXT", "for lines that name none"},
	{0},
};

const struct command cmd_ban_lines = {
	.name = "ban-lines",
	.flags = CMD_HIDDEN,
	.args = lines_args,
	.summary = "what `ban -` sends",
	.run = run_lines,
	.view = &view_problems,
};

/* ---- unban ---- */

static int run_unban(struct request *request)
{
	struct prefix prefix;
	char text[SAYING_LEN] = "";
	int r = request_prefix(request, "prefix", &prefix);

	if (r)
		return r;
	r = saying_remove(request, SZ_TABLE_DENY, &prefix, text);
	return r == CTL_DONE ? request_say(request, r, "%s", text) : say(request, r, text);
}

static const struct arg unban_args[] = {
	{"prefix", ARG_PREFIX, ARG_POSITIONAL | ARG_REQUIRED, "ADDR[/LEN]", "as it was banned"},
	{0},
};

const struct command cmd_unban = {
	.name = "unban",
	.args = unban_args,
	.summary = "take a ban back",
	.help = "Entries of loaded lists stay: `unload` their list, or `allow` the address.",
	.run = run_unban,
};

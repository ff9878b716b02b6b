/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ban, unban. */
#include <user/ctl/cmd.h>

#include <user/ctl/feedlines.h>
#include <user/ctl/request.h>
#include <user/ctl/saying.h>

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
	{"prefix", ARG_PREFIX, ARG_POSITIONAL | ARG_REQUIRED, "ADDR[/LEN]",
	 "as it was banned; or - for lines from stdin"},
	{0},
};

const struct command cmd_unban = {
	.name = "unban",
	.args = unban_args,
	.summary = "take a ban back",
	.help = "Entries of loaded lists stay: `unload` their list, or `allow` the address.\n"
		"`unban -` reads lines as `ban -` does; time and reason are read and mean nothing.",
	.prepare = feedlines_prepare,
	.run = run_unban,
};

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* allow, disallow, never. */
#include <user/ctl/cmd.h>

#include <user/ctl/feedlines.h>
#include <user/ctl/request.h>
#include <user/ctl/saying.h>

static int change(struct request *request, enum sz_table table, bool add)
{
	struct prefix prefix;
	char text[SAYING_LEN] = "";
	int r = request_prefix(request, "prefix", &prefix);

	if (r)
		return r;
	if (add)
		r = saying_add(request, table, &prefix, request_seconds(request, "for"),
			       request_text(request, "reason"), text);
	else
		r = saying_remove(request, table, &prefix, text);
	if (r < 0)
		return r;
	return r ? request_say(request, r, "%s: %s", request->command->name, text)
		 : request_say(request, r, "%s", text);
}

static int run_allow(struct request *request)
{
	return change(request, SZ_TABLE_ALLOW, true);
}

static int run_disallow(struct request *request)
{
	return change(request, SZ_TABLE_ALLOW, false);
}

static int run_never(struct request *request)
{
	return change(request, SZ_TABLE_NEVER, !request_flag(request, "remove"));
}

static const struct arg allow_args[] = {
	{"prefix", ARG_PREFIX, ARG_POSITIONAL | ARG_REQUIRED, "ADDR[/LEN]",
	 "who passes; or - for lines from stdin"},
	{"for", ARG_DURATION, 0, "10m", "how long; for good without it"},
	{"reason", ARG_TEXT, 0, "TEXT", "kept with the entry"},
	{0},
};

const struct command cmd_allow = {
	.name = "allow",
	.args = allow_args,
	.summary = "let an address or prefix pass, whatever lists say",
	.help = "Skips deny lists and the rate limit. Malformed packets are dropped all the same.\n"
		"`allow -` reads lines as `ban -` does.",
	.prepare = feedlines_prepare,
	.run = run_allow,
};

static const struct arg disallow_args[] = {
	{"prefix", ARG_PREFIX, ARG_POSITIONAL | ARG_REQUIRED, "ADDR[/LEN]",
	 "as it was allowed; or - for lines from stdin"},
	{0},
};

const struct command cmd_disallow = {
	.name = "disallow",
	.args = disallow_args,
	.summary = "take an allow back",
	.help = "Deny lists hold for the address again.\n"
		"`disallow -` reads lines as `unban -` does.",
	.prepare = feedlines_prepare,
	.run = run_disallow,
};

static const struct arg never_args[] = {
	{"prefix", ARG_PREFIX, ARG_POSITIONAL | ARG_REQUIRED, "ADDR[/LEN]",
	 "who must not be banned"},
	{"remove", ARG_FLAG, 0, NULL, "take it back"},
	{"for", ARG_DURATION, 0, "10m", "how long; for good without it"},
	{"reason", ARG_TEXT, 0, "TEXT", "kept with the entry"},
	{0},
};

const struct command cmd_never = {
	.name = "never",
	.args = never_args,
	.summary = "make an address one that cannot be banned",
	.help = "This machine's own addresses, its gateways, its DNS servers and the peer of your "
		"SSH session are on this list by themselves.",
	.run = run_never,
};

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* report. */
#include <user/ctl/cmd.h>

#include <user/ctl/feedlines.h>
#include <user/ctl/reporting.h>

static int run_report(struct request *request)
{
	struct prefix prefix;
	char text[SAYING_LEN] = "";
	int r = request_prefix(request, "prefix", &prefix);

	if (r)
		return r;
	r = reporting_tell(request, &prefix, request_text(request, "weight"),
			   request_seconds(request, "for"), request_text(request, "reason"), text);
	return r == CTL_DONE ? request_say(request, r, "%s", text)
			     : request_say(request, r, "%s: %s", request->command->name, text);
}

static const struct arg report_args[] = {
	{"prefix", ARG_PREFIX, ARG_POSITIONAL | ARG_REQUIRED, "ADDR",
	 "an address; or - for lines from stdin"},
	{"weight", ARG_TEXT, 0, "N", "1 to 100 per cent (90)"},
	{"for", ARG_DURATION, 0, "10m", "it does not fade before; at once without it"},
	{"reason", ARG_TEXT, 0, "TEXT", "kept in the audit, shown by why"},
	{0},
};

const struct command cmd_report = {
	.name = "report",
	.args = report_args,
	.summary = "hold something against an address, for strazhd's guard to weigh",
	.help = "Evidence beside what the guard has seen itself: alone it bans above guard.ban "
		"(the usual weight does) and limits above guard.limit, for the guard's times, and "
		"not whom the never or allow list has. Reported again, it is the same report: the "
		"heavier one counts. `unban` takes it back with the ban.\n"
		"`report -` reads lines \"ADDR [DURATION] [REASON...]\" as `ban -` does.",
	.prepare = feedlines_prepare,
	.run = run_report,
};

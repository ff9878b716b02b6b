/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Lines of `ban -`, `unban -`, `allow -`, `disallow -` and `report -`, some of them a request. */
#include <user/ctl/cmd.h>

#include <errno.h>
#include <string.h>

#include <strazh/base/own.h>
#include <user/ctl/banlines.h>
#include <user/ctl/reporting.h>
#include <user/ctl/request.h>
#include <user/ctl/saying.h>
#include <user/ctl/view.h>

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

/* What the operator wants of each line; without a word of it, a ban. */
static int carry_out(struct request *request, const struct banline *line, char text[SAYING_LEN])
{
	const char *act = request_text(request, "act");
	bool denies = !act || strcmp(act, "ban") == 0 || strcmp(act, "unban") == 0;
	uint64_t for_s = line->for_s ? line->for_s : request_seconds(request, "for");
	const char *reason = line->reason ? line->reason : request_text(request, "reason");
	enum sz_table table = denies ? SZ_TABLE_DENY : SZ_TABLE_ALLOW;

	if (act && (strcmp(act, "unban") == 0 || strcmp(act, "disallow") == 0))
		return saying_remove(request, table, &line->prefix, text);
	if (act && strcmp(act, "report") == 0)
		return reporting_tell(request, &line->prefix, request_text(request, "weight"),
				      for_s, reason, text);
	return saying_add(request, table, &line->prefix, for_s, reason, text);
}

static int one_line(struct request *request, struct tally *tally, uint64_t number, char *line)
{
	struct banline parsed;
	char text[SAYING_LEN] = "", why[BANLINE_WHY_LEN];
	int r = banline_parse(line, &parsed, why);

	if (r == BANLINE_EMPTY)
		return 0;
	if (r)
		return bad_line(request, tally, number, CTL_USAGE, why);
	r = carry_out(request, &parsed, text);
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
	int stop = 0;

	if (!text)
		return -ENOMEM;
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
	{"act", ARG_CHOICE, ARG_INTERNAL, "ban|unban|allow|disallow|report",
	 "what to do with each"},
	{"for", ARG_DURATION, ARG_INTERNAL, "10m", "for lines that name none"},
	{"reason", ARG_TEXT, ARG_INTERNAL, "TEXT", "for lines that name none"},
	{"weight", ARG_TEXT, ARG_INTERNAL, "N", "of reports"},
	{0},
};

const struct command cmd_ban_lines = {
	.name = "ban-lines",
	.flags = CMD_HIDDEN,
	.args = lines_args,
	.summary = "what `ban -` and its like send",
	.run = run_lines,
	.view = &view_problems,
};

/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/cmd.h>

#include <user/ctl/request.h>
#include <user/ctl/view.h>
#include <user/gate/stats.h>

static const char *const class_names[] = {
	[SZ_CLASS_PASS] = "pass", [SZ_CLASS_LIST] = "list",	[SZ_CLASS_MALFORMED] = "malformed",
	[SZ_CLASS_RATE] = "rate", [SZ_CLASS_POLICY] = "policy", [SZ_CLASS_ANSWER] = "answer",
};

static int show_reason(struct request *request, enum sz_reason reason,
		       const struct gate_count *count)
{
	return request_row(request,
			   json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "reason",
				     reason_names[reason], "class",
				     class_names[reason_classes[reason]], "text",
				     reason_texts[reason], "packets", (json_int_t)count->packets,
				     "bytes", (json_int_t)count->bytes, "observed_packets",
				     (json_int_t)count->observed_packets, "observed_bytes",
				     (json_int_t)count->observed_bytes));
}

static int show_sum(struct request *request, const char *name, const struct gate_count *count)
{
	return request_row(request, json_pack("{s:s, s:I, s:I}", "sum", name, "packets",
					      (json_int_t)count->packets, "bytes",
					      (json_int_t)count->bytes));
}

static int show_tallies(struct request *request, const struct gate_stats *stats, bool all)
{
	int stop = 0;

	for (size_t i = 0; i < SZ_TALLY_END - SZ_TALLY_BASE && !stop; i++)
		if (all || stats->tally[i])
			stop = request_row(request,
					   json_pack("{s:s, s:s, s:I}", "tally", tally_names[i],
						     "text", tally_texts[i], "packets",
						     (json_int_t)stats->tally[i]));
	return stop;
}

static int run_stats(struct request *request)
{
	struct gate_stats stats;
	bool all = request_flag(request, "all");
	int r = gate_stats_read(request->gate, &stats);
	int stop = 0;

	if (r)
		return request_fail(request, r);
	for (enum sz_reason i = 0; i < SZ_REASON_COUNT && !stop; i++) {
		const struct gate_count *count = &stats.reason[i];

		if (all || count->packets || count->observed_packets)
			stop = show_reason(request, i, count);
	}
	if (!stop)
		stop = show_tallies(request, &stats, all);
	if (!stop)
		stop = show_sum(request, "passed", &stats.passed);
	if (!stop)
		stop = show_sum(request, "dropped", &stats.dropped);
	if (!stop)
		stop = show_sum(request, "answered", &stats.answered);
	if (!stop)
		stop = show_sum(request, "observed", &stats.observed);
	return stop ? CTL_FAILED : CTL_DONE;
}

static const struct arg stats_args[] = {
	{"all", ARG_FLAG, 0, NULL, "also what never happened"},
	{0},
};

const struct command cmd_stats = {
	.name = "stats",
	.flags = CMD_READ,
	.args = stats_args,
	.summary = "count packets by what became of them, and why",
	.help = "`observed` counts what passed only because its mode is observe.",
	.run = run_stats,
	.view = &view_stats,
};

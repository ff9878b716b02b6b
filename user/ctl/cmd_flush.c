/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* flush: strazhctl asks first. */
#include <user/ctl/cmd.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <user/ctl/client.h>
#include <user/ctl/journal.h>
#include <user/ctl/names.h>
#include <user/ctl/request.h>
#include <user/gate/act.h>

static int run_flush(struct request *request)
{
	const char *name = request_text(request, "table");
	enum sz_table table = name ? table_find(name) : SZ_TABLES;
	uint64_t removed;
	int r = act_flush(request->gate, table, &removed);

	if (r)
		return request_fail(request, r);
	request_act(request, journal_flush(request->gate, table));
	if ((table == SZ_TABLE_DENY || table == SZ_TABLES) && request->host->on_unbanned)
		request->host->on_unbanned(request->host->context, NULL);
	request_set(request, "removed", json_integer((json_int_t)removed));
	return request_say(request, CTL_DONE, "%s: %llu entries removed", name ? name : "all lists",
			   (unsigned long long)removed);
}

static int prepare_flush(struct client *client, json_t *args, bool *ret_stop)
{
	const char *table = json_string_value(json_object_get(args, "table"));
	char answer[8] = "";

	(void)ret_stop;
	if (json_is_true(json_object_get(args, "yes")))
		return CTL_DONE;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return client_fail(
			client, CTL_USAGE,
			"flush: this removes every entry%s%s; say --yes if that is meant",
			table ? " of " : "", table ? table : "");
	fprintf(stderr, "Remove every entry of %s? [y/N] ", table ? table : "all lists");
	if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
		return CTL_DONE;
	return client_fail(client, CTL_FAILED, "flush: nothing was removed");
}

static const struct arg flush_args[] = {
	{"table", ARG_CHOICE, ARG_POSITIONAL, "deny|allow|never",
	 "which; all without it (what is never banned by itself stays)"},
	{"yes", ARG_FLAG, 0, NULL, "do not ask"},
	{0},
};

const struct command cmd_flush = {
	.name = "flush",
	.args = flush_args,
	.summary = "remove every entry",
	.help = "`flush deny` removes loaded lists as well.",
	.prepare = prepare_flush,
	.run = run_flush,
};

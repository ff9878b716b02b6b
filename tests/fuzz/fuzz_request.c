// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * What strangers can send to strazhd, or have sent by strazhctl: a request line, a line of
 * `ban -`, the journal. The first byte says which.
 */
#include "must.h"

#include <strazh/base/own.h>
#include <user/ctl/banlines.h>
#include <user/ctl/journal.h>
#include <user/ctl/request.h>

/* What was taken means the same when it is written and read again. */
static void fuzz_line(const char *text, size_t len)
{
	const struct command *command = NULL, *again = NULL;
	json_t *args = NULL, *args_again = NULL;
	char why[WHY_LEN] = "";
	int code = request_parse(text, len, &command, &args, why);

	if (code) {
		MUST(code == CTL_USAGE && !command && !args && why[0]);
		return;
	}
	MUST(command_find(command->name) == command);
	MUST(args_check(command, args, why) == CTL_DONE);
	{
		own_free char *line = request_format(command, args);

		MUST(line);
		MUST(request_parse(line, strlen(line), &again, &args_again, why) == CTL_DONE);
		MUST(again == command && json_equal(args, args_again));
	}
	json_decref(args);
	json_decref(args_again);
}

static void fuzz_ban(const char *text, size_t len)
{
	own_free char *line = strndup(text, len);
	char why[BANLINE_WHY_LEN] = "", name[PREFIX_TEXT_LEN];
	struct banline parsed;
	struct prefix again;
	int r;

	MUST(line);
	r = banline_parse(line, &parsed, why);
	if (r) {
		MUST(r == BANLINE_EMPTY || why[0]);
		return;
	}
	prefix_format(&parsed.prefix, name);
	MUST(prefix_parse(name, strlen(name), &again) == 0);
	MUST(prefix_compare(&again, &parsed.prefix) == 0);
	MUST(!parsed.reason || parsed.reason[0]);
}

static void fuzz_journal(const char *text, size_t len)
{
	struct journal_plan plan;
	const char *key;
	json_t *entry;

	MUST(journal_plan(text, len, "7.8", &plan) == 0);
	MUST(plan.in_force <= plan.acts);
	json_object_foreach(plan.adds, key, entry)
	{
		struct act act;

		if (journal_decode(entry, 1000, 50, &act))
			MUST(act.table < SZ_TABLES && (!act.until_s || act.until_s > 50));
	}
	journal_plan_deinit(&plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (!size)
		return 0;
	if (data[0] == 'b')
		fuzz_ban(text, size - 1);
	else if (data[0] == 'j')
		fuzz_journal(text, size - 1);
	else
		fuzz_line(text, size - 1);
	return 0;
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Frames of a capture with their verdicts, then how many met what. */
#include <user/ctl/view.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <user/ctl/render.h>

static const struct column explain_columns[] = {
	{"FRAME", "frame", COL_COUNT, false},  {"VERDICT", "verdict", COL_TEXT, false},
	{"REASON", "reason", COL_TEXT, false}, {"SOURCE", "source", COL_TEXT, false},
	{"TARGET", "target", COL_TEXT, false}, {"PROTO", "proto", COL_TEXT, false},
	{"WHY", "text", COL_TEXT, true},       {0},
};

static void explain_row(struct render *render, const json_t *row)
{
	if (json_object_get(row, "frame")) {
		table_add(&render->table, row);
		return;
	}
	if (!render->gathered)
		render->gathered = json_array();
	(void)!json_array_append(render->gathered, (json_t *)(uintptr_t)row);
}

static void explain_end(struct render *render)
{
	size_t i;
	json_t *row;

	if (render->table.running || render->table.rows_len) {
		table_flush(&render->table);
		fputc('\n', render->out);
	}
	json_array_foreach(render->gathered, i, row)
	{
		char count[32];

		count_text((unsigned long long)json_integer_value(json_object_get(row, "frames")),
			   count, sizeof(count));
		fprintf(render->out, "%12s  %-8s  %-12s  %s\n", count,
			json_string_value(json_object_get(row, "verdict")),
			json_string_value(json_object_get(row, "reason")),
			json_string_value(json_object_get(row, "text")));
	}
}

const struct view view_explain = {
	.columns = explain_columns,
	.row = explain_row,
	.end = explain_end,
	.nothing = "no frames",
};

/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/view.h>

#include <stdio.h>
#include <string.h>

#include <user/base/clock.h>
#include <user/ctl/render.h>
#include <user/ctl/rows.h>

static const struct column entry_columns[] = {
	{"", "decides", COL_YES, false},      {"TABLE", "table", COL_TEXT, false},
	{"ENTRY", "prefix", COL_TEXT, false}, {"LISTS", "lists", COL_LIST, false},
	{"LEFT", "left", COL_TEXT, false},    {"HITS", "hits", COL_COUNT, false},
	{"REASON", "note", COL_TEXT, true},   {0},
};

static const char *word(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text ? text : "";
}

static void why_row(struct render *render, const json_t *row)
{
	if (!render->gathered)
		render->gathered = json_array();
	(void)!json_array_append(render->gathered, (json_t *)(uintptr_t)row);
}

static void show_verdict(const struct render *render, const json_t *row)
{
	const char *verdict = word(row, "verdict"), *text = word(row, "text");
	enum paint paint = strcmp(verdict, "denied") == 0     ? PAINT_RED
			   : strcmp(verdict, "observed") == 0 ? PAINT_YELLOW
							      : PAINT_GREEN;

	fputs(render_paint(render, PAINT_BOLD), render->out);
	fputs(render_paint(render, paint), render->out);
	print_folded(render->out, text, strlen(text), render->line_max ? render->line_max : 1000);
	fputs(render_paint(render, PAINT_OFF), render->out);
}

static void show_standing(const struct render *render, const json_t *row)
{
	const json_t *left = json_object_get(row, "left_s");
	char text[DURATION_TEXT_LEN] = "for good";

	if (json_is_integer(left))
		(void)duration_format((uint64_t)json_integer_value(left), text);
	fprintf(render->out, "\nlimits of %s: tier %lld, divided by %g, %s%s\n",
		word(row, "source"), (long long)json_integer_value(json_object_get(row, "tier")),
		json_number_value(json_object_get(row, "slow")),
		json_is_integer(left) ? "for " : "", text);
}

static void show_buckets(struct render *render)
{
	static const struct column columns[] = {
		{"RATES OF", "source", COL_TEXT, false},
		{"CLASS", "class", COL_TEXT, false},
		{"USED", "used", COL_COUNT, false},
		{"OF BURST", "burst", COL_COUNT, false},
		{"PERCENT", "used_percent", COL_COUNT, false},
		{"ALLOWED/s", "pps", COL_COUNT, false},
		{"BYTES %", "bytes_percent", COL_COUNT, false},
		{0},
	};
	struct table table;
	size_t i, shown = 0;
	json_t *row;

	table_init(&table, columns, render->out, render->line_max, render->colour);
	json_array_foreach(render->gathered, i, row)
	{
		if (strcmp(word(row, "kind"), "bucket") != 0)
			continue;
		if (!shown++)
			fputc('\n', render->out);
		table_add(&table, row);
	}
	table_deinit(&table);
}

static void show_guard(const struct render *render, const json_t *row)
{
	fprintf(render->out, "\nguard\n%s", word(row, "text"));
}

/* Behind a time; on a screen its further lines begin below it. */
static void print_hanging(FILE *out, const char *line, size_t line_max)
{
	static const size_t indent = 10;
	size_t len = strlen(line);

	while (line_max > 2 * indent && len > line_max - indent) {
		size_t part = line_max - indent;

		while (part > indent && line[part] != ' ')
			part--;
		if (line[part] != ' ')
			break;
		fprintf(out, "%.*s\n%*s", (int)part, line, (int)indent - 1, "");
		line += part;
		len -= part;
	}
	fprintf(out, "%s\n", line);
}

static void show_story(struct render *render)
{
	size_t i, shown = 0;
	json_t *row;

	json_array_foreach(render->gathered, i, row)
	{
		char when[32], line[1200];

		if (strcmp(word(row, "kind"), "no-story") == 0)
			fprintf(render->out, "\nwhat was done before is not known: %s\n",
				word(row, "why"));
		if (strcmp(word(row, "kind"), "story") != 0)
			continue;
		if (!shown++)
			fputs("\nwhat was done\n", render->out);
		wall_text((uint64_t)json_integer_value(json_object_get(row, "at")), when,
			  sizeof(when));
		(void)snprintf(line, sizeof(line), "  %s %s by %s%s%s", word(row, "action"),
			       word(row, "subject"), word(row, "actor"),
			       *word(row, "cause") ? ": " : "", word(row, "cause"));
		fputs(when, render->out);
		print_hanging(render->out, line, render->line_max);
	}
}

static void show_entries(struct render *render)
{
	struct table table;
	size_t i, shown = 0;
	json_t *row;

	table_init(&table, entry_columns, render->out, render->line_max, render->colour);
	json_array_foreach(render->gathered, i, row)
	{
		json_t *copy;
		char left[32];
		const json_t *seconds = json_object_get(row, "left_s");

		if (strcmp(word(row, "kind"), "entry") != 0)
			continue;
		if (!shown++)
			fputc('\n', render->out);
		copy = json_copy(row);
		if (!json_is_true(json_object_get(row, "live")))
			(void)snprintf(left, sizeof(left), "over");
		else if (json_is_null(seconds))
			(void)snprintf(left, sizeof(left), "for good");
		else
			(void)duration_format((uint64_t)json_integer_value(seconds), left);
		(void)!json_object_set_new(copy, "left", json_string(left));
		table_add(&table, copy);
		json_decref(copy);
	}
	table_deinit(&table);
}

static void show_events(struct render *render)
{
	struct render events;
	size_t i, shown = 0;
	json_t *row;

	render_init(&events, &view_events, render->out, false);
	json_array_foreach(render->gathered, i, row)
	{
		if (strcmp(word(row, "kind"), "event") != 0)
			continue;
		if (!shown++)
			fputs("\nrecent events\n", render->out);
		render_row(&events, json_incref(row));
	}
	render_deinit(&events);
}

static void why_end(struct render *render)
{
	size_t i;
	json_t *row;

	json_array_foreach(render->gathered, i, row) if (strcmp(word(row, "kind"), "verdict") == 0)
		show_verdict(render, row);
	show_entries(render);
	json_array_foreach(render->gathered, i, row) if (strcmp(word(row, "kind"), "standing") == 0)
		show_standing(render, row);
	show_buckets(render);
	json_array_foreach(render->gathered, i, row) if (strcmp(word(row, "kind"), "guard") == 0)
		show_guard(render, row);
	show_story(render);
	show_events(render);
}

const struct view view_why = {.row = why_row, .end = why_end};

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Limits as a table, then the sources that have others. */
#include <user/ctl/view.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <user/base/clock.h>
#include <user/ctl/render.h>

static const struct column rate_columns[] = {
	{"CLASS", "class", COL_TEXT, false},	{"HOST/s", "a_pps", COL_TEXT, false},
	{"BURST", "a_burst", COL_TEXT, false},	{"BIT/s", "a_bps", COL_TEXT, false},
	{"PREFIX/s", "b_pps", COL_TEXT, false}, {"BURST", "b_burst", COL_TEXT, false},
	{"BIT/s", "b_bps", COL_TEXT, false},	{"OVER", "over", COL_COUNT, false},
	{"", "note", COL_TEXT, true},		{0},
};

/* 1500, 20k, 1.5M: short, exact where it can be. */
static void short_number(const json_t *value, char *text, size_t size)
{
	static const char units[] = {'\0', 'k', 'M', 'G'};
	double number = json_number_value(value);
	size_t unit = 0;

	if (!value || json_is_null(value)) {
		(void)snprintf(text, size, "-");
		return;
	}
	while (number >= 10000 && unit < sizeof(units) - 1) {
		number /= 1000;
		unit++;
	}
	(void)snprintf(text, size, "%.4g%.1s", number, unit ? &units[unit] : "");
}

static void copy(json_t *shown, const json_t *row, const char *to, const char *from)
{
	static const char *const parts[] = {"pps", "burst", "bps"};
	char key[40], text[32];

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		(void)snprintf(key, sizeof(key), "%s_%s", from, parts[i]);
		short_number(json_object_get(row, key), text, sizeof(text));
		(void)snprintf(key, sizeof(key), "%s_%s", to, parts[i]);
		(void)!json_object_set_new(shown, key, json_string(text));
	}
}

static const struct column service_columns[] = {
	{"CLASS", "class", COL_TEXT, false},   {"ALL/s", "a_pps", COL_TEXT, false},
	{"BURST", "a_burst", COL_TEXT, false}, {"BIT/s", "a_bps", COL_TEXT, false},
	{"", "note", COL_TEXT, true},	       {0},
};

static void gather(struct render *render, const json_t *row)
{
	if (!render->gathered)
		render->gathered = json_array();
	(void)!json_array_append(render->gathered, (json_t *)(uintptr_t)row);
}

static json_t *with_note(const json_t *row)
{
	json_t *shown = json_copy((json_t *)(uintptr_t)row);

	const char *note = json_is_true(json_object_get(row, "default")) ? "" : "changed";

	if (json_is_true(json_object_get(row, "guard")))
		note = "by the guard";
	(void)!json_object_set_new(shown, "note", json_string(note));
	return shown;
}

static void show_service(struct render *render)
{
	struct table table;
	size_t i;
	json_t *row;

	table_init(&table, service_columns, render->out, render->line_max, render->colour);
	json_array_foreach(render->gathered, i, row)
	{
		json_t *shown;

		if (!json_object_get(row, "service_pps"))
			continue;
		shown = with_note(row);
		copy(shown, row, "a", "service");
		table_add(&table, shown);
		json_decref(shown);
	}
	table_deinit(&table);
}

static void rate_row(struct render *render, const json_t *row)
{
	json_t *shown;

	if (json_object_get(row, "source") || json_object_get(row, "service_pps")) {
		gather(render, row);
		return;
	}
	shown = with_note(row);
	copy(shown, row, "a", "host");
	copy(shown, row, "b", "prefix");
	table_add(&render->table, shown);
	json_decref(shown);
}

static void rate_end(struct render *render)
{
	size_t i, shown = 0;
	json_t *row;

	table_flush(&render->table);
	show_service(render);
	json_array_foreach(render->gathered, i, row)
	{
		const json_t *left = json_object_get(row, "left_s");
		char text[DURATION_TEXT_LEN] = "for good";

		if (!json_object_get(row, "source"))
			continue;
		if (!shown++)
			fprintf(render->out, "\nsources with limits of their own:\n");
		if (json_is_integer(left))
			(void)duration_format((uint64_t)json_integer_value(left), text);
		fprintf(render->out, "  %-24s tier %lld, divided by %g, %s\n",
			json_string_value(json_object_get(row, "source")),
			(long long)json_integer_value(json_object_get(row, "tier")),
			json_number_value(json_object_get(row, "slow")), text);
	}
}

const struct view view_rate = {.columns = rate_columns, .row = rate_row, .end = rate_end};

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Protected services as a table; a profile as bars. */
#include <user/ctl/view.h>

#include <stdio.h>
#include <string.h>

#include <user/ctl/render.h>
#include <user/ctl/rows.h>

#define BAR_MAX 50U

static const struct column service_columns[] = {
	{"SERVICE", "service", COL_TEXT, false}, {"COOKIES", "cookies", COL_TEXT, false},
	{"NOW", "now", COL_TEXT, false},	 {"SINCE", "cookies_since", COL_WALL, false},
	{"SYN/s", "pressure", COL_TEXT, false},	 {"FRAGMENTS", "fragments", COL_TEXT, false},
	{"ODD", "odd", COL_TEXT, false},	 {"ALARM", "alarm", COL_WALL, false},
	{"PROFILE", "profile", COL_TEXT, true},	 {0},
};

static void service_row(struct render *render, const json_t *row)
{
	json_t *shown = json_copy((json_t *)(uintptr_t)row);
	json_int_t pressure = json_integer_value(json_object_get(row, "syn_pressure"));
	char text[32] = "-";

	if (pressure)
		count_text((unsigned long long)pressure, text, sizeof(text));
	(void)!json_object_set_new(shown, "pressure", json_string(text));
	(void)!json_object_set_new(
		shown, "now",
		json_string(json_is_true(json_object_get(row, "cookies_on")) ? "on" : "off"));
	if (!json_is_true(json_object_get(row, "local")))
		(void)!json_object_set_new(shown, "cookies", json_string("forwarded"));
	table_add(&render->table, shown);
	json_decref(shown);
}

const struct view view_service = {.columns = service_columns, .row = service_row};

/* ---- profile ---- */

static unsigned long long number(const json_t *row, const char *key)
{
	return (unsigned long long)json_integer_value(json_object_get(row, key));
}

static const char *word(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text ? text : "";
}

static void show_head(struct render *render, const json_t *row)
{
	char packets[32], odd[32], over[32], when[32];

	count_text(number(row, "packets"), packets, sizeof(packets));
	count_text(number(row, "odd_packets"), odd, sizeof(odd));
	count_text(number(row, "odd_over"), over, sizeof(over));
	fprintf(render->out, "%s%s%s  profile: %s", render_paint(render, PAINT_BOLD),
		word(row, "service"), render_paint(render, PAINT_OFF), word(row, "profile"));
	if (number(row, "learned")) {
		wall_text(number(row, "learned"), when, sizeof(when));
		fprintf(render->out, " %s", when);
	}
	fprintf(render->out, "; odd sizes above the limit %s\n",
		strcmp(word(row, "odd"), "enforce") == 0 ? "drop" : "only count");
	fprintf(render->out, "%s packets passed, %s odd, of these %s above the limit\n", packets,
		odd, over);
	if (number(row, "learning_left_s"))
		fprintf(render->out, "learning wants %llu packets at least\n",
			number(row, "packets_wanted"));
	if (number(row, "alarm")) {
		wall_text(number(row, "alarm"), when, sizeof(when));
		fprintf(render->out, "%salarm %s: its sizes have changed%s\n",
			render_paint(render, PAINT_RED), when, render_paint(render, PAINT_OFF));
	}
}

static void show_bin(struct render *render, const json_t *row, unsigned long long most,
		     bool profile)
{
	const bool usual = json_is_true(json_object_get(row, "usual"));
	unsigned long long packets = number(row, "packets"), bar = 0;
	char range[32], count[32];

	if (!packets && !number(row, "odd") && !usual)
		return;
	(void)snprintf(range, sizeof(range), "%llu-%llu", number(row, "from"), number(row, "to"));
	count_text(packets, count, sizeof(count));
	if (packets)
		bar = MAX(packets * BAR_MAX / most, 1ULL);
	fprintf(render->out, "%13s B  %-5s %15s%s%s", range,
		!profile ? "" : (usual ? "usual" : "odd"), count, bar ? "  " : "",
		render_paint(render, profile && !usual ? PAINT_RED : PAINT_GREEN));
	while (bar--)
		fputc('#', render->out);
	fprintf(render->out, "%s\n", render_paint(render, PAINT_OFF));
}

static void profile_row(struct render *render, const json_t *row)
{
	if (!render->gathered)
		render->gathered = json_array();
	(void)!json_array_append(render->gathered, (json_t *)(uintptr_t)row);
}

static void profile_end(struct render *render)
{
	unsigned long long most = 1;
	bool profile = false;
	size_t i;
	json_t *row;

	json_array_foreach(render->gathered, i, row)
	{
		if (json_object_get(row, "bin"))
			most = MAX(most, number(row, "packets"));
		profile |= json_is_true(json_object_get(row, "usual"));
	}
	json_array_foreach(render->gathered, i, row)
	{
		if (json_object_get(row, "bin"))
			show_bin(render, row, most, profile);
		else
			show_head(render, row);
	}
}

const struct view view_profile = {.row = profile_row, .end = profile_end};

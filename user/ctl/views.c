/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Views that are one table, and small ones. status and why: view_status.c, view_why.c. */
#include <user/ctl/view.h>

#include <stdint.h>
#include <string.h>

#include <strazh/base/compiler.h>

#include <user/ctl/render.h>

static const struct column list_columns[] = {
	{"PREFIX", "prefix", COL_TEXT, false},
	{"LISTS", "lists", COL_LIST, false},
	{"LEFT", "left_s", COL_LEFT, false},
	{"UNTIL", "until", COL_WALL, false},
	{"HITS", "hits", COL_COUNT, false},
	{"REASON", "note", COL_TEXT, true},
	{0},
};

/* An entry of the allow table says so where others name their lists. */
static void list_row(struct render *render, const json_t *row)
{
	const char *table = json_string_value(json_object_get(row, "table"));
	json_t *shown = NULL;

	if (table && strcmp(table, "allow") == 0) {
		shown = json_copy((json_t *)(uintptr_t)row);
		(void)!json_object_set_new(shown, "lists", json_pack("[s]", "(allow)"));
	}
	table_add(&render->table, shown ? shown : row);
	json_decref(shown);
}

const struct view view_list = {
	.columns = list_columns,
	.row = list_row,
	.nothing = "no entries",
};

static const struct column lists_columns[] = {
	{"LIST", "list", COL_TEXT, false},
	{"ENTRIES", "entries", COL_COUNT, false},
	{"LOADED", "loaded", COL_WALL, false},
	{"ACTIVE", "active", COL_YES, false},
	{0},
};

const struct view view_lists = {.columns = lists_columns, .nothing = "no lists"};

static const struct column settings_columns[] = {
	{"SETTING", "setting", COL_TEXT, false},
	{"VALUE", "value", COL_TEXT, false},
	{"CAN BE", "values", COL_TEXT, false},
	{"", "text", COL_TEXT, true},
	{0},
};

const struct view view_settings = {.columns = settings_columns};

static const struct column top_columns[] = {
	{"SOURCE", "source", COL_TEXT, false},
	{"PACKETS/s", "packets_n", COL_COUNT, false},
	{"STOPPED/s", "drops_n", COL_COUNT, false},
	{"BYTES/s", "bytes_n", COL_BYTES, false},
	{"TO", "to", COL_TEXT, false},
	{"REASON", "reason", COL_TEXT, false},
	{"CLASS", "class", COL_TEXT, true},
	{0},
};

static void top_row(struct render *render, const json_t *row)
{
	static const char *const numbers[][2] = {
		{"packets_n", "packets"}, {"drops_n", "drops"}, {"bytes_n", "bytes"}};
	json_t *shown = json_copy((json_t *)(uintptr_t)row);

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		(void)!json_object_set_new(shown, numbers[i][0],
					   json_integer((json_int_t)json_number_value(
						   json_object_get(row, numbers[i][1]))));
	table_add(&render->table, shown);
	json_decref(shown);
}

const struct view view_top = {
	.columns = top_columns,
	.row = top_row,
};

/* ---- events ---- */

static const struct column event_columns[] = {
	{"TIME", "at", COL_CLOCK, false},      {"REASON", "reason", COL_TEXT, false},
	{"SOURCE", "source", COL_TEXT, false}, {"TARGET", "to", COL_TEXT, false},
	{"WHAT", "what", COL_TEXT, true},      {0},
};

static json_t *event_words(const json_t *row)
{
	const char *proto = json_string_value(json_object_get(row, "proto_name"));
	const char *interface = json_string_value(json_object_get(row, "interface"));
	const char *class_ = json_string_value(json_object_get(row, "class"));
	const char *service = json_string_value(json_object_get(row, "service"));
	long long number = (long long)json_integer_value(json_object_get(row, "proto"));

	return json_sprintf("%s%.0lld%s %lld B %s%s%s%s%s%s",
			    proto    ? proto
			    : number ? "proto "
				     : "",
			    proto ? 0 : number,
			    json_is_true(json_object_get(row, "fragment")) ? " fragment" : "",
			    (long long)json_integer_value(json_object_get(row, "len")),
			    interface ? interface : "",
			    json_is_true(json_object_get(row, "observed")) ? ", observed" : "",
			    class_ ? ", class " : "", class_ ? class_ : "",
			    service ? ", service " : "", service ? service : "");
}

static void event_row(struct render *render, const json_t *row)
{
	json_t *shown = json_copy((json_t *)(uintptr_t)row);
	const char *target = json_string_value(json_object_get(row, "target"));
	const json_t *port = json_object_get(row, "dport");
	const json_t *lost = json_object_get(row, "lost");

	if (lost) {
		table_flush(&render->table);
		fprintf(render->out, "(%lld events missed: this reader was too slow)\n",
			(long long)json_integer_value(lost));
		json_decref(shown);
		return;
	}
	if (target && port)
		(void)!json_object_set_new(
			shown, "to",
			json_sprintf(strchr(target, ':') ? "[%s]:%lld" : "%s:%lld", target,
				     (long long)json_integer_value(port)));
	else if (target)
		(void)!json_object_set_new(shown, "to", json_string(target));
	(void)!json_object_set_new(shown, "what", event_words(row));
	table_add(&render->table, shown);
	json_decref(shown);
}

const struct view view_events = {
	.columns = event_columns,
	.row = event_row,
	.nothing = "no events yet",
};

/* ---- stats ---- */

static const struct column stats_columns[] = {
	{"REASON", "reason", COL_TEXT, false}, {"PACKETS", "packets", COL_COUNT, false},
	{"BYTES", "bytes", COL_BYTES, false},  {"OBSERVED", "observed_packets", COL_COUNT, false},
	{"", "text", COL_TEXT, true},	       {0},
};

static void stats_row(struct render *render, const json_t *row)
{
	json_t *shown = json_copy((json_t *)(uintptr_t)row);
	json_t *name = json_object_get(row, "tally");

	if (!name)
		name = json_object_get(row, "sum");
	if (name)
		(void)!json_object_set(shown, "reason", name);
	if (json_object_get(row, "sum"))
		(void)!json_object_set_new(shown, "text", json_string("in all"));
	if (!json_integer_value(json_object_get(row, "observed_packets")))
		(void)json_object_del(shown, "observed_packets");
	table_add(&render->table, shown);
	json_decref(shown);
}

const struct view view_stats = {.columns = stats_columns, .row = stats_row};

/* Rows with "error" go to stderr by render.c; there are no others. */
const struct view view_problems = {0};

/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/view.h>

#include <stdio.h>
#include <string.h>

#include <user/base/clock.h>
#include <user/ctl/render.h>
#include <user/ctl/rows.h>
#include <user/ctl/security.h>

static const char *word(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text ? text : "";
}

static unsigned long long number(const json_t *row, const char *key)
{
	return (unsigned long long)json_integer_value(json_object_get(row, key));
}

static void label(const struct render *render, const char *text)
{
	fprintf(render->out, "%s%-11s%s ", render_paint(render, PAINT_DIM), text,
		render_paint(render, PAINT_OFF));
}

static void show_gate(const struct render *render, const json_t *row)
{
	const bool observe = strcmp(word(row, "mode"), "observe") == 0;
	char text[32];

	if (json_is_true(json_object_get(row, "test_mode")))
		fprintf(render->out, "%sTEST MODE: limits are relaxed for a load test%s\n",
			render_paint(render, PAINT_RED), render_paint(render, PAINT_OFF));
	label(render, "gate");
	fprintf(render->out, "strazh %s, %s%s%s%s, rates %s\n", word(row, "version"),
		render_paint(render, PAINT_BOLD),
		render_paint(render, observe ? PAINT_YELLOW : PAINT_GREEN),
		observe ? "observing: drops nothing" : "enforcing", render_paint(render, PAINT_OFF),
		strcmp(word(row, "rate_mode"), "enforce") == 0 ? "enforced" : "observed");
	label(render, "via");
	if (strcmp(word(row, "via"), "strazhd") == 0)
		fprintf(render->out, "strazhd, process %llu, up %s\n", number(row, "pid"),
			duration_format(MAX(number(row, "uptime_s"), 1ULL), text));
	else
		fprintf(render->out, "%sstrazhd is not running%s: directly on the pinned maps\n",
			render_paint(render, PAINT_YELLOW), render_paint(render, PAINT_OFF));
	if (json_object_get(row, "memory_bytes")) {
		bytes_text(number(row, "memory_bytes"), text, sizeof(text));
		label(render, "memory");
		fprintf(render->out, "%s in the kernel\n", text);
	}
}

static void show_interface(const struct render *render, const json_t *row)
{
	const char *owner = word(row, "owner");
	char left[DURATION_TEXT_LEN];

	label(render, "interface");
	fprintf(render->out, "%s%s%s  %s%s", render_paint(render, PAINT_BOLD),
		word(row, "interface"), render_paint(render, PAINT_OFF), word(row, "mode"),
		json_is_true(json_object_get(row, "dispatcher")) ? ", dispatcher" : "");
	if (strcmp(owner, "other") == 0)
		fprintf(render->out, ", somebody else's program '%s'", word(row, "prog_name"));
	else if (strcmp(owner, "foreign") == 0)
		fputs(", a gate on maps of its own: `strazhctl attach` adopts it", render->out);
	else if (!json_is_true(json_object_get(row, "current")))
		fputs(", program of another build: `strazhctl replace` renews it", render->out);
	if (json_object_get(row, "confirm_left_s"))
		fprintf(render->out, ", %sdetached in %s unless you say `strazhctl confirm`%s",
			render_paint(render, PAINT_YELLOW),
			duration_format(number(row, "confirm_left_s"), left),
			render_paint(render, PAINT_OFF));
	fputc('\n', render->out);
}

static void show_machine(const struct render *render, const json_t *row)
{
	label(render, "machine");
	fputs(word(row, "hypervisor"), render->out);
	if (word(row, "seen_by")[0])
		fprintf(render->out, ", seen by %s", word(row, "seen_by"));
	if (word(row, "container")[0])
		fprintf(render->out, "; in a container: %s, seen by %s", word(row, "container"),
			word(row, "container_seen_by"));
	fputc('\n', render->out);
}

static void show_restarts(const struct render *render, const json_t *row)
{
	if (!number(row, "restarts"))
		return;
	label(render, "");
	fprintf(render->out, "%sended by itself %llu times, the last time: %s%s\n",
		render_paint(render, PAINT_YELLOW), number(row, "restarts"), word(row, "cause"),
		render_paint(render, PAINT_OFF));
}

static void show_server(const struct render *render, const json_t *row)
{
	label(render, "server");
	if (!json_is_true(json_object_get(row, "running"))) {
		fprintf(render->out, "%snot running: %s%s\n", render_paint(render, PAINT_RED),
			word(row, "text"), render_paint(render, PAINT_OFF));
		show_restarts(render, row);
		return;
	}
	fprintf(render->out, "%s%s%s\n", render_paint(render, PAINT_BOLD), word(row, "text"),
		render_paint(render, PAINT_OFF));
	label(render, "");
	fprintf(render->out,
		"%llu connections; so far %llu sessions, %llu refusals, %llu bad records\n",
		number(row, "connections"), number(row, "opened"), number(row, "refused"),
		number(row, "bad"));
	label(render, "");
	fprintf(render->out, "crypto pool: %llu threads, %llu batches done, %llu found it full\n",
		number(row, "pool_threads"), number(row, "pool_jobs"), number(row, "pool_full"));
	show_restarts(render, row);
}

/* The end of the guard's first line. */
static void show_undone(const struct render *render, const json_t *row)
{
	if (number(row, "undone"))
		fprintf(render->out, ", %s%llu not taken by the gate yet%s",
			render_paint(render, PAINT_RED), number(row, "undone"),
			render_paint(render, PAINT_OFF));
	if (number(row, "lost"))
		fprintf(render->out, ", %llu that it never took", number(row, "lost"));
	if (number(row, "unheard"))
		fprintf(render->out, ", %llu facts lost", number(row, "unheard"));
	fputc('\n', render->out);
}

static void show_guard(const struct render *render, const json_t *row)
{
	const char *mode = word(row, "mode");

	label(render, "guard");
	if (strcmp(mode, "off") == 0) {
		fputs("off\n", render->out);
		return;
	}
	fprintf(render->out,
		"%s%s%s: %llu sources known, %llu %sbanned, %llu prefixes, %llu limited",
		render_paint(render, PAINT_BOLD), mode, render_paint(render, PAINT_OFF),
		number(row, "known"), number(row, "banned"),
		strcmp(mode, "learn") == 0 ? "would be " : "", number(row, "prefixes_banned"),
		number(row, "limited"));
	show_undone(render, row);
	label(render, "");
	fprintf(render->out, "attack state %s", word(row, "state"));
	if (json_number_value(json_object_get(row, "all")) < 1 ||
	    json_number_value(json_object_get(row, "admission")) < 1)
		fprintf(render->out, ", %slimits %.0f %%, admission %.0f %%%s%s",
			render_paint(render, PAINT_YELLOW),
			json_number_value(json_object_get(row, "all")) * 100,
			json_number_value(json_object_get(row, "admission")) * 100,
			json_is_true(json_object_get(row, "acts")) ? "" : " (not done)",
			render_paint(render, PAINT_OFF));
	if (!json_is_true(json_object_get(row, "psi_known")))
		fputs(", no pressure stall figures in this kernel", render->out);
	fputc('\n', render->out);
}

static void show_store(const struct render *render, const json_t *row)
{
	const bool degraded = json_is_true(json_object_get(row, "degraded"));
	char when[32];

	label(render, "store");
	if (!json_is_true(json_object_get(row, "on"))) {
		fputs("none: what is learned is forgotten when strazhd ends\n", render->out);
		return;
	}
	if (degraded) {
		wall_text(number(row, "since"), when, sizeof(when));
		fprintf(render->out, "%s%s, degraded since %s: %s%s",
			render_paint(render, PAINT_RED), word(row, "url"), when, word(row, "why"),
			render_paint(render, PAINT_OFF));
	} else {
		fprintf(render->out, "%s%s%s, ok", render_paint(render, PAINT_BOLD),
			word(row, "url"), render_paint(render, PAINT_OFF));
	}
	fprintf(render->out, "; backlog %llu of %llu", number(row, "backlog"),
		number(row, "backlog_max"));
	if (number(row, "missed"))
		fprintf(render->out, ", %llu acts not taken, %llu of them still to be made good",
			number(row, "missed"), number(row, "late"));
	if (number(row, "undone"))
		fprintf(render->out, ", %s%llu acts not written%s", render_paint(render, PAINT_RED),
			number(row, "undone"), render_paint(render, PAINT_OFF));
	if (number(row, "dropped"))
		fprintf(render->out, ", %llu states of sources dropped", number(row, "dropped"));
	if (json_object_get(row, "moved_why"))
		fprintf(render->out, "; %swhere it was moved to is not known: %s%s",
			render_paint(render, PAINT_RED), word(row, "moved_why"),
			render_paint(render, PAINT_OFF));
	fputc('\n', render->out);
}

static void show_journal(const struct render *render, const json_t *row)
{
	label(render, "journal");
	fprintf(render->out, "%s%llu bytes of acts wait for the store%s",
		render_paint(render, PAINT_YELLOW), number(row, "bytes"),
		render_paint(render, PAINT_OFF));
	if (number(row, "forgotten"))
		fprintf(render->out, ", %s%llu acts are in neither: lost with the maps%s",
			render_paint(render, PAINT_RED), number(row, "forgotten"),
			render_paint(render, PAINT_OFF));
	fputc('\n', render->out);
}

static void show_feed(const struct render *render, const json_t *row)
{
	label(render, "feed");
	fprintf(render->out, "%s%s%s: %s, %llu entries; %s%s%s\n", render_paint(render, PAINT_BOLD),
		word(row, "feed"), render_paint(render, PAINT_OFF), word(row, "state"),
		number(row, "entries"), render_paint(render, PAINT_YELLOW), word(row, "fault"),
		render_paint(render, PAINT_OFF));
}

static void show_service(const struct render *render, const json_t *row)
{
	const bool answering = json_is_true(json_object_get(row, "answering"));
	char when[32];

	label(render, "service");
	fprintf(render->out, "%s%s%s  sizes %s", render_paint(render, PAINT_BOLD),
		word(row, "service"), render_paint(render, PAINT_OFF), word(row, "profile"));
	if (json_is_true(json_object_get(row, "cookies_on"))) {
		wall_text(number(row, "cookies_since"), when, sizeof(when));
		fprintf(render->out, ", %sSYN cookies on since %s%s%s",
			render_paint(render, PAINT_YELLOW), when, answering ? ", answering" : "",
			render_paint(render, PAINT_OFF));
	} else if (answering) {
		fprintf(render->out, ", %sanswering sources over their limit with SYN cookies%s",
			render_paint(render, PAINT_YELLOW), render_paint(render, PAINT_OFF));
	}
	if (number(row, "alarm")) {
		wall_text(number(row, "alarm"), when, sizeof(when));
		fprintf(render->out, ", %salarm %s: its sizes have changed%s",
			render_paint(render, PAINT_RED), when, render_paint(render, PAINT_OFF));
	}
	fputc('\n', render->out);
}

static void show_table(const struct render *render, const json_t *row)
{
	unsigned long long entries = number(row, "entries"), capacity = number(row, "capacity");
	unsigned long long percent = capacity ? entries * 100 / capacity : 0;
	char have[32], most[32];

	count_text(entries, have, sizeof(have));
	count_text(capacity, most, sizeof(most));
	label(render, "");
	fprintf(render->out, "%-16s %11s of %s%s%s%s\n", word(row, "table"), have, most,
		percent >= 90 ? render_paint(render, PAINT_RED) : "",
		percent >= 90 ? " nearly full" : "",
		percent >= 90 ? render_paint(render, PAINT_OFF) : "");
}

static void show_traffic(const struct render *render, const json_t *row)
{
	static const struct {
		const char *packets, *bytes;
	} lines[] = {{"passed", "passed_bytes"},
		     {"dropped", "dropped_bytes"},
		     {"answered", "answered_bytes"},
		     {"observed", "observed_bytes"}};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		char packets[32], bytes[32];

		count_text(number(row, lines[i].packets), packets, sizeof(packets));
		bytes_text(number(row, lines[i].bytes), bytes, sizeof(bytes));
		label(render, i ? "" : "packets");
		fprintf(render->out, "%-16s %11s  %s\n", lines[i].packets, packets, bytes);
	}
}

static void status_row(struct render *render, const json_t *row)
{
	if (!render->gathered)
		render->gathered = json_array();
	(void)!json_array_append(render->gathered, (json_t *)(uintptr_t)row);
}

static size_t show_kind(struct render *render, const char *kind,
			void (*show)(const struct render *, const json_t *))
{
	size_t i, shown = 0;
	json_t *row;

	json_array_foreach(render->gathered, i, row)
	{
		if (strcmp(word(row, "kind"), kind) == 0) {
			show(render, row);
			shown++;
		}
	}
	return shown;
}

static void show_security(const struct render *render, const json_t *row)
{
	security_view(render, row);
}

static void status_end(struct render *render)
{
	if (show_kind(render, "security", show_security))
		return;
	show_kind(render, "gate", show_gate);
	show_kind(render, "machine", show_machine);
	if (!show_kind(render, "interface", show_interface)) {
		label(render, "interface");
		fputs("none: `strazhctl attach IFACE`\n", render->out);
	}
	show_kind(render, "server", show_server);
	show_kind(render, "guard", show_guard);
	show_kind(render, "store", show_store);
	show_kind(render, "journal", show_journal);
	show_kind(render, "feed", show_feed);
	show_kind(render, "service", show_service);
	label(render, "entries");
	fputc('\n', render->out);
	show_kind(render, "table", show_table);
	show_kind(render, "traffic", show_traffic);
}

const struct view view_status = {.row = status_row, .end = status_end};

/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/view.h>

#include <stdio.h>
#include <string.h>

#include <user/base/clock.h>
#include <user/ctl/render.h>

static const char *word(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text ? text : "";
}

static unsigned long long number(const json_t *row, const char *key)
{
	return (unsigned long long)json_integer_value(json_object_get(row, key));
}

static double real(const json_t *row, const char *key)
{
	return json_number_value(json_object_get(row, key));
}

static bool is(const json_t *row, const char *key)
{
	return json_is_true(json_object_get(row, key));
}

static void label(const struct render *render, const char *text)
{
	fprintf(render->out, "%s%-11s%s ", render_paint(render, PAINT_DIM), text,
		render_paint(render, PAINT_OFF));
}

static void show_load(const struct render *render, const json_t *row)
{
	label(render, "load");
	fprintf(render->out,
		"strain %.2f, hostility %.2f: loss %.1f %%, delay %.1f ms, slots %.0f %%\n",
		real(row, "strain"), real(row, "hostility"), real(row, "loss") * 100,
		real(row, "delay_ms"), real(row, "slots") * 100);
	label(render, "");
	if (is(row, "psi_known"))
		fprintf(render->out, "pressure %.0f %% (cpu %.0f, memory %.0f, io %.0f)\n",
			real(row, "psi"), real(row, "psi_cpu"), real(row, "psi_memory"),
			real(row, "psi_io"));
	else
		fputs("pressure is not known: this kernel has no /proc/pressure\n", render->out);
	label(render, "");
	fprintf(render->out,
		"%llu packets/s passed, %llu lost; %llu half open, %llu wait to be accepted\n",
		number(row, "passed_pps"), number(row, "lost_pps"), number(row, "half_open"),
		number(row, "accept_waiting"));
}

static void show_pace(const struct render *render, const json_t *row)
{
	label(render, "asked for");
	fprintf(render->out,
		"limits: all %.0f %%, trusted %.0f %%, limited %.0f %%; admission %.0f %%\n",
		real(row, "all") * 100, real(row, "trusted") * 100, real(row, "limited") * 100,
		real(row, "admission") * 100);
	label(render, "");
	if (number(row, "puzzle"))
		fprintf(render->out, "puzzles of %llu bits and more", number(row, "puzzle"));
	else
		fputs("no puzzles", render->out);
	fprintf(render->out, ", %s%s\n", is(row, "cookies") ? "SYN cookies" : "no SYN cookies",
		is(row, "acts") ? "" : "; shown only, nothing of it is done");
}

static void show_guard(const struct render *render, const json_t *row)
{
	const bool learns = strcmp(word(row, "mode"), "learn") == 0;
	char since[DURATION_TEXT_LEN];

	if (is(row, "test_mode"))
		fprintf(render->out, "%sTEST MODE: limits are relaxed for a load test%s\n",
			render_paint(render, PAINT_RED), render_paint(render, PAINT_OFF));
	label(render, "guard");
	fprintf(render->out, "%s%s%s", render_paint(render, PAINT_BOLD), word(row, "mode"),
		render_paint(render, PAINT_OFF));
	if (strcmp(word(row, "mode"), "off") == 0) {
		fputc('\n', render->out);
		return;
	}
	if (learns)
		fputs(": decides, says so and does nothing", render->out);
	fprintf(render->out, "\n");
	label(render, "state");
	fprintf(render->out, "%s%s%s (%s) for %s; it changed %llu times\n",
		render_paint(render,
			     strcmp(word(row, "state"), "normal") ? PAINT_YELLOW : PAINT_GREEN),
		word(row, "state"), render_paint(render, PAINT_OFF), word(row, "why"),
		duration_format(number(row, "state_s"), since), number(row, "changes"));
	show_load(render, row);
	show_pace(render, row);
	if (!is(row, "probes")) {
		label(render, "probes");
		fputs("of closed ports are not seen: this machine passes packets on\n",
		      render->out);
	}
	label(render, "so far");
	fprintf(render->out,
		"%llu facts, %llu observations; %llu limits, %llu bans, %llu of prefixes,\n",
		number(row, "facts"), number(row, "observations"), number(row, "limits"),
		number(row, "bans"), number(row, "prefix_bans"));
	label(render, "");
	fprintf(render->out, "%llu lifted, %llu alarms\n", number(row, "lifts"),
		number(row, "alarms"));
	label(render, "now");
	fprintf(render->out, "sources known: %llu, limited %llu, %sbanned %llu, prefixes %llu\n",
		number(row, "known"), number(row, "limited_now"), learns ? "would be " : "",
		number(row, "banned"), number(row, "prefixes_banned"));
}

static void show_gate(const struct render *render, const json_t *row)
{
	label(render, "gate");
	if (!is(row, "scaled")) {
		fputs("limits as they were set\n", render->out);
		return;
	}
	fprintf(render->out, "limits scaled: all %.0f %%, trusted %.0f %%, limited %.0f %%%s\n",
		real(row, "all") * 100, real(row, "trusted") * 100, real(row, "limited") * 100,
		is(row, "cookies") ? "; SYN cookies" : "");
}

static void guard_row(struct render *render, const json_t *row)
{
	if (strcmp(word(row, "kind"), "guard") == 0)
		show_guard(render, row);
	else if (strcmp(word(row, "kind"), "no-guard") == 0)
		fprintf(render->out, "%-11s %s%s%s\n", "guard", render_paint(render, PAINT_YELLOW),
			word(row, "why"), render_paint(render, PAINT_OFF));
	else
		show_gate(render, row);
}

const struct view view_guard = {.row = guard_row};

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* top: who sends most, live. */
#include <user/ctl/cmd.h>

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/ctl/client.h>
#include <user/ctl/request.h>
#include <user/ctl/screen.h>
#include <user/ctl/toplist.h>
#include <user/ctl/view.h>
#include <user/ctl/watching.h>
#include <user/gate/limits.h>

#define SAMPLES_PER_S 8000.0 /* of each window; the gate is told to take one in so many */
#define PER_TICK 400U
#define WINDOW_MS 1000
#define POLL_MS 100
#define ROWS_MOST 200U
#define REASONS_SHOWN 4

struct top {
	struct client *client;
	struct gate *gate;
	struct tap *tap;
	struct toplist list;
	struct gate_stats before, now;
	uint64_t begin_ns;
	double seconds;
	enum top_by by;
	bool live;
};

static const char *const order_names[TOP_ORDERS] = {"packets", "drops", "bytes"};

/* ---- a window ---- */

static int on_sample(void *context, const struct sz_sample *sample, const uint8_t *frame)
{
	struct top *top = context;

	(void)frame;
	toplist_add(&top->list, &sample->event);
	return 0;
}

static uint64_t packets_of(const struct gate_stats *stats)
{
	return stats->passed.packets + stats->dropped.packets + stats->answered.packets +
	       stats->observed.packets;
}

static int window_begin(struct top *top)
{
	toplist_clear(&top->list);
	top->begin_ns = clock_boot_ns();
	return gate_stats_read(top->gate, &top->before);
}

static int window_end(struct top *top)
{
	int r = gate_stats_read(top->gate, &top->now);
	double packets;

	if (r)
		return r;
	top->seconds = (double)(clock_boot_ns() - top->begin_ns) / 1e9;
	packets = (double)(packets_of(&top->now) - packets_of(&top->before)) / top->seconds;
	tap_one_in(top->tap, packets > SAMPLES_PER_S ? (uint32_t)(packets / SAMPLES_PER_S + 1) : 1);
	return 0;
}

/* ---- what is shown ---- */

static void scaled(double number, char *text, size_t size)
{
	static const char units[] = " kMGT";
	size_t unit = 0;

	while (number >= 999.5 && unit < 4) {
		number /= 1000;
		unit++;
	}
	(void)snprintf(text, size, number < 9.95 && unit ? "%.1f%.1s" : "%.0f%.1s", number,
		       unit ? &units[unit] : "");
}

static double per_second(const struct top *top, uint64_t now, uint64_t before)
{
	return (double)(now - before) / top->seconds;
}

static void source_text(const struct top_source *source, char *text, size_t size)
{
	if (!inet_ntop(source->family == 4 ? AF_INET : AF_INET6, source->addr, text,
		       (socklen_t)size))
		(void)snprintf(text, size, "?");
}

static const char *class_text(const struct top_source *source)
{
	if (!source->rate_class || source->rate_class > SZ_RATE_CLASSES)
		return "";
	return rate_class_names[source->rate_class - 1];
}

static void target_text(const struct top_source *source, char *text, size_t size)
{
	const char *proto = source->proto == 6 ? "tcp" : source->proto == 17 ? "udp" : NULL;

	if (proto && source->dport)
		(void)snprintf(text, size, "%u/%s", ntohs(source->dport), proto);
	else if (proto)
		(void)snprintf(text, size, "%s", proto);
	else
		(void)snprintf(text, size, "proto %u", source->proto);
}

static json_t *rate_row(const struct top_rate *rate)
{
	char source[INET6_ADDRSTRLEN], target[32];

	source_text(rate->source, source, sizeof(source));
	target_text(rate->source, target, sizeof(target));
	return json_pack("{s:s, s:f, s:f, s:f, s:f, s:s, s:s, s:s}", "source", source, "packets",
			 rint(rate->packets), "drops", rint(rate->drops), "bytes",
			 rint(rate->bytes), "error", rate->error, "reason",
			 reason_names[rate->source->reason % SZ_REASON_COUNT], "class",
			 class_text(rate->source), "to", target);
}

static void emit_sums(const struct top *top)
{
	const struct {
		const char *name;
		const struct gate_count *now, *before;
	} sums[] = {
		{"passed", &top->now.passed, &top->before.passed},
		{"dropped", &top->now.dropped, &top->before.dropped},
		{"answered", &top->now.answered, &top->before.answered},
		{"observed", &top->now.observed, &top->before.observed},
	};

	for (size_t i = 0; i < ARRAY_LEN(sums); i++)
		render_row(top->client->render,
			   json_pack("{s:s, s:f, s:f}", "sum", sums[i].name, "packets",
				     per_second(top, sums[i].now->packets, sums[i].before->packets),
				     "bytes",
				     per_second(top, sums[i].now->bytes, sums[i].before->bytes)));
}

static void emit(const struct top *top, const struct top_rate *rates, size_t count)
{
	if (top->client->json)
		emit_sums(top);
	for (size_t i = 0; i < count; i++)
		render_row(top->client->render, rate_row(&rates[i]));
}

static void line_of(bool bold, const char *format, ...) printf_like(2, 3);
static void line_of(bool bold, const char *format, ...)
{
	char text[400];
	va_list words;

	va_start(words, format);
	(void)vsnprintf(text, sizeof(text), format, words);
	va_end(words);
	screen_line(text, bold);
}

static void draw_sum(const char *name, const struct top *top, const struct gate_count *now,
		     const struct gate_count *before)
{
	char packets[16], bits[16];

	scaled(per_second(top, now->packets, before->packets), packets, sizeof(packets));
	scaled(per_second(top, now->bytes, before->bytes) * 8, bits, sizeof(bits));
	line_of(false, "  %-9s %8s packets/s %8s bit/s", name, packets, bits);
}

static uint64_t moved(const struct top *top, uint32_t reason)
{
	const struct gate_count *now = &top->now.reason[reason];
	const struct gate_count *before = &top->before.reason[reason];

	return now->packets + now->observed_packets - before->packets - before->observed_packets;
}

/* The reasons that stop most, on one line. */
static void draw_reasons(const struct top *top)
{
	bool shown[SZ_REASON_COUNT] = {false};
	char text[200] = "";
	size_t at = 0;

	for (int n = 0; n < REASONS_SHOWN && at < sizeof(text); n++) {
		uint32_t best = SZ_REASON_COUNT;
		char rate[16];

		for (uint32_t i = 0; i < SZ_REASON_COUNT; i++)
			if (!shown[i] && reason_classes[i] != SZ_CLASS_PASS && moved(top, i) &&
			    (best == SZ_REASON_COUNT || moved(top, i) > moved(top, best)))
				best = i;
		if (best == SZ_REASON_COUNT)
			break;
		shown[best] = true;
		scaled((double)moved(top, best) / top->seconds, rate, sizeof(rate));
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s %s/s", n ? ", " : "",
				       reason_names[best], rate);
	}
	line_of(false, "  stopped for: %s", at ? text : "nothing");
}

static void draw_source(const struct top_rate *rate)
{
	char source[INET6_ADDRSTRLEN], target[32], packets[16], drops[16], bits[16], error[8];

	source_text(rate->source, source, sizeof(source));
	target_text(rate->source, target, sizeof(target));
	scaled(rate->packets, packets, sizeof(packets));
	scaled(rate->drops, drops, sizeof(drops));
	scaled(rate->bytes * 8, bits, sizeof(bits));
	(void)snprintf(error, sizeof(error), "%.0f%%", fmin(rate->error, 1) * 100);
	line_of(false, "%-26s %8s %8s %8s %5s  %-11s %-11s %s", source, packets, drops, bits, error,
		target, reason_names[rate->source->reason % SZ_REASON_COUNT],
		class_text(rate->source));
}

static void draw(const struct top *top, const struct top_rate *rates, size_t count)
{
	const uint32_t flags = top->gate->settings->flags;

	screen_begin();
	line_of(true, "strazh top, by %s   %s, rates %s   p d b: order   q: quit",
		order_names[top->by], flags & SZ_SET_OBSERVE ? "observing" : "enforcing",
		sz_rates_drop(flags) ? "enforced" : "observed");
	draw_sum("passed", top, &top->now.passed, &top->before.passed);
	draw_sum("dropped", top, &top->now.dropped, &top->before.dropped);
	draw_sum("answered", top, &top->now.answered, &top->before.answered);
	draw_sum("observed", top, &top->now.observed, &top->before.observed);
	draw_reasons(top);
	line_of(true, "%-26s %8s %8s %8s %5s  %-11s %-11s %s", "SOURCE", "PACKETS", "STOPPED",
		"BIT/s", "+-", "TO", "REASON", "CLASS");
	for (size_t i = 0; i < count; i++)
		draw_source(&rates[i]);
	if (!count)
		line_of(false, "%s", "no packets");
	screen_end();
}

static void show(const struct top *top)
{
	static struct top_rate rates[ROWS_MOST];
	const uint64_t passed = top->now.passed.packets - top->before.passed.packets;
	const uint64_t all = packets_of(&top->now) - packets_of(&top->before);
	unsigned int rows = ROWS_MOST, columns;
	size_t count;

	if (top->live)
		screen_size(&rows, &columns);
	count = toplist_sort(&top->list, top->by, passed, all - passed, top->seconds, rates,
			     top->live && rows > 8 ? MIN(rows - 7, ROWS_MOST) : MIN(rows, 20U));
	if (top->live)
		draw(top, rates, count);
	else
		emit(top, rates, count);
}

/* ---- the command ---- */

static void take_key(struct top *top, int key)
{
	if (key == 'p')
		top->by = TOP_PACKETS;
	else if (key == 'd')
		top->by = TOP_DROPS;
	else if (key == 'b')
		top->by = TOP_BYTES;
}

/* One window; *ret_quit: somebody wants to leave. */
static int window(struct top *top, uint64_t window_ms, bool *ret_quit)
{
	uint64_t end_ns = clock_boot_ns() + window_ms * 1000000;
	int r = window_begin(top);

	while (!r && !*ret_quit && clock_boot_ns() < end_ns) {
		int key = 0;

		r = tap_read(top->tap, POLL_MS);
		r = r == -EINTR || r > 0 ? 0 : r;
		if (top->live)
			key = screen_key(0);
		take_key(top, key);
		*ret_quit = watching_over() || key == 'q';
	}
	return r ? r : window_end(top);
}

static int watch(struct top *top, uint64_t seconds, bool once)
{
	const uint64_t end_ns = clock_boot_ns() + seconds * NS_PER_S;
	bool quit = false;
	int r = 0;

	if (once)
		r = window(top, seconds ? seconds * 1000 : WINDOW_MS, &quit);
	if (once && !r)
		show(top);
	while (!once && !r && !quit && (!seconds || clock_boot_ns() < end_ns)) {
		r = window(top, WINDOW_MS, &quit);
		if (!r)
			show(top);
	}
	return r;
}

static int run_top(struct top *top, const json_t *args)
{
	const struct tap_want want = {.reasons = UINT64_MAX, .one_in = 1, .per_tick = PER_TICK};
	const char *text = json_string_value(json_object_get(args, "for")), *why;
	const bool once = json_is_true(json_object_get(args, "once")) || top->client->json;
	uint64_t seconds = 0;
	int r;

	if (text && duration_parse(text, &seconds, &why))
		seconds = 0; /* args_check() has been there */
	r = tap_open(top->gate, &want, on_sample, top, &top->tap);
	if (r)
		return watching_fail(top->client, r);
	watching_signals();
	top->live = !once && screen_open();
	r = watch(top, seconds, !top->live);
	screen_close();
	tap_close(top->tap);
	if (r)
		return watching_fail(top->client, r);
	return client_finish(top->client,
			     result_make("top", CTL_DONE,
					 top->live || top->client->json || top->client->render->rows
						 ? ""
						 : "no packets"));
}

static int prepare(struct client *client, json_t *args, bool *ret_stop)
{
	const char *by = json_string_value(json_object_get(args, "by"));
	own_gate struct gate *gate = NULL;
	own_free struct top *top = calloc(1, sizeof(*top));
	char why[WHY_LEN];
	int r;

	*ret_stop = true;
	if (!top)
		return client_fail(client, CTL_FAILED, "top: no memory");
	if (args_check(client->command, args, why))
		return client_fail(client, CTL_USAGE, "%s", why);
	r = watching_gate(client, &gate);
	if (r)
		return r;
	top->client = client;
	top->gate = gate;
	for (enum top_by i = 0; by && i < TOP_ORDERS; i++)
		if (strcmp(by, order_names[i]) == 0)
			top->by = i;
	return run_top(top, args);
}

static const struct arg top_args[] = {
	{"by", ARG_CHOICE, 0, "packets|drops|bytes", "what counts; packets"},
	{"once", ARG_FLAG, 0, NULL, "one picture, of a second or of --for, then end"},
	{"for", ARG_DURATION, 0, "DURATION", "end after so long"},
	{0},
};

const struct command cmd_top = {
	.name = "top",
	.flags = CMD_READ,
	.args = top_args,
	.summary = "show who sends most, live",
	.help = "Estimated from samples of what passes and of what is stopped (dropped, answered, "
		"or only observed); the sums are exact. +- is the likely error. Keys: p, d, b for "
		"the order, q to leave. Where the output is no terminal, and with --json, one "
		"picture.",
	.prepare = prepare,
	.run = watching_run,
	.view = &view_top,
};

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* rate: what sources and services may send. */
#include <user/ctl/cmd.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <user/ctl/client.h>
#include <user/ctl/journal.h>
#include <user/ctl/ports.h>
#include <user/ctl/rate.h>
#include <user/ctl/request.h>
#include <user/ctl/view.h>
#include <user/gate/limits.h>
#include <user/gate/services.h>
#include <user/gate/stats.h>

#define NAME_LEN 60
/* Connections with a cookie, flows and odd sizes are metered for single hosts only. */
#define CLASS_LAST_SHARED SZ_RATE_FRAG

/* ---- what is meant ---- */

enum place { PLACE_HOST, PLACE_NET, PLACE_SERVICE };

struct target {
	enum place place;
	uint32_t tier, service;
	uint32_t first, last; /* classes */
};

static int take_classes(struct request *request, struct target *target)
{
	const char *name = request_text(request, "what");

	*target = (struct target){.last = SZ_RATE_CLASSES - 1};
	if (!name || strcmp(name, "all") == 0)
		return CTL_DONE;
	for (uint32_t i = 0; i < SZ_RATE_CLASSES; i++) {
		if (strcmp(rate_class_names[i], name) == 0) {
			target->first = target->last = i;
			return CTL_DONE;
		}
	}
	return request_say(request, CTL_USAGE,
			   "rate: there is no class '%.40s': all, established, syn, udp, other, "
			   "fragment, connection, flow, odd-size",
			   name);
}

static int take_target(struct request *request, struct target *ret_target)
{
	const char *service = request_text(request, "port");
	struct target target;
	int r = take_classes(request, &target);

	if (!r)
		r = rate_take_tier(request, &target.tier);
	if (!r && request_flag(request, "prefix"))
		target.place = PLACE_NET;
	if (!r && service) {
		if (target.place == PLACE_NET || target.tier)
			return request_say(request, CTL_USAGE,
					   "rate: --port has limits over all sources: not with "
					   "--prefix or --tier");
		target.place = PLACE_SERVICE;
		if (strcmp(service, "other") != 0)
			r = request_service(request, &target.service);
	}
	if (!r && target.place != PLACE_HOST && target.first > CLASS_LAST_SHARED)
		return request_say(request, CTL_USAGE,
				   "rate: '%s' is a limit of single sources: not with --%s",
				   rate_class_names[target.first],
				   target.place == PLACE_NET ? "prefix" : "port");
	if (target.place != PLACE_HOST)
		target.last = MIN(target.last, (uint32_t)CLASS_LAST_SHARED);
	if (!r)
		*ret_target = target;
	return r;
}

static struct sz_limit *limit_at(struct gate *gate, const struct target *target, uint32_t class_)
{
	if (target->place == PLACE_SERVICE)
		return &gate->services[target->service].limit[class_];
	return &gate->limits[sz_limit_index(
		target->tier, target->place == PLACE_NET ? SZ_RATE_NET : SZ_RATE_HOST, class_)];
}

static struct sz_limit standard(const struct gate *gate, const struct target *target,
				uint32_t class_)
{
	const struct sz_service *at = &gate->services[target->service];

	if (target->place != PLACE_SERVICE)
		return limit_default(target->place == PLACE_NET ? SZ_RATE_NET : SZ_RATE_HOST,
				     class_);
	if (!target->service)
		return (struct sz_limit){.step_ns = 0};
	return service_standard(at->proto, at->port, at->flags & SZ_SERVICE_LOCAL).limit[class_];
}

/* ---- show ---- */

static void show_limit(json_t *row, const char *place, const struct sz_limit *limit)
{
	char key[40];
	const struct {
		const char *name;
		uint64_t value;
		bool there;
	} parts[] = {
		{"pps", limit_pps(limit), limit->step_ns},
		{"burst", limit_burst(limit), limit->step_ns},
		{"bps", limit_bps(limit), limit->byte_step},
		{"bytes", limit_bytes(limit), limit->byte_step},
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		(void)snprintf(key, sizeof(key), "%s_%s", place, parts[i].name);
		(void)!json_object_set_new(row, key,
					   parts[i].there ? json_integer((json_int_t)parts[i].value)
							  : json_null());
	}
}

static int show_class(struct request *request, struct target target, uint32_t class_,
		      const struct gate_stats *stats)
{
	static const struct sz_limit none;
	struct gate *gate = request->gate;
	const uint32_t tally = SZ_TALLY_OVER_EST - SZ_TALLY_BASE + class_;
	json_t *row = json_pack("{s:s, s:s}", "class", rate_class_names[class_], "text",
				rate_class_texts[class_]);
	const struct sz_limit *limit;
	struct sz_limit usual;
	bool as_usual;

	if (!row)
		return -ENOMEM;
	limit = limit_at(gate, &target, class_);
	usual = standard(gate, &target, class_);
	as_usual = limit_equal(limit, &usual);
	if (target.place == PLACE_SERVICE) {
		const bool guards = service_total_is_guards(gate, target.service, class_);

		as_usual = as_usual || guards;
		show_limit(row, "service", limit);
		(void)!json_object_set_new(row, "guard", json_boolean(guards));
	} else {
		show_limit(row, "host", limit);
		target.place = PLACE_NET;
		limit = limit_at(gate, &target, class_);
		usual = standard(gate, &target, class_);
		show_limit(row, "prefix", class_ > CLASS_LAST_SHARED ? &none : limit);
		as_usual = as_usual && (class_ > CLASS_LAST_SHARED || limit_equal(limit, &usual));
		(void)!json_object_set_new(row, "tier", json_integer((json_int_t)target.tier));
		(void)!json_object_set_new(row, "over",
					   json_integer((json_int_t)stats->tally[tally]));
	}
	(void)!json_object_set_new(row, "default", json_boolean(as_usual));
	return request_row(request, row);
}

static int run_show(struct request *request)
{
	struct target target;
	struct gate_stats stats;
	int r = take_target(request, &target);

	if (r)
		return r;
	r = gate_stats_read(request->gate, &stats);
	for (uint32_t i = target.first; i <= target.last && !r; i++)
		r = show_class(request, target, i, &stats);
	if (!r && target.place != PLACE_SERVICE && !request_text(request, "what"))
		r = rate_show_sources(request);
	request_set(request, "enforce",
		    json_boolean(sz_rates_drop(request->gate->settings->flags)));
	return r > 0 ? CTL_FAILED : r;
}

/* ---- set ---- */

static void record(struct request *request, const struct target *target, uint32_t class_,
		   const struct sz_limit *limit)
{
	char name[NAME_LEN], text[LIMIT_TEXT_LEN];

	if (target->place == PLACE_SERVICE)
		service_keep(request->gate, target->service, class_);
	if (target->place == PLACE_SERVICE && target->service) {
		request_act(request, journal_service(request->gate,
						     &request->gate->services[target->service]));
		return;
	}
	if (target->place == PLACE_SERVICE)
		(void)snprintf(name, sizeof(name), "rate.other.%s", rate_class_names[class_]);
	else
		(void)snprintf(name, sizeof(name), "rate.%u.%s.%s", target->tier,
			       target->place == PLACE_NET ? "prefix" : "host",
			       rate_class_names[class_]);
	limit_format(limit, text);
	request_act(request, journal_set(request->gate, name, text));
}

static int run_set(struct request *request)
{
	const struct limit_words words = {
		.pps = request_text(request, "pps"),
		.burst = request_text(request, "burst"),
		.bps = request_text(request, "bps"),
		.bytes = request_text(request, "bytes"),
	};
	struct sz_limit said[SZ_RATE_CLASSES];
	char why[LIMIT_WHY_LEN];
	struct target target;
	int r = take_target(request, &target);

	if (r)
		return r;
	if (!request_text(request, "what") ||
	    (!words.pps && !words.burst && !words.bps && !words.bytes))
		return request_say(request, CTL_USAGE,
				   "rate set: want a class (or all) and at least one of --pps, "
				   "--burst, --bps, --bytes");
	/* All of them or none. */
	for (uint32_t i = target.first; i <= target.last; i++) {
		struct sz_limit usual = standard(request->gate, &target, i);

		said[i] = *limit_at(request->gate, &target, i);
		if (limit_say(&words, &usual, &said[i], why))
			return request_say(request, CTL_USAGE, "rate set %s: %s",
					   rate_class_names[i], why);
		/* All zero would be the default, which is the guard's to fill. */
		if (words.pps && strcmp(words.pps, "none") == 0)
			said[i].burst_ns = MAX(said[i].burst_ns, SZ_RATE_TICK_NS);
	}
	for (uint32_t i = target.first; i <= target.last; i++) {
		limit_store(limit_at(request->gate, &target, i), &said[i]);
		record(request, &target, i, &said[i]);
	}
	return request_say(request, CTL_DONE, "%s: set, in force with the next packet%s",
			   request_text(request, "what"),
			   sz_rates_drop(request->gate->settings->flags)
				   ? ""
				   : "; rates are observed: what is above only counts");
}

/* ---- the command ---- */

/* What is said and would not be heard is a mistake. */
static int check_options(struct request *request, const char *verb)
{
	static const struct {
		const char *key, *verbs;
	} uses[] = {
		{"pps", "set"},	       {"burst", "set"},   {"bps", "set"},
		{"bytes", "set"},      {"prefix", "set"},  {"tier", "show, set, source"},
		{"port", "show, set"}, {"slow", "source"}, {"for", "source"},
	};

	for (size_t i = 0; i < ARRAY_LEN(uses); i++)
		if (json_object_get(request->args, uses[i].key) && !strstr(uses[i].verbs, verb))
			return request_say(request, CTL_USAGE,
					   "rate %s: --%s is not for this: it goes with rate %s",
					   verb, uses[i].key, uses[i].verbs);
	return CTL_DONE;
}

static int run_rate(struct request *request)
{
	const char *verb = request_text(request, "verb");
	int r = check_options(request, verb);

	if (r)
		return r;
	if (strcmp(verb, "show") == 0)
		return run_show(request);
	if (strcmp(verb, "set") == 0)
		return run_set(request);
	return strcmp(verb, "source") == 0 ? rate_source(request) : rate_forget(request);
}

static int prepare(struct client *client, json_t *args, bool *ret_stop)
{
	(void)client;
	*ret_stop = false;
	port_resolve(args, "port");
	return CTL_DONE;
}

static const struct arg rate_args[] = {
	{"verb", ARG_CHOICE, ARG_POSITIONAL | ARG_REQUIRED, "show|set|source|forget",
	 "source and forget: one source's own"},
	{"what", ARG_TEXT, ARG_POSITIONAL, "CLASS|ADDR",
	 "established, syn, udp, other, fragment, connection, flow, odd-size, all; or a source"},
	{"pps", ARG_TEXT, 0, "N", "packets/s; none: no limit; default: all of it as it was"},
	{"burst", ARG_TEXT, 0, "N", "packets at once"},
	{"bps", ARG_TEXT, 0, "RATE", "bit/s, as 10M; none: no limit"},
	{"bytes", ARG_TEXT, 0, "SIZE", "bytes at once, as 64k"},
	{"prefix", ARG_FLAG, 0, NULL, "of its prefix: IPv4 /24, IPv6 /48"},
	{"tier", ARG_TEXT, 0, "N", "0 to 7; 0 is everybody's"},
	{"port", ARG_TEXT, 0, "PORT/PROTO|other", "of a service, over all sources"},
	{"slow", ARG_TEXT, 0, "X", "divide the limits of the source by this"},
	{"for", ARG_DURATION, 0, "DURATION", "for so long; else for good"},
	{0},
};

const struct command cmd_rate = {
	.name = "rate",
	.flags = CMD_VERB,
	.args = rate_args,
	.summary = "show and set what sources and services may send",
	.help = "Each source (IPv4 address, IPv6 /64) and its prefix (/24, /48) has a meter for "
		"each class of packets, so that a flood of one kind leaves its others alone. What "
		"is above a limit is dropped while the guard enforces (guard.mode) or where "
		"`strazhctl set rate.mode enforce` says so, and counted only where that says "
		"observe, or the guard does not enforce. Before a packet of an established "
		"connection is dropped, the kernel is "
		"asked whether it has that connection; it then has a meter of its own, class "
		"flow.\n"
		"rate show [CLASS] [--tier N | --port PORT/PROTO]: the limits.\n"
		"rate set CLASS [--prefix] [--tier N]: of each source, or of its prefix. With "
		"--port, of a protected service over all sources; other: of all that is no "
		"service, which the guard sets where you do not.\n"
		"rate source ADDR --tier N, or --slow X: one source has other limits. rate forget "
		"ADDR takes that back.",
	.prepare = prepare,
	.run = run_rate,
	.view = &view_rate,
};

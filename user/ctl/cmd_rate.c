/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* rate: what sources and services may send. */
#include <user/ctl/cmd.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <user/base/clock.h>
#include <user/ctl/client.h>
#include <user/ctl/journal.h>
#include <user/ctl/ports.h>
#include <user/ctl/request.h>
#include <user/ctl/view.h>
#include <user/gate/limits.h>
#include <user/gate/reput.h>
#include <user/gate/services.h>
#include <user/gate/stats.h>

#define SLOW_MOST 4095.0 /* of an entry's 16 bits, in sixteenths */
#define NAME_LEN 60

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

static int take_tier(struct request *request, uint32_t *ret_tier)
{
	const char *text = request_text(request, "tier");

	if (!text)
		return CTL_DONE;
	if (text[0] < '0' || text[0] >= '0' + SZ_TIERS || text[1])
		return request_say(request, CTL_USAGE, "rate: '%.40s' is no tier: 0 to %d", text,
				   SZ_TIERS - 1);
	*ret_tier = (uint32_t)(text[0] - '0');
	return CTL_DONE;
}

static int take_target(struct request *request, struct target *ret_target)
{
	const char *service = request_text(request, "port");
	struct target target;
	int r = take_classes(request, &target);

	if (!r)
		r = take_tier(request, &target.tier);
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
		show_limit(row, "service", limit);
	} else {
		target.place = PLACE_HOST;
		show_limit(row, "host", limit_at(gate, &target, class_));
		target.place = PLACE_NET;
		limit = limit_at(gate, &target, class_);
		usual = standard(gate, &target, class_);
		as_usual = as_usual && limit_equal(limit, &usual);
		show_limit(row, "prefix", limit);
		(void)!json_object_set_new(row, "tier", json_integer((json_int_t)target.tier));
	}
	(void)!json_object_set_new(row, "default", json_boolean(as_usual));
	(void)!json_object_set_new(row, "over", json_integer((json_int_t)stats->tally[tally]));
	return request_row(request, row);
}

static int show_source(void *context, const struct prefix *prefix, const struct sz_reput *reput)
{
	const uint32_t now_s = clock_boot_s();
	char text[PREFIX_TEXT_LEN];

	if (reput_is_over(reput, now_s))
		return 0;
	return request_row(
		context,
		json_pack("{s:s, s:i, s:f, s:o, s:f, s:f}", "source", prefix_format(prefix, text),
			  "tier", (int)reput->tier, "slow",
			  (double)(reput->slow ? reput->slow : SZ_SLOW_ONE) / SZ_SLOW_ONE, "left_s",
			  reput->until_s ? json_integer(reput->until_s - now_s) : json_null(),
			  "score", reput->score / 1000.0, "pressure", reput->pressure / 1000.0));
}

static int run_show(struct request *request)
{
	struct reput_cursor cursor = {0};
	struct target target;
	struct gate_stats stats;
	bool done = false;
	int r = take_target(request, &target);

	if (r)
		return r;
	r = gate_stats_read(request->gate, &stats);
	for (uint32_t i = target.first; i <= target.last && !r; i++)
		r = show_class(request, target, i, &stats);
	while (!r && !done && target.place != PLACE_SERVICE && !request_text(request, "what"))
		r = reput_walk(request->gate, &cursor, UINT32_MAX, show_source, request, &done);
	request_set(request, "enforce",
		    json_boolean(request->gate->settings->flags & SZ_SET_RATE_ENFORCE));
	return r > 0 ? CTL_FAILED : r;
}

/* ---- set ---- */

static void record(struct request *request, const struct target *target, uint32_t class_,
		   const struct sz_limit *limit)
{
	char name[NAME_LEN], text[LIMIT_TEXT_LEN];

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
	}
	for (uint32_t i = target.first; i <= target.last; i++) {
		limit_store(limit_at(request->gate, &target, i), &said[i]);
		record(request, &target, i, &said[i]);
	}
	return request_say(request, CTL_DONE, "%s: set, in force with the next packet%s",
			   request_text(request, "what"),
			   request->gate->settings->flags & SZ_SET_RATE_ENFORCE
				   ? ""
				   : "; rate.mode is observe: what is above only counts");
}

/* ---- source, forget ---- */

static int take_source(struct request *request, struct prefix *ret_prefix)
{
	const char *text = request_text(request, "what");

	if (!text)
		return request_say(request, CTL_USAGE, "rate: want an address or a prefix");
	if (prefix_parse(text, strlen(text), ret_prefix))
		return request_say(request, CTL_USAGE, "rate: '%.60s' is no address and no prefix",
				   text);
	return CTL_DONE;
}

static int take_slow(struct request *request, struct sz_reput *reput)
{
	const char *text = request_text(request, "slow");
	char *end;
	double value;

	if (!text)
		return CTL_DONE;
	value = strtod(text, &end);
	if (*end || text[0] < '0' || text[0] > '9' || !(value >= 0.1 && value <= SLOW_MOST))
		return request_say(request, CTL_USAGE,
				   "rate: '%.40s' is no value for --slow: 0.1 to %.0f; its limits "
				   "are divided by it",
				   text, SLOW_MOST);
	reput->slow = (uint16_t)(value * SZ_SLOW_ONE + 0.5);
	return CTL_DONE;
}

static int reput_code(struct request *request, int r)
{
	if (r == REPUT_LENGTH)
		return request_say(request, CTL_USAGE, "rate: %s", gate_error());
	if (r == REPUT_FULL)
		return request_say(request, CTL_FULL, "rate: %s", gate_error());
	return r;
}

static int run_source(struct request *request)
{
	const uint32_t now_s = clock_boot_s();
	const uint64_t seconds = request_seconds(request, "for");
	struct sz_reput reput = {
		.slow = SZ_SLOW_ONE,
		.origin = SZ_ORIGIN_OPERATOR,
		.first_s = now_s,
		.last_s = now_s,
		.until_s = seconds ? now_s + (uint32_t)seconds : 0,
	};
	char text[PREFIX_TEXT_LEN];
	struct prefix prefix, key;
	uint32_t tier = 0;
	int r = take_source(request, &prefix);

	if (!r)
		r = take_tier(request, &tier);
	if (!r)
		r = take_slow(request, &reput);
	if (r)
		return r;
	if (!request_text(request, "tier") && !request_text(request, "slow"))
		return request_say(request, CTL_USAGE, "rate source: want --tier or --slow");
	reput.tier = (uint8_t)tier;
	r = reput_key(&prefix, &key);
	if (!r)
		r = reput_put(request->gate, &key, &reput);
	if (r)
		return reput_code(request, r);
	return request_say(request, CTL_DONE, "%s: tier %u, limits divided by %g%s",
			   prefix_format(&key, text), tier, (double)reput.slow / SZ_SLOW_ONE,
			   key.len != prefix.len ? "; a host of IPv6 is its /64" : "");
}

static int run_forget(struct request *request)
{
	char text[PREFIX_TEXT_LEN];
	struct prefix prefix;
	int r = take_source(request, &prefix);

	if (r)
		return r;
	r = reput_drop(request->gate, &prefix);
	if (r == REPUT_ABSENT)
		return request_say(request, CTL_NOT_FOUND, "%s has no limits of its own",
				   prefix_format(&prefix, text));
	if (r)
		return reput_code(request, r);
	return request_say(request, CTL_DONE, "%s has the limits that everybody has",
			   prefix_format(&prefix, text));
}

/* ---- the command ---- */

static int run_rate(struct request *request)
{
	const char *verb = request_text(request, "verb");

	if (strcmp(verb, "show") == 0)
		return run_show(request);
	if (strcmp(verb, "set") == 0)
		return run_set(request);
	return strcmp(verb, "source") == 0 ? run_source(request) : run_forget(request);
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
		"is above a limit is dropped where `set rate.mode enforce` says so, else counted. "
		"Before a packet of an established connection is dropped, the kernel is asked "
		"whether it has that connection; it then has a meter of its own, class flow.\n"
		"rate source ADDR --tier N, or --slow X: one source has other limits. rate forget "
		"ADDR takes that back.",
	.prepare = prepare,
	.run = run_rate,
	.view = &view_rate,
};

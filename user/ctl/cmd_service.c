/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* service: which ports are protected, and how. Sizes: cmd_profile.c; limits: rate. */
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
#include <user/gate/kerneltcp.h>
#include <user/gate/profile.h>
#include <user/gate/services.h>

#define PPS_MAX 1000000000UL
#define WSCALE_MOST 14UL
#define MSS_LEAST 64UL
#define MSS_MOST 65495UL

static const char *const cookie_words[] = {
	[SZ_COOKIES_OFF] = "off",
	[SZ_COOKIES_AUTO] = "auto",
	[SZ_COOKIES_ALWAYS] = "always",
};

/* ---- add ---- */

/* A number with `tail` allowed behind it. CTL_DONE with *ret untouched where it is not given. */
static int take_number(struct request *request, const char *key, const char *tail,
		       unsigned long least, unsigned long most, unsigned long *ret)
{
	const char *text = request_text(request, key);
	unsigned long number = 0;
	char *end = NULL;

	if (!text)
		return CTL_DONE;
	errno = 0;
	if (text[0] >= '0' && text[0] <= '9')
		number = strtoul(text, &end, 10);
	if (!end || errno || (*end && strcmp(end, tail) != 0) || number < least || number > most)
		return request_say(request, CTL_USAGE,
				   "service: '%.40s' is no value for --%s: a number, %lu to %lu",
				   text, key, least, most);
	*ret = number;
	return CTL_DONE;
}

static int take_numbers(struct request *request, struct sz_service *config)
{
	unsigned long pps = 0, mss = config->mss;
	unsigned long wscale = config->wscale_plus ? config->wscale_plus - 1U : WSCALE_MOST + 1;
	int r = take_number(request, "syn-pressure", "/s", 1, PPS_MAX, &pps);

	if (!r)
		r = take_number(request, "wscale", "", 0, WSCALE_MOST, &wscale);
	if (!r)
		r = take_number(request, "mss", "", MSS_LEAST, MSS_MOST, &mss);
	if (r)
		return r;
	if (pps)
		service_pps(&config->limit[SZ_RATE_SYN], (uint32_t)pps, SZ_COOKIE_BURST_NS);
	config->wscale_plus = wscale > WSCALE_MOST ? 0 : (uint8_t)(wscale + 1);
	config->mss = (uint16_t)mss;
	return CTL_DONE;
}

static void set_flag(struct sz_service *config, uint8_t flag, bool on)
{
	config->flags = (uint8_t)(on ? config->flags | flag : config->flags & ~flag);
}

static bool is_word(const struct request *request, const char *key, const char *word)
{
	const char *text = request_text(request, key);

	return text && strcmp(text, word) == 0;
}

/* TCP's options make no sense elsewhere, nor cookies without the listener at hand. */
static int check_kind(struct request *request, const struct sz_service *config)
{
	static const char *const of_tcp[] = {"cookies", "syn-pressure", "wscale", "mss"};

	for (size_t i = 0; i < ARRAY_LEN(of_tcp); i++)
		if (config->proto != SERVICE_TCP && request_text(request, of_tcp[i]))
			return request_say(request, CTL_USAGE,
					   "service: --%s is for services of tcp", of_tcp[i]);
	if (!(config->flags & SZ_SERVICE_LOCAL) &&
	    (is_word(request, "cookies", "auto") || is_word(request, "cookies", "always")))
		return request_say(request, CTL_USAGE,
				   "service: --cookies wants the listening socket on this machine: "
				   "not with --forwarded");
	return CTL_DONE;
}

static int take_options(struct request *request, struct sz_service *config)
{
	int r = check_kind(request, config);

	if (!r)
		r = take_numbers(request, config);
	if (r)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(cookie_words); i++)
		if (is_word(request, "cookies", cookie_words[i]))
			config->cookies = (uint8_t)i;
	if (request_text(request, "fragments"))
		set_flag(config, SZ_SERVICE_NO_FRAGMENTS, is_word(request, "fragments", "drop"));
	if (request_text(request, "odd"))
		set_flag(config, SZ_SERVICE_SIZE_ENFORCE, is_word(request, "odd", "enforce"));
	return CTL_DONE;
}

/* What the kernel's settings do to cookies: see kerneltcp.h. */
static void warn_kernel(struct request *request, const struct kernel_tcp *tcp)
{
	const char *full = "", *plain = "";

	if (tcp->syncookies == 1)
		full = "net.ipv4.tcp_syncookies is 1: cookies go out only while the listener's own "
		       "SYN queue is full, with 2 at once";
	if (tcp->timestamps == 1)
		plain = "tcp_timestamps is 1: they carry no window scale and no SACK; sysctl -w "
			"net.ipv4.tcp_timestamps=2 gives both";
	if (full[0] || plain[0])
		request_warn(request, "%s%s%s", full, full[0] && plain[0] ? "; " : "", plain);
}

/* Refuses what cannot work and was asked for. */
static int check_kernel(struct request *request, struct sz_service *config)
{
	struct kernel_tcp tcp;

	(void)kernel_tcp_refresh(request->gate, &tcp);
	if (config->cookies == SZ_COOKIES_OFF)
		return CTL_DONE;
	if (tcp.syncookies) {
		warn_kernel(request, &tcp);
		return CTL_DONE;
	}
	if (request_text(request, "cookies"))
		return request_say(request, CTL_REFUSED,
				   "service: no cookies: net.ipv4.tcp_syncookies is 0, and so the "
				   "kernel accepts none; `sysctl -w net.ipv4.tcp_syncookies=1`, "
				   "then again");
	config->cookies = SZ_COOKIES_OFF;
	request_warn(request,
		     "cookies are off: net.ipv4.tcp_syncookies is 0, the kernel accepts none");
	return CTL_DONE;
}

static int put(struct request *request, const struct sz_service *config, bool fresh)
{
	char text[PORT_TEXT_LEN];
	uint32_t index;
	int r = service_put(request->gate, config, &index);

	if (r == SERVICE_FULL)
		return request_say(request, CTL_FULL, "service: %s", gate_error());
	if (r)
		return r;
	request_act(request, journal_service(request->gate, config));
	return request_say(request, CTL_DONE, "%s is %s; SYN cookies: %s",
			   port_format(config->proto, config->port, text),
			   fresh ? "protected" : "changed", cookie_words[config->cookies]);
}

/* What is not named stays as it is where the service is there, else it is as by default. */
static int run_add(struct request *request)
{
	const bool forwarded = request_flag(request, "forwarded");
	struct sz_service config;
	uint32_t index;
	uint8_t proto;
	uint16_t port;
	bool fresh;
	int r = request_port(request, &proto, &port);

	if (r)
		return r;
	(void)services_mend(request->gate);
	fresh = service_find(request->gate, proto, port, &index);
	config = fresh ? service_standard(proto, port, !forwarded) : request->gate->services[index];
	config.flags &= (uint8_t)~SZ_SERVICE_GUARD;
	if (forwarded)
		service_forward(&config);
	r = take_options(request, &config);
	if (!r)
		r = check_kernel(request, &config);
	return r ? r : put(request, &config, fresh);
}

/* ---- remove ---- */

static int run_remove(struct request *request)
{
	char text[PORT_TEXT_LEN];
	struct sz_service was;
	uint32_t index;
	int r = request_service(request, &index);

	if (r)
		return r;
	was = request->gate->services[index];
	r = service_remove(request->gate, was.proto, was.port);
	if (r)
		return request_fail(request, r);
	port_format(was.proto, was.port, text);
	request_act(request, journal_other(request->gate, "service-remove", "service", text));
	return request_say(request, CTL_DONE, "%s is no longer protected", text);
}

/* ---- list ---- */

static json_t *wall_or_null(uint32_t boot_s)
{
	return boot_s ? json_integer((json_int_t)clock_wall_of(boot_s)) : json_null();
}

static int show(struct request *request, uint32_t index)
{
	const struct sz_service at = request->gate->services[index];
	struct sz_size sizes;
	char text[PORT_TEXT_LEN], state[PROFILE_STATE_LEN];
	uint64_t since_s = 0;
	bool on = service_cookies_on(request->gate, index, &since_s);
	int r = profile_sizes(request->gate, index, &sizes);
	json_t *row;

	if (r)
		return r;
	row = json_pack(
		"{s:s, s:i, s:s, s:b, s:o, s:I, s:s, s:b, s:b, s:o, s:o, s:s, s:s, s:I, s:I, s:o}",
		"service", port_format(at.proto, at.port, text), "index", (int)index, "cookies",
		cookie_words[at.cookies < ARRAY_LEN(cookie_words) ? at.cookies : 0], "cookies_on",
		(int)on, "cookies_since", on ? json_integer((json_int_t)since_s) : json_null(),
		"syn_pressure", (json_int_t)service_syn_pressure(&at), "fragments",
		at.flags & SZ_SERVICE_NO_FRAGMENTS ? "drop" : "pass", "local",
		(int)!!(at.flags & SZ_SERVICE_LOCAL), "guard", (int)!!(at.flags & SZ_SERVICE_GUARD),
		"wscale", at.wscale_plus ? json_integer(at.wscale_plus - 1) : json_null(), "mss",
		at.mss ? json_integer(at.mss) : json_null(), "profile",
		profile_state(&at, clock_boot_s(), state), "odd",
		at.flags & SZ_SERVICE_SIZE_ENFORCE ? "enforce" : "observe", "odd_packets",
		(json_int_t)profile_sum(sizes.odd), "odd_over", (json_int_t)profile_sum(sizes.over),
		"alarm", wall_or_null(at.alarm_s));
	return request_row(request, row);
}

static int run_list(struct request *request)
{
	const char *text = request_text(request, "port");
	uint32_t only = 0, shown = 0;
	int r = text ? request_service(request, &only) : CTL_DONE;

	if (r)
		return r;
	for (uint32_t i = 1; i < SZ_SERVICES; i++) {
		if (!service_used(request->gate, i) || (only && i != only))
			continue;
		r = show(request, i);
		if (r)
			return r < 0 ? r : CTL_FAILED;
		shown++;
	}
	if (shown)
		return CTL_DONE;
	return request_say(request, CTL_DONE,
			   "no protected services: `strazhctl service add 443/tcp` makes one");
}

/* ---- the command ---- */

static int prepare(struct client *client, json_t *args, bool *ret_stop)
{
	(void)client;
	*ret_stop = false;
	port_resolve(args, "port");
	return CTL_DONE;
}

static int run_service(struct request *request)
{
	if (is_word(request, "verb", "add"))
		return run_add(request);
	return is_word(request, "verb", "remove") ? run_remove(request) : run_list(request);
}

static const struct arg service_args[] = {
	{"verb", ARG_CHOICE, ARG_POSITIONAL | ARG_REQUIRED, "add|list|remove", "what to do"},
	{"port", ARG_TEXT, ARG_POSITIONAL, "PORT/PROTO", "443/tcp, 53/udp, https/tcp"},
	{"cookies", ARG_CHOICE, 0, "off|auto|always",
	 "SYN cookies: never, under pressure (default for tcp), for every SYN"},
	{"syn-pressure", ARG_TEXT, 0, "N/s", "SYNs over all sources that turn cookies on (1000/s)"},
	{"wscale", ARG_TEXT, 0, "N", "window scale of its sockets (by the sysctls)"},
	{"mss", ARG_TEXT, 0, "N", "largest segment it wants (by the MTU)"},
	{"fragments", ARG_CHOICE, 0, "pass|drop", "fragments for it (pass)"},
	{"odd", ARG_CHOICE, 0, "observe|enforce", "sizes outside its profile (observe)"},
	{"forwarded", ARG_FLAG, 0, NULL, "its sockets are on another machine behind this one"},
	{0},
};

const struct command cmd_service = {
	.name = "service",
	.flags = CMD_VERB,
	.args = service_args,
	.summary = "protect a port: SYN cookies, limits over all sources, sizes",
	.help = "add makes a port a protected service, or changes what is named of one that is "
		"there. A new one gets SYN cookies above 1,000 SYN/s, and above 100,000 other TCP "
		"packets/s the kernel is asked whether it has their connections. While the guard "
		"enforces it does the same, and stricter, for the ports of the secured server by "
		"itself; what is said of such a port makes it yours; one that is "
		"removed comes back.\nlist shows them: "
		"whether cookies are on now, and since when.",
	.prepare = prepare,
	.run = run_service,
	.view = &view_service,
};

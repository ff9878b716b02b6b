/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* profile: which sizes of packets a protected service usually gets. */
#include <user/ctl/cmd.h>

#include <stdio.h>
#include <string.h>

#include <user/base/clock.h>
#include <user/ctl/journal.h>
#include <user/ctl/ports.h>
#include <user/ctl/request.h>
#include <user/ctl/view.h>
#include <user/gate/profile.h>
#include <user/gate/services.h>

#define HEADS (1U << 4 | 1U << 5) /* bins of TCP's 20 to 60 bytes of header */
#define LEARN_MOST_S (7U * 86400U)

static const char *name_of(const struct request *request, uint32_t index, char text[PORT_TEXT_LEN])
{
	const struct sz_service *at = &request->gate->services[index];

	return port_format(at->proto, at->port, text);
}

static void journal(struct request *request, uint32_t index)
{
	service_keep(request->gate, index, 0); /* also where the guard had made it */
	request_act(request, journal_service(request->gate, &request->gate->services[index]));
}

/* ---- learn ---- */

static int run_learn(struct request *request, uint32_t index)
{
	uint64_t for_s = request_seconds(request, "for");
	char text[PORT_TEXT_LEN], time[DURATION_TEXT_LEN];
	int r;

	if (for_s > LEARN_MOST_S)
		return request_say(request, CTL_USAGE,
				   "profile: a window of learning is at most 7d long");
	for_s = for_s ? for_s : PROFILE_LEARN_S;
	r = profile_learn(request->gate, index, (uint32_t)for_s);
	if (r)
		return request_fail(request, r);
	if (!request->host->daemon)
		request_warn(request, "no strazhd runs: `profile show` ends the learning, and "
				      "nobody watches for drift");
	return request_say(request, CTL_DONE,
			   "%s: learning from what passes in the next %s, at least %u packets",
			   name_of(request, index, text), duration_format(for_s, time),
			   PROFILE_PACKETS_MIN);
}

/* ---- set ---- */

static int take_usual(struct request *request, uint32_t *ret_usual)
{
	const char *sizes = request_text(request, "sizes"), *bins = request_text(request, "bins");
	const bool none = request_flag(request, "none");
	char why[PROFILE_WHY_LEN];

	if (!sizes + !bins + !none != 2)
		return request_say(
			request, CTL_USAGE,
			"profile: set wants one of --sizes 20-1480, --bins 4-10, --none");
	*ret_usual = 0;
	if (!none && profile_parse(sizes ? sizes : bins, bins != NULL, ret_usual, why))
		return request_say(request, CTL_USAGE, "profile: %s", why);
	return CTL_DONE;
}

static void set_odd(struct sz_service *at, const char *odd)
{
	const bool on = strcmp(odd, "enforce") == 0;

	*(volatile __u8 *)&at->flags = (__u8)(on ? at->flags | SZ_SERVICE_SIZE_ENFORCE
						 : at->flags & ~SZ_SERVICE_SIZE_ENFORCE);
}

static int run_set(struct request *request, uint32_t index)
{
	struct sz_service *at = &request->gate->services[index];
	const char *odd = request_text(request, "odd");
	const bool sizes = request_text(request, "sizes") || request_text(request, "bins") ||
			   request_flag(request, "none");
	char text[PORT_TEXT_LEN], state[PROFILE_STATE_LEN];
	uint32_t usual = 0;
	int r = sizes || !odd ? take_usual(request, &usual) : CTL_DONE;

	if (r)
		return r;
	if (odd)
		set_odd(at, odd);
	if (sizes)
		profile_set(request->gate, index, usual);
	if (at->proto == SERVICE_TCP && usual && (usual & HEADS) != HEADS)
		request_warn(request, "TCP packets without data (SYN, ACK, FIN) have 20 to 60 "
				      "bytes: they are odd now");
	journal(request, index);
	return request_say(request, CTL_DONE, "%s: profile %s, odd sizes %s",
			   name_of(request, index, text), profile_state(at, clock_boot_s(), state),
			   at->flags & SZ_SERVICE_SIZE_ENFORCE ? "above the limit are dropped"
							       : "are counted");
}

/* ---- show ---- */

static json_t *or_null(uint64_t number)
{
	return number ? json_integer((json_int_t)number) : json_null();
}

static int show_head(struct request *request, const struct sz_service *at,
		     const struct sz_size *sizes)
{
	const uint32_t now_s = clock_boot_s();
	char text[PORT_TEXT_LEN], state[PROFILE_STATE_LEN];

	return request_row(
		request,
		json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:I}", "service",
			  port_format(at->proto, at->port, text), "profile",
			  profile_state(at, now_s, state), "odd",
			  at->flags & SZ_SERVICE_SIZE_ENFORCE ? "enforce" : "observe", "learned",
			  or_null(at->profile_s), "alarm",
			  or_null(at->alarm_s ? clock_wall_of(at->alarm_s) : 0), "learning_left_s",
			  at->learn_until_s
				  ? json_integer((json_int_t)clock_left(at->learn_until_s))
				  : json_null(),
			  "packets", (json_int_t)profile_sum(sizes->bin), "packets_wanted",
			  (json_int_t)PROFILE_PACKETS_MIN, "odd_packets",
			  (json_int_t)profile_sum(sizes->odd), "odd_over",
			  (json_int_t)profile_sum(sizes->over)));
}

static int show_bin(struct request *request, const struct sz_service *at,
		    const struct sz_size *sizes, int bin)
{
	return request_row(request, json_pack("{s:i, s:i, s:i, s:b, s:I, s:I, s:I}", "bin", bin,
					      "from", bin ? 1 << bin : 0, "to", (2 << bin) - 1,
					      "usual", (int)(at->size_usual >> bin & 1), "packets",
					      (json_int_t)sizes->bin[bin], "odd",
					      (json_int_t)sizes->odd[bin], "over",
					      (json_int_t)sizes->over[bin]));
}

/* Learning whose time is over is ended by whoever looks and may write. */
static int end_learning(struct request *request, uint32_t index)
{
	enum profile_news news = PROFILE_NOTHING;
	char time[DURATION_TEXT_LEN];
	int r;

	if (request->gate->lock_fd < 0 ||
	    !profile_is_due(&request->gate->services[index], clock_boot_s()))
		return 0;
	r = profile_tick(request->gate, index, PROFILE_WINDOW_S, &news);
	if (!r && news == PROFILE_LEARNED)
		journal(request, index);
	if (!r && news == PROFILE_EXTENDED)
		request_warn(
			request, "too few packets to learn from: learning goes on for %s",
			duration_format(clock_left(request->gate->services[index].learn_until_s),
					time));
	return r;
}

static int run_show(struct request *request, uint32_t index)
{
	int r = end_learning(request, index);
	struct sz_service at;
	struct sz_size sizes;

	if (!r)
		r = profile_sizes(request->gate, index, &sizes);
	if (r)
		return request_fail(request, r);
	at = request->gate->services[index];
	r = show_head(request, &at, &sizes);
	for (int i = 0; i < SZ_SIZE_BINS && !r; i++)
		r = show_bin(request, &at, &sizes, i);
	return r ? CTL_FAILED : CTL_DONE;
}

/* ---- the command ---- */

static int prepare(struct client *client, json_t *args, bool *ret_stop)
{
	(void)client;
	*ret_stop = false;
	port_resolve(args, "port");
	return CTL_DONE;
}

static int run_profile(struct request *request)
{
	const char *verb = request_text(request, "verb");
	uint32_t index;
	int r = request_service(request, &index);

	if (r)
		return r;
	if (strcmp(verb, "learn") == 0)
		return run_learn(request, index);
	return strcmp(verb, "set") == 0 ? run_set(request, index) : run_show(request, index);
}

static const struct arg profile_args[] = {
	{"verb", ARG_CHOICE, ARG_POSITIONAL | ARG_REQUIRED, "learn|show|set", "what to do"},
	{"port", ARG_TEXT, ARG_POSITIONAL | ARG_REQUIRED, "PORT/PROTO", "a protected service"},
	{"for", ARG_DURATION, 0, "10m", "learn: how long; 10m without it"},
	{"sizes", ARG_TEXT, 0, "20-1480", "set: usual lengths, header and data, in bytes"},
	{"bins", ARG_TEXT, 0, "4-10", "set: the same in powers of two"},
	{"none", ARG_FLAG, 0, NULL, "set: no profile, every size is usual"},
	{"odd", ARG_CHOICE, 0, "observe|enforce", "set: are odd sizes above the limit dropped?"},
	{0},
};

const struct command cmd_profile = {
	.name = "profile",
	.flags = CMD_VERB | CMD_TIDY,
	.args = profile_args,
	.summary = "sizes of packets that a service usually gets",
	.help = "learn counts the lengths of what passes for a while; then those that were seen "
		"are usual, and others odd. set says it by hand.\nEach source may send odd sizes "
		"up to its limit (`rate show`); above it they are dropped where both `--odd "
		"enforce` and `set rate.mode enforce` say so.\nstrazhd watches: when many sources "
		"send odd sizes within their limits it raises an alarm and widens what was "
		"learned; what was set by hand stays.",
	.prepare = prepare,
	.run = run_profile,
	.view = &view_profile,
};

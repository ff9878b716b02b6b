/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* attach, confirm, detach, replace. */
#include <user/ctl/cmd.h>

#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/ctl/client.h>
#include <user/ctl/journal.h>
#include <user/ctl/lease.h>
#include <user/ctl/request.h>
#include <user/ctl/ssh.h>
#include <user/gate/attach.h>
#include <user/gate/kerneltcp.h>
#include <user/gate/never.h>

static int no_interface(struct request *request, const char *ifname)
{
	struct if_nameindex *names = if_nameindex();
	char there[200] = "";
	size_t at = 0;

	for (size_t i = 0; names && names[i].if_index && at < sizeof(there); i++)
		at += (size_t)snprintf(there + at, sizeof(there) - at, "%s%s", at ? ", " : "",
				       names[i].if_name);
	if (names)
		if_freenameindex(names);
	return request_say(request, CTL_NOT_FOUND,
			   "%s: there is no interface '%.40s'; there are: %s",
			   request->command->name, ifname, there);
}

/* What attach_*() returned: its conditions are ATTACH_*, gate_error() has the words. */
static int say_attach(struct request *request, int r)
{
	static const int codes[] = {
		[ATTACH_NO_SUCH_IF] = CTL_NOT_FOUND, [ATTACH_LOOPBACK] = CTL_REFUSED,
		[ATTACH_OCCUPIED] = CTL_REFUSED,     [ATTACH_NO_NATIVE] = CTL_UNSUPPORTED,
		[ATTACH_ALREADY] = CTL_REFUSED,	     [ATTACH_NOT_THERE] = CTL_NOT_FOUND,
		[ATTACH_OTHER_LAYOUT] = CTL_REFUSED, [ATTACH_NO_ROOM] = CTL_FULL,
	};

	if (r <= 0 || (size_t)r >= ARRAY_LEN(codes))
		return request_fail(request, r);
	return request_say(request, codes[r], "%s: %s%s", request->command->name, gate_error(),
			   r == ATTACH_NO_NATIVE ? "; --mode generic puts the gate behind it" : "");
}

/* ---- attach ---- */

static enum attach_mode wanted_mode(const struct request *request)
{
	const char *mode = request_text(request, "mode");

	if (mode && strcmp(mode, "native") == 0)
		return ATTACH_NATIVE;
	return mode && strcmp(mode, "generic") == 0 ? ATTACH_GENERIC : ATTACH_AUTO;
}

static const char *mode_word(enum attach_mode mode)
{
	return mode == ATTACH_GENERIC ? "generic" : "native";
}

static int lease_taken(struct request *request, uint32_t ifindex)
{
	uint32_t pending, until_s;
	char name[IF_NAMESIZE] = "another", left[DURATION_TEXT_LEN];

	if (!lease_get(request->gate, &pending, &until_s) || pending == ifindex)
		return CTL_DONE;
	if_indextoname(pending, name);
	return request_say(request, CTL_REFUSED,
			   "attach: '%s' waits for `strazhctl confirm` already (%s left); one at a "
			   "time",
			   name, duration_format(clock_left(until_s), left));
}

static int attach_done(struct request *request, uint32_t ifindex, uint64_t confirm_s)
{
	struct attachment one;
	char text[DURATION_TEXT_LEN];
	const bool observe = request->gate->settings->flags & SZ_SET_OBSERVE;
	int r = attach_query(request->gate, ifindex, &one);

	if (r)
		return say_attach(request, r);
	if (request->host->on_attached)
		request->host->on_attached(request->host->context, one.ifname,
					   wanted_mode(request));
	request_act(request, journal_other(request->gate, "attach", "interface", one.ifname));
	request_set(request, "interface", json_string(one.ifname));
	request_set(request, "mode", json_string(mode_word(one.mode)));
	(void)request_say(request, CTL_DONE, "%s: attached, %s mode, %s", one.ifname,
			  one.mode == ATTACH_GENERIC ? "generic" : "native",
			  observe ? "observing" : "enforcing");
	if (confirm_s) {
		size_t at = strlen(request->message);

		(void)snprintf(request->message + at, sizeof(request->message) - at,
			       "; detached again in %s unless you say `strazhctl confirm`",
			       duration_format(confirm_s, text));
	}
	return CTL_DONE;
}

static int attach_now(struct request *request, uint32_t ifindex, uint64_t confirm_s)
{
	struct gate *gate = request->gate;
	uint32_t until_s = 0;
	int r;

	if (confirm_s) {
		until_s = clock_until(confirm_s);
		lease_begin(gate, ifindex, until_s);
	}
	r = attach_add(gate, ifindex, wanted_mode(request));
	if (r) {
		if (confirm_s)
			lease_end(gate);
		return say_attach(request, r);
	}
	if (confirm_s && request->host->on_lease)
		request->host->on_lease(request->host->context, until_s);
	return attach_done(request, ifindex, confirm_s);
}

/* It is there; *ret_code when that is all there is to say. */
static bool already(struct request *request, const struct attachment *one, uint64_t confirm_s,
		    int *ret_code)
{
	const enum attach_mode wanted = wanted_mode(request);

	if (wanted != ATTACH_AUTO && wanted != one->mode) {
		*ret_code = request_say(request, CTL_REFUSED,
					"attach: '%s' carries the gate in %s mode already; "
					"`strazhctl detach %s` first, then it can be attached %s",
					one->ifname, mode_word(one->mode), one->ifname,
					mode_word(wanted));
		return true;
	}
	if (!one->current)
		return false;
	*ret_code = request_say(request, CTL_DONE, "%s: attached already, %s mode%s", one->ifname,
				mode_word(one->mode), confirm_s ? "; nothing to confirm" : "");
	return true;
}

static int run_attach(struct request *request)
{
	const char *ifname = request_text(request, "interface");
	uint64_t confirm_s = request_seconds(request, "confirm");
	uint32_t ifindex = if_nametoindex(ifname), added, removed;
	struct attachment one;
	int r;

	if (!ifindex)
		return no_interface(request, ifname);
	r = confirm_s ? lease_taken(request, ifindex) : CTL_DONE;
	if (r)
		return r;
	r = attach_query(request->gate, ifindex, &one);
	if (r)
		return say_attach(request, r);
	if (one.owner == ATTACH_OURS && already(request, &one, confirm_s, &r))
		return r;
	(void)kernel_tcp_refresh(request->gate, NULL);
	r = never_refresh(request->gate, &added, &removed);
	if (r)
		return request_fail(request, r);
	ssh_protect(request);
	if (one.owner == ATTACH_OURS) {
		r = attach_replace(request->gate, ifindex);
		return r ? say_attach(request, r) : attach_done(request, ifindex, 0);
	}
	return attach_now(request, ifindex, confirm_s);
}

static const struct arg attach_args[] = {
	{"interface", ARG_TEXT, ARG_POSITIONAL | ARG_REQUIRED, "IFACE", "the interface to protect"},
	{"mode", ARG_CHOICE, 0, "native|generic|auto",
	 "in the driver, behind it, or the first that works (default)"},
	{"confirm", ARG_DURATION, 0, "60s", "detach again after this time unless confirmed"},
	{"ssh", ARG_PREFIX, ARG_INTERNAL, "ADDR", "peer of the operator's SSH session"},
	{0},
};

const struct command cmd_attach = {
	.name = "attach",
	.flags = CMD_CREATE | CMD_SSH,
	.args = attach_args,
	.summary = "put the gate on an interface",
	.help = "Loads the gate where there is none and attaches it. Beside other programs under "
		"libxdp's dispatcher where the kernel can do that, else alone. A gate that `ip` or "
		"xdp-loader attached is adopted with its lists.\n"
		"With --confirm the attachment takes itself back when `strazhctl confirm` does not "
		"come in time: use it over SSH. The peer of your SSH session is protected for "
		"twelve hours either way.",
	.prepare = ssh_prepare,
	.run = run_attach,
};

/* ---- confirm ---- */

static int run_confirm(struct request *request)
{
	uint32_t ifindex, until_s;
	char name[IF_NAMESIZE] = "interface";

	if (!lease_get(request->gate, &ifindex, &until_s))
		return request_say(request, CTL_NOT_FOUND,
				   "confirm: nothing waits to be confirmed");
	if_indextoname(ifindex, name);
	if (clock_boot_s() >= until_s)
		return request_say(request, CTL_FAILED,
				   "confirm: too late for '%s', its time is up: it is being "
				   "detached. Attach it again",
				   name);
	lease_end(request->gate);
	return request_say(request, CTL_DONE, "%s: confirmed, stays attached", name);
}

static const struct arg no_args[] = {{0}};

const struct command cmd_confirm = {
	.name = "confirm",
	.args = no_args,
	.summary = "keep what `attach --confirm` attached",
	.help = "Without it the gate stops dropping on that interface when the time is up, and is "
		"detached.",
	.run = run_confirm,
};

/* ---- detach ---- */

static void forget(struct request *request, uint32_t ifindex, const char *ifname)
{
	uint32_t pending, until_s;

	if (ifindex && lease_get(request->gate, &pending, &until_s) && pending == ifindex)
		lease_end(request->gate);
	if (request->host->on_detached)
		request->host->on_detached(request->host->context, ifname);
	request_act(request, journal_other(request->gate, "detach", "interface", ifname));
}

static int detach_all(struct request *request)
{
	own_free struct attachment *all = NULL;
	size_t count, done = 0;
	int r = attach_list(request->gate, &all, &count);

	for (size_t i = 0; i < count && !r; i++) {
		if (all[i].owner != ATTACH_OURS)
			continue;
		r = attach_remove(request->gate, all[i].ifindex);
		if (!r) {
			forget(request, all[i].ifindex, all[i].ifname);
			done++;
		}
	}
	if (r)
		return say_attach(request, r);
	return request_say(request, CTL_DONE, "detached from %zu interface%s", done,
			   done == 1 ? "" : "s");
}

static int run_detach(struct request *request)
{
	const char *ifname = request_text(request, "interface");
	const struct host *host = request->host;
	uint32_t ifindex;
	int r;

	if (request_flag(request, "all"))
		return detach_all(request);
	if (!ifname)
		return request_say(request, CTL_USAGE,
				   "detach: which interface? strazhctl detach "
				   "IFACE, or --all");
	ifindex = if_nametoindex(ifname);
	if (!ifindex && host->is_wanted && host->is_wanted(host->context, ifname)) {
		forget(request, 0, ifname);
		return request_say(request, CTL_DONE,
				   "%s: is not there, and will not be attached when it comes back",
				   ifname);
	}
	if (!ifindex)
		return no_interface(request, ifname);
	r = attach_remove(request->gate, ifindex);
	if (r &&
	    !(r == ATTACH_NOT_THERE && host->is_wanted && host->is_wanted(host->context, ifname)))
		return say_attach(request, r);
	forget(request, ifindex, ifname);
	return request_say(request, CTL_DONE, "%s: detached; lists stay loaded", ifname);
}

static const struct arg detach_args[] = {
	{"interface", ARG_TEXT, ARG_POSITIONAL, "IFACE", "the interface to leave alone"},
	{"all", ARG_FLAG, 0, NULL, "every interface"},
	{0},
};

const struct command cmd_detach = {
	.name = "detach",
	.args = detach_args,
	.summary = "take the gate off an interface",
	.help = "Packets pass unfiltered from then on. Lists and counters stay.",
	.run = run_detach,
};

/* ---- replace ---- */

static int run_replace(struct request *request)
{
	const char *ifname = request_text(request, "interface");
	uint32_t ifindex = if_nametoindex(ifname);
	int r;

	if (!ifindex)
		return no_interface(request, ifname);
	r = attach_replace(request->gate, ifindex);
	if (r)
		return say_attach(request, r);
	return request_say(request, CTL_DONE, "%s: program replaced", ifname);
}

static const struct arg replace_args[] = {
	{"interface", ARG_TEXT, ARG_POSITIONAL | ARG_REQUIRED, "IFACE", "where the gate is"},
	{0},
};

const struct command cmd_replace = {
	.name = "replace",
	.args = replace_args,
	.summary = "load the program afresh, no packet unfiltered",
	.help = "strazhd does this by itself after an upgrade. Lists and counters stay.",
	.run = run_replace,
};

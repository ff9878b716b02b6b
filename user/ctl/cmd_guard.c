/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* guard: the load, what it asks for, and what the gate has of that. Works without strazhd, too. */
#include <user/ctl/cmd.h>

#include <math.h>

#include <user/ctl/request.h>
#include <user/ctl/view.h>
#include <user/gate/pace.h>

/* Four digits: what is measured is no better. */
static void set(json_t *row, const char *key, double value)
{
	(void)!json_object_set_new(row, key, json_real(round(value * 1e4) / 1e4));
}

static void count(json_t *row, const char *key, uint64_t value)
{
	(void)!json_object_set_new(row, key, json_integer((json_int_t)value));
}

static int show_guard(struct request *request, const struct host_guard *guard)
{
	const struct host_pace *p = &guard->pace;
	json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:b}", "kind", "guard", "mode",
				guard->mode, "state", guard->state, "why", p->why, "acts",
				(int)p->acts, "cookies", (int)p->cookies, "psi_known",
				(int)p->psi_known, "probes", (int)p->probes);
	const struct {
		const char *key;
		double value;
	} shares[] = {
		{"strain", p->strain},	 {"hostility", p->hostility},
		{"all", p->all},	 {"trusted", p->trusted},
		{"limited", p->limited}, {"admission", p->admission},
		{"psi", p->psi},	 {"psi_cpu", p->psi_cpu},
		{"psi_io", p->psi_io},	 {"psi_memory", p->psi_memory},
		{"loss", p->loss},	 {"delay_ms", p->delay_ms},
		{"slots", p->slots},
	};
	const struct {
		const char *key;
		uint64_t value;
	} counts[] = {
		{"state_s", p->state_s},
		{"changes", p->changes},
		{"puzzle", p->puzzle},
		{"puzzle_now", p->puzzle_now},
		{"passed_pps", p->passed_pps},
		{"lost_pps", p->lost_pps},
		{"half_open", p->half_open},
		{"accept_waiting", p->accept_waiting},
		{"known", guard->known},
		{"limited_now", guard->limited},
		{"banned", guard->banned},
		{"prefixes_banned", guard->prefixes_banned},
		{"undone", guard->undone},
		{"unheard", guard->unheard},
		{"facts", p->facts},
		{"observations", p->observations},
		{"limits", p->limits},
		{"bans", p->bans},
		{"prefix_bans", p->prefix_bans},
		{"lifts", p->lifts},
		{"alarms", p->alarms},
	};

	if (row)
		(void)!json_object_set_new(
			row, "test_mode",
			json_boolean(request->host->test_mode &&
				     request->host->test_mode(request->host->context)));
	for (size_t i = 0; row && i < ARRAY_LEN(shares); i++)
		set(row, shares[i].key, shares[i].value);
	for (size_t i = 0; row && i < ARRAY_LEN(counts); i++)
		count(row, counts[i].key, counts[i].value);
	return request_row(request, row);
}

static int show_none(struct request *request)
{
	return request_row(request,
			   json_pack("{s:s, s:s}", "kind", "no-guard", "why",
				     "strazhd is not running: nobody judges; what is banned stays "
				     "so until its time"));
}

/* As the program reads it: without strazhd it is over in seconds. */
static int show_gate(struct request *request)
{
	struct gate_pace pace;
	bool holds = pace_get(request->gate, &pace);
	json_t *row = json_pack("{s:s, s:b, s:b}", "kind", "gate", "scaled", (int)holds, "cookies",
				(int)((pace.flags & SZ_PACE_COOKIES) != 0));

	if (row) {
		set(row, "all", (double)pace.tiers[0]);
		set(row, "trusted", (double)pace.tiers[1]);
		set(row, "limited", (double)pace.tiers[2]);
	}
	return request_row(request, row);
}

static int run_guard(struct request *request)
{
	const struct host *host = request->host;
	const struct host_guard *guard = host->guard ? host->guard(host->context) : NULL;
	int r = guard ? show_guard(request, guard) : show_none(request);

	if (!r)
		r = show_gate(request);
	return r ? request_fail(request, r) : CTL_DONE;
}

static const struct arg no_args[] = {{0}};

const struct command cmd_guard = {
	.name = "guard",
	.flags = CMD_READ,
	.args = no_args,
	.summary = "show the load, the attack state and what they ask for",
	.help = "The attack state and since when, what was measured (strain, pressure stall, loss, "
		"queueing delay, slots), the shares of limits of each tier and of admission, "
		"puzzles, cookies, what the gate has of that, and what the guard has done so far. "
		"Limits themselves stay as they were set: see strazhctl rate.",
	.run = run_guard,
	.view = &view_guard,
};

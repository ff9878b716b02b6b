/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* status: the whole at a glance. One row a thing; "kind" says which. */
#include <user/ctl/cmd.h>
#include <user/ctl/cmd_feeds.h>

#include <stdio.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/base/machine.h>
#include <user/ctl/lease.h>
#include <user/ctl/names.h>
#include <user/ctl/ports.h>
#include <user/ctl/request.h>
#include <user/ctl/rows.h>
#include <user/ctl/security.h>
#include <user/ctl/settings.h>
#include <user/ctl/view.h>
#include <user/gate/attach.h>
#include <user/gate/profile.h>
#include <user/gate/services.h>
#include <user/gate/stats.h>

static void set(json_t *row, const char *key, json_t *value)
{
	(void)!json_object_set_new(row, key, value);
}

static int show_gate(struct request *request)
{
	const struct host *host = request->host;
	char mode[16] = "";
	const char *rate = sz_rates_drop(request->gate->settings->flags) ? "enforce" : "observe";
	uint64_t bytes;
	json_t *row;

	settings_get(request->gate->settings, "mode", mode, sizeof(mode));
	row = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i}", "kind", "gate", "via",
			host->daemon ? "strazhd" : "direct", "version", STRAZH_VERSION, "mode",
			mode, "rate_mode", rate, "pin_dir", request->gate->pin_dir, "layout",
			SZ_LAYOUT);
	if (!row)
		return -1;
	if (host->daemon) {
		set(row, "pid", json_integer(getpid()));
		set(row, "uptime_s", json_integer((json_int_t)(clock_boot_s() - host->started_s)));
		set(row, "test_mode",
		    json_boolean(host->test_mode && host->test_mode(host->context)));
	}
	if (!gate_memory(request->gate, &bytes))
		set(row, "memory_bytes", json_integer((json_int_t)bytes));
	return request_row(request, row);
}

/* Figures mean little without it. */
static int show_machine(struct request *request)
{
	const struct machine_hints hints = machine_look("");
	const struct machine machine = machine_judge(&hints);

	return request_row(request,
			   json_pack("{s:s, s:s, s:s, s:b, s:b, s:s, s:s}", "kind", "machine",
				     "hypervisor", machine.hypervisor, "seen_by", machine.seen_by,
				     "virtual", (int)machine.virtual, "emulated",
				     (int)machine.emulated, "container", machine.container,
				     "container_seen_by", machine.container_by));
}

static const char *const owner_names[] = {
	[ATTACH_NONE] = "none",
	[ATTACH_OURS] = "ours",
	[ATTACH_FOREIGN] = "foreign",
	[ATTACH_OTHER] = "other",
};

static int show_interface(struct request *request, const struct attachment *one)
{
	uint32_t ifindex, until_s;
	json_t *row;

	if (one->owner == ATTACH_NONE)
		return 0;
	row = json_pack("{s:s, s:s, s:i, s:s, s:s, s:b, s:b, s:i, s:s}", "kind", "interface",
			"interface", one->ifname, "ifindex", (int)one->ifindex, "owner",
			owner_names[one->owner], "mode",
			one->mode == ATTACH_GENERIC ? "generic" : "native", "dispatcher",
			(int)one->dispatcher, "current", (int)one->current, "prog_id",
			(int)one->prog_id, "prog_name", one->prog_name);
	if (row && lease_get(request->gate, &ifindex, &until_s) && ifindex == one->ifindex)
		set(row, "confirm_left_s", json_integer((json_int_t)clock_left(until_s)));
	return request_row(request, row);
}

static int show_interfaces(struct request *request)
{
	own_free struct attachment *all = NULL;
	size_t count = 0;
	int r = attach_list(request->gate, &all, &count);

	for (size_t i = 0; i < count && !r; i++)
		r = show_interface(request, &all[i]);
	return r;
}

/* ---- how full ---- */

struct fill {
	uint64_t live[SZ_TABLES], nets4, nets6, hosts4, hosts6;
	uint64_t lists_off;
	uint32_t now_s;
};

static int count_entry(void *context, const struct entry *entry)
{
	struct fill *fill = context;
	const bool v4 = entry->prefix.family == 4, host = prefix_is_host(&entry->prefix);

	if (entry_own_live(entry, fill->lists_off, fill->now_s))
		fill->live[entry->table]++;
	if (entry->table != SZ_TABLE_DENY)
		return 0;
	fill->hosts4 += v4 && host;
	fill->hosts6 += !v4 && host;
	fill->nets4 += v4 && !host;
	fill->nets6 += !v4 && !host;
	return 0;
}

/* strazhd has counted in its rounds; without it the tables are walked. */
static int count_all(struct request *request, struct fill *fill)
{
	const struct sweep_round *round = request->host->sweep ? sweep_last(request->host->sweep)
							       : NULL;
	int r = 0;

	fill->lists_off = request->gate->settings->lists_off;
	fill->now_s = clock_boot_s();
	if (round && request->gate->hosts_known) {
		for (enum sz_table t = 0; t < SZ_TABLES; t++)
			fill->live[t] = round->entries[t];
		fill->hosts4 = request->gate->hosts[0];
		fill->hosts6 = request->gate->hosts[1];
		return 0;
	}
	for (enum sz_table t = 0; t < SZ_TABLES && !r; t++)
		r = act_walk(request->gate, t, count_entry, fill);
	return r;
}

static int show_table(struct request *request, const char *name, uint64_t entries,
		      uint64_t capacity)
{
	return request_row(request, json_pack("{s:s, s:s, s:I, s:I}", "kind", "table", "table",
					      name, "entries", (json_int_t)entries, "capacity",
					      (json_int_t)capacity));
}

static int show_tables(struct request *request)
{
	const uint32_t *max = request->gate->max;
	struct fill fill = {0};
	int r = count_all(request, &fill);

	if (!r)
		r = show_table(request, "deny hosts IPv4", fill.hosts4, max[GATE_MAP_DHOST4]);
	if (!r)
		r = show_table(request, "deny hosts IPv6", fill.hosts6, max[GATE_MAP_DHOST6]);
	if (!r)
		r = show_table(request, "deny", fill.live[SZ_TABLE_DENY],
			       (uint64_t)max[GATE_MAP_DHOST4] + max[GATE_MAP_DHOST6] +
				       max[GATE_MAP_DNET4] + max[GATE_MAP_DNET6]);
	if (!r)
		r = show_table(request, "allow", fill.live[SZ_TABLE_ALLOW],
			       (uint64_t)max[GATE_MAP_ALLOW4] + max[GATE_MAP_ALLOW6]);
	if (!r)
		r = show_table(request, "never", fill.live[SZ_TABLE_NEVER],
			       (uint64_t)max[GATE_MAP_NEVER4] + max[GATE_MAP_NEVER6]);
	return r;
}

static int show_traffic(struct request *request)
{
	struct gate_stats stats;
	int r = gate_stats_read(request->gate, &stats);

	if (r)
		return r;
	return request_row(request,
			   json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "kind",
				     "traffic", "passed", (json_int_t)stats.passed.packets,
				     "passed_bytes", (json_int_t)stats.passed.bytes, "dropped",
				     (json_int_t)stats.dropped.packets, "dropped_bytes",
				     (json_int_t)stats.dropped.bytes, "answered",
				     (json_int_t)stats.answered.packets, "answered_bytes",
				     (json_int_t)stats.answered.bytes, "observed",
				     (json_int_t)stats.observed.packets, "observed_bytes",
				     (json_int_t)stats.observed.bytes));
}

static int show_service(struct request *request, uint32_t index)
{
	const struct sz_service at = request->gate->services[index];
	char name[PORT_TEXT_LEN], state[PROFILE_STATE_LEN];
	uint64_t since_s = 0;
	bool on = service_cookies_on(request->gate, index, &since_s);
	json_t *row = json_pack("{s:s, s:s, s:b, s:b, s:s}", "kind", "service", "service",
				port_format(at.proto, at.port, name), "cookies_on", (int)on,
				"answering", (int)service_answers(request->gate, index), "profile",
				profile_state(&at, clock_boot_s(), state));

	if (row && on)
		set(row, "cookies_since", json_integer((json_int_t)since_s));
	if (row && at.alarm_s)
		set(row, "alarm", json_integer((json_int_t)clock_wall_of(at.alarm_s)));
	return request_row(request, row);
}

static int show_services(struct request *request)
{
	int r = 0;

	for (uint32_t i = 1; i < SZ_SERVICES && !r; i++)
		if (service_used(request->gate, i))
			r = show_service(request, i);
	return r;
}

static int show_server(struct request *request)
{
	const struct host *host = request->host;
	const struct host_server *server = host->server ? host->server(host->context) : NULL;

	if (!server)
		return 0;
	return request_row(request,
			   json_pack("{s:s, s:b, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s}",
				     "kind", "server", "running", (int)server->running, "text",
				     server->text, "connections", (json_int_t)server->connections,
				     "opened", (json_int_t)server->opened, "refused",
				     (json_int_t)server->refused, "bad", (json_int_t)server->bad,
				     "pool_threads", (json_int_t)server->pool_threads, "pool_jobs",
				     (json_int_t)server->pool_jobs, "pool_full",
				     (json_int_t)server->pool_full, "restarts",
				     (json_int_t)server->restarts, "cause", server->cause));
}

static int show_guard(struct request *request)
{
	const struct host *host = request->host;
	const struct host_guard *guard = host->guard ? host->guard(host->context) : NULL;

	if (!guard)
		return 0;
	return request_row(
		request,
		json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, "
			  "s:f, s:f, s:f, s:b}",
			  "kind", "guard", "mode", guard->mode, "state", guard->state, "known",
			  (json_int_t)guard->known, "limited", (json_int_t)guard->limited, "banned",
			  (json_int_t)guard->banned, "prefixes_banned",
			  (json_int_t)guard->prefixes_banned, "undone", (json_int_t)guard->undone,
			  "lost", (json_int_t)guard->lost, "unheard", (json_int_t)guard->unheard,
			  "acts", (int)guard->pace.acts, "strain", guard->pace.strain, "all",
			  guard->pace.all, "admission", guard->pace.admission, "psi_known",
			  (int)guard->pace.psi_known));
}

/* Only while it holds what the store does not. */
static int show_journal(struct request *request)
{
	const struct host *host = request->host;
	const struct host_memory *memory = host->memory ? host->memory(host->context) : NULL;

	if (!memory || (!memory->journal && !memory->forgotten))
		return 0;
	return request_row(request, json_pack("{s:s, s:I, s:I}", "kind", "journal", "bytes",
					      (json_int_t)memory->journal, "forgotten",
					      (json_int_t)memory->forgotten));
}

static int show_memory(struct request *request)
{
	const struct host *host = request->host;
	const struct host_memory *memory = host->memory ? host->memory(host->context) : NULL;

	if (!memory)
		return 0;
	return request_row(
		request,
		json_pack("{s:s, s:s, s:b, s:b, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
			  "s:s*}",
			  "kind", "store", "url", memory->url, "on", (int)memory->on, "degraded",
			  (int)memory->degraded, "why", memory->why, "since",
			  (json_int_t)memory->since_s, "backlog", (json_int_t)memory->backlog,
			  "backlog_max", (json_int_t)memory->backlog_max, "written",
			  (json_int_t)memory->written, "undone", (json_int_t)memory->undone,
			  "missed", (json_int_t)memory->missed, "late", (json_int_t)memory->late,
			  "sources", (json_int_t)memory->sources, "dropped",
			  (json_int_t)memory->dropped, "moved_why", memory->moved_why));
}

/* Only those that fail: `strazhctl feeds` has them all. */
static int show_feeds(struct request *request)
{
	const struct host *host = request->host;
	size_t count = 0;
	const struct host_feed *feeds = host->feeds ? host->feeds(host->context, &count) : NULL;
	int r = 0;

	for (size_t i = 0; !r && i < count; i++) {
		json_t *row = feeds[i].fault[0] ? feed_row(&feeds[i]) : NULL;

		if (!row)
			continue;
		set(row, "kind", json_string("feed"));
		r = request_row(request, row);
	}
	return r;
}

static int run_status(struct request *request)
{
	int r;

	if (request_flag(request, "security"))
		return security_show(request);
	r = show_gate(request);

	if (!r)
		r = show_machine(request);
	if (!r)
		r = show_interfaces(request);
	if (!r)
		r = show_server(request);
	if (!r)
		r = show_guard(request);
	if (!r)
		r = show_memory(request);
	if (!r)
		r = show_journal(request);
	if (!r)
		r = show_feeds(request);
	if (!r)
		r = show_services(request);
	if (!r)
		r = show_tables(request);
	if (!r)
		r = show_traffic(request);
	return r ? request_fail(request, r) : CTL_DONE;
}

static const struct arg status_args[] = {
	{"security", ARG_FLAG, 0, NULL, "what each process of strazhd may do, as the kernel says"},
	{0},
};

const struct command cmd_status = {
	.name = "status",
	.flags = CMD_READ,
	.args = status_args,
	.summary = "show where the gate is and how it does",
	.help = "Test mode, where it is on; which way strazhctl took, mode, what the machine is "
		"(hypervisor, container), interfaces, the secured server, the guard, services and "
		"whether they answer with SYN cookies now, how full the tables are, packets. "
		"--security: user, capabilities, no_new_privs, seccomp and Landlock of each "
		"process.",
	.run = run_status,
	.view = &view_status,
};

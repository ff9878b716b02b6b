/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Which processes there are, for `strazhctl status --security`. */
#include <user/daemon/keeper.h>

#include <unistd.h>

#include <user/daemon/feeding/feeding.h>
#include <user/daemon/worker/confine.h>

_Static_assert(HOST_CALLS_MAX >= CONFINE_NAMES_MAX, "all of them have room");
_Static_assert(HOST_PROCESSES_MAX >= 3 + FEEDING_RUNNING_MAX, "so have these");

static size_t list_server(const struct secured *s, struct host_process *list)
{
	const bool serves = s->state == SECURED_RUNNING || s->state == SECURED_RELOADING;

	list[0] = (struct host_process){.name = "launcher",
					.does = "starts the worker",
					.pid = s->launcher_watch.fd < 0 ? 0 : s->launcher.pid};
	list[1] = (struct host_process){.name = "worker",
					.does = "talks to clients",
					.pid = s->pid,
					.confined = serves,
					.calls = s->calls,
					.landlock = s->landlock,
					.ports = s->upstream_ports};
	/* It is this program: what it held itself by is our table. */
	if (serves)
		(void)confine_names(s->upstream_ports, list[1].names);
	return 2;
}

size_t security_list(void *context, struct host_process list[HOST_PROCESSES_MAX])
{
	const struct keeper *keeper = context;
	struct feeding_process running[FEEDING_RUNNING_MAX];
	size_t len = 0, fetching = feeding_processes(keeper, running);

	list[len++] = (struct host_process){
		.name = "keeper", .does = "holds the gate, decides", .pid = getpid()};
	if (config_number(keeper->options->config, CFG_SERVER_ENABLE))
		len += list_server(&keeper->secured, list + len);
	for (size_t i = 0; i < fetching; i++)
		list[len++] = (struct host_process){
			.name = "strazh-fetch", .does = running[i].does, .pid = running[i].pid};
	return len;
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Which processes there are, for `strazhctl status --security`. */
#include <user/daemon/keeper.h>

#include <unistd.h>

size_t security_list(void *context, struct host_process list[HOST_PROCESSES_MAX])
{
	const struct keeper *keeper = context;
	const struct secured *s = &keeper->secured;
	const bool serves = s->state == SECURED_RUNNING || s->state == SECURED_RELOADING;
	size_t len = 0;

	list[len++] = (struct host_process){
		.name = "keeper", .does = "holds the gate, decides", .pid = getpid()};
	if (!config_number(keeper->options->config, CFG_SERVER_ENABLE))
		return len;
	list[len++] = (struct host_process){.name = "launcher",
					    .does = "starts the worker",
					    .pid = s->launcher_watch.fd < 0 ? 0 : s->launcher.pid};
	list[len++] = (struct host_process){.name = "worker",
					    .does = "talks to clients",
					    .pid = s->pid,
					    .confined = serves,
					    .calls = s->calls,
					    .landlock = s->landlock,
					    .ports = s->upstream_ports};
	return len;
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/ctl/watching.h>

#include <errno.h>
#include <signal.h>
#include <string.h>

static volatile sig_atomic_t over;

static void on_end(int number)
{
	(void)number;
	over = 1;
}

void watching_signals(void)
{
	const struct sigaction end = {.sa_handler = on_end};

	(void)sigaction(SIGINT, &end, NULL);
	(void)sigaction(SIGTERM, &end, NULL);
	(void)sigaction(SIGHUP, &end, NULL);
}

bool watching_over(void)
{
	return over;
}

int watching_gate(struct client *client, struct gate **ret_gate)
{
	const struct gate_place place = {.pin_dir = client->pin_dir, .run_dir = client->run_dir};
	const char *name = client->command->name;
	int r = gate_open(&place, 0, NULL, ret_gate);

	if (r == GATE_ABSENT)
		return client_fail(
			client, CTL_NO_GATE,
			"%s: the gate is not loaded (nothing in '%s'); `strazhctl attach "
			"IFACE` loads it",
			name, client->pin_dir);
	return r ? watching_fail(client, r) : CTL_DONE;
}

int watching_fail(struct client *client, int r)
{
	const char *name = client->command->name;

	if (r == -EPERM || r == -EACCES)
		return client_fail(client, CTL_NO_GATE,
				   "%s: not permitted: packets are shown to root only; try sudo",
				   name);
	if (r == -ENOMEM)
		return client_fail(client, CTL_FAILED, "%s: no memory", name);
	return client_fail(client, CTL_FAILED, "%s: %s", name, gate_error());
}

int watching_run(struct request *request)
{
	return request_say(request, CTL_USAGE, "%s: strazhctl does this itself",
			   request->command->name);
}

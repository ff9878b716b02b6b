/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Without strazhd: the gate is opened for this one request, the command's own function runs here,
 * and before it is answered its acts are in the journal, by one write. Readers take no lock.
 */
#include <user/ctl/client.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <user/ctl/guard.h>
#include <user/ctl/journal.h>
#include <user/ctl/listcopy.h>
#include <user/ctl/request.h>

struct local {
	struct client *client;
	char state_dir[300];
	uint32_t lease_until_s;
	json_t **acts; /* that the journal is to get */
	size_t acts_len, acts_size;
};

static int show_row(void *context, json_t *row)
{
	struct client *client = context;

	render_row(client->render, row);
	return client->render->broken;
}

static int keep_act(void *context, const json_t *act)
{
	struct local *local = context;

	if (local->acts_len == local->acts_size) {
		size_t size = local->acts_size ? local->acts_size * 2 : 64;
		json_t **more = reallocarray(local->acts, size, sizeof(*more));

		if (!more)
			return -ENOMEM;
		local->acts = more;
		local->acts_size = size;
	}
	local->acts[local->acts_len++] = json_incref((json_t *)(uintptr_t)act);
	return 0;
}

static void write_acts(struct local *local, json_t *result)
{
	char text[500];
	int r = 0;

	if (local->acts_len)
		r = journal_append(local->state_dir, (const json_t *const *)local->acts,
				   local->acts_len);
	for (size_t i = 0; i < local->acts_len; i++)
		json_decref(local->acts[i]);
	free(local->acts);
	if (!r)
		return;
	(void)snprintf(text, sizeof(text), REQUEST_NO_JOURNAL, local->state_dir, strerror(-r));
	(void)!json_object_set_new(result, "warning", json_string(text));
}

static int keep_list(void *context, const char *name, const struct prefix *entries, size_t count,
		     uint64_t until_wall)
{
	struct local *local = context;

	return listcopy_write(local->state_dir, name, entries, count, until_wall);
}

static void note_lease(void *context, uint32_t until_s)
{
	struct local *local = context;

	local->lease_until_s = until_s;
}

static int no_gate(struct client *client, int r, json_t **ret_result)
{
	char text[600];

	if (r == GATE_ABSENT)
		(void)snprintf(text, sizeof(text),
			       "%s: the gate is not loaded (nothing in '%s'); `strazhctl attach "
			       "IFACE` loads it",
			       client->command->name, client->pin_dir);
	else if (r == -EPERM || r == -EACCES)
		(void)snprintf(text, sizeof(text),
			       "%s: not permitted: the gate belongs to root, and strazhd is not "
			       "running; try sudo",
			       client->command->name);
	else
		(void)snprintf(text, sizeof(text), "%s: %s", client->command->name, gate_error());
	*ret_result = result_make(client->command->name,
				  r < 0 && r != -EPERM && r != -EACCES ? CTL_FAILED : CTL_NO_GATE,
				  text);
	return (int)json_integer_value(json_object_get(*ret_result, "code"));
}

static json_t *run(struct local *local, const json_t *args, struct gate *gate)
{
	struct client *client = local->client;
	const struct host host = {
		.run_dir = client->run_dir,
		.pin_dir = client->pin_dir,
		.state_dir = local->state_dir,
		.on_act = keep_act,
		.on_list = keep_list,
		.on_lease = note_lease,
		.context = local,
	};
	struct request request = {
		.command = client->command,
		.args = (json_t *)(uintptr_t)args,
		.gate = gate,
		.host = &host,
		.uid = getuid(),
		.file_fd = client->file_fd,
		.on_row = show_row,
		.sink = client,
	};

	return request_run(&request);
}

int local_call(struct client *client, const json_t *args, json_t **ret_result, bool *ret_busy)
{
	const struct gate_place place = {.pin_dir = client->pin_dir, .run_dir = client->run_dir};
	struct local local = {.client = client};
	const bool reads = command_reads(client->command, args);
	unsigned int flags = reads && !(client->command->flags & CMD_TIDY) ? 0 : GATE_WRITE;
	struct gate *gate = NULL;
	int r;

	if (client->command->flags & CMD_CREATE)
		flags |= GATE_CREATE;
	r = gate_open(&place, flags, NULL, &gate);
	*ret_busy = r == GATE_BUSY;
	if (*ret_busy)
		return CTL_FAILED;
	if (r)
		return no_gate(client, r, ret_result);
	client_state_dir(client, local.state_dir, sizeof(local.state_dir));
	*ret_result = run(&local, args, gate);
	write_acts(&local, *ret_result);
	gate_close(gate);
	if (local.lease_until_s && guard_spawn(&place, local.lease_until_s))
		fprintf(stderr,
			"strazhctl: warning: no guard process: the gate stops dropping when "
			"the time is up, but stays attached\n");
	return *ret_result ? (int)json_integer_value(json_object_get(*ret_result, "code"))
			   : CTL_FAILED;
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * `load` and `unload` of a client. Its link is paused; when the list is in force and copied the
 * request is run a second time, and tells how it went. Whose client leaves before it is in force is
 * given up; afterwards it has to be remembered, client or not.
 */
#include <user/daemon/acts/loads.h>

#include <errno.h>
#include <stdlib.h>

#include <user/base/clock.h>
#include <user/ctl/records.h>
#include <user/daemon/acts/acts_parts.h>
#include <user/daemon/server.h>

struct link_load {
	struct keeper *keeper;
	struct client_link *link; /* NULL: it left */
	struct unix_peer peer;
	const struct command *command;
	json_t *args;
	struct records records;
	uint64_t until_wall;
	struct load_order *order;
};

static void link_load_free(struct link_load *load)
{
	records_deinit(&load->records);
	json_decref(load->args);
	free(load);
}

static void done(void *context, int r, const struct list_report *report, int copied)
{
	struct link_load *load = context;
	const struct loaded loaded = {
		.r = r,
		.copied = copied,
		.report = report,
		.count = load->records.count,
		.until_wall = load->until_wall,
	};

	if (load->link)
		load->link->load = NULL;
	if (load->link || !r)
		link_loaded(load->keeper, load->link, &load->peer, load->command, load->args,
			    &loaded);
	link_load_free(load);
}

int loads_request(struct request *request, const char *name, struct records *records)
{
	struct client_link *link = request->sink;
	struct keeper *keeper = link->keeper;
	uint64_t for_s = request_seconds(request, "for");
	struct link_load *load = calloc(1, sizeof(*load));
	int r;

	if (!load)
		return -ENOMEM;
	*load = (struct link_load){
		.keeper = keeper,
		.link = link,
		.peer = link->peer,
		.command = request->command,
		.args = json_incref(request->args),
		.records = *records,
		.until_wall = for_s ? clock_wall_s() + for_s : 0,
	};
	const struct load_wanted wanted = {
		.name = name,
		.entries = records->entries,
		.count = records->count,
		.until_s = for_s ? clock_until(for_s) : 0,
		.copy = records->count && keeper->acts->on,
		.until_wall = load->until_wall,
		.done = done,
		.context = load,
	};

	r = loads_add(keeper, &wanted, &load->order);
	if (r) {
		load->records = (struct records){0};
		link_load_free(load);
		return r;
	}
	*records = (struct records){0};
	link->load = load;
	request->later = true;
	return 0;
}

void loads_abandon(struct client_link *link)
{
	struct link_load *load = link->load;

	link->load = NULL;
	if (!load)
		return;
	load->link = NULL;
	if (loads_in_force(load->order))
		return;
	loads_drop(load->order);
	link_load_free(load);
}

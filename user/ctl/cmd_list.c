/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* list: walks a table and streams what is live in it. */
#include <user/ctl/cmd.h>

#include <user/base/clock.h>
#include <user/ctl/request.h>
#include <user/ctl/rows.h>
#include <user/ctl/view.h>
#include <user/gate/act.h>

#define STOPPED 1

struct listing {
	struct request *request;
	struct list_names names;
	bool match;
	struct prefix wanted;
	uint64_t lists; /* mask of the named list */
	uint64_t lists_off;
	uint32_t now_s;
	uint64_t count;
};

static int visit(void *context, const struct entry *entry)
{
	struct listing *listing = context;
	uint64_t lists = entry_own_live(entry, listing->lists_off, listing->now_s);

	lists &= listing->lists;
	if (!lists)
		return 0;
	if (listing->match && !prefix_covers(&listing->wanted, &entry->prefix) &&
	    !prefix_covers(&entry->prefix, &listing->wanted))
		return 0;
	listing->count++;
	return request_row(listing->request, row_entry(listing->request->gate, &listing->names,
						       entry, lists, listing->now_s))
		       ? STOPPED
		       : 0;
}

static int no_list(struct request *request, const char *name)
{
	return request_say(request, CTL_NOT_FOUND,
			   "list: there is no list '%s'; `strazhctl lists` shows them", name);
}

static int walk(struct listing *listing)
{
	const char *table = request_text(listing->request, "table");
	int r = 0;

	for (enum sz_table t = SZ_TABLE_NEVER; t < SZ_TABLES && !r; t++) {
		if (table ? table_find(table) != t : t == SZ_TABLE_NEVER)
			continue;
		r = act_walk(listing->request->gate, t, visit, listing);
	}
	return r;
}

static int run_list(struct request *request)
{
	const char *name = request_text(request, "list");
	struct listing listing = {
		.request = request,
		.lists = ~0ULL,
		.lists_off = request->gate->settings->lists_off,
		.now_s = clock_boot_s(),
	};
	int r = names_read(request->gate, &listing.names);

	if (r)
		return r;
	if (name) {
		uint32_t bit = names_find(&listing.names, name);

		if (bit == SZ_LISTS)
			return no_list(request, name);
		listing.lists = 1ULL << bit;
	}
	listing.match = request_text(request, "match") &&
			!request_prefix(request, "match", &listing.wanted);
	r = walk(&listing);
	if (r == STOPPED)
		return CTL_FAILED;
	if (r)
		return request_fail(request, r);
	request_set(request, "count", json_integer((json_int_t)listing.count));
	return CTL_DONE;
}

static const struct arg list_args[] = {
	{"table", ARG_CHOICE, ARG_POSITIONAL, "deny|allow|never",
	 "which table; deny and allow without it"},
	{"match", ARG_PREFIX, 0, "PREFIX", "only what is inside it or covers it"},
	{"list", ARG_NAME, 0, "NAME", "only what this list says; operator: bans by hand"},
	{0},
};

const struct command cmd_list = {
	.name = "list",
	.flags = CMD_READ | CMD_STREAM,
	.args = list_args,
	.summary = "show entries",
	.help = "What is said of an address or prefix and is in force now. Streams: a million "
		"entries begin to appear at once.",
	.run = run_list,
	.view = &view_list,
};

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* load, unload, lists. */
#include <user/ctl/cmd.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <user/base/clock.h>
#include <user/ctl/journal.h>
#include <user/ctl/listfile.h>
#include <user/ctl/names.h>
#include <user/ctl/records.h>
#include <user/ctl/request.h>
#include <user/ctl/view.h>
#include <user/gate/act.h>
#include <user/gate/sweep.h>

/* ---- load ---- */

static int show_refusals(struct request *request, const struct list_report *report)
{
	char entry[PREFIX_TEXT_LEN], never[PREFIX_TEXT_LEN], error[160];

	for (size_t i = 0; i < MIN(report->refused, ARRAY_LEN(report->refusals)); i++) {
		prefix_format(&report->refusals[i].entry, entry);
		prefix_format(&report->refusals[i].never, never);
		(void)snprintf(error, sizeof(error), "%s is left out: never entry %s", entry,
			       never);
		if (request_row(request,
				json_pack("{s:s, s:s, s:i, s:s}", "refused", entry, "never", never,
					  "code", CTL_REFUSED, "error", error)))
			return CTL_FAILED;
	}
	return CTL_DONE;
}

static void set_report(struct request *request, const struct list_report *report)
{
	request_set(request, "added", json_integer((json_int_t)report->added));
	request_set(request, "kept", json_integer((json_int_t)report->kept));
	request_set(request, "removed", json_integer((json_int_t)report->removed));
	request_set(request, "refused", json_integer((json_int_t)report->refused));
}

/* The list as an act, after a copy of it was laid down: who has the act has the entries. */
static void record_load(struct request *request, const char *name, uint64_t held,
			const struct loaded *loaded)
{
	json_t *act = journal_other(request->gate, "load", "list", name);

	if (loaded->copied)
		request_warn(request,
			     "in force, but no copy of it is in '%s' (%s): load it again when the "
			     "maps were lost",
			     request->host->state_dir, strerror(-loaded->copied));
	if (act) {
		(void)!json_object_set_new(act, "entries", json_integer((json_int_t)held));
		if (loaded->until_wall)
			(void)!json_object_set_new(act, "until_wall",
						   json_integer((json_int_t)loaded->until_wall));
	}
	request_act(request, act);
}

static int load_done(struct request *request, const char *name, const struct loaded *loaded)
{
	const struct list_report *report = loaded->report;
	const uint64_t faults = request_number(request, "faults");
	const bool partly = report->refused || faults;
	const uint64_t held = report->added + report->kept;

	set_report(request, report);
	record_load(request, name, held, loaded);
	if (show_refusals(request, report))
		return CTL_FAILED;
	(void)request_say(request, CTL_DONE,
			  "list '%s': %llu entries in force: %llu new, %llu kept, "
			  "%llu gone",
			  name, (unsigned long long)held, (unsigned long long)report->added,
			  (unsigned long long)report->kept, (unsigned long long)report->removed);
	if (partly) {
		size_t at = strlen(request->message);

		(void)snprintf(request->message + at, sizeof(request->message) - at,
			       "; %llu refused, %llu lines not understood",
			       (unsigned long long)report->refused, (unsigned long long)faults);
	}
	return partly ? CTL_PARTLY : CTL_DONE;
}

static int load_ended(struct request *request, const struct loaded *loaded)
{
	const char *name = request_text(request, "list");

	if (loaded->r == ACT_FULL)
		return request_say(request, CTL_FULL,
				   "load: list '%s' does not fit: %llu entries, and the map holds "
				   "%llu of %llu; what was there stays in force",
				   name, (unsigned long long)loaded->count,
				   (unsigned long long)loaded->report->fill,
				   (unsigned long long)loaded->report->capacity);
	if (loaded->r == ACT_TOO_MANY_LISTS)
		return request_say(
			request, CTL_FULL,
			"load: there is no room for another list: %d at most; `strazhctl "
			"unload` one",
			SZ_LISTS - SZ_LIST_FEED);
	if (loaded->r == -ECANCELED)
		return request_say(request, CTL_FAILED, "load: list '%s': %s", name, gate_error());
	if (loaded->r)
		return request_fail(request, loaded->r);
	return load_done(request, name, loaded);
}

/* Here, and at once: nobody else waits. */
static int load_records(struct request *request, const struct records *records)
{
	const char *name = request_text(request, "list");
	uint64_t for_s = request_seconds(request, "for");
	struct list_report report = {0};
	struct loaded loaded = {
		.report = &report,
		.count = records->count,
		.until_wall = for_s ? clock_wall_s() + for_s : 0,
	};

	loaded.r = act_load(request->gate, name, records->entries, records->count,
			    for_s ? clock_until(for_s) : 0, &report);
	if (!loaded.r && request->host->on_list)
		loaded.copied = request->host->on_list(request->host->context, name,
						       records->entries, records->count,
						       loaded.until_wall);
	return load_ended(request, &loaded);
}

static bool reserved(const char *name)
{
	return strcmp(name, "operator") == 0 || strcmp(name, "guard") == 0;
}

/* Of strazhd's feeds: it would be replaced by the next fetch. */
static bool fetched(const char *name)
{
	static const char begin[] = "feed.";

	return strncmp(name, begin, sizeof(begin) - 1) == 0;
}

static int run_load(struct request *request)
{
	const char *name = request_text(request, "list");
	char why[RECORDS_WHY_LEN] = "";
	struct records records;
	int r;

	if (request->loaded)
		return load_ended(request, request->loaded);
	if (!name)
		return request_say(request, CTL_USAGE, "load: the list needs a name: --list NAME");
	if (reserved(name) || fetched(name))
		return request_say(request, CTL_USAGE,
				   "load: '%s' is the name of what is banned by hand, learned "
				   "or fetched; choose another",
				   name);
	if (request->file_fd < 0)
		return request_say(request, CTL_USAGE, "load: no records came along");
	r = records_receive(request->file_fd, &records, why);
	if (r)
		return why[0] ? request_say(request, CTL_USAGE, "load: %s", why) : r;
	if (request->host->on_load && records.count)
		r = request->host->on_load(request, name, &records);
	else
		r = load_records(request, &records);
	records_deinit(&records);
	return r;
}

static const struct arg load_args[] = {
	{"file", ARG_TEXT, ARG_POSITIONAL | ARG_REQUIRED, "FILE", "the list; - reads stdin"},
	{"list", ARG_NAME, 0, "NAME", "its name; that of the file without it"},
	{"for", ARG_DURATION, 0, "10m", "how long its entries hold; for good without it"},
	{"faults", ARG_NUMBER, ARG_INTERNAL, "N", "lines of the file that were not understood"},
	{0},
};

const struct command cmd_load = {
	.name = "load",
	.flags = CMD_FILE,
	.args = load_args,
	.summary = "load a list of addresses and prefixes to deny",
	.help = "Reads what FireHOL, Spamhaus DROP and `ipset save` write, and ranges a-b. A list "
		"of the same name is replaced in one step: packets see the old one or the new "
		"one. What would deny an address that must never be banned is left out and said.",
	.prepare = listfile_prepare,
	.run = run_load,
	.view = &view_problems,
};

/* ---- unload ---- */

static int unload_ended(struct request *request, int r, const struct list_report *report)
{
	const char *name = request_text(request, "list");

	if (r == -ECANCELED || r == ACT_NOT_FOUND)
		return request_say(request, CTL_NOT_FOUND, "unload: list '%s' is gone already",
				   name);
	if (r)
		return request_fail(request, r);
	request_act(request, journal_other(request->gate, "unload", "list", name));
	request_set(request, "removed", json_integer((json_int_t)report->removed));
	return request_say(request, CTL_DONE, "list '%s': unloaded, %llu entries gone", name,
			   (unsigned long long)report->removed);
}

static int run_unload(struct request *request)
{
	const char *name = request_text(request, "list");
	struct list_report report = {0};
	struct records none = {0};
	struct list_names names;
	int r;

	if (request->loaded)
		return unload_ended(request, request->loaded->r, request->loaded->report);
	r = names_read(request->gate, &names);
	if (r)
		return r;
	if (reserved(name) || names_find(&names, name) == SZ_LISTS)
		return request_say(request, CTL_NOT_FOUND,
				   "unload: there is no loaded list '%s'; `strazhctl lists` shows "
				   "them",
				   name);
	if (request->host->on_load)
		return request->host->on_load(request, name, &none);
	r = act_load(request->gate, name, NULL, 0, 0, &report);
	return unload_ended(request, r, &report);
}

static const struct arg unload_args[] = {
	{"list", ARG_NAME, ARG_POSITIONAL | ARG_REQUIRED, "NAME", "a loaded list"},
	{0},
};

const struct command cmd_unload = {
	.name = "unload",
	.args = unload_args,
	.summary = "remove a loaded list",
	.help = "Addresses that other lists name too stay denied.",
	.run = run_unload,
};

/* ---- lists ---- */

static int show_list(struct request *request, uint32_t bit, const struct sz_list *list)
{
	json_t *row;

	if (!list->name[0])
		return CTL_DONE;
	row = json_pack("{s:s, s:i}", "list", list->name, "bit", (int)bit);
	if (bit >= SZ_LIST_FEED) {
		(void)!json_object_set_new(row, "entries", json_integer(list->entries));
		(void)!json_object_set_new(row, "loaded", json_integer((json_int_t)list->loaded_s));
		(void)!json_object_set_new(
			row, "active",
			json_boolean(!(request->gate->settings->lists_off >> bit & 1)));
	}
	return request_row(request, row) ? CTL_FAILED : CTL_DONE;
}

static int run_lists(struct request *request)
{
	struct list_names names;
	int r = names_read(request->gate, &names);

	for (uint32_t bit = 0; bit < SZ_LISTS && !r; bit++)
		r = show_list(request, bit, &names.list[bit]);
	return r;
}

static const struct arg no_args[] = {{0}};

const struct command cmd_lists = {
	.name = "lists",
	.flags = CMD_READ,
	.args = no_args,
	.summary = "show the loaded lists",
	.help = "`operator` holds bans by hand, `guard` what strazhd learned.",
	.run = run_lists,
	.view = &view_lists,
};

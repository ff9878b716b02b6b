/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * why ADDR: walks the verdict order of the gate for this source and says what decides. Rows by
 * "kind": verdict first, then entry, standing, bucket, guard, event.
 */
#include <user/ctl/cmd.h>

#include <stdio.h>
#include <string.h>

#include <user/base/clock.h>
#include <user/ctl/history.h>
#include <user/ctl/request.h>
#include <user/ctl/rows.h>
#include <user/ctl/view.h>
#include <user/gate/act.h>
#include <user/gate/limits.h>
#include <user/gate/reput.h>
#include <user/gate/stats.h>

#define ENTRIES_MAX 160U
#define EVENTS_SHOWN 10U
#define STORY_LEN 4096

struct case_file {
	struct request *request;
	struct prefix prefix;
	char text[PREFIX_TEXT_LEN];
	struct list_names names;
	struct entry entries[ENTRIES_MAX];
	size_t count;
	uint32_t now_s;
	uint64_t lists_off;
	const struct entry *decides;
};

static uint64_t live(const struct case_file *file, const struct entry *entry)
{
	return entry_own_live(entry, file->lists_off, file->now_s);
}

/* The longest live entry of a table; entries come longest first. */
static const struct entry *first_of(const struct case_file *file, enum sz_table table)
{
	for (size_t i = 0; i < file->count; i++)
		if (file->entries[i].table == table && live(file, &file->entries[i]))
			return &file->entries[i];
	return NULL;
}

static void decide(struct case_file *file)
{
	file->decides = first_of(file, SZ_TABLE_NEVER);
	if (!file->decides)
		file->decides = first_of(file, SZ_TABLE_ALLOW);
	if (!file->decides)
		file->decides = first_of(file, SZ_TABLE_DENY);
}

/* ---- verdict ---- */

static const char *word(const json_t *record, const char *key)
{
	const char *text = json_string_value(json_object_get(record, key));

	return text ? text : "";
}

/*
 * What the guard held against it when it banned: the last such record of the audit. "" when it
 * did not, or nobody remembers.
 */
static const char *guard_cause(const struct case_file *file)
{
	const struct entry *entry = file->decides;
	const char *cause = "";
	char prefix[PREFIX_TEXT_LEN];
	const json_t *record;
	size_t i;

	if (entry->table != SZ_TABLE_DENY || !(live(file, entry) & 1ULL << SZ_LIST_GUARD))
		return cause;
	prefix_format(&entry->prefix, prefix);
	json_array_foreach(file->request->story, i, record)
	{
		if (strcmp(word(record, "actor"), "guard") != 0 ||
		    strcmp(word(record, "action"), "ban") != 0 ||
		    strcmp(word(record, "subject"), prefix) != 0)
			continue;
		/* "banned for 10m: 16 handshake failures ..." */
		cause = strstr(word(record, "cause"), ": ");
		cause = cause ? cause + 2 : "";
	}
	return cause;
}

/* The guard's, in full; what an operator wrote; "": what there is to say is in the lists' names. */
static void why_so(const struct case_file *file, char *text, size_t size)
{
	const char *cause = guard_cause(file);
	struct sz_note note;

	if (!*cause &&
	    !act_note(file->request->gate, file->decides->table, &file->decides->prefix, &note))
		(void)snprintf(text, size, ", because: %.*s", (int)sizeof(note.text), note.text);
	else
		(void)snprintf(text, size, "%s%s", *cause ? ", because: " : "", cause);
}

static void describe(const struct case_file *file, char *text, size_t size)
{
	const struct entry *entry = file->decides;
	char prefix[PREFIX_TEXT_LEN], lists[120], until[80];
	uint64_t mask = live(file, entry);

	names_text(&file->names, entry->table, mask, lists, sizeof(lists));
	until_text(entry_until(entry, mask, file->now_s), until, sizeof(until));
	(void)snprintf(text, size, "%s entry %s (%s), %s", table_names[entry->table],
		       prefix_format(&entry->prefix, prefix), lists, until);
}

static json_t *verdict_row(const struct case_file *file)
{
	const bool observe = file->request->gate->settings->flags & SZ_SET_OBSERVE;
	const bool rates_drop = file->request->gate->settings->flags & SZ_SET_RATE_ENFORCE;
	const struct entry *entry = file->decides;
	const char *verdict = "passes", *reason = "pass";
	char text[1200], what[320], because[640] = "";

	if (!entry) {
		(void)snprintf(text, sizeof(text),
			       "%s passes: no list speaks of it. Its packets are dropped only when "
			       "malformed or from a bogon range%s.",
			       file->text,
			       rates_drop
				       ? ", or above a limit: its own, its prefix's (`strazhctl "
					 "rate show`) or a service's (`--port`)"
				       : "; above a limit they are only counted, for rate.mode is "
					 "observe");
	} else {
		describe(file, what, sizeof(what));
		why_so(file, because, sizeof(because));
		if (entry->table == SZ_TABLE_DENY) {
			verdict = observe ? "observed" : "denied";
			reason = prefix_is_host(&entry->prefix) ? "deny-host" : "deny-net";
		} else {
			verdict = table_names[entry->table];
			reason = verdict;
		}
		(void)snprintf(text, sizeof(text), "%s %s, by the %s%s.", file->text,
			       entry->table != SZ_TABLE_DENY
				       ? "passes, unless malformed or above what a service may "
					 "get from all; it cannot be denied and has no limits"
			       : observe ? "would be dropped, were the mode not observe"
					 : "is denied: every packet is dropped",
			       what, because);
	}
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", "verdict", "address", file->text,
			 "verdict", verdict, "reason", reason, "text", text);
}

/* ---- what concerns it ---- */

static int show_entry(const struct case_file *file, const struct entry *entry)
{
	uint64_t mask = live(file, entry);
	json_t *row = row_entry(file->request->gate, &file->names, entry,
				mask ? mask : entry->own_lists, file->now_s);

	if (row) {
		(void)!json_object_set_new(row, "kind", json_string("entry"));
		(void)!json_object_set_new(row, "live", json_boolean(mask != 0));
		(void)!json_object_set_new(row, "decides", json_boolean(entry == file->decides));
	}
	return request_row(file->request, row);
}

/* Another tier or slowness than everybody has, its own or its prefix's. */
static int show_standing(const struct case_file *file)
{
	char text[PREFIX_TEXT_LEN];
	struct sz_reput reput;
	struct prefix key;

	if (reput_standing(file->request->gate, &file->prefix, file->now_s, &reput, &key))
		return 0; /* none; or a length that has none */
	return request_row(
		file->request,
		json_pack("{s:s, s:s, s:i, s:f, s:o}", "kind", "standing", "source",
			  prefix_format(&key, text), "tier", (int)reput.tier, "slow",
			  (double)(reput.slow ? reput.slow : SZ_SLOW_ONE) / SZ_SLOW_ONE, "left_s",
			  reput.until_s ? json_integer(reput.until_s - file->now_s) : json_null()));
}

static void set(json_t *row, const char *key, uint64_t value)
{
	(void)!json_object_set_new(row, key, json_integer((json_int_t)value));
}

/* Packets, bytes, or both, as they are limited. */
static json_t *bucket_row(const char *source, const char *class_, const struct gate_bucket *bucket)
{
	json_t *row = json_pack("{s:s, s:s, s:s}", "kind", "bucket", "source", source, "class",
				class_);

	if (row && bucket->step_ns && bucket->burst_ns) {
		set(row, "pps", (NS_PER_S + bucket->step_ns / 2) / bucket->step_ns);
		set(row, "burst", bucket->burst_ns / bucket->step_ns);
		set(row, "used", bucket->used_ns / bucket->step_ns);
		set(row, "used_percent", bucket->used_ns * 100 / bucket->burst_ns);
	}
	if (row && bucket->byte_step && bucket->bytes_burst_ns)
		set(row, "bytes_percent", bucket->bytes_used_ns * 100 / bucket->bytes_burst_ns);
	return row;
}

static int show_bucket(const struct case_file *file, const struct prefix *source,
		       enum sz_rate_class class_)
{
	struct gate_bucket bucket;
	char text[PREFIX_TEXT_LEN];
	int r = gate_bucket_read(file->request->gate, source, class_, &bucket);

	if (r == ACT_NOT_FOUND || (!r && !bucket.step_ns && !bucket.byte_step))
		return 0;
	if (r)
		return request_fail(file->request, r);
	return request_row(file->request, bucket_row(prefix_format(source, text),
						     rate_class_names[class_], &bucket));
}

static int show_buckets_of(const struct case_file *file, const struct prefix *source)
{
	int stop = 0;

	for (enum sz_rate_class i = 0; i < SZ_RATE_CLASSES && !stop; i++)
		if (i != SZ_RATE_FLOW)
			stop = show_bucket(file, source, i);
	return stop;
}

/* Meters of the source, and of its prefix. */
static int show_buckets(const struct case_file *file)
{
	const uint8_t net = prefix_net_len(file->prefix.family);
	struct prefix source;
	int stop = show_standing(file);

	if (stop || reput_key(&file->prefix, &source))
		return stop; /* rates are kept of no such length */
	stop = show_buckets_of(file, &source);
	if (stop || source.len == net)
		return stop;
	source = prefix_from(source.family, source.addr, net);
	return show_buckets_of(file, &source);
}

/* Lines of text as one string; what strazhd's guard knows of this host. */
static int show_guard(const struct case_file *file)
{
	const struct host *host = file->request->host;
	char text[STORY_LEN] = "";

	if (!host->guard_why || file->prefix.len < prefix_one_len(file->prefix.family) ||
	    host->guard_why(host->context, &file->prefix, text, sizeof(text)) <= 0)
		return 0;
	return request_row(file->request, json_pack("{s:s, s:s}", "kind", "guard", "text", text));
}

/* What the audit has, the oldest first. */
static int show_story(const struct case_file *file)
{
	const struct request *request = file->request;
	const json_t *record;
	json_t *row;
	size_t i;

	if (request->story_why || !request->host->daemon)
		return request_row(file->request,
				   json_pack("{s:s, s:s}", "kind", "no-story", "why",
					     request->story_why ? request->story_why
								: "strazhd is not running"));
	json_array_foreach(request->story, i, record)
	{
		row = json_copy((json_t *)(uintptr_t)record);
		if (row)
			(void)!json_object_set_new(row, "kind", json_string("story"));
		if (request_row(file->request, row))
			return CTL_FAILED;
	}
	return 0;
}

static bool concerns(const struct case_file *file, const struct sz_event *event)
{
	struct prefix source;

	if (event->family != 4 && event->family != 6)
		return false;
	source = prefix_from(event->family, event->saddr, prefix_len_max(event->family));
	return prefix_covers(&file->prefix, &source);
}

/* The last ones, oldest first. */
static int show_events(const struct case_file *file)
{
	const struct history *history = file->request->host->history;
	size_t count = history ? history_count(history) : 0, begin = count, found = 0;

	while (begin && found < EVENTS_SHOWN)
		found += concerns(file, history_get(history, --begin));
	for (size_t i = begin; i < count; i++) {
		json_t *row;

		if (!concerns(file, history_get(history, i)))
			continue;
		row = row_event(file->request->gate, &file->names, history_get(history, i));
		if (row)
			(void)!json_object_set_new(row, "kind", json_string("event"));
		if (request_row(file->request, row))
			return CTL_FAILED;
	}
	return 0;
}

static int show_all(struct case_file *file)
{
	int stop;

	decide(file);
	stop = request_row(file->request, verdict_row(file));
	for (size_t i = 0; i < file->count && !stop; i++)
		stop = show_entry(file, &file->entries[i]);
	if (!stop)
		stop = show_buckets(file);
	if (!stop)
		stop = show_guard(file);
	if (!stop)
		stop = show_story(file);
	if (!stop)
		stop = show_events(file);
	return stop ? CTL_FAILED : CTL_DONE;
}

static int run_why(struct request *request)
{
	struct case_file file = {
		.request = request,
		.now_s = clock_boot_s(),
		.lists_off = request->gate->settings->lists_off,
	};
	int r = request_prefix(request, "prefix", &file.prefix);

	if (!r)
		r = names_read(request->gate, &file.names);
	if (!r)
		r = act_covering(request->gate, &file.prefix, file.entries, ENTRIES_MAX,
				 &file.count);
	if (r)
		return request_fail(request, r);
	prefix_format(&file.prefix, file.text);
	return show_all(&file);
}

static const struct arg why_args[] = {
	{"prefix", ARG_PREFIX, ARG_POSITIONAL | ARG_REQUIRED, "ADDR", "an address, or a prefix"},
	{0},
};

const struct command cmd_why = {
	.name = "why",
	.flags = CMD_READ | CMD_STORY,
	.args = why_args,
	.summary = "say what happens to an address, and why",
	.help = "The verdict in words, then every entry that covers the address (what is over "
		"too), limits that are its own, how far its meters and those of its prefix are "
		"used, what strazhd's guard holds against it, what was done to it before and why "
		"(the "
		"audit of the store: it outlives strazhd), and recent events about it.",
	.run = run_why,
	.view = &view_why,
};

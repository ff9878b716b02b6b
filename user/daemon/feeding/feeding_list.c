/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One feed. Its file is what strazh-fetch wrote (user/feed/copy.h): NAME.new while it comes, NAME
 * when it is good; the new one takes the place of the old one by rename(), after fsync() by its
 * writer. That the rename itself reaches the disk is not waited for: after a power cut the copy
 * before is there, which was good. The time of the file is when it was last known to be the newest.
 *
 * Entries in the gate end there by themselves, also while strazhd is away: a quarter of the expiry
 * later than the copy, which strazhd takes out in time. So an answer "not changed" need not load a
 * million entries once more each hour, but only when that quarter is used up; and a list that the
 * gate has since before strazhd started is left as it is.
 */
#include <user/daemon/feeding/feeding_parts.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/daemon/acts/loads.h>
#include <user/daemon/keeper.h>
#include <user/feed/schedule.h>
#include <user/gate/act.h>
#include <user/gate/lists.h>

#define SPARE 4U   /* a part of the expiry */
#define LATER 1000 /* it is on its way into the gate */

static const char *path_of(const struct feed *feed, const char *end, char path[FEED_CHILD_PATH_LEN])
{
	(void)snprintf(path, FEED_CHILD_PATH_LEN, "%s/%s%s", feed->feeding->dir, feed->name, end);
	return path;
}

bool feed_bans(const struct feed *feed)
{
	return feed->weight >= config_number(feed->feeding->keeper->options->config, CFG_GUARD_BAN);
}

uint64_t feed_left_s(const struct feed *feed)
{
	return feed->head.fetched_s ? feed_holds_s(feed->fresh_s, feed->expiry_s, clock_wall_s())
				    : 0;
}

/* ---- in force ---- */

static void out_of_gate(struct feed *feed)
{
	char what[48];

	(void)snprintf(what, sizeof(what), "feed '%s'", feed->name);
	feeding_drop_list(feed->feeding, feed->list, what);
	if (feed->in_gate)
		feeding_store_list(feed, true);
	feed->in_gate = false;
}

static void note_refusals(struct feed *feed, const struct list_report *report)
{
	char entry[PREFIX_TEXT_LEN], never[PREFIX_TEXT_LEN];

	feed->refused = report->refused;
	feed->refusal[0] = '\0';
	if (!report->refused)
		return;
	(void)snprintf(feed->refusal, sizeof(feed->refusal), "%s: never entry %s",
		       prefix_format(&report->refusals[0].entry, entry),
		       prefix_format(&report->refusals[0].never, never));
}

static void entered(struct feed *feed, const struct list_report *report, uint32_t until_s)
{
	note_refusals(feed, report);
	if (!feed->in_gate || report->added || report->removed)
		log_info("feed '%s': %llu entries in force: %llu new, %llu gone, %llu left out",
			 feed->name, (unsigned long long)(report->added + report->kept),
			 (unsigned long long)report->added, (unsigned long long)report->removed,
			 (unsigned long long)(report->refused + feed->sieve.wide +
					      feed->sieve.allowed));
	feed->in_gate = true;
	feed->gate_until_s = until_s;
}

static uint32_t until_of(const struct feed *feed)
{
	return clock_until(feed_left_s(feed) + feed->expiry_s / SPARE);
}

/* At start: nobody waits for the loop yet. */
static int into_gate(struct feed *feed, const struct prefix *entries, size_t count)
{
	struct list_report report = {0};
	uint32_t until_s = until_of(feed);
	int r = act_load(feed->feeding->keeper->gate, feed->list, entries, count, until_s, &report);

	if (!r)
		entered(feed, &report, until_s);
	return r;
}

/* The gate has this copy from an earlier life. What it refused then is not known. */
static bool is_there(const struct feed *feed)
{
	struct lists lists;
	uint32_t bit;

	/* One that is on its way out is not there. */
	if (!feed_bans(feed) || loads_busy(feed->feeding->keeper, feed->list) ||
	    lists_read(feed->feeding->keeper->gate, &lists))
		return false;
	bit = lists_find(&lists, feed->list);
	return bit != SZ_LISTS && lists.at[bit].entries &&
	       lists.at[bit].loaded_s >= feed->fresh_s &&
	       !(feed->feeding->keeper->gate->settings->lists_off >> bit & 1);
}

static const char *load_fault(int r)
{
	return r == ACT_FULL		 ? "the gate has no room for it"
	       : r == ACT_TOO_MANY_LISTS ? "the gate has no room for another list"
	       : r > 0			 ? gate_error()
					 : strerror(-r);
}

static void in_force(struct feed *feed, const struct listed *listed)
{
	listed_deinit(&feed->listed);
	feed->listed = *listed;
	feed->in_force = true;
	feeding_forget_told(feed->feeding);
}

static void end_try(struct feed *feed, int r, const char *why)
{
	char path[FEED_CHILD_PATH_LEN], what[48];

	(void)snprintf(what, sizeof(what), "feed '%s'", feed->name);
	feed->trying = false;
	if (r)
		feed_tries_failed(&feed->tries, what, feed->every_s, "refused: %s", why);
	else
		feed_tries_well(&feed->tries, what, feed->every_s);
	(void)unlink(path_of(feed, ".new", path)); /* where it became the copy there is none */
	feeding_store_feed(feed);
}

static void not_in_force(const struct feed *feed, const char *why)
{
	log_error("feed '%s' is not in force: %s", feed->name, why);
}

static void forget_coming(struct feed *feed)
{
	free(feed->coming);
	feed->coming = NULL;
	feed->order = NULL;
}

static void on_loaded(void *context, int r, const struct list_report *report, int copied)
{
	const struct listed none = {0};
	struct feed *feed = context;
	char why[FEED_TEXT_LEN];

	(void)copied;
	(void)snprintf(why, sizeof(why), "it is not in force: %s", r ? load_fault(r) : "");
	forget_coming(feed);
	if (!r) {
		entered(feed, report, feed->coming_until_s);
		in_force(feed, &none);
	}
	if (!r && feed->trying)
		feeding_store_list(feed, false);
	if (feed->trying)
		end_try(feed, r, why);
	else if (r)
		log_error("feed '%s': %s", feed->name, why);
}

/* What is on its way into the gate is not wanted any more. */
static void give_up(struct feed *feed)
{
	if (feed->order)
		loads_drop(feed->order);
	forget_coming(feed);
}

/* Nor what is on its way from the disk. */
static void give_up_all(struct feed *feed)
{
	if (feed->reading)
		feed_reads_drop(feed->reading);
	feed->reading = NULL;
	feed->enforce_due = false;
	give_up(feed);
}

/* Takes the bytes. */
static int begin_load(struct feed *feed, char **bytes, const struct prefix *entries, size_t count)
{
	const struct load_wanted wanted = {
		.name = feed->list,
		.entries = entries,
		.count = count,
		.until_s = until_of(feed),
		.done = on_loaded,
		.context = feed,
	};
	int r = loads_add(feed->feeding->keeper, &wanted, &feed->order);

	if (r)
		return r;
	feed->coming = take_ptr(*bytes);
	feed->coming_until_s = wanted.until_s;
	return LATER;
}

/* LATER: on_loaded() tells; it has taken the bytes, in which the entries are. */
static int put_in_force(struct feed *feed, struct feed_read_result *result, bool now,
			const char **ret_why)
{
	const bool bans = feed_bans(feed);
	int r = 0;

	give_up(feed);
	feed->enforce_due = false;
	feed->sieve = result->sieve;
	if (bans && result->left)
		r = now ? into_gate(feed, result->entries, result->left)
			: begin_load(feed, &result->bytes, result->entries, result->left);
	if (r == LATER)
		return r;
	if (r) {
		*ret_why = load_fault(r);
		return r;
	}
	if (!bans || !result->left)
		out_of_gate(feed);
	if (!bans)
		feed->refused = 0;
	in_force(feed, &result->listed);
	result->listed = (struct listed){0};
	return 0;
}

static void put_out_of_force(struct feed *feed)
{
	give_up_all(feed);
	feed->trying = false;
	out_of_gate(feed);
	listed_deinit(&feed->listed);
	feed->in_force = false;
	feeding_forget_told(feed->feeding);
}

/* ---- from the disk ---- */

static void on_read(void *context, struct feed_read_result *result);

/* Of the allow list as it is at the beginning: who is allowed later is let pass by the gate. */
static int want_read(struct feed *feed, enum feed_read_for what,
		     struct feed_read_wanted *ret_wanted)
{
	struct prefix *allow;
	size_t allow_len;
	int r = feeding_allowed(feed->feeding, &allow, &allow_len);

	if (r)
		return r;
	*ret_wanted = (struct feed_read_wanted){
		.max_entries = feed->max_entries,
		.allow = allow,
		.allow_len = allow_len,
		.wide = feed->wide,
		.weighed = !feed_bans(feed),
		.done = on_read,
		.context = feed,
	};
	(void)path_of(feed, what == FEED_READ_FETCHED ? ".new" : "", ret_wanted->path);
	feed->reading_for = what;
	feed->reading_weighed = ret_wanted->weighed;
	feed->reading_wide = ret_wanted->wide;
	return 0;
}

/* LATER: on_read() tells. */
static int begin_read(struct feed *feed, enum feed_read_for what)
{
	struct feed_read_wanted wanted;
	int r = want_read(feed, what, &wanted);

	if (!r)
		r = feed_reads_add(feed->feeding->reads, &wanted, &feed->reading);
	return r ? r : LATER;
}

static void end_enforce(struct feed *feed, int r, const char *why)
{
	if (r == LATER)
		return;
	if (r)
		not_in_force(feed, why);
	if (feed->trying)
		end_try(feed, r, why);
}

void feed_enforce(struct feed *feed)
{
	int r;

	if (feed->reading) { /* then what it says now is asked for */
		feed->enforce_due = feed->reading_for == FEED_READ_FETCHED;
		return;
	}
	r = begin_read(feed, FEED_READ_ENFORCED);
	end_enforce(feed, r, load_fault(r));
}

static void on_enforced(struct feed *feed, struct feed_read_result *result)
{
	const char *why = result->why;
	int r = result->r;

	if (!r)
		r = put_in_force(feed, result, false, &why);
	end_enforce(feed, r, why);
}

static void on_opened(struct feed *feed, struct feed_read_result *result, bool now)
{
	const char *why;
	int r = result->r;

	if (r == -ENOENT)
		return;
	if (r) {
		log_warning("feed '%s': its last good copy is not taken: %s", feed->name,
			    result->why);
		return;
	}
	feed->head = result->copy.head;
	feed->fresh_s = result->time_s;
	if (!feed_left_s(feed)) {
		log_warning("feed '%s': its last good copy is over", feed->name);
		return;
	}
	if (is_there(feed)) {
		feed->in_force = feed->in_gate = true;
		return;
	}
	r = put_in_force(feed, result, now, &why);
	if (r && r != LATER)
		not_in_force(feed, why);
}

void feed_open(struct feed *feed)
{
	struct feed_read_wanted wanted;
	struct feed_read_result result;
	int r;

	if (feed->feeding->running) {
		r = begin_read(feed, FEED_READ_OPENED);
		if (r != LATER)
			not_in_force(feed, load_fault(r));
		return;
	}
	r = want_read(feed, FEED_READ_OPENED, &wanted);
	if (r) {
		not_in_force(feed, load_fault(r));
		return;
	}
	feed_read_now(&wanted, &result);
	free(wanted.allow);
	on_opened(feed, &result, true);
	feed_read_result_deinit(&result);
}

/* ---- a try ---- */

static int take_new(struct feed *feed, struct feed_read_result *result, char why[FEED_TEXT_LEN])
{
	char from[FEED_CHILD_PATH_LEN], to[FEED_CHILD_PATH_LEN];
	uint64_t before = feed_left_s(feed) ? feed->head.count : 0;
	const struct feed_head *head = &result->copy.head;
	const char *cause = "";
	int r = result->r;

	if (r) {
		(void)snprintf(why, FEED_TEXT_LEN, "what strazh-fetch wrote: %s", result->why);
		return r;
	}
	if (feed_judge(before, head->count, head->lines, head->wrong, why)) {
		size_t len = strlen(why);

		if (head->wrong)
			(void)snprintf(why + len, FEED_TEXT_LEN - len, "; line %llu, '%s': %s",
				       (unsigned long long)head->wrongs[0].line,
				       head->wrongs[0].text, head->wrongs[0].why);
		return -EBADMSG;
	}
	if (rename(path_of(feed, ".new", from), path_of(feed, "", to))) {
		(void)snprintf(why, FEED_TEXT_LEN, "it cannot be kept: %s", strerror(errno));
		return -EIO;
	}
	feed->head = *head;
	feed->fresh_s = result->time_s;
	r = put_in_force(feed, result, false, &cause);
	if (r == LATER)
		return r;
	if (r)
		(void)snprintf(why, FEED_TEXT_LEN, "it is not in force: %s", cause);
	else if (feed->in_gate)
		feeding_store_list(feed, false);
	return r;
}

static void end_fetched(struct feed *feed, int r, const char *why)
{
	const bool due = feed->enforce_due;

	if (r == LATER)
		return;
	feed->enforce_due = false;
	end_try(feed, r, why);
	if (r && due && feed_left_s(feed))
		feed_enforce(feed);
}

static void on_read(void *context, struct feed_read_result *result)
{
	struct feed *feed = context;
	char why[FEED_TEXT_LEN] = "";
	int r;

	feed->reading = NULL;
	/* The configuration wants another thing meanwhile. */
	if ((feed->reading_weighed == feed_bans(feed) || feed->reading_wide != feed->wide) &&
	    begin_read(feed, feed->reading_for) == LATER)
		return;
	if (feed->reading_for == FEED_READ_OPENED)
		on_opened(feed, result, false);
	else if (feed->reading_for == FEED_READ_ENFORCED)
		on_enforced(feed, result);
	else {
		r = take_new(feed, result, why);
		feed->trying = r == LATER;
		end_fetched(feed, r, why);
	}
}

/* What was on its way meanwhile is older, but holds if this is nothing. */
static void begin_fetched(struct feed *feed)
{
	const char *why = "";
	int r;

	if (feed->reading) {
		feed->enforce_due = true;
		feed_reads_drop(feed->reading);
		feed->reading = NULL;
	}
	r = begin_read(feed, FEED_READ_FETCHED);
	if (r != LATER)
		why = load_fault(r);
	end_fetched(feed, r, why);
}

void feed_forget_fetched(struct feed *feed)
{
	if (!feed->reading || feed->reading_for != FEED_READ_FETCHED)
		return;
	feed_reads_drop(feed->reading);
	feed->reading = NULL;
}

static void take_same(struct feed *feed)
{
	char path[FEED_CHILD_PATH_LEN];

	feed->fresh_s = clock_wall_s();
	if (utimensat(AT_FDCWD, path_of(feed, "", path), NULL, 0))
		log_warning("feed '%s': the time of '%s' cannot be set: %s", feed->name, path,
			    strerror(errno));
	if (!feed->in_force ||
	    (feed->in_gate &&
	     (!feed->gate_until_s || clock_left(feed->gate_until_s) < feed_left_s(feed))))
		feed_enforce(feed);
}

static void on_done(void *context, const struct feed_answer *answer)
{
	struct feed *feed = context;
	char path[FEED_CHILD_PATH_LEN], what[48];

	feed->tries.tried_s = clock_wall_s();
	if (answer->outcome == FEED_NEW) {
		begin_fetched(feed);
	} else if (answer->outcome == FEED_SAME) {
		take_same(feed);
		end_try(feed, 0, "");
	} else {
		(void)snprintf(what, sizeof(what), "feed '%s'", feed->name);
		feed_tries_failed(&feed->tries, what, feed->every_s, "%s: %s",
				  feed_outcome_texts[answer->outcome], answer->text);
		(void)unlink(path_of(feed, ".new", path));
		feeding_store_feed(feed);
	}
}

static void try_now(struct feed *feed)
{
	struct feed_request request = {
		.magic = FEED_MAGIC,
		.version = FEED_VERSION,
		.format = feed->format,
		.max_bytes = feed->max_bytes,
		.max_entries = feed->max_entries,
		.seconds = FEED_SECONDS,
		.redirects = FEED_REDIRECTS,
	};
	char path[FEED_CHILD_PATH_LEN], why[FEED_TEXT_LEN], what[48];

	feed->tries.again = false;
	(void)snprintf(what, sizeof(what), "feed '%s'", feed->name);
	memcpy(request.url, feed->url, sizeof(request.url));
	if (feed_left_s(feed)) { /* what is over has to come anew, changed or not */
		memcpy(request.etag, feed->head.etag, sizeof(request.etag));
		memcpy(request.modified, feed->head.modified, sizeof(request.modified));
	}
	feed->child.loop = feed->feeding->keeper->loop;
	feed->child.on_done = on_done;
	feed->child.context = feed;
	if (feed_child_start(&feed->child, &request, path_of(feed, ".new", path), why))
		feed_tries_failed(&feed->tries, what, feed->every_s, "%s", why);
}

void feed_tick(struct feed *feed, uint64_t now_ms, bool may_start)
{
	feed_child_tick(&feed->child, now_ms);
	if (feed->in_force && !feed_left_s(feed) && !feed->reading) {
		log_warning("feed '%s': its last good copy is over, and no newer one came",
			    feed->name);
		put_out_of_force(feed);
	}
	if (may_start && !feed->child.pid && !feed->reading && !feed->order &&
	    feed->tries.next_ms <= now_ms)
		try_now(feed);
}

void feed_remove(struct feed *feed)
{
	char path[FEED_CHILD_PATH_LEN];

	feed_child_kill(&feed->child);
	put_out_of_force(feed);
	(void)unlink(path_of(feed, ".new", path));
	(void)unlink(path_of(feed, "", path));
	feeding_store_remove(feed);
}

void feed_free(struct feed *feed)
{
	if (!feed)
		return;
	feed_child_kill(&feed->child);
	give_up_all(feed);
	listed_deinit(&feed->listed);
	free(feed);
}

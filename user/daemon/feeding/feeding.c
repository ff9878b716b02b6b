/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Life of the feeds, and their clock: once a second each is asked what is due. At most two fetch at
 * once; a feed never twice. A configuration is prepared as a list of feeds of its own; taking it
 * over hands what goes on from the old ones to the new ones, by name.
 */
#include <user/daemon/feeding/feeding_parts.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/daemon/acts/loads.h>
#include <user/daemon/keeper.h>
#include <user/feed/schedule.h>
#include <user/gate/act.h>
#include <user/gate/lists.h>

#define TICK_MS 1000U
#define CHILDREN_MAX 2U
#define CHECK_S 5U /* so often it is looked whether the lists are still in the gate */

uint64_t feeding_now_ms(void)
{
	return clock_boot_ns() / 1000000;
}

uint32_t feeding_chance(void)
{
	uint32_t chance;

	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) != sizeof(chance))
		return UINT32_MAX / 2;
	return chance;
}

void feed_tries_again(struct feed_tries *tries)
{
	tries->next_ms = 0;
	tries->again = true;
}

static void set_next(struct feed_tries *tries, uint64_t every_s)
{
	tries->next_ms = feeding_now_ms() +
			 feed_schedule_ms(every_s, tries->failures, feeding_chance());
	if (tries->again)
		tries->next_ms = 0;
	tries->again = false;
}

void feed_tries_well(struct feed_tries *tries, const char *what, uint64_t every_s)
{
	if (tries->failures)
		log_info("%s: well again after %u failures", what, tries->failures);
	tries->failures = 0;
	tries->fault[0] = '\0';
	set_next(tries, every_s);
}

void feed_tries_failed(struct feed_tries *tries, const char *what, uint64_t every_s,
		       const char *format, ...)
{
	char fault[FEED_TEXT_LEN];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(fault, sizeof(fault), format, args);
	va_end(args);
	if (strcmp(fault, tries->fault) != 0)
		log_warning("%s: %s", what, fault);
	memcpy(tries->fault, fault, sizeof(fault));
	tries->failures++;
	tries->tried_s = clock_wall_s();
	set_next(tries, every_s);
}

/* ---- whom the operator allows ---- */

struct allowed {
	struct prefix *at;
	size_t len, room;
	uint32_t now_s;
};

static int gather_allowed(void *context, const struct entry *entry)
{
	struct allowed *all = context;

	if (!entry_live(entry, 0, all->now_s))
		return 0;
	if (all->len == all->room) {
		size_t room = all->room ? all->room * 2 : 64;
		struct prefix *at = reallocarray(all->at, room, sizeof(*at));

		if (!at)
			return -ENOMEM;
		all->at = at;
		all->room = room;
	}
	all->at[all->len++] = entry->prefix;
	return 0;
}

int feeding_allowed(struct feeding *f, struct prefix **ret_list, size_t *ret_len)
{
	struct allowed all = {.now_s = clock_boot_s()};
	int r = act_walk(f->keeper->gate, SZ_TABLE_ALLOW, gather_allowed, &all);

	if (r) {
		free(all.at);
		return r;
	}
	*ret_list = all.at;
	*ret_len = all.len;
	return 0;
}

/* ---- lists that go ---- */

struct going {
	char what[64];
};

static void say_gone(const char *what, int r)
{
	if (r && r != ACT_NOT_FOUND)
		log_error("%s cannot be taken out of the gate: %s", what, gate_error());
}

static void on_gone(void *context, int r, const struct list_report *report, int copied)
{
	own_free struct going *going = context;

	(void)report;
	(void)copied;
	say_gone(going->what, r == -ECANCELED ? 0 : r); /* strazhd ends: the next start drops it */
}

void feeding_drop_list(struct feeding *f, const char *list, const char *what)
{
	struct going *going = f->running ? calloc(1, sizeof(*going)) : NULL;
	const struct load_wanted wanted = {.name = list, .done = on_gone, .context = going};
	struct list_report report = {0};
	struct load_order *order;

	if (going)
		(void)snprintf(going->what, sizeof(going->what), "%s", what);
	if (going && !loads_add(f->keeper, &wanted, &order))
		return;
	free(going);
	say_gone(what, act_load(f->keeper->gate, list, NULL, 0, 0, &report));
}

/* ---- the clock ---- */

/* A list that an operator flushed stays out until it comes anew; CrowdSec's comes whole. */
static void check_lists(struct feeding *f)
{
	struct lists lists;

	f->checked_s = clock_boot_s();
	if (lists_read(f->keeper->gate, &lists))
		return;
	for (struct feed *feed = f->feeds; feed; feed = feed->next)
		if (feed->in_gate && lists_find(&lists, feed->list) == SZ_LISTS) {
			log_warning("feed '%s': its list was taken out of the gate; it comes back "
				    "with the next fetch",
				    feed->name);
			feed->in_gate = feed->in_force = false;
		}
	if (f->crowdsec && f->crowdsec->bit != SZ_LISTS &&
	    lists_find(&lists, CROWDSEC_LIST) == SZ_LISTS)
		crowdsec_lost(f->crowdsec);
}

static void on_tick(struct timer *timer)
{
	struct feeding *f = timer->context;
	uint64_t now_ms = feeding_now_ms();
	unsigned children = 0;

	for (struct feed *feed = f->feeds; feed; feed = feed->next)
		children += feed->child.pid != 0;
	for (struct feed *feed = f->feeds; feed; feed = feed->next) {
		const bool ran = feed->child.pid != 0;

		feed_tick(feed, now_ms, children < CHILDREN_MAX);
		children += !ran && feed->child.pid;
	}
	if (f->crowdsec)
		crowdsec_tick(f->crowdsec, now_ms);
	if (clock_boot_s() - f->checked_s >= CHECK_S)
		check_lists(f);
}

/* ---- configurations ---- */

static struct feed *feed_new(struct feeding *f, const struct config_feed *from)
{
	struct feed *feed = calloc(1, sizeof(*feed));

	if (!feed)
		return NULL;
	feed->feeding = f;
	(void)snprintf(feed->name, sizeof(feed->name), "%.24s", from->name);
	(void)snprintf(feed->list, sizeof(feed->list), FEED_LIST_PREFIX "%.24s", from->name);
	(void)snprintf(feed->url, sizeof(feed->url), "%.2000s",
		       config_feed_text(from, CFG_FEED_URL));
	feed->every_s = config_feed_number(from, CFG_FEED_EVERY);
	feed->expiry_s = config_feed_number(from, CFG_FEED_EXPIRY);
	feed->max_entries = config_feed_number(from, CFG_FEED_MAX_ENTRIES);
	feed->max_bytes = config_feed_number(from, CFG_FEED_MAX_BYTES);
	feed->weight = (unsigned)config_feed_number(from, CFG_FEED_WEIGHT);
	feed->format = (enum feed_format)config_feed_number(from, CFG_FEED_FORMAT);
	feed->wide = config_feed_number(from, CFG_FEED_WIDE);
	return feed;
}

static void feeds_free(struct feed *feeds)
{
	while (feeds) {
		struct feed *next = feeds->next;

		feed_free(feeds);
		feeds = next;
	}
}

static void forget_prepared(struct feeding *f)
{
	feeds_free(f->coming);
	crowdsec_free(f->crowdsec_coming);
	f->coming = NULL;
	f->crowdsec_coming = NULL;
	f->prepared = false;
}

int feeding_prepare(struct keeper *keeper, const struct config *config)
{
	struct feeding *f = keeper->feeding;
	struct feed **end;
	int r = 0;

	if (!f)
		return 0;
	forget_prepared(f);
	end = &f->coming;
	for (size_t i = 0; !r && i < config->feeds_len; i++) {
		*end = feed_new(f, &config->feeds[i]);
		if (!*end)
			r = -ENOMEM;
		else
			end = &(*end)->next;
	}
	if (!r && config_text(config, CFG_CROWDSEC_URL)[0])
		r = crowdsec_new(f, config, &f->crowdsec_coming);
	f->prepared = !r;
	if (r)
		forget_prepared(f);
	return r;
}

static struct feed *take_by_name(struct feed **list, const char *name)
{
	for (; *list; list = &(*list)->next)
		if (strcmp((*list)->name, name) == 0) {
			struct feed *feed = *list;

			*list = feed->next;
			return feed;
		}
	return NULL;
}

/* The old one goes on, with what the new one says. */
static void change(struct feed *feed, const struct feed *to)
{
	const bool other = strcmp(feed->url, to->url) != 0 || feed->format != to->format ||
			   feed->max_entries != to->max_entries || feed->max_bytes != to->max_bytes;
	const bool sooner = feed->every_s != to->every_s;

	memcpy(feed->url, to->url, sizeof(feed->url));
	feed->every_s = to->every_s;
	feed->expiry_s = to->expiry_s;
	feed->max_entries = to->max_entries;
	feed->max_bytes = to->max_bytes;
	feed->weight = to->weight;
	feed->format = to->format;
	feed->wide = to->wide;
	if (other) { /* what is on its way was asked for otherwise */
		feed_child_kill(&feed->child);
		feed_forget_fetched(feed);
		feed->head.etag[0] = feed->head.modified[0] = '\0';
	}
	if (other || sooner)
		feed_tries_again(&feed->tries);
}

static void take_feeds(struct feeding *f)
{
	struct feed *old = f->feeds, *coming = f->coming, **end = &f->feeds;

	f->feeds = f->coming = NULL;
	while (coming) {
		struct feed *feed = coming, *there = take_by_name(&old, coming->name);

		coming = coming->next;
		if (there) {
			change(there, feed);
			feed_free(feed);
			feed = there;
		} else {
			feed_open(feed);
		}
		feed->next = NULL;
		*end = feed;
		end = &feed->next;
		if (there && feed_left_s(feed))
			feed_enforce(feed); /* bar, weight and expiry may be others */
	}
	while (old) {
		struct feed *next = old->next;

		log_info("feed '%s' is no more", old->name);
		feed_remove(old);
		feed_free(old);
		old = next;
	}
}

static void take_crowdsec(struct feeding *f)
{
	struct crowdsec *coming = f->crowdsec_coming;

	f->crowdsec_coming = NULL;
	if (f->crowdsec && coming) {
		crowdsec_change(f->crowdsec, coming);
		crowdsec_free(coming);
	} else if (coming) {
		f->crowdsec = coming;
		crowdsec_open(coming);
	} else if (f->crowdsec) {
		crowdsec_free(f->crowdsec);
		f->crowdsec = NULL;
		feeding_drop_list(f, CROWDSEC_LIST, "crowdsec: its list");
	}
}

void feeding_take(struct keeper *keeper)
{
	struct feeding *f = keeper->feeding;

	if (!f || !f->prepared)
		return;
	f->prepared = false;
	take_feeds(f);
	take_crowdsec(f);
}

/* ---- life ---- */

/* Lists of feeds that the configuration had when strazhd ended, and has no more. */
static void drop_strangers(struct feeding *f)
{
	const struct config *config = f->keeper->options->config;
	const size_t len = strlen(FEED_LIST_PREFIX);
	struct lists lists;

	if (lists_read(f->keeper->gate, &lists))
		return;
	for (uint32_t bit = SZ_LIST_FEED; bit < SZ_LISTS; bit++) {
		const char *name = lists.at[bit].name;
		char what[64];

		if (!(lists.used >> bit & 1) || strncmp(name, FEED_LIST_PREFIX, len) != 0 ||
		    config_feed_find(config, name + len) ||
		    (strcmp(name, CROWDSEC_LIST) == 0 && config_text(config, CFG_CROWDSEC_URL)[0]))
			continue;
		log_info("feed '%s' is no more", name + len);
		(void)snprintf(what, sizeof(what), "list '%.40s'", name);
		feeding_drop_list(f, name, what);
	}
}

static void make_dir(struct feeding *f)
{
	const char *state = config_text(f->keeper->options->config, CFG_STATE_DIR);

	(void)snprintf(f->dir, sizeof(f->dir), "%.200s/feeds", state);
	(void)mkdir(state, 0750); /* a failure is seen by the next one */
	if (mkdir(f->dir, 0700) && errno != EEXIST)
		log_warning("'%s' cannot be made: %s; feeds cannot be kept", f->dir,
			    strerror(errno));
}

int feeding_open(struct keeper *keeper)
{
	struct feeding *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	keeper->feeding = f;
	f->keeper = keeper;
	f->seed = (uint64_t)feeding_chance() << 32 | feeding_chance();
	r = timer_open(keeper->loop, &f->tick, on_tick, f);
	if (!r)
		r = feed_reads_open(keeper->loop, &f->reads);
	if (!r)
		r = feeding_prepare(keeper, keeper->options->config);
	if (!r)
		r = timer_start(&f->tick, 1, TICK_MS);
	if (r) {
		log_error("feeds cannot be read: %s", strerror(-r));
		return r;
	}
	make_dir(f);
	drop_strangers(f);
	feeding_take(keeper);
	f->running = true;
	return 0;
}

void feeding_close(struct keeper *keeper)
{
	struct feeding *f = keeper->feeding;

	if (!f)
		return;
	timer_close(&f->tick);
	forget_prepared(f);
	feeds_free(f->feeds);
	crowdsec_free(f->crowdsec);
	feed_reads_close(f->reads);
	free(f->shown);
	free(f);
	keeper->feeding = NULL;
}

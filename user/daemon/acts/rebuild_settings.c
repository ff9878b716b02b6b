/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Settings, services and lists, and what a boot remembers of its first pass. Settings are put into
 * maps that are new only: others have them, and the daemon itself moves limits while it runs.
 */
#include <user/daemon/acts/rebuild_parts.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/ctl/journal.h>
#include <user/ctl/ports.h>
#include <user/ctl/rate.h>
#include <user/ctl/settings.h>
#include <user/daemon/acts/acts.h>
#include <user/daemon/acts/loads.h>
#include <user/daemon/acts/replay.h>
#include <user/daemon/guarding/protecting.h>
#include <user/daemon/memory/memory.h>
#include <user/gate/limits.h>
#include <user/gate/lists.h>
#include <user/gate/services.h>

#define CLOCK_NAME "gate.clock"
#define MS_PER_S 1000

static const char *value_of(const struct rebuild_data *data, const char *name)
{
	for (size_t i = 0; i < data->settings_len; i++)
		if (strcmp(rebuild_text(&data->texts, data->settings[i].name), name) == 0)
			return rebuild_text(&data->texts, data->settings[i].value);
	return NULL;
}

int rebuild_adopt(struct keeper *keeper, json_t *act)
{
	struct actrow row;
	int r = act && !json_object_set_new(act, "who", json_string("strazhd")) ? 0 : -ENOMEM;

	if (!r)
		r = actrow_make(act, 0, &row);
	if (!r) {
		row.act.detail = "found in the gate";
		r = memory_act(keeper, &row.act, NULL, NULL);
	}
	json_decref(act);
	return r;
}

/* ---- the clock ---- */

static void read_boot(char boot[40])
{
	own_fd int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, boot, 36);

	boot[n < 0 ? 0 : n] = '\0';
	if (!boot[0])
		(void)snprintf(boot, 40, "unknown");
}

/* STORE_FULL: the store takes no more now. */
static int keep_clock(struct rebuild *rebuild)
{
	const struct rebuild_clock *clock = &rebuild->clock;
	char value[300];
	int r;
	const struct store_act act = {
		.verb = STORE_SETTING_PUT,
		.at_ms = (int64_t)clock_wall_s() * MS_PER_S,
		.actor = "strazhd",
		.cause = "first pass over these maps",
		.setting = {.name = CLOCK_NAME, .value = value},
	};

	(void)snprintf(value, sizeof(value), "%s %s %lld %lld", clock->boot, clock->maps,
		       (long long)clock->offset_ms, (long long)clock->first_ms);
	r = memory_act(rebuild->keeper, &act, NULL, NULL);
	if (r == STORE_FULL)
		return r;
	if (r)
		log_debug("the clock of this boot is not kept");
	rebuild->new_maps = r != 0;
	return 0;
}

void rebuild_clock_begin(struct rebuild *rebuild)
{
	const char *value = value_of(rebuild->data, CLOCK_NAME);
	struct rebuild_clock old = {0}, *clock = &rebuild->clock;
	struct rebuild_clock now = {0};
	long long offset = 0, first = 0;

	read_boot(now.boot);
	if (journal_identity(rebuild->keeper->gate, now.maps))
		(void)snprintf(now.maps, sizeof(now.maps), "unknown");
	/* Of a pass that did not come to its end: entries were put by that clock. */
	if (rebuild->new_maps && strcmp(now.boot, clock->boot) == 0 &&
	    strcmp(now.maps, clock->maps) == 0)
		return;
	*clock = now;
	rebuild->new_maps = !value ||
			    sscanf(value, "%39s %159s %lld %lld", old.boot, old.maps, &offset,
				   &first) != 4 ||
			    strcmp(old.boot, clock->boot) != 0 ||
			    strcmp(old.maps, clock->maps) != 0;
	if (!rebuild->new_maps) {
		clock->offset_ms = offset;
		clock->first_ms = first;
		return;
	}
	clock->first_ms = (int64_t)clock_wall_s() * MS_PER_S;
	clock->offset_ms = clock->first_ms - (int64_t)(clock_boot_ns() / 1000000);
}

/* What an act has touched since this pass began has its value from that. */
static bool is_touched(const struct rebuild *rebuild, const char *name)
{
	return acts_touched_name(rebuild->keeper, name);
}

static bool is_known(const struct rebuild *rebuild, const char *name)
{
	return value_of(rebuild->data, name) || is_touched(rebuild, name);
}

void rebuild_normal_read(struct rebuild *rebuild)
{
	const char *value = value_of(rebuild->data, PROTECT_STORED);

	if (!value)
		return;
	(void)snprintf(rebuild->normal, sizeof(rebuild->normal), "%s", value);
	protecting_know(rebuild->keeper, value);
}

const char *rebuild_normal(const struct keeper *keeper)
{
	return keeper->rebuild && keeper->rebuild->normal[0] ? keeper->rebuild->normal : NULL;
}

/* ---- from the store to the gate ---- */

/* An operator's: the guard's gives way to what he said. */
static bool has_service(struct gate *gate, const char *name)
{
	char why[PORT_WHY_LEN];
	uint32_t index;
	uint16_t port;
	uint8_t proto;

	return !port_parse(name, &proto, &port, why) && !service_find(gate, proto, port, &index) &&
	       !(gate->services[index].flags & SZ_SERVICE_GUARD);
}

static void put_setting(struct rebuild *rebuild, const char *name, const char *value)
{
	struct gate *gate = rebuild->keeper->gate;
	json_t *entry;

	if (strcmp(name, CLOCK_NAME) == 0 || strcmp(name, PROTECT_STORED) == 0)
		return;
	if (is_touched(rebuild, name)) {
		rebuild->again = true;
		return;
	}
	if (strncmp(name, ACTROWS_SERVICE, strlen(ACTROWS_SERVICE)) != 0) {
		replay_set(gate, "store", name + strlen(ACTROWS_SETTING), value);
		return;
	}
	name += strlen(ACTROWS_SERVICE);
	if (has_service(gate, name))
		return;
	entry = json_loads(value, 0, NULL);
	replay_service(gate, "store", name, entry);
	json_decref(entry);
}

static void say_list(struct rebuild *rebuild, const struct rebuild_list *list, int r,
		     const struct list_report *report)
{
	if (r == -ECANCELED)
		rebuild->again = true; /* flushed meanwhile */
	else if (r)
		log_warning("store: list '%s' cannot be put back: %s", list->name,
			    r == ACT_FULL ? "it does not fit" : gate_error());
	else
		log_info("store: list '%s' is in force again: %llu entries", list->name,
			 (unsigned long long)(report->added + report->kept));
	rebuild->lists += !r;
}

static void on_loaded(void *context, int r, const struct list_report *report, int copied)
{
	struct rebuild *rebuild = context;

	(void)copied;
	rebuild->order = NULL;
	say_list(rebuild, &rebuild->data->lists[rebuild->list_at - 1], r, report);
	(void)!timer_start(&rebuild->timer, 1, 0);
}

/* In slices, once the loop runs; before that nobody waits. */
static void load_list(struct rebuild *rebuild, const struct rebuild_list *list, uint32_t until_s)
{
	const struct load_wanted wanted = {
		.name = list->name,
		.entries = list->entries.entries,
		.count = list->entries.count,
		.until_s = until_s,
		.done = on_loaded,
		.context = rebuild,
	};
	struct list_report report = {0};
	int r;

	if (rebuild->running && wanted.count) {
		r = loads_add(rebuild->keeper, &wanted, &rebuild->order);
		if (!r)
			return;
		gate_explain("there is no memory");
	} else {
		r = act_load(rebuild->keeper->gate, list->name, wanted.entries, wanted.count,
			     until_s, &report);
	}
	say_list(rebuild, list, r, &report);
}

/* Loaded, unloaded or flushed since this pass began, or about to be. */
static bool list_moves(const struct rebuild *rebuild, const char *name)
{
	char full[sizeof(ACTS_LIST) + SZ_LIST_NAME_LEN];

	(void)snprintf(full, sizeof(full), ACTS_LIST "%s", name);
	return is_touched(rebuild, full) || loads_busy(rebuild->keeper, name);
}

static void put_list(struct rebuild *rebuild, const struct rebuild_list *list)
{
	uint64_t now = clock_wall_s();

	if (list_moves(rebuild, list->name)) {
		rebuild->again = true;
		return;
	}
	/* Whoever unloaded it died before the store had it: it was the last thing left to do. */
	if (list->fault == -ENOENT) {
		log_warning("store: list '%s' is neither in the gate nor copied: it is taken out",
			    list->name);
		if (rebuild_adopt(rebuild->keeper, journal_other(rebuild->keeper->gate, "unload",
								 "list", list->name)))
			log_warning("list '%s' is not taken out", list->name);
		return;
	}
	if (list->fault) {
		log_warning("store: list '%s' cannot be put back: %s; load it again", list->name,
			    list->fault == -EBADMSG ? "its copy is damaged"
						    : strerror(-list->fault));
		return;
	}
	if (!list->until_wall || list->until_wall > now)
		load_list(rebuild, list,
			  list->until_wall ? clock_until(list->until_wall - now) : 0);
}

/* ---- from the gate to the store ---- */

static void adopt_setting(struct rebuild *rebuild, const struct setting *setting)
{
	struct gate *gate = rebuild->keeper->gate;
	char name[80], value[32];

	(void)snprintf(name, sizeof(name), ACTROWS_SETTING "%s", setting->name);
	if (settings_is_default(gate->settings, setting->name) || is_known(rebuild, name) ||
	    !settings_get(gate->settings, setting->name, value, sizeof(value)))
		return;
	if (rebuild_adopt(rebuild->keeper, journal_set(gate, setting->name, value)))
		log_warning("setting '%s' is not kept", setting->name);
}

static void adopt_service(struct rebuild *rebuild, uint32_t index)
{
	struct gate *gate = rebuild->keeper->gate;
	const struct sz_service *service = &gate->services[index];
	char name[80], text[PORT_TEXT_LEN];

	if (!index || !service_used(gate, index) || service->flags & SZ_SERVICE_GUARD)
		return;
	(void)snprintf(name, sizeof(name), ACTROWS_SERVICE "%s",
		       port_format(service->proto, service->port, text));
	if (!is_known(rebuild, name) &&
	    rebuild_adopt(rebuild->keeper, journal_service(gate, service)))
		log_warning("service %s is not kept", text);
}

static bool names(const struct listcopy_names *all, const char *name)
{
	for (size_t i = 0; i < all->count; i++)
		if (strcmp(all->at[i], name) == 0)
			return true;
	return false;
}

/*
 * Whoever loaded it died between its copy and the store. Feeds have no copies. One without is in
 * force until the maps are lost; nobody was told that it is more.
 */
static void adopt_lists(struct rebuild *rebuild)
{
	const struct rebuild_data *data = rebuild->data;
	struct gate *gate = rebuild->keeper->gate;
	struct lists lists;

	if (!rebuild->there.count || lists_read(gate, &lists))
		return;
	for (uint32_t bit = SZ_LIST_FEED; bit < SZ_LISTS; bit++) {
		const struct sz_list *list = &lists.at[bit];
		json_t *act;

		if (!(lists.used >> bit & 1) || !names(&rebuild->there, list->name) ||
		    names(&data->stored, list->name) || !names(&data->copies, list->name))
			continue;
		act = journal_other(gate, "load", "list", list->name);
		if (act)
			(void)!json_object_set_new(act, "entries", json_integer(list->entries));
		if (rebuild_adopt(rebuild->keeper, act))
			log_warning("list '%s' is not kept", list->name);
		else
			rebuild->adopted++;
	}
}

static void adopt_set(struct rebuild *rebuild, const char *name, json_t *act)
{
	char full[160];

	(void)snprintf(full, sizeof(full), ACTROWS_SETTING "%s", name);
	if (is_known(rebuild, full))
		json_decref(act);
	else if (rebuild_adopt(rebuild->keeper, act))
		log_warning("'%s' is not kept", name);
	else
		rebuild->adopted++;
}

/* By the names that cmd_rate.c writes. */
static void adopt_limit(struct rebuild *rebuild, const char *name, const struct sz_limit *usual)
{
	const struct sz_limit *limit = replay_limit(rebuild->keeper->gate, name);
	char text[LIMIT_TEXT_LEN];

	if (!limit || limit_equal(limit, usual))
		return;
	limit_format(limit, text);
	adopt_set(rebuild, name, journal_set(rebuild->keeper->gate, name, text));
}

static void adopt_limits(struct rebuild *rebuild)
{
	static const struct sz_limit none;
	char name[64];

	for (uint32_t class_ = 0; class_ < SZ_RATE_CLASSES; class_++) {
		for (uint32_t at = 0; at < SZ_TIERS * SZ_RATE_LEVELS; at++) {
			const enum sz_rate_level level = (enum sz_rate_level)(at % SZ_RATE_LEVELS);
			const struct sz_limit usual = limit_default(level, class_);

			if (level == SZ_RATE_NET && class_ > SZ_RATE_FRAG)
				continue;
			(void)snprintf(name, sizeof(name), "rate.%u.%s.%s", at / SZ_RATE_LEVELS,
				       level == SZ_RATE_NET ? "prefix" : "host",
				       rate_class_names[class_]);
			adopt_limit(rebuild, name, &usual);
		}
		(void)snprintf(name, sizeof(name), "rate.other.%s", rate_class_names[class_]);
		/* The guard's ends with the guard: kept, it would be an operator's for good. */
		if (class_ <= SZ_RATE_FRAG &&
		    !service_total_is_guards(rebuild->keeper->gate, 0, (enum sz_rate_class)class_))
			adopt_limit(rebuild, name, &none);
	}
}

static int adopt_source(void *context, const struct prefix *key, const struct sz_reput *reput)
{
	struct rebuild *rebuild = context;
	char name[96], text[PREFIX_TEXT_LEN];

	if (reput->origin != SZ_ORIGIN_OPERATOR || reput_is_over(reput, clock_boot_s()))
		return 0;
	(void)snprintf(name, sizeof(name), "rate.source.%s", prefix_format(key, text));
	adopt_set(rebuild, name, rate_source_act(rebuild->keeper->gate, key, reput));
	return 0;
}

/* A slice: the guard's are among them, and may be many. */
static bool adopt_sources(struct rebuild *rebuild)
{
	bool done = false;

	if (reput_walk(rebuild->keeper->gate, &rebuild->sources, REBUILD_ADOPT_MAX, adopt_source,
		       rebuild, &done))
		log_warning("sources with limits of their own are not kept: %s", gate_error());
	else if (!done)
		return false;
	rebuild->sources = (struct reput_cursor){0};
	return true;
}

static void settle(struct rebuild *rebuild)
{
	const struct rebuild_data *data = rebuild->data;

	adopt_lists(rebuild);
	if (!rebuild->new_maps)
		return;
	for (size_t i = 0; i < data->settings_len; i++)
		put_setting(rebuild, rebuild_text(&data->texts, data->settings[i].name),
			    rebuild_text(&data->texts, data->settings[i].value));
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		adopt_setting(rebuild, &settings_all[i]);
	for (uint32_t i = 0; i < SZ_SERVICES; i++)
		adopt_service(rebuild, i);
	adopt_limits(rebuild);
}

int rebuild_settings(struct rebuild *rebuild, bool *ret_done)
{
	const struct rebuild_data *data = rebuild->data;

	if (rebuild->order)
		return -EAGAIN;
	if (rebuild->list_at < data->lists_len) {
		put_list(rebuild, &data->lists[rebuild->list_at++]);
		return rebuild->order ? -EAGAIN : 0;
	}
	if (!rebuild->settled)
		settle(rebuild);
	rebuild->settled = true;
	if (rebuild->new_maps && !rebuild->sourced) {
		rebuild->sourced = adopt_sources(rebuild);
		return 0;
	}
	*ret_done = true;
	/* With the clock maps are new no more: what is left for another pass would never be put. */
	return rebuild->new_maps && !rebuild->again ? keep_clock(rebuild) : 0;
}

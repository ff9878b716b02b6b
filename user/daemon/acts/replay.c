/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The journal at start: before anything is repaired. What it says and why: ctl/journal.h. */
#include <user/daemon/keeper.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/base/file.h>
#include <user/base/log.h>
#include <user/ctl/journal.h>
#include <user/ctl/rate.h>
#include <user/ctl/settings.h>
#include <user/daemon/acts/replay.h>
#include <user/daemon/memory/memory.h>
#include <user/gate/act.h>
#include <user/gate/limits.h>
#include <user/gate/services.h>

#define JOURNAL_MAX_BYTES (256U << 20)

static int open_journal(const struct keeper *keeper, int *ret_fd)
{
	char path[300];
	int n = snprintf(path, sizeof(path), "%s/%s", keeper->options->state_dir, JOURNAL_FILE);

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	*ret_fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return *ret_fd < 0 ? -errno : 0;
}

static void redo_adds(struct keeper *keeper, const struct journal_plan *plan)
{
	size_t done = 0, over = 0;
	const char *key;
	json_t *entry;

	json_object_foreach(plan->adds, key, entry)
	{
		struct act_answer answer;
		struct act act;

		if (!journal_decode(entry, clock_wall_s(), clock_boot_s(), &act)) {
			over++;
			continue;
		}
		if (act_add(keeper->gate, &act, &answer))
			log_warning("journal: '%s' is not done again: %s", key, gate_error());
		else
			done++;
	}
	if (done || over)
		log_info("journal: %zu acts done again on maps that had lost them, %zu were over",
			 done, over);
}

/* "rate.TIER.host|prefix.CLASS" or "rate.other.CLASS", as cmd_rate.c wrote it. */
struct sz_limit *replay_limit(struct gate *gate, const char *name)
{
	const char *dot = strrchr(name, '.');
	uint32_t class_ = 0, tier = (uint32_t)(name[5] - '0');

	while (class_ < SZ_RATE_CLASSES && strcmp(rate_class_names[class_], dot + 1) != 0)
		class_++;
	if (class_ == SZ_RATE_CLASSES)
		return NULL;
	if (strncmp(name, "rate.other.", 11) == 0)
		return &gate->services[0].limit[class_];
	if (tier >= SZ_TIERS)
		return NULL;
	if (strncmp(name + 6, ".host.", 6) == 0)
		return &gate->limits[sz_limit_index(tier, SZ_RATE_HOST, class_)];
	if (strncmp(name + 6, ".prefix.", 8) == 0)
		return &gate->limits[sz_limit_index(tier, SZ_RATE_NET, class_)];
	return NULL;
}

static bool redo_limit(struct gate *gate, const char *from, const char *name, const char *value)
{
	struct sz_limit limit, *at;

	if (strncmp(name, "rate.", 5) != 0 || strlen(name) < 8 || strcmp(name, "rate.mode") == 0)
		return false;
	at = replay_limit(gate, name);
	if (!at || !value || limit_parse(value, &limit)) {
		log_warning("%s: '%s' is no limit", from, name);
		return true;
	}
	if (strncmp(name, "rate.other.", 11) == 0)
		service_keep(gate, 0, (enum sz_rate_class)(at - gate->services[0].limit));
	limit_store(at, &limit);
	log_info("%s: %s is set again", from, name);
	return true;
}

static bool redo_source(struct gate *gate, const char *from, const char *name, const char *value)
{
	int r = rate_redo_source(gate, name, value);

	if (r == -ENOENT)
		return false;
	if (r == -EINVAL)
		log_warning("%s: '%s' is no source", from, name);
	else if (r)
		log_warning("%s: %s is not set again: %s", from, name, gate_error());
	else
		log_info("%s: %s is as it was said", from, name);
	return true;
}

void replay_set(struct gate *gate, const char *from, const char *name, const char *value)
{
	char why[SETTINGS_WHY_LEN];

	if (redo_source(gate, from, name, value) || redo_limit(gate, from, name, value))
		return;
	if (settings_put(gate->settings, name, value, why))
		log_warning("%s: %s", from, why);
	else
		log_info("%s: %s is %s again", from, name, value);
}

static void redo_sets(struct keeper *keeper, const struct journal_plan *plan)
{
	const char *name;
	json_t *value;

	json_object_foreach(plan->sets, name, value)
		replay_set(keeper->gate, "journal", name, json_string_value(value));
}

void replay_service(struct gate *gate, const char *from, const char *name, const json_t *entry)
{
	struct sz_service config;
	uint32_t index;

	if (!journal_decode_service(entry, clock_boot_s(), &config))
		log_warning("%s: '%s' is no service", from, name);
	else if (service_put(gate, &config, &index))
		log_warning("%s: %s is not protected again: %s", from, name, gate_error());
	else
		log_info("%s: %s is protected again", from, name);
}

static void redo_services(struct keeper *keeper, const struct journal_plan *plan)
{
	const char *name;
	json_t *entry;

	json_object_foreach(plan->services, name, entry)
		replay_service(keeper->gate, "journal", name, entry);
}

static void redo(struct keeper *keeper, const struct journal_plan *plan)
{
	const char *name;
	json_t *value;

	log_info("journal: %zu acts while strazhd was down, %zu of them in force already",
		 plan->acts, plan->in_force);
	redo_adds(keeper, plan);
	redo_sets(keeper, plan);
	redo_services(keeper, plan);
	json_object_foreach(plan->lists, name, value)
		log_warning("journal: list '%s' was lost with its map: load it again", name);
	if (plan->torn)
		log_warning("journal: its last line is torn and left out: its writer died");
	if (plan->bad)
		log_warning("journal: %zu lines hold no act and are left out", plan->bad);
}

int replay_journal(struct keeper *keeper)
{
	own_fd int fd = -1;
	own_free char *text = NULL;
	char maps[JOURNAL_MAPS_LEN], url[MEMORY_URL_LEN];
	struct journal_plan plan;
	size_t len = 0;
	int r = open_journal(keeper, &fd);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (!r)
		r = file_read(fd, JOURNAL_MAX_BYTES, &text, &len);
	if (!r && !len)
		return 0;
	if (!r)
		r = journal_identity(keeper->gate, maps);
	if (!r)
		r = journal_plan(text, len, maps, &plan);
	if (r) {
		log_error("journal in '%s' cannot be read: %s; it is left as it is",
			  keeper->options->state_dir, strerror(-r));
		return 0; /* the gate matters more */
	}
	redo(keeper, &plan);
	journal_plan_deinit(&plan);
	if (memory_url(keeper->options->config, url))
		return 0; /* acts_open() empties it when the store has it all */
	/* Emptied only now: dying on the way means doing it again, which changes nothing. */
	if (ftruncate(fd, 0) || fsync(fd))
		log_error("journal in '%s' cannot be emptied: %s", keeper->options->state_dir,
			  strerror(errno));
	return 0;
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <user/daemon/memory/moving.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/orm/db.h>
#include <user/base/log.h>
#include <user/daemon/config/config_mask.h>
#include <user/daemon/memory/memory_parts.h>
#include <user/store/move.h>

/* Written by the keeper's thread before the store's looks at it, and not while it does. */
struct moving {
	char state_dir[300];
	char configured[MEMORY_URL_LEN], to[MEMORY_URL_LEN];
	uint64_t told; /* number of the switch whose end was said */
	struct store_switched state;
	struct host_switch shown;
};

/* In the store's thread. */
static int commit(void *data, const char *url)
{
	const struct moving *moving = data;

	return moving_write(moving->state_dir, moving->configured, url);
}

static int refuse(char *why, size_t size, int code, const char *text)
{
	(void)snprintf(why, size, "%s", text);
	return code;
}

static int prepare(struct memory *m, const char *url)
{
	const struct config *config = m->keeper->options->config;
	struct moving *moving = m->moving;

	if (!moving)
		moving = m->moving = calloc(1, sizeof(*moving));
	if (!moving)
		return -ENOMEM;
	if (!memory_url_configured(config, moving->configured))
		return -EINVAL;
	(void)snprintf(moving->state_dir, sizeof(moving->state_dir), "%s",
		       config_text(config, CFG_STATE_DIR));
	(void)snprintf(moving->to, sizeof(moving->to), "%s", url);
	return 0;
}

int memory_switch(void *context, const char *url, char *why, size_t size)
{
	const struct keeper *keeper = context;
	struct memory *m = keeper->memory;
	struct orm_error error = {0};
	struct store_switched state;
	struct store_health health;
	int r;

	if (!m || !m->store)
		return refuse(why, size, CTL_NOT_FOUND, "strazhd has no store");
	if (strlen(url) >= MEMORY_URL_LEN || strpbrk(url, "\r\n"))
		return refuse(why, size, CTL_USAGE, "that is no URL of a database");
	if (orm_url_check(url, &error))
		return refuse(why, size, CTL_USAGE, error.text);
	store_switched(m->store, &state);
	if (state.now == STORE_SWITCH_RUNS)
		return refuse(why, size, CTL_REFUSED, "it is being moved already");
	/* Before anything can be copied, what waits has to be written where it belongs. */
	store_health(m->store, &health);
	if (health.degraded)
		return refuse(why, size, CTL_FAILED, "its database is away");
	r = prepare(m, url);
	if (!r)
		r = store_switch(m->store, url, commit, m->moving);
	if (r == -EINVAL)
		return refuse(why, size, CTL_REFUSED, "it is there already");
	if (r == -EBUSY)
		return refuse(why, size, CTL_REFUSED,
			      "it was moved 8 times; restart strazhd before the next one");
	if (r)
		return refuse(why, size, CTL_FAILED, strerror(-r));
	return CTL_DONE;
}

void moving_settle(struct memory *m)
{
	struct moving *moving = m->moving;
	struct store_switched state;
	char shown[MEMORY_SHOWN_LEN];

	if (!moving)
		return;
	store_switched(m->store, &state);
	if (state.now == STORE_SWITCH_RUNS || state.number == moving->told)
		return;
	moving->told = state.number;
	(void)config_mask_url(moving->to, shown, sizeof(shown));
	if (state.now == STORE_SWITCH_DONE) {
		(void)snprintf(m->url, sizeof(m->url), "%s", shown);
		log_info("the store is '%s' now, %llu rows proved equal; nothing was written for "
			 "%lld ms",
			 shown, (unsigned long long)state.rows, (long long)state.took_ms);
	} else {
		log_error("the store was not moved to '%s': %s", shown, state.why.text);
	}
}

const struct host_switch *memory_switching(void *context)
{
	static const char *const words[] = {
		[STORE_SWITCH_NONE] = "none",
		[STORE_SWITCH_RUNS] = "running",
		[STORE_SWITCH_DONE] = "done",
		[STORE_SWITCH_FAILED] = "failed",
	};
	static const struct host_switch none = {.now = "none", .why = ""};
	const struct keeper *keeper = context;
	struct memory *m = keeper->memory;
	struct moving *moving = m ? m->moving : NULL;

	if (!m || !m->store)
		return NULL;
	if (!moving)
		return &none;
	store_switched(m->store, &moving->state);
	moving->shown = (struct host_switch){
		.now = words[moving->state.now],
		.why = moving->state.why.text,
		.rows = moving->state.rows,
		.took_ms = (uint64_t)moving->state.took_ms,
	};
	return &moving->shown;
}

void moving_free(struct moving *moving)
{
	if (moving)
		explicit_bzero(moving, sizeof(*moving));
	free(moving);
}

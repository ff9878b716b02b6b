/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Life of the store in the keeper. What the store decides comes by its descriptor; that it became
 * degraded, or well again, is said once. A store that cannot be opened at all (a wrong URL, a
 * schema of a later version) is said and lived without: the gate matters more.
 */
#include <user/daemon/memory/memory_parts.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/daemon/acts/acts.h>
#include <user/daemon/caps.h>
#include <user/daemon/config/config_mask.h>
#include <user/daemon/config/config_store.h>
#include <user/daemon/memory/moving.h>
#include <user/daemon/memory/remember.h>

/* How long the shutdown may wait for the database. */
#define CLOSE_MS 5000
#define TICK_MS 1000U

/* ---- how it is ---- */

static void say_health(struct memory *m)
{
	struct store_health health;

	store_health(m->store, &health);
	if (health.degraded == m->degraded)
		return;
	m->degraded = health.degraded;
	if (m->degraded)
		log_error("the store is away: %s; what is decided waits", health.why.text);
	else
		log_info("the store is there again");
}

int64_t memory_wall_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void memory_done(void *data, int result)
{
	struct memory *m = data;

	if (!result)
		return;
	m->undone++;
	if (!m->undone_said)
		log_error("the store: what was decided is not written: %s",
			  store_condition_text(result));
	m->undone_said = true;
}

static void on_ready(struct watch *watch, uint32_t events)
{
	struct memory *m = watch->context;

	(void)events;
	(void)store_collect(m->store);
	say_health(m);
	moving_settle(m);
}

static void on_recalled(struct watch *watch, uint32_t events)
{
	struct memory *m = watch->context;

	(void)events;
	recall_collect(m->recall);
}

static void on_tick(struct timer *timer)
{
	struct memory *m = timer->context;

	say_health(m);
	remember_make_good(m);
	stories_tick(m);
}

const struct host_memory *memory_show(void *context)
{
	const struct keeper *keeper = context;
	struct memory *m = keeper->memory;
	struct store_health health = {.degraded = m && m->wanted};

	if (!m)
		return NULL;
	if (m->store)
		store_health(m->store, &health);
	else
		health.why = m->fault;
	(void)snprintf(m->why, sizeof(m->why), "%s", health.degraded ? health.why.text : "");
	m->shown = (struct host_memory){
		.url = m->url,
		.why = m->why,
		.on = m->wanted,
		.degraded = health.degraded,
		.since_s = m->store ? (uint64_t)health.since_ms / 1000 : m->opened_s,
		.backlog = health.backlog,
		.backlog_max = health.backlog_max,
		.written = health.written,
		.missed = m->missed,
		.late = m->remembering.late.len,
		.undone = m->undone,
		.sources = health.sources,
		.dropped = health.sources_dropped,
		.moved_why = m->moved_why[0] ? m->moved_why : NULL,
	};
	acts_waiting(keeper, &m->shown.journal, &m->shown.forgotten);
	return &m->shown;
}

/* ---- acts ---- */

int memory_act(struct keeper *keeper, const struct store_act *act, store_done done, void *data)
{
	struct memory *m = keeper->memory;
	int r;

	if (!m || !m->store)
		return -ENOTCONN;
	r = store_submit(m->store, act, done, data);
	if (r)
		m->missed++;
	return r;
}

struct store *memory_store(const struct keeper *keeper)
{
	return keeper->memory ? keeper->memory->store : NULL;
}

/* ---- life ---- */

/* For its owner and group alone: SQLite gives its other files the mode of this one. */
static void make_file(const struct config *config)
{
	const char *dir = config_text(config, CFG_STATE_DIR);
	char path[300];
	own_fd int fd = -1;

	if (*config_text(config, CFG_STORE_URL))
		return;
	(void)snprintf(path, sizeof(path), "%s/strazh.db", dir);
	if (mkdir(dir, 0750) && errno != EEXIST)
		return; /* the store says it with its own words */
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		log_debug("'%s': %s", path, strerror(errno));
}

static const struct recall_ops recall_ops = {
	.source = remember_source,
	.ban = remember_ban,
	.all = remember_all,
	.bans = remember_bans,
	.one = remember_one,
	.story = story_found,
};

/*
 * The threads of the store read what a database says and need no right of the keeper's: they have
 * what the thread has that starts them.
 */
struct opening {
	struct memory *m;
	const char *url;
	int result; /* of store_open() */
	int failed; /* else */
};

static void *open_rightless(void *data)
{
	struct opening *opening = data;
	struct memory *m = opening->m;
	struct store_options options = config_store(m->keeper->options->config);

	options.close_ms = CLOSE_MS;
	options.may_start_down = true;
	opening->failed = caps_drop_thread();
	if (opening->failed)
		return NULL;
	opening->result = store_open(opening->url, &options, &m->store, &m->fault);
	if (!opening->result)
		opening->failed = recall_new(m->store, &recall_ops, m, &m->recall);
	return NULL;
}

static int open_threads(struct memory *m, const char *url, int *ret_result)
{
	struct opening opening = {.m = m, .url = url};
	pthread_t thread;
	int r = -pthread_create(&thread, NULL, open_rightless, &opening);

	if (r)
		return r;
	(void)pthread_join(thread, NULL);
	*ret_result = opening.result;
	return opening.failed;
}

static int watch_threads(struct memory *m)
{
	int r;

	m->watch = (struct watch){.fd = store_fd(m->store), .on_ready = on_ready, .context = m};
	r = loop_add(m->keeper->loop, &m->watch, EPOLLIN);
	if (r)
		return r;
	m->recall_watch = (struct watch){
		.fd = recall_fd(m->recall), .on_ready = on_recalled, .context = m};
	r = loop_add(m->keeper->loop, &m->recall_watch, EPOLLIN);
	if (!r)
		r = timer_open(m->keeper->loop, &m->tick, on_tick, m);
	return r ? r : timer_start(&m->tick, TICK_MS, TICK_MS);
}

static int open_store(struct memory *m, const char *url)
{
	struct store_health health;
	int r, result = 0;

	m->wanted = true;
	(void)config_mask_url(url, m->url, sizeof(m->url));
	make_file(m->keeper->options->config);
	r = open_threads(m, url, &result);
	if (r || result == -ENOMEM)
		return r ? r : result;
	if (result) {
		log_error("the store '%s' cannot be opened: %s; what is learned is forgotten when "
			  "strazhd ends",
			  m->url, m->fault.text);
		return 0;
	}
	r = watch_threads(m);
	if (r)
		return r;
	store_health(m->store, &health);
	if (!health.degraded)
		log_info("store: '%s'", m->url);
	say_health(m);
	return 0;
}

/* Then it may be a former store that is opened, which says of bans what is true no more. */
static void check_moved(struct memory *m)
{
	const struct config *config = m->keeper->options->config;
	char text[MEMORY_URL_LEN];
	int r = memory_url_configured(config, text)
			? moving_follow(config_text(config, CFG_STATE_DIR), text)
			: 0;

	explicit_bzero(text, sizeof(text));
	if (!r)
		return;
	(void)snprintf(m->moved_why, sizeof(m->moved_why), "'store.moved' %s%s",
		       r == -EBADMSG ? "is not what strazhd writes" : "cannot be read: ",
		       r == -EBADMSG ? "" : strerror(-r));
	log_error("the store may not be the one that it was moved to: %s", m->moved_why);
}

int memory_open(struct keeper *keeper)
{
	struct memory *m = calloc(1, sizeof(*m));
	char text[MEMORY_URL_LEN];
	const char *url = memory_url(keeper->options->config, text);
	int r;

	if (!m)
		return -ENOMEM;
	m->keeper = keeper;
	m->opened_s = clock_wall_s();
	keeper->memory = m;
	check_moved(m);
	r = url ? open_store(m, url) : 0;
	explicit_bzero(text, sizeof(text));
	if (r)
		log_error("the store cannot be opened: %s", strerror(-r));
	return r;
}

void memory_stop(struct keeper *keeper)
{
	struct memory *m = keeper->memory;

	if (!m || !m->store)
		return;
	recall_stop(m->recall);
	store_stop(m->store);
}

void memory_close(struct keeper *keeper)
{
	struct memory *m = keeper->memory;
	uint32_t lost = 0;

	if (!m)
		return;
	if (m->watch.on_ready)
		loop_remove(keeper->loop, &m->watch);
	if (m->recall_watch.on_ready)
		loop_remove(keeper->loop, &m->recall_watch);
	timer_close(&m->tick);
	recall_free(m->recall);
	stories_close(m);
	store_close(m->store, &lost);
	if (m->remembering.late.len || m->remembering.restate)
		log_error("the store had no room to the end: %u acts or more of the guard are not "
			  "written",
			  m->remembering.late.len);
	late_deinit(&m->remembering.late);
	if (lost)
		log_error("the store was not there at the end: %u states of sources are lost",
			  lost);
	moving_free(m->moving);
	free(m);
	keeper->memory = NULL;
}

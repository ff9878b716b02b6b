/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A pass: ROWS -> SETTINGS -> SORT -> HOSTS4 -> HOSTS6 -> TRIES -> IDLE, a slice at each turn of
 * the timer. ROWS lasts while the thread reads: a slice is a block of it. SETTINGS waits for each
 * list (loads.h), SORT for the thread's end. Of the thread the loop hears by an eventfd.
 */
#include <user/daemon/acts/rebuild_parts.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/daemon/acts/acts.h>
#include <user/daemon/acts/acts_parts.h>
#include <user/daemon/acts/loads.h>
#include <user/gate/lists.h>

#define EVERY_S 600U
#define RETRY_S 5U
#define IDLE_MS 250U
#define PAUSE_MS 20U /* between slices of some milliseconds, */
#define HURRY_MS 2U  /* and while bans are missing in the gate */
#define START_MS 10000U

static uint64_t now_ms(void)
{
	return clock_boot_ns() / 1000000;
}

static void later(struct rebuild *rebuild, uint64_t ms)
{
	(void)!timer_start(&rebuild->timer, ms, 0);
}

/* ---- the ends of a pass ---- */

/* It is told to stop where it has not: between two rows. */
static void join(struct rebuild *rebuild)
{
	if (rebuild->threaded) {
		rebuild_data_stop(rebuild->data);
		pthread_join(rebuild->thread, NULL);
	}
	rebuild->threaded = false;
	rebuild_block_free(rebuild->block);
	rebuild->block = NULL;
}

static void end(struct rebuild *rebuild, uint32_t next_in_s)
{
	join(rebuild);
	if (rebuild->order)
		loads_drop(rebuild->order);
	rebuild->order = NULL;
	rebuild_data_free(rebuild->data);
	rebuild->data = NULL;
	host_scan_free(rebuild->scan);
	rebuild->scan = NULL;
	rebuild->sources = (struct reput_cursor){0};
	rebuild->adopt_len = rebuild->adopt_at = 0;
	rebuild->stage = REBUILD_IDLE;
	rebuild->next_s = clock_boot_s() + next_in_s;
}

static void fail(struct rebuild *rebuild, const char *what, const char *why)
{
	if (!rebuild->said)
		log_error("%s: %s; it is tried again", what, why);
	rebuild->said = true;
	end(rebuild, RETRY_S);
}

static void report(struct rebuild *rebuild)
{
	if (rebuild->adopted || rebuild->timed)
		log_info("gate: %llu of its entries are in the store now, and of %llu when they "
			 "end",
			 (unsigned long long)rebuild->adopted, (unsigned long long)rebuild->timed);
	if (rebuild->refused && !rebuild->said)
		log_warning("store and gate: %llu entries of the store are not in the gate: its "
			    "tables are full",
			    (unsigned long long)rebuild->refused);
	if (rebuild->data->more && !rebuild->said)
		log_warning("store: it has more entries than are compared with the gate");
	rebuild->said = rebuild->refused || rebuild->data->more;
}

/* ---- its beginning ---- */

static int names_there(struct rebuild *rebuild)
{
	struct lists lists;
	int r = lists_read(rebuild->keeper->gate, &lists);

	rebuild->there.count = 0;
	for (uint32_t bit = SZ_LIST_FEED; !r && bit < SZ_LISTS; bit++)
		if (lists.used >> bit & 1)
			memcpy(rebuild->there.at[rebuild->there.count++], lists.at[bit].name,
			       sizeof(lists.at[bit].name));
	return r;
}

static void begin(struct rebuild *rebuild)
{
	rebuild->begin_ms = now_ms();
	rebuild->put = rebuild->adopted = rebuild->timed = 0;
	rebuild->refused = rebuild->over = rebuild->lists = 0;
	rebuild->again = rebuild->clocked = rebuild->settled = rebuild->sourced = false;
	rebuild->at = rebuild->list_at = rebuild->trie = 0;
	rebuild->data = rebuild_data_new();
	if (!rebuild->data || names_there(rebuild)) {
		fail(rebuild, "store and gate are not compared",
		     rebuild->data ? gate_error() : strerror(ENOMEM));
		return;
	}
	acts_mark(rebuild->keeper);
	if (pthread_create(&rebuild->thread, NULL, rebuild_read, rebuild)) {
		fail(rebuild, "store and gate are not compared", "there is no thread");
		return;
	}
	rebuild->threaded = true;
	rebuild->stage = REBUILD_ROWS;
}

static void on_read(struct watch *watch, uint32_t events)
{
	struct rebuild *rebuild = watch->context;
	uint64_t count;

	(void)events;
	if (read(watch->fd, &count, sizeof(count)) > 0)
		later(rebuild, rebuild->put ? HURRY_MS : 1);
}

/* ---- slices ---- */

/* -EAGAIN: the thread has nothing now. */
static int slice_rows(struct rebuild *rebuild, bool *ret_done)
{
	enum rebuild_progress progress;
	bool done;
	int r;

	if (!rebuild->block) {
		rebuild->block = rebuild_block_take(rebuild->data, &progress);
		rebuild->at = 0;
		if (!rebuild->block && progress == REBUILD_READING)
			return -EAGAIN;
		if (!rebuild->block && rebuild->data->r)
			return rebuild->data->r;
		if (!rebuild->clocked) {
			rebuild_clock_begin(rebuild);
			rebuild_normal_read(rebuild);
		}
		rebuild->clocked = true;
		*ret_done = !rebuild->block;
		if (*ret_done)
			return 0;
	}
	r = rebuild_rows(rebuild, &done);
	if (r || !done)
		return r;
	rebuild_block_free(rebuild->block);
	rebuild->block = NULL;
	return 0;
}

static int slice_sort(struct rebuild *rebuild, bool *ret_done)
{
	enum rebuild_progress progress;

	(void)rebuild_block_take(rebuild->data, &progress);
	if (progress != REBUILD_SORTED)
		return -EAGAIN;
	join(rebuild);
	*ret_done = true;
	return 0;
}

static int step(struct rebuild *rebuild, bool *ret_done)
{
	switch (rebuild->stage) {
	case REBUILD_ROWS:
		return slice_rows(rebuild, ret_done);
	case REBUILD_SETTINGS:
		return rebuild_settings(rebuild, ret_done);
	case REBUILD_SORT:
		return slice_sort(rebuild, ret_done);
	case REBUILD_HOSTS4:
	case REBUILD_HOSTS6:
	case REBUILD_TRIES:
	case REBUILD_IDLE:
	default:
		return rebuild_entries(rebuild, ret_done);
	}
}

static void fail_step(struct rebuild *rebuild, int r)
{
	const struct rebuild_data *data = rebuild->data;

	if (rebuild->stage == REBUILD_ROWS && !rebuild->block && r == data->r)
		fail(rebuild, "the store cannot be compared with the gate",
		     data->fault.text[0] ? data->fault.text : store_condition_text(r));
	else
		fail(rebuild, "gate and store are not the same", gate_error());
}

/*
 * STORE_FULL: the store takes no more now; -EAGAIN: the thread has nothing now, or a list is on its
 * way. Else 0.
 */
static int slice(struct rebuild *rebuild)
{
	bool done = false;
	int r = step(rebuild, &done);

	if (r == STORE_FULL || r == -EAGAIN)
		return r;
	if (r)
		fail_step(rebuild, r);
	if (r || !done)
		return 0;
	rebuild->at = 0;
	if (rebuild->stage == REBUILD_ROWS && rebuild->put)
		log_info("store: %llu entries are in the gate again, after %llu ms",
			 (unsigned long long)rebuild->put,
			 (unsigned long long)(now_ms() - rebuild->begin_ms));
	if (rebuild->stage++ != REBUILD_TRIES)
		return 0;
	report(rebuild);
	end(rebuild, rebuild->again ? RETRY_S : EVERY_S);
	return 0;
}

static bool is_due(struct rebuild *rebuild)
{
	const struct host_memory *shown = memory_show(rebuild->keeper);

	if (!memory_store(rebuild->keeper))
		return false;
	if (shown->degraded) {
		rebuild->down = true;
		return false;
	}
	if (!rebuild->down && (int32_t)(clock_boot_s() - rebuild->next_s) < 0)
		return false;
	/* What the store was not told would look like drift; what it is being told is marked. */
	if (!acts_handed(rebuild->keeper) || loads_busy(rebuild->keeper, NULL))
		return false;
	rebuild->down = false;
	return true;
}

static void on_time(struct timer *timer)
{
	struct rebuild *rebuild = ((struct keeper *)timer->context)->rebuild;
	int r = 0;

	if (rebuild->stage == REBUILD_IDLE && is_due(rebuild))
		begin(rebuild);
	else if (rebuild->stage != REBUILD_IDLE)
		r = slice(rebuild);
	if (rebuild->stage == REBUILD_IDLE || r == -EAGAIN)
		later(rebuild, IDLE_MS); /* on_read() may be earlier */
	else
		later(rebuild,
		      rebuild->stage == REBUILD_ROWS && rebuild->put ? HURRY_MS : PAUSE_MS);
}

void rebuild_soon(struct keeper *keeper)
{
	struct rebuild *rebuild = keeper->rebuild;

	if (!rebuild)
		return;
	rebuild->next_s = clock_boot_s();
	/* The one that runs has read before this. */
	rebuild->again |= rebuild->stage != REBUILD_IDLE;
}

/* ---- life ---- */

/* Until the thread has something; systemd is told that the start goes on. */
static void wait_thread(struct rebuild *rebuild, uint64_t ms)
{
	struct pollfd fd = {.fd = rebuild->watch.fd, .events = POLLIN};
	uint64_t count;

	(void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%u", 2 * START_MS * 1000);
	if (poll(&fd, 1, (int)ms) > 0)
		(void)!read(fd.fd, &count, sizeof(count));
}

/*
 * The first pass before anybody is served, as far as the gate's side of it goes: nobody waits for
 * the loop yet, so there are no pauses.
 */
static int first_pass(struct rebuild *rebuild)
{
	const uint64_t begin_ms = now_ms();
	uint64_t gone_ms = 0;
	int r = 0;

	if (!is_due(rebuild))
		return 0;
	begin(rebuild);
	rebuild->fresh[0] = hosts_none(rebuild->keeper->gate, 4);
	rebuild->fresh[1] = hosts_none(rebuild->keeper->gate, 6);
	while (rebuild->stage != REBUILD_IDLE && rebuild->stage < REBUILD_SORT &&
	       (gone_ms = now_ms() - begin_ms) < START_MS && !r) {
		int got = slice(rebuild);

		if (got == -EAGAIN)
			wait_thread(rebuild, START_MS - gone_ms);
		else if (got)
			r = acts_wait(rebuild->keeper);
	}
	rebuild->fresh[0] = rebuild->fresh[1] = false;
	if (gone_ms >= START_MS)
		log_warning("the store is still being read: what it knows comes when it has been");
	return r;
}

int rebuild_open(struct keeper *keeper)
{
	struct rebuild *rebuild = calloc(1, sizeof(*rebuild));
	int fd, r;

	if (!rebuild)
		return -ENOMEM;
	keeper->rebuild = rebuild;
	rebuild->keeper = keeper;
	rebuild->next_s = clock_boot_s();
	rebuild->watch.fd = -1;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	rebuild->watch = (struct watch){.fd = fd, .on_ready = on_read, .context = rebuild};
	r = loop_add(keeper->loop, &rebuild->watch, EPOLLIN);
	if (!r)
		r = timer_open(keeper->loop, &rebuild->timer, on_time, keeper);
	if (!r)
		r = first_pass(rebuild);
	rebuild->running = true;
	return r ? r : timer_start(&rebuild->timer, IDLE_MS, 0);
}

void rebuild_close(struct keeper *keeper)
{
	struct rebuild *rebuild = keeper->rebuild;

	if (!rebuild)
		return;
	join(rebuild);
	if (rebuild->watch.fd >= 0) {
		loop_remove(keeper->loop, &rebuild->watch);
		close(rebuild->watch.fd);
	}
	timer_close(&rebuild->timer);
	rebuild_data_free(rebuild->data);
	host_scan_free(rebuild->scan);
	free(rebuild);
	keeper->rebuild = NULL;
}

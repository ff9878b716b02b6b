/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A pass: READ (the thread has it) -> ROWS -> SETTINGS -> HOSTS4 -> HOSTS6 -> TRIES -> IDLE, a
 * slice at each turn of the timer. Of the thread the loop hears by an eventfd, and joins it then.
 */
#include <user/daemon/rebuild_parts.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/daemon/acts.h>
#include <user/daemon/acts_parts.h>
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

static void end(struct rebuild *rebuild, uint32_t next_in_s)
{
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
	rebuild->again = false;
	rebuild->data = calloc(1, sizeof(*rebuild->data));
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
	rebuild->stage = REBUILD_READ;
}

static void take(struct rebuild *rebuild)
{
	uint64_t count;

	if (read(rebuild->watch.fd, &count, sizeof(count)) < 0 || !rebuild->threaded)
		return;
	pthread_join(rebuild->thread, NULL);
	rebuild->threaded = false;
	if (rebuild->data->r) {
		fail(rebuild, "the store cannot be compared with the gate",
		     rebuild->data->fault.text[0] ? rebuild->data->fault.text
						  : store_condition_text(rebuild->data->r));
		return;
	}
	rebuild->fresh[0] = hosts_none(rebuild->keeper->gate, 4);
	rebuild->fresh[1] = hosts_none(rebuild->keeper->gate, 6);
	rebuild_clock_begin(rebuild);
	rebuild->at = rebuild->trie = 0;
	rebuild->stage = REBUILD_ROWS;
}

static void on_read(struct watch *watch, uint32_t events)
{
	struct rebuild *rebuild = watch->context;

	(void)events;
	take(rebuild);
	later(rebuild, 1);
}

/* ---- slices ---- */

/* True: the store takes no more now. */
static bool slice(struct rebuild *rebuild)
{
	bool done = false;
	int r = 0;

	if (rebuild->stage == REBUILD_ROWS)
		r = rebuild_rows(rebuild, &done);
	else if (rebuild->stage == REBUILD_SETTINGS)
		done = rebuild_settings(rebuild);
	else
		r = rebuild_entries(rebuild, &done);
	if (r == STORE_FULL)
		return true;
	if (r) {
		fail(rebuild, "gate and store are not the same", gate_error());
		return false;
	}
	if (!done)
		return false;
	rebuild->at = 0;
	if (rebuild->stage == REBUILD_ROWS && rebuild->put)
		log_info("store: %llu entries are in the gate again, after %llu ms",
			 (unsigned long long)rebuild->put,
			 (unsigned long long)(now_ms() - rebuild->begin_ms));
	if (rebuild->stage++ != REBUILD_TRIES)
		return false;
	report(rebuild);
	end(rebuild, rebuild->again ? RETRY_S : EVERY_S);
	return false;
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
	/* What is still on its way would look like drift. */
	if (!acts_settled(rebuild->keeper))
		return false;
	rebuild->down = false;
	return true;
}

static uint64_t pause_of(const struct rebuild *rebuild)
{
	if (rebuild->stage <= REBUILD_READ)
		return IDLE_MS;
	return rebuild->stage == REBUILD_ROWS && rebuild->put ? HURRY_MS : PAUSE_MS;
}

static void on_time(struct timer *timer)
{
	struct rebuild *rebuild = ((struct keeper *)timer->context)->rebuild;

	if (rebuild->stage == REBUILD_IDLE && is_due(rebuild))
		begin(rebuild);
	else if (rebuild->stage > REBUILD_READ)
		(void)slice(rebuild);
	later(rebuild, pause_of(rebuild));
}

void rebuild_soon(struct keeper *keeper)
{
	if (keeper->rebuild)
		keeper->rebuild->next_s = clock_boot_s();
}

/* ---- life ---- */

/* The first pass before anybody is served, as far as the gate's side of it goes. */
static int first_pass(struct rebuild *rebuild)
{
	const uint64_t begin_ms = now_ms();
	struct pollfd fd = {.fd = rebuild->watch.fd, .events = POLLIN};

	if (!is_due(rebuild))
		return 0;
	begin(rebuild);
	if (rebuild->stage != REBUILD_READ)
		return 0;
	if (poll(&fd, 1, (int)START_MS) <= 0) {
		log_warning("the store is still being read: what it knows comes when it has been");
		return 0;
	}
	take(rebuild);
	while (rebuild->stage > REBUILD_READ && rebuild->stage < REBUILD_HOSTS4 &&
	       now_ms() - begin_ms < START_MS) {
		int r = slice(rebuild) ? acts_wait(rebuild->keeper) : 0;

		if (r)
			return r;
	}
	return 0;
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
	return r ? r : timer_start(&rebuild->timer, IDLE_MS, 0);
}

void rebuild_close(struct keeper *keeper)
{
	struct rebuild *rebuild = keeper->rebuild;

	if (!rebuild)
		return;
	atomic_store(&rebuild->stop, true);
	if (rebuild->threaded)
		pthread_join(rebuild->thread, NULL);
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer: one connection that writes, and who holds it. Group commit: while one group is being
 * committed, the writes of others queue up and become the next one.
 *
 *	FREE	nobody. Nothing is queued.
 *	THREAD	the writer thread runs a group, or is about to.
 *	LEASED	a caller has it: for a transaction of its own, or, when nobody else wanted it, for
 *		its one write, which saves two switches of threads.
 *
 * Whoever lets go of the connection passes it on: to a lease and to the queue of writes in turns
 * when both wait. `lock` guards every field that says so; callers wait on semaphores of their own,
 * so that being told needs no lock, and a waiter may be gone once it was told. Its list is read
 * before.
 *
 * Another process gets its turn, too: SQLite knows no queue, so one that never stops writing rests
 * for a moment, longer than others sleep between two attempts (limits.c).
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <orm/base/fault.h>
#include <orm/drivers/sqlite/group.h>

#define NS_PER_MS 1000000LL
#define REST_NS 1200000L
/* Held for so long in one go, it rests: sooner when others were met in the last seconds. */
#define HOLD_NS (100 * NS_PER_MS)
#define HOLD_SHARED_NS (10 * NS_PER_MS)
#define SHARED_FOR_NS (5000 * NS_PER_MS)
#define LOOK_NS (1000 * NS_PER_MS)
#define WAIT_MAX_MS (INT64_C(1000) * 1000 * 1000)

enum holder { FREE, THREAD, LEASED };

struct line {
	struct lite_waiter *first;
	struct lite_waiter **last; /* where the next one is linked */
	unsigned count;
};

struct orm_writer {
	pthread_mutex_t lock;
	pthread_cond_t work; /* for the thread */
	pthread_t thread;
	struct orm_conn *conn; /* the holder's */
	struct orm_options options;
	char *address;
	unsigned group_max;
	int64_t wait_ms;    /* of a write in the queue at most */
	atomic_uint inside; /* callers in a function of ours: close waits for them */

	/* under lock */
	enum holder holder;
	struct line writes;
	struct line leases;
	bool leased_last;
	bool closing;

	/* the holder's */
	int64_t held_since_ns;
	int64_t held_ns; /* without a rest */
	int64_t free_since_ns;
	int64_t looked_ns; /* whether the file is still the one of that name */
	int64_t met_ns;	   /* when another process was last waited for */
	uint64_t waits;
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* ---- lines ---- */

static void line_init(struct line *line)
{
	*line = (struct line){.last = &line->first};
}

static void line_push(struct line *line, struct lite_waiter *w)
{
	w->next = NULL;
	w->queued = true;
	*line->last = w;
	line->last = &w->next;
	line->count++;
}

/* The first `most`, as a list of their own. */
static struct lite_waiter *line_take(struct line *line, unsigned most)
{
	struct lite_waiter *first = line->first, **end = &line->first;
	unsigned n = 0;

	for (; *end && n < most; n++) {
		(*end)->queued = false;
		end = &(*end)->next;
	}
	if (!n)
		return NULL;
	line->first = *end;
	line->count -= n;
	if (line->first)
		*end = NULL;
	else
		line->last = &line->first;
	return first;
}

static void line_remove(struct line *line, struct lite_waiter *w)
{
	struct lite_waiter **at = &line->first;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	if (!w->next)
		line->last = at;
	line->count--;
	w->queued = false;
}

static void tell(struct lite_waiter *w)
{
	atomic_store_explicit(&w->decided, true, memory_order_release);
	sem_post(&w->told);
}

static void tell_all(struct lite_waiter *first)
{
	while (first) {
		struct lite_waiter *w = first;

		first = w->next;
		tell(w);
	}
}

/* ---- holding ---- */

/* Called with the lock, by who has just let go. */
static void pass_on(struct orm_writer *writer)
{
	struct lite_waiter *w = NULL;

	writer->holder = FREE;
	if (!writer->writes.first || !writer->leased_last)
		w = line_take(&writer->leases, 1);
	if (w) {
		writer->holder = LEASED;
		writer->leased_last = true;
		w->result = 0;
		tell(w);
	} else if (writer->writes.first) {
		writer->holder = THREAD;
		writer->leased_last = false;
		pthread_cond_signal(&writer->work);
	}
}

/*
 * What is broken, or whose file was replaced by another, is opened again; the old one is closed
 * after, so that a database in memory lives on.
 */
static void mend(struct orm_writer *writer, int64_t now)
{
	struct orm_error err;
	struct orm_conn *conn;

	if (now - writer->looked_ns > LOOK_NS) {
		writer->looked_ns = now;
		if (lite_is_moved(writer->conn))
			writer->conn->head.broken = true;
	}
	if (!writer->conn->head.broken ||
	    lite_open(writer->address, &writer->options, ORM_WRITER, &conn, &err))
		return; /* the old one will say what is wrong */
	orm_meter_join(writer->conn->head.tally.meter, &conn->head.tally);
	pthread_mutex_lock(&writer->lock); /* close sets a flag in it */
	conn->unsafe = writer->conn->unsafe;
	lite_close(writer->conn);
	atomic_store(&conn->closing, writer->closing);
	writer->conn = conn;
	pthread_mutex_unlock(&writer->lock);
	writer->waits = 0;
}

static void hold(struct orm_writer *writer)
{
	writer->held_since_ns = now_ns();
	mend(writer, writer->held_since_ns);
	if (writer->held_since_ns - writer->free_since_ns > REST_NS)
		writer->held_ns = 0;
}

/* No transaction is open. */
static void rest(struct orm_writer *writer)
{
	const struct timespec pause = {.tv_nsec = REST_NS};
	int64_t now = now_ns(), most = HOLD_NS;

	if (writer->waits != writer->conn->waits) {
		writer->waits = writer->conn->waits;
		writer->met_ns = now;
	}
	if (writer->conn->memory || (writer->met_ns && now - writer->met_ns < SHARED_FOR_NS))
		most = HOLD_SHARED_NS;
	writer->held_ns += now - writer->held_since_ns;
	if (writer->held_ns >= most) {
		nanosleep(&pause, NULL);
		writer->held_ns = 0;
	}
	writer->free_since_ns = now;
}

/* Callers are told at once; the rest, if one is due, comes after. */
static void run(struct orm_writer *writer, struct lite_waiter *first, bool tell)
{
	hold(writer);
	lite_group_run(writer->conn, first);
	if (tell)
		tell_all(first);
	rest(writer);
}

static void *work(void *data)
{
	struct orm_writer *writer = data;

	pthread_mutex_lock(&writer->lock);
	while (!writer->closing) {
		struct lite_waiter *first;

		if (writer->holder != THREAD) {
			pthread_cond_wait(&writer->work, &writer->lock);
			continue;
		}
		first = line_take(&writer->writes, writer->group_max);
		pthread_mutex_unlock(&writer->lock);
		if (first) /* NULL: it has waited too long, and left */
			run(writer, first, true);
		pthread_mutex_lock(&writer->lock);
		pass_on(writer);
	}
	if (writer->holder == THREAD)
		writer->holder = FREE;
	pthread_mutex_unlock(&writer->lock);
	return NULL;
}

/* ---- callers ---- */

static int closing(struct orm_error *err)
{
	return lite_refuse(err, ORM_E_STATE, "57P01", "the database is being closed");
}

static void enter(struct orm_writer *writer, struct lite_waiter *w)
{
	atomic_fetch_add(&writer->inside, 1);
	w->result = LITE_UNDECIDED;
	sem_init(&w->told, 0, 0);
}

/* The last touch of the writer. */
static int leave(struct orm_writer *writer, struct lite_waiter *w)
{
	int result = w->result;

	sem_destroy(&w->told);
	atomic_fetch_sub(&writer->inside, 1);
	return result;
}

/* False: not told by then. NULL: as long as it takes. */
static bool wait_told(struct lite_waiter *w, const struct timespec *until)
{
	int r;

	do
		r = until ? sem_clockwait(&w->told, CLOCK_MONOTONIC, until) : sem_wait(&w->told);
	while (r && errno == EINTR);
	return !r && atomic_load_explicit(&w->decided, memory_order_acquire);
}

/* False: it is still in the line after so long, and now it is not any more. */
static bool wait_in_line(struct orm_writer *writer, struct line *line, struct lite_waiter *w,
			 int64_t ms)
{
	int64_t until = now_ns() + MIN(ms, WAIT_MAX_MS) * NS_PER_MS;
	const struct timespec at = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
	bool queued;

	if (wait_told(w, &at))
		return true;
	pthread_mutex_lock(&writer->lock);
	queued = w->queued;
	if (queued)
		line_remove(line, w);
	pthread_mutex_unlock(&writer->lock);
	return !queued && wait_told(w, NULL); /* its turn has come: it must know the end */
}

/* With the lock. */
static bool is_free(const struct orm_writer *writer)
{
	return writer->holder == FREE && !writer->writes.first && !writer->leases.first;
}

static void release(struct orm_writer *writer)
{
	pthread_mutex_lock(&writer->lock);
	pass_on(writer);
	pthread_mutex_unlock(&writer->lock);
}

/*
 * One write by its caller. When it was relaxed, and so short, what was queued meanwhile is run here
 * as well, once: waking the thread takes longer than that.
 */
static void run_here(struct orm_writer *writer, struct lite_waiter *me)
{
	struct lite_waiter *first = NULL;

	me->next = NULL;
	run(writer, me, false);
	pthread_mutex_lock(&writer->lock);
	if (!me->write->durable && !writer->leases.first)
		first = line_take(&writer->writes, writer->group_max);
	if (first) {
		pthread_mutex_unlock(&writer->lock);
		run(writer, first, true);
		pthread_mutex_lock(&writer->lock);
	}
	pass_on(writer);
	pthread_mutex_unlock(&writer->lock);
}

int lite_write(struct orm_writer *writer, struct orm_write *write, struct orm_error *err)
{
	struct orm_error own;
	struct lite_waiter me = {.write = write, .err = err ? err : &own};
	bool shut, inline_run = false;

	enter(writer, &me);
	pthread_mutex_lock(&writer->lock);
	shut = writer->closing;
	if (!shut) {
		inline_run = is_free(writer);
		if (inline_run)
			writer->holder = LEASED;
		else
			line_push(&writer->writes, &me);
		if (writer->holder == FREE)
			pass_on(writer);
	}
	pthread_mutex_unlock(&writer->lock);
	if (shut) {
		me.result = closing(me.err);
	} else if (inline_run) {
		run_here(writer, &me);
	} else if (!wait_in_line(writer, &writer->writes, &me, writer->wait_ms)) {
		me.result = lite_refuse(me.err, ORM_E_BUSY, "55P03",
					"the writer of '%s' was held by others for %lld ms",
					writer->address, (long long)writer->wait_ms);
	}
	return leave(writer, &me);
}

int lite_lease(struct orm_writer *writer, int64_t timeout_ms, struct orm_conn **ret_conn,
	       struct orm_error *err)
{
	struct orm_error own;
	struct lite_waiter me = {.err = err ? err : &own};
	bool shut, at_once = false;

	enter(writer, &me);
	pthread_mutex_lock(&writer->lock);
	shut = writer->closing;
	at_once = !shut && is_free(writer);
	if (at_once)
		writer->holder = LEASED;
	else if (!shut)
		line_push(&writer->leases, &me);
	pthread_mutex_unlock(&writer->lock);
	if (shut)
		me.result = closing(me.err);
	else if (at_once)
		me.result = 0;
	else if (!wait_in_line(writer, &writer->leases, &me, timeout_ms))
		me.result = lite_refuse(me.err, ORM_E_BUSY, "55P03",
					"the writer of '%s' was held by others for %lld ms",
					writer->address, (long long)timeout_ms);
	if (!me.result) {
		hold(writer);
		*ret_conn = writer->conn;
	}
	return leave(writer, &me);
}

void lite_give_back(struct orm_writer *writer, struct orm_conn *conn)
{
	atomic_fetch_add(&writer->inside, 1);
	lite_rollback(conn); /* what was not committed */
	rest(writer);
	release(writer);
	atomic_fetch_sub(&writer->inside, 1);
}

/* ---- opening and closing ---- */

static int start_thread(struct orm_writer *writer)
{
	sigset_t all, old;
	int r;

	sigfillset(&all); /* the program's signals are for the program's threads */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&writer->thread, NULL, work, writer);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -r;
}

static void free_writer(struct orm_writer *writer)
{
	lite_close(writer->conn);
	pthread_cond_destroy(&writer->work);
	pthread_mutex_destroy(&writer->lock);
	free(writer->address);
	free(writer);
}

int lite_writer_open(const char *address, const struct orm_options *options,
		     struct orm_meter *meter, struct orm_writer **ret_writer, struct orm_error *err)
{
	struct orm_writer *writer = calloc(1, sizeof(*writer));
	int r;

	if (!writer)
		return orm_fail(err, -ENOMEM, "out of memory for the writer of '%s'", address);
	pthread_mutex_init(&writer->lock, NULL);
	pthread_cond_init(&writer->work, NULL);
	line_init(&writer->writes);
	line_init(&writer->leases);
	writer->options = lite_options(options);
	writer->group_max = (unsigned)MIN(MAX(writer->options.group_max, 1), 1 << 20);
	/* Who is ahead in the line may itself wait for another process. */
	writer->wait_ms = MAX(writer->options.acquire_timeout_ms, 0) +
			  MAX(writer->options.busy_timeout_ms, 0);
	writer->address = strdup(address);
	r = lite_options_check(&writer->options, err);
	if (!r && !writer->address)
		r = orm_fail(err, -ENOMEM, "out of memory for the writer of '%s'", address);
	if (!r)
		r = lite_open(address, &writer->options, ORM_WRITER, &writer->conn, err);
	if (!r) {
		orm_meter_join(meter, &writer->conn->head.tally);
		r = start_thread(writer);
		if (r)
			orm_fail(err, r, "cannot start the writer of '%s'", address);
	}
	if (r) {
		free_writer(writer);
		return r;
	}
	*ret_writer = writer;
	return 0;
}

static void fail_line(struct line *line)
{
	struct lite_waiter *first = line_take(line, UINT32_MAX);

	for (struct lite_waiter *w = first; w; w = w->next)
		w->result = closing(w->err);
	tell_all(first);
}

/* A lease that is out is waited for: its holder uses the connection. */
static bool is_quiet(struct orm_writer *writer)
{
	bool quiet;

	pthread_mutex_lock(&writer->lock);
	quiet = writer->holder == FREE;
	pthread_mutex_unlock(&writer->lock);
	return quiet && !atomic_load(&writer->inside);
}

void lite_writer_close(struct orm_writer *writer)
{
	const struct timespec pause = {.tv_nsec = NS_PER_MS};

	if (!writer)
		return;
	pthread_mutex_lock(&writer->lock);
	writer->closing = true;
	atomic_store(&writer->conn->closing, true);
	fail_line(&writer->writes);
	fail_line(&writer->leases);
	pthread_cond_signal(&writer->work);
	pthread_mutex_unlock(&writer->lock);
	pthread_join(writer->thread, NULL);
	while (!is_quiet(writer))
		nanosleep(&pause, NULL);
	free_writer(writer);
}

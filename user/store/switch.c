// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * From one database to the other while the store is at work. The writer is the only one who writes,
 * so while it copies nothing changes: what the final copy proved equal stays equal until it writes
 * again, which is to the new one. One chain of records cannot be in two databases at a time, and an
 * act is in one transaction with its record: so all tables go over together, not one by one.
 *
 * The old database stays open for readers that are in it, until the store is closed.
 */
#include <user/store/inside.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int store_switch(struct store *st, const char *to_url, int (*commit)(void *data, const char *url),
		 void *data)
{
	char *to = strdup(to_url);
	int r = 0;

	if (!to)
		return -ENOMEM;
	pthread_mutex_lock(&st->lock);
	if (st->switching.to || st->former_count == STORE_SWITCHES_MAX)
		r = -EBUSY;
	else if (strcmp(to, st->url) == 0)
		r = -EINVAL;
	if (!r) {
		st->switching.to = to;
		st->switching.commit = commit;
		st->switching.data = data;
		st->switching.state = (struct store_switched){
			.now = STORE_SWITCH_RUNS, .number = st->switching.state.number + 1};
		pthread_cond_signal(&st->wake);
	}
	pthread_mutex_unlock(&st->lock);
	if (r)
		free(to);
	return r;
}

void store_switched(struct store *st, struct store_switched *ret_state)
{
	pthread_mutex_lock(&st->lock);
	*ret_state = st->switching.state;
	pthread_mutex_unlock(&st->lock);
}

/* ---- in the writer ---- */

static int keep_going(void *data, const struct orm_copy_progress *progress)
{
	struct store *st = data;
	bool stopping;

	(void)progress;
	pthread_mutex_lock(&st->lock);
	stopping = st->stopping;
	pthread_mutex_unlock(&st->lock);
	return stopping;
}

/* What the writer stands on. */
struct ground {
	char *url;
	struct orm *db;
	struct orm_session *session;
};

static void stand_on(struct store *st, const struct ground *ground)
{
	pthread_mutex_lock(&st->lock);
	st->url = ground->url;
	st->db = ground->db;
	st->session = ground->session;
	pthread_mutex_unlock(&st->lock);
}

/*
 * The new one must take our sign before the next start is told of it; readers find it from here on,
 * equal to the old one until `commit` is done. Else back to the old one.
 */
static int step_over(struct store *st, struct store_fault *fault)
{
	const struct ground old = {st->url, st->db, st->session};
	struct ground now = {.url = st->switching.to};
	int r;

	stand_on(st, &now);
	r = store_connect(st, fault) ? STORE_DOWN : 0;
	now = (struct ground){st->url, st->db, st->session};
	if (!r && st->switching.commit) {
		r = st->switching.commit(st->switching.data, now.url);
		if (r)
			store_fault_set(fault, 0, strerror(-r));
	}
	if (!r) {
		orm_session_close(old.session);
		st->former[st->former_count++] = old.db;
		explicit_bzero(old.url, strlen(old.url));
		free(old.url);
		return 0;
	}
	stand_on(st, &old);
	orm_session_close(now.session);
	/* A reader may be in it already. */
	if (now.db)
		st->former[st->former_count++] = now.db;
	return r;
}

static void end(struct store *st, int r, uint64_t rows, int64_t took_ms,
		const struct store_fault *fault)
{
	struct store_switch *sw = &st->switching;
	uint64_t one = 1;

	pthread_mutex_lock(&st->lock);
	if (r) { /* else it is st->url now */
		explicit_bzero(sw->to, strlen(sw->to));
		free(sw->to);
	}
	sw->to = NULL;
	sw->state.now = r ? STORE_SWITCH_FAILED : STORE_SWITCH_DONE;
	sw->state.rows = rows;
	sw->state.took_ms = took_ms;
	sw->state.why = *fault;
	if (r && !fault->text[0])
		store_fault_set(&sw->state.why, 0, store_condition_text(r));
	/* Full would mean that it is readable already. */
	if (write(st->event, &one, sizeof(one)) < 0)
		one = 0;
	pthread_mutex_unlock(&st->lock);
}

void store_switch_turn(struct store *st)
{
	struct store_copied copied = {0};
	struct store_fault fault = {0};
	int64_t begin_ms = store_now_ms();
	bool asked;
	int r;

	pthread_mutex_lock(&st->lock);
	/* What is in the flight, its database has to answer for. */
	asked = st->switching.to && !st->stopping && !st->flight.first && !st->unknown;
	pthread_mutex_unlock(&st->lock);
	if (!asked)
		return;
	r = store_copy_while(st->url, st->switching.to, true, keep_going, st, &copied, &fault);
	if (!r)
		r = step_over(st, &fault);
	end(st, r, copied.rows, store_now_ms() - begin_ms, &fault);
}

// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The writer: what is due, in turns.
 *
 *	acts       at once: all that gathered while the last group was written is the next group
 *	sources    a batch when there is one, when the oldest has waited long enough, when flushing
 *	retention  one small transaction a turn, as long as it finds something
 *
 * A failure makes the store degraded and the next turn wait, longer each time; the flight stays as
 * it is. A value that the database refuses is no failure of the store: the group is rolled back and
 * its acts are written one by one, so that the refused one fails alone.
 */
#include <user/store/inside.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static int64_t clock_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int64_t store_now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

int64_t store_wall_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

/* ---- how it is; under the lock, and before anybody is told what became of his act ---- */

/* Who waits in a loop is to look at the health. Full would mean that it is readable already. */
static void change(struct store *st, bool degraded)
{
	uint64_t one = 1;

	if (st->health.degraded != degraded && write(st->event, &one, sizeof(one)) < 0)
		one = 0;
	st->health.degraded = degraded;
}

static void failed(struct store *st, const struct store_fault *fault)
{
	struct store_health *h = &st->health;

	if (!h->degraded) {
		h->since_ms = store_wall_ms();
		h->outages++;
	}
	change(st, true);
	h->failures++;
	h->why = *fault;
	st->pause_ms = st->pause_ms ? MIN(2 * st->pause_ms, st->opt.retry_max_ms)
				    : st->opt.retry_min_ms;
	st->retry_at_ms = store_now_ms() + st->pause_ms;
}

static void went_well(struct store *st)
{
	change(st, false);
	st->health.failures = 0;
	st->pause_ms = st->retry_at_ms = 0;
}

/* ---- acts ---- */

static void decide(struct store *st, struct store_op *op, int result)
{
	op->result = result;
	op->decided = true;
	if (result == 0)
		st->health.written++;
	else if (result == STORE_REFUSED)
		st->health.refused++;
	if (op->waited)
		return;
	if (op->done && !op->abandoned) {
		store_ops_push(&st->finished, op);
		return;
	}
	st->held--;
	free(op);
}

static void decide_all(struct store *st, struct store_ops *ops, int result)
{
	struct store_op *op = ops->first, *next;

	*ops = (struct store_ops){.last = &ops->first};
	for (; op; op = next) {
		next = op->next;
		decide(st, op, result);
	}
}

/* The next flight. */
static void board(struct store *st)
{
	uint32_t most = st->single ? 1 : st->opt.group_max;

	while (st->flight.count < most && st->queue.first) {
		struct store_op *op = st->queue.first;

		st->queue.first = op->next;
		if (!op->next)
			st->queue.last = &st->queue.first;
		st->queue.count--;
		store_ops_push(&st->flight, op);
	}
}

/* Back to the front of the queue, to be written one by one. */
static void disembark(struct store *st)
{
	st->single = st->flight.count;
	*st->flight.last = st->queue.first;
	if (!st->queue.first)
		st->queue.last = st->flight.last;
	st->queue.first = st->flight.first;
	st->queue.count += st->flight.count;
	st->flight = (struct store_ops){.last = &st->flight.first};
}

static void tell(struct store *st)
{
	uint64_t one = 1;

	pthread_cond_broadcast(&st->told);
	/* Full would mean that it is readable already. */
	if (st->finished.first && write(st->event, &one, sizeof(one)) < 0)
		return;
}

/* The flight came back from the database. */
static int land(struct store *st, int r, struct store_fault *fault)
{
	int condition = store_condition_of(r, st->session, fault);

	if (condition == STORE_REFUSED && st->flight.count > 1) {
		disembark(st);
		return 0;
	}
	if (condition == STORE_DOWN)
		return STORE_DOWN;
	st->single -= st->single > 0;
	st->health.groups += !condition;
	decide_all(st, &st->flight, condition);
	return 0;
}

static int write_acts(struct store *st, struct store_fault *fault)
{
	int r;

	pthread_mutex_lock(&st->lock);
	if (!st->flight.first)
		board(st);
	if (!st->flight.first) {
		pthread_mutex_unlock(&st->lock);
		return 0;
	}
	st->running = true;
	pthread_mutex_unlock(&st->lock);
	r = store_group_write(st);
	pthread_mutex_lock(&st->lock);
	st->running = false;
	r = land(st, r, fault);
	if (r)
		failed(st, fault);
	else
		went_well(st);
	tell(st);
	pthread_mutex_unlock(&st->lock);
	return r;
}

/* ---- sources ---- */

static bool sources_due(const struct store *st)
{
	return st->pending.count &&
	       (st->flushing || st->stopping || st->pending.count >= STORE_SOURCES_BATCH ||
		store_now_ms() >= st->sources_due_ms);
}

static int write_sources(struct store *st, struct store_fault *fault)
{
	struct store_group *g = &st->group;
	uint64_t order = 0;
	int r;

	pthread_mutex_lock(&st->lock);
	if (sources_due(st))
		g->out_count = store_pending_take(&st->pending, g->out, STORE_SOURCES_BATCH,
						  &order);
	pthread_mutex_unlock(&st->lock);
	if (!g->out_count)
		return 0;
	r = store_condition_of(store_sources_write(st), st->session, fault);
	pthread_mutex_lock(&st->lock);
	for (uint32_t i = 0; r == STORE_DOWN && g->forgiven && i < g->out_count; i++)
		store_source_forgive(&g->out[i]);
	g->forgiven = false;
	if (r == STORE_DOWN) {
		failed(st, fault);
		st->health.sources_merged += store_pending_return(&st->pending, g->out,
								  g->out_count, order);
	} else if (r) {
		/* Each was checked when it was taken: that the database refuses one is our fault,
		 * and must not stop the others for ever. */
		st->health.sources_dropped += g->out_count;
		r = 0;
	} else {
		st->health.sources_written += g->out_count;
	}
	g->out_count = 0;
	if (!st->pending.count)
		st->flushing = false;
	st->sources_due_ms = store_now_ms() + st->opt.sources_every_ms;
	tell(st);
	pthread_mutex_unlock(&st->lock);
	return r;
}

/* ---- retention ---- */

static int retain(struct store *st, struct store_fault *fault)
{
	uint64_t deleted = 0;
	int r;

	if (st->opt.retain_every_ms < 0 || store_now_ms() < st->retain_due_ms)
		return 0;
	r = store_condition_of(store_retain_step(st, st->session, store_wall_ms(), &deleted),
			       st->session, fault);
	if (!r && !deleted)
		st->retain_due_ms = store_now_ms() + st->opt.retain_every_ms;
	pthread_mutex_lock(&st->lock);
	st->health.retained += deleted;
	if (r)
		failed(st, fault);
	pthread_mutex_unlock(&st->lock);
	return r;
}

/* ---- turns ---- */

static int make_connection(struct store *st, struct store_fault *fault)
{
	if (!store_connect(st, fault))
		return 0;
	pthread_mutex_lock(&st->lock);
	failed(st, fault);
	pthread_mutex_unlock(&st->lock);
	return STORE_DOWN;
}

int store_turn(struct store *st)
{
	struct store_fault fault = {0};
	int r = st->session ? 0 : make_connection(st, &fault);

	if (!r)
		r = write_acts(st, &fault);
	if (!r)
		r = write_sources(st, &fault);
	if (!r)
		r = retain(st, &fault);
	if (r)
		return r;
	store_switch_turn(st);
	pthread_mutex_lock(&st->lock);
	went_well(st);
	pthread_mutex_unlock(&st->lock);
	return 0;
}

/* Is there something to do now? Else *ret_ms is when. */
static bool is_due(const struct store *st, int64_t *ret_ms)
{
	int64_t now_ms = store_now_ms();
	bool work = st->flight.first || st->queue.first || sources_due(st) || !st->session ||
		    (st->switching.to && !st->stopping);

	*ret_ms = st->pending.count ? st->sources_due_ms : INT64_MAX;
	if (st->opt.retain_every_ms >= 0) {
		*ret_ms = MIN(*ret_ms, st->retain_due_ms);
		work |= now_ms >= st->retain_due_ms && !st->stopping;
	}
	if (!st->retry_at_ms || now_ms >= st->retry_at_ms)
		return work;
	*ret_ms = st->retry_at_ms;
	return false;
}

static bool is_over(const struct store *st)
{
	return st->stopping && ((!st->flight.first && !st->queue.first && !st->pending.count) ||
				store_now_ms() >= st->stop_at_ms);
}

void *store_run(void *data)
{
	struct store *st = data;
	struct timespec at;
	int64_t until_ms;

	pthread_mutex_lock(&st->lock);
	while (!is_over(st)) {
		if (is_due(st, &until_ms)) {
			pthread_mutex_unlock(&st->lock);
			/* What failed is in the health; the next turn waits. */
			if (store_turn(st))
				until_ms = 0;
			pthread_mutex_lock(&st->lock);
			continue;
		}
		if (st->stopping)
			until_ms = MIN(until_ms, st->stop_at_ms);
		if (until_ms == INT64_MAX) {
			pthread_cond_wait(&st->wake, &st->lock);
			continue;
		}
		at = (struct timespec){.tv_sec = until_ms / 1000,
				       .tv_nsec = until_ms % 1000 * 1000000};
		pthread_cond_timedwait(&st->wake, &st->lock, &at);
	}
	decide_all(st, &st->flight, st->unknown ? STORE_UNKNOWN : STORE_LATE);
	decide_all(st, &st->queue, STORE_LATE);
	tell(st);
	pthread_mutex_unlock(&st->lock);
	return NULL;
}

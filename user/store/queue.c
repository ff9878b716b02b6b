// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The callers' side. All under the lock; what was decided is called back outside of it, by
 * store_collect(), in the thread of the owner. An act is counted in `held` from submit until it was
 * given back, so that neither the queue nor what is finished can grow beyond backlog_max.
 */
#include <user/store/inside.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <math.h>

void store_ops_push(struct store_ops *ops, struct store_op *op)
{
	op->next = NULL;
	*ops->last = op;
	ops->last = &op->next;
	ops->count++;
}

/* Out of the list; false: it is in another one. */
static bool unlink_op(struct store_ops *ops, struct store_op *op)
{
	for (struct store_op **at = &ops->first; *at; at = &(*at)->next) {
		if (*at != op)
			continue;
		*at = op->next;
		if (ops->last == &op->next)
			ops->last = at;
		ops->count--;
		return true;
	}
	return false;
}

static int take(struct store *st, struct store_op *op)
{
	if (st->held >= st->opt.backlog_max) {
		st->health.turned_away++;
		return STORE_FULL;
	}
	st->held++;
	op->ticket = st->tickets++;
	store_ops_push(&st->queue, op);
	if (op->forgives) {
		store_pending_forgive(&st->pending);
		st->group.forgiven = st->group.out_count > 0;
	}
	pthread_cond_signal(&st->wake);
	return 0;
}

int store_submit(struct store *st, const struct store_act *act, store_done done, void *data)
{
	struct store_op *op;
	int r = store_op_make(act, &op);

	if (r)
		return r;
	op->done = done;
	op->data = data;
	pthread_mutex_lock(&st->lock);
	r = take(st, op);
	pthread_mutex_unlock(&st->lock);
	if (r)
		free(op);
	return r;
}

int store_fd(const struct store *st)
{
	return st->event;
}

unsigned store_collect(struct store *st)
{
	struct store_op *op, *next;
	uint64_t count;
	unsigned n = 0;

	/* Nothing to read is no failure: somebody asks without having been told. */
	if (read(st->event, &count, sizeof(count)) < 0)
		count = 0;
	pthread_mutex_lock(&st->lock);
	op = st->finished.first;
	st->finished = (struct store_ops){.last = &st->finished.first};
	pthread_mutex_unlock(&st->lock);
	for (; op; op = next, n++) {
		next = op->next;
		/* Given back before it is told: its callback may submit the next one. */
		pthread_mutex_lock(&st->lock);
		st->held--;
		pthread_mutex_unlock(&st->lock);
		op->done(op->data, op->result);
		free(op);
	}
	return n;
}

/* Until told; false: the time is up. */
static bool wait_until(struct store *st, int64_t until_ms)
{
	struct timespec at = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};

	if (until_ms == INT64_MAX)
		return !pthread_cond_wait(&st->told, &st->lock);
	return pthread_cond_timedwait(&st->told, &st->lock, &at) != ETIMEDOUT;
}

/*
 * The time is up: take it back. From the queue at once; from the flight when the writer is not in
 * the database with it and knows that it is not there. false: wait on.
 */
static bool take_back(struct store *st, struct store_op *op, int *ret_result)
{
	if (unlink_op(&st->queue, op) ||
	    (!st->running && !st->unknown && unlink_op(&st->flight, op))) {
		*ret_result = STORE_LATE;
		st->held--;
		free(op);
		return true;
	}
	if (st->running)
		return false;
	op->waited = false;
	op->abandoned = true;
	*ret_result = STORE_UNKNOWN;
	return true;
}

int store_do(struct store *st, const struct store_act *act, int64_t timeout_ms)
{
	int64_t until_ms = timeout_ms ? store_now_ms() + timeout_ms : INT64_MAX;
	struct store_op *op;
	int r = store_op_make(act, &op);

	if (r)
		return r;
	op->waited = true;
	pthread_mutex_lock(&st->lock);
	r = take(st, op);
	if (r) {
		pthread_mutex_unlock(&st->lock);
		free(op);
		return r;
	}
	while (!op->decided) {
		if (wait_until(st, until_ms) || op->decided)
			continue;
		if (take_back(st, op, &r)) {
			pthread_mutex_unlock(&st->lock);
			return r;
		}
		/* The writer is in the database with it, and tells when it comes back. */
		pthread_cond_wait(&st->told, &st->lock);
	}
	r = op->result;
	st->held--;
	pthread_mutex_unlock(&st->lock);
	free(op);
	return r;
}

/* ---- sources ---- */

static bool source_ok(const struct store_source *s)
{
	if (!prefix_ok(&s->prefix) || s->evidence_len > STORE_EVIDENCE_MAX ||
	    !isfinite(s->pressure) || !isfinite(s->good) || !isfinite(s->score) ||
	    !store_time_ok(s->banned_until_ms) || !store_time_ok(s->trust_until_ms) ||
	    !store_time_ok(s->scored_ms) || !store_time_ok(s->first_ms) ||
	    !store_time_ok(s->last_ms))
		return false;
	for (uint32_t i = 0; i < s->evidence_len; i++)
		if (!isfinite(s->evidence[i]))
			return false;
	return true;
}

int store_source_put(struct store *st, const struct store_source *source)
{
	enum store_pending_what what;

	if (!source_ok(source))
		return -EINVAL;
	pthread_mutex_lock(&st->lock);
	/* What is on its way may come back, and then needs its place. */
	what = store_pending_put(&st->pending, source, st->opt.sources_max - st->group.out_count);
	if (what == STORE_PENDING_MERGED)
		st->health.sources_merged++;
	else if (what == STORE_PENDING_FULL)
		st->health.sources_dropped++;
	if (st->pending.count == 1 && what == STORE_PENDING_NEW) {
		st->sources_due_ms = store_now_ms() + st->opt.sources_every_ms;
		pthread_cond_signal(&st->wake);
	} else if (st->pending.count == STORE_SOURCES_BATCH && what == STORE_PENDING_NEW) {
		pthread_cond_signal(&st->wake);
	}
	pthread_mutex_unlock(&st->lock);
	return what == STORE_PENDING_FULL ? STORE_FULL : 0;
}

static bool written_before(const struct store *st, uint64_t ticket, uint64_t order)
{
	const struct store_op *oldest = st->flight.first ? st->flight.first : st->queue.first;

	return (!oldest || oldest->ticket >= ticket) && !st->group.out_count &&
	       store_pending_oldest(&st->pending) >= order;
}

int store_flush(struct store *st, int64_t timeout_ms)
{
	int64_t until_ms = timeout_ms ? store_now_ms() + timeout_ms : INT64_MAX;
	uint64_t ticket, order;
	int r = 0;

	pthread_mutex_lock(&st->lock);
	ticket = st->tickets;
	order = st->pending.next;
	while (!written_before(st, ticket, order)) {
		st->flushing = true;
		pthread_cond_signal(&st->wake);
		if (wait_until(st, until_ms))
			continue;
		r = written_before(st, ticket, order) ? 0 : STORE_LATE;
		break;
	}
	pthread_mutex_unlock(&st->lock);
	return r;
}

void store_health(struct store *st, struct store_health *ret_health)
{
	pthread_mutex_lock(&st->lock);
	*ret_health = st->health;
	ret_health->backlog = st->held;
	ret_health->backlog_max = st->opt.backlog_max;
	ret_health->sources = st->pending.count + st->group.out_count;
	ret_health->sources_max = st->opt.sources_max;
	pthread_mutex_unlock(&st->lock);
}

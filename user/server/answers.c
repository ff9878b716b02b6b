/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Answers to hellos. They are what is expensive, and are made at the end of a round, a batch at a
 * time: the static key is taken out of its shield once for a batch (25 us), and never for more than
 * BATCH of them (about 1 ms). The reactor makes one batch a round, so that sessions have their turn
 * before the next; what waits beyond that goes to the crypto pool, in whole batches. From there a
 * batch comes back computed; or, when no thread had time for it yet, the reactor takes it back, the
 * oldest first. So nothing depends on there being a thread.
 *
 * A slot that waits (`waiting`) is in the list `waiting`, or in one batch. A batch is free, or
 * with the pool ("under way"), or being worked on by a call of this file.
 *
 * Who may touch what, while a batch is under way:
 *   the thread that runs it	`hs` of its slots, and all of the batch but `next` and `job`
 *   both, and none changes it	`guise` of its slots: counted by the slot; the identity behind it
 *				guards itself, the rest of it never changes
 *   the reactor		everything else, `conn` above all
 *
 * A connection may end meanwhile: then its slot is released when the batch is back. Its input is
 * paused, so nothing calls the handshake. The thread hands the batch back by `computed` (release;
 * the reactor looks: acquire); the letter that follows is a reminder and carries nothing: where the
 * mailbox is full, a timer looks. Before the server is freed it waits for those that run:
 * shakings_deinit().
 */
#include <errno.h>
#include <stdlib.h>

#include <user/server/parts.h>

#define BATCHES 64U /* under way, of a reactor */
#define LOOK_MS 20U

struct batch {
	struct workpool_job job;
	struct server *server;
	struct batch *next; /* free, or under way */
	unsigned len, unshieldings;
	struct shaking *slots[BATCH];
	int results[BATCH];
	size_t lens[BATCH];
	uint8_t frames[BATCH][HS_FRAME_LEN];
	atomic_bool computed;
};

/* ---- the list of those who wait ---- */

static struct shaking *take_waiting(struct answers *a)
{
	struct shaking *s = a->waiting;

	if (s) {
		a->waiting = s->next;
		if (!a->waiting)
			a->waiting_end = &a->waiting;
		a->waiting_len--;
	}
	return s;
}

void answer_later(struct shaking *s)
{
	struct answers *a = &s->server->answers;

	s->waiting = true;
	s->next = NULL;
	*a->waiting_end = s;
	a->waiting_end = &s->next;
	a->waiting_len++;
	conn_pause(s->conn);
	conn_wait(s->conn, CONN_NOTHING, 0); /* it is we who are waited for */
	reactor_defer(s->server->reactor, &a->round);
}

/* ---- batches ---- */

static void fill(struct batch *batch)
{
	struct shaking *s;

	batch->len = 0;
	while (batch->len < BATCH && (s = take_waiting(&batch->server->answers)) != NULL) {
		if (s->conn)
			batch->slots[batch->len++] = s;
		else
			shaking_release(s);
	}
}

/* Those whose connection has ended are not worth the work. */
static void prune(struct batch *batch)
{
	unsigned len = 0;

	for (unsigned i = 0; i < batch->len; i++) {
		if (batch->slots[i]->conn)
			batch->slots[len++] = batch->slots[i];
		else
			shaking_release(batch->slots[i]);
	}
	batch->len = len;
}

/* The key that `s` wants, in `secret`; that of before was of *guise and number *key. */
static int open_key(struct batch *batch, struct shaking *s, struct secret32 *secret,
		    struct guise **guise, int *key)
{
	int wanted = handshake_key(&s->hs);

	if (wanted < 0 || (wanted == *key && s->guise == *guise))
		return 0;
	shield_close(secret);
	*key = -1;
	if (identity_open(s->guise->identity, wanted, secret))
		return -EIO;
	*guise = s->guise;
	*key = wanted;
	batch->unshieldings++;
	return 0;
}

/* Any thread: see above. */
static void compute(struct batch *batch, struct crypto *crypto)
{
	own_wiped struct secret32 secret = {0};
	struct guise *guise = NULL;
	int key = -1;

	batch->unshieldings = 0;
	for (unsigned i = 0; i < batch->len; i++) {
		struct handshake *hs = &batch->slots[i]->hs;
		int r = open_key(batch, batch->slots[i], &secret, &guise, &key);

		if (!r)
			r = handshake_write(hs, crypto,
					    handshake_key(hs) >= 0 ? secret.bytes : NULL,
					    batch->frames[i], &batch->lens[i]);
		batch->results[i] = r;
	}
	shield_close(&secret); /* and what computing with it left behind */
}

/* What was computed goes out. */
static void deliver(struct batch *batch, bool pooled)
{
	struct server_counters *counters = &batch->server->counters;

	for (unsigned i = 0; i < batch->len; i++) {
		struct shaking *s = batch->slots[i];
		struct conn *conn = s->conn;

		s->waiting = false;
		if (!conn) {
			shaking_release(s);
			continue;
		}
		server_count(&counters->answered);
		if (s->hs.suite == PH_RESUME)
			server_count(&counters->resumed);
		if (pooled)
			server_count(&counters->pooled);
		shaking_answer(s, batch->results[i], batch->frames[i], batch->lens[i]);
		conn_resume(conn);
	}
	server_add(&counters->unshieldings, batch->unshieldings);
	batch->len = 0;
}

/* ---- to the pool and back ---- */

static void look_again(void *receiver, void *item)
{
	struct server *server = item;

	/* Without a receiver the server is gone as well. */
	if (receiver)
		reactor_defer(server->reactor, &server->answers.round);
}

static void run(struct workpool_job *job, struct crypto *crypto)
{
	struct batch *batch = (struct batch *)(void *)((char *)job - offsetof(struct batch, job));
	struct server *server = batch->server;

	compute(batch, crypto);
	/* From here on it is the reactor's. */
	atomic_store_explicit(&batch->computed, true, memory_order_release);
	(void)!reactor_post(server->reactor, look_again, server);
}

static struct batch *take_batch(struct server *server)
{
	struct answers *a = &server->answers;
	struct batch *batch = a->free;

	if (batch)
		a->free = batch->next;
	else if (a->batches_touched <= BATCHES)
		batch = &a->batches[a->batches_touched++];
	if (batch)
		batch->server = server;
	return batch;
}

static void put_batch(struct batch *batch)
{
	struct answers *a = &batch->server->answers;

	batch->next = a->free;
	a->free = batch;
}

/* The oldest of those who wait; NULL: nobody does. */
static struct batch *fill_one(struct server *server)
{
	struct batch *batch = server->answers.waiting ? take_batch(server) : NULL;

	if (batch)
		fill(batch);
	return batch;
}

/* What the queue of the pool had no room for waits on, where it waited. */
static void put_waiting_back(struct batch *batch)
{
	struct answers *a = &batch->server->answers;

	while (batch->len) {
		struct shaking *s = batch->slots[--batch->len];

		s->next = a->waiting;
		if (!a->waiting)
			a->waiting_end = &s->next;
		a->waiting = s;
		a->waiting_len++;
	}
	put_batch(batch);
}

/* False: nobody waits, or the pool takes no more. */
static bool hand_over(struct server *server)
{
	struct answers *a = &server->answers;
	struct batch *batch = a->under_way_len < BATCHES ? fill_one(server) : NULL;

	if (!batch)
		return false;
	batch->job.run = run;
	atomic_store_explicit(&batch->computed, false, memory_order_relaxed);
	if (workpool_put(server->common->pool, &batch->job)) {
		server_count(&server->counters.pool_full);
		put_waiting_back(batch);
		return false;
	}
	batch->next = NULL;
	*a->under_way_end = batch;
	a->under_way_end = &batch->next;
	a->under_way_len++;
	return true;
}

static void hand_surplus_over(struct server *server)
{
	const struct server_common *common = server->common;
	const uint32_t least = common->pool_all ? 1 : BATCH;

	while (common->pool && server->answers.waiting_len >= least && hand_over(server))
		;
}

static void leave_under_way(struct answers *a, struct batch **at)
{
	*at = (*at)->next;
	if (!*at)
		a->under_way_end = at;
	a->under_way_len--;
}

static void collect(struct answers *a)
{
	struct batch **at = &a->under_way, *batch;

	while ((batch = *at) != NULL) {
		if (!atomic_load_explicit(&batch->computed, memory_order_acquire)) {
			at = &batch->next;
			continue;
		}
		leave_under_way(a, at);
		deliver(batch, true);
		put_batch(batch);
	}
}

static bool may_take_back(const struct server *server)
{
	const struct server_common *common = server->common;

	if (common->pool_all && common->pool && workpool_works(common->pool))
		return false;
	for (const struct batch *batch = server->answers.under_way; batch; batch = batch->next)
		if (workpool_waits(&batch->job))
			return true;
	return false;
}

/* The oldest that no thread has begun with. */
static struct batch *take_back(struct server *server)
{
	struct answers *a = &server->answers;

	if (!may_take_back(server))
		return NULL;
	for (struct batch **at = &a->under_way, *batch; (batch = *at) != NULL; at = &batch->next) {
		if (workpool_take_back(server->common->pool, &batch->job)) {
			leave_under_way(a, at);
			prune(batch);
			return batch;
		}
	}
	return NULL;
}

/* ---- a round ---- */

static void answer(struct batch *batch)
{
	compute(batch, batch->server->crypto);
	deliver(batch, false);
	put_batch(batch);
}

static void on_round(struct deferred *deferred)
{
	struct server *server = (struct server *)(void *)((char *)deferred -
							  offsetof(struct server, answers.round));
	struct answers *a = &server->answers;
	struct batch *own;

	collect(a);
	own = take_back(server);
	if (!own && !(server->common->pool && server->common->pool_all))
		own = fill_one(server);
	hand_surplus_over(server); /* before the own share: they compute at the same time */
	if (!own)
		own = fill_one(server);
	if (own)
		answer(own);
	/* The next round does not sleep then, but packets and timers have their turn before. */
	if (a->waiting || may_take_back(server))
		reactor_defer(server->reactor, &a->round);
	if (a->under_way && !wheel_runs(&a->look))
		wheel_start(&server->reactor->wheel, &a->look, LOOK_MS);
}

static void on_look(struct wheel_timer *timer)
{
	struct answers *a = (struct answers *)(void *)((char *)timer -
						       offsetof(struct answers, look));

	reactor_defer(a->reactor, &a->round);
}

/* ---- beginning and end ---- */

int answers_init(struct server *server)
{
	struct answers *a = &server->answers;

	a->reactor = server->reactor;
	a->waiting_end = &a->waiting;
	a->under_way_end = &a->under_way;
	a->round.run = on_round;
	a->look.on_time = on_look;
	a->batches = server_array(BATCHES + 1, sizeof(struct batch));
	return a->batches ? 0 : -ENOMEM;
}

static void drop(struct batch *batch)
{
	for (unsigned i = 0; i < batch->len; i++)
		if (!batch->slots[i]->conn)
			shaking_release(batch->slots[i]);
}

void answers_deinit(struct server *server)
{
	struct answers *a = &server->answers;
	struct shaking *s;

	if (!a->batches)
		return;
	wheel_stop(&server->reactor->wheel, &a->look);
	for (struct batch *batch = a->under_way; batch; batch = batch->next) {
		(void)!workpool_settle(server->common->pool, &batch->job);
		drop(batch);
	}
	while ((s = take_waiting(a)) != NULL)
		if (!s->conn)
			shaking_release(s);
	server_array_free(a->batches, BATCHES + 1, sizeof(struct batch));
}

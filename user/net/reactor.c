/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Slots of connections are one array, of which the kernel gives memory as they are touched; a slot
 * is in the list of free ones, above `slots_touched`, or live. A live connection is in the pending
 * list at most once (conn->pending). What is put there while the list is worked on waits for the
 * next round, which then does not sleep: sockets and timers have their turn in between.
 */
#include <user/net/reactor.h>

#include <errno.h>
#include <stdlib.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/net/conn_core.h>
#include <user/net/listener.h>

#define NS_PER_MS 1000000ULL
#define CONNS_MAX (1U << 22)

static uint64_t boot_ms(void)
{
	return clock_boot_ns() / NS_PER_MS;
}

static void refresh(struct reactor *reactor)
{
	reactor->now_ms = MAX(reactor->clock_ms(), reactor->now_ms);
}

/* ---- slots ---- */

struct conn *reactor_take_slot(struct reactor *reactor)
{
	struct conn *conn = reactor->free_slot;

	if (conn)
		reactor->free_slot = conn->next;
	else if (reactor->slots_touched < reactor->slots_len)
		conn = &reactor->slots[reactor->slots_touched++];
	else
		return NULL;
	*conn = (struct conn){.reactor = reactor, .live = true};
	reactor->live++;
	return conn;
}

void reactor_put_slot(struct conn *conn)
{
	struct reactor *reactor = conn->reactor;

	conn->live = false;
	conn->next = reactor->free_slot;
	reactor->free_slot = conn;
	reactor->live--;
}

/* ---- rounds ---- */

void reactor_pend(struct conn *conn)
{
	struct reactor *reactor = conn->reactor;

	if (conn->pending)
		return;
	conn->pending = true;
	conn->next = NULL;
	*reactor->pending_end = conn;
	reactor->pending_end = &conn->next;
}

static void run_pending(struct reactor *reactor)
{
	struct conn *list = reactor->pending;

	reactor->pending = NULL;
	reactor->pending_end = &reactor->pending;
	while (list) {
		struct conn *conn = list;

		list = conn->next;
		conn->pending = false;
		conn_turn(conn);
	}
}

void reactor_defer(struct reactor *reactor, struct deferred *deferred)
{
	if (deferred->queued)
		return;
	deferred->queued = true;
	deferred->next = NULL;
	*reactor->deferred_end = deferred;
	reactor->deferred_end = &deferred->next;
}

static void run_deferred(struct reactor *reactor)
{
	struct deferred *list = reactor->deferred;

	reactor->deferred = NULL;
	reactor->deferred_end = &reactor->deferred;
	while (list) {
		struct deferred *deferred = list;

		list = deferred->next;
		deferred->queued = false;
		deferred->run(deferred);
	}
}

static int finish_round(struct reactor *reactor)
{
	refresh(reactor);
	wheel_advance(&reactor->wheel, reactor->now_ms);
	run_deferred(reactor);
	run_pending(reactor);
	if (reactor->draining && !reactor->live) {
		loop_stop(reactor->loop);
		return 0;
	}
	if (reactor->pending || reactor->deferred)
		return 0;
	return wheel_wait_ms(&reactor->wheel, reactor->now_ms);
}

static int before_wait(void *context)
{
	return finish_round(context);
}

/* What the callbacks start counts from after the sleep; what is due fires when they are done. */
static void after_wait(void *context)
{
	struct reactor *reactor = context;

	refresh(reactor);
	wheel_set_now(&reactor->wheel, reactor->now_ms);
}

/* ---- the end ---- */

static void end_all(struct reactor *reactor)
{
	for (uint32_t i = 0; i < reactor->slots_touched; i++)
		if (reactor->slots[i].live)
			conn_finish(&reactor->slots[i], CONN_STOPPED, 0);
}

static void on_drain_deadline(struct wheel_timer *timer)
{
	end_all((void *)((char *)timer - offsetof(struct reactor, drain_deadline)));
}

static void close_all(struct reactor *reactor)
{
	while (reactor->listeners)
		listener_free(reactor->listeners);
	for (uint32_t i = 0; i < reactor->slots_touched; i++) {
		struct conn *conn = &reactor->slots[i];

		if (!conn->live || conn->dead || conn->closing)
			continue;
		if (conn->ops->on_stop && !conn->connecting)
			conn->ops->on_stop(conn);
		else
			conn_close(conn);
	}
}

static void drain(struct reactor *reactor, uint64_t ms)
{
	uint64_t until = reactor->now_ms + MIN(ms, WHEEL_MS_MAX);

	if (reactor->draining && until >= reactor->drain_until)
		return;
	reactor->drain_until = until;
	wheel_start(&reactor->wheel, &reactor->drain_deadline, ms);
	if (!reactor->draining) {
		reactor->draining = true;
		close_all(reactor);
	}
	if (!ms)
		end_all(reactor);
}

static void on_mail(struct watch *watch, uint32_t events)
{
	struct reactor *reactor = watch->context;
	uint64_t stop;

	(void)events;
	net_count(&reactor->stats, NET_POSTED, mailbox_run(reactor->mailbox, reactor));
	stop = atomic_exchange(&reactor->stop_in_ms, 0);
	if (stop)
		drain(reactor, stop - 1);
}

void reactor_stop(struct reactor *reactor, uint64_t drain_ms)
{
	uint64_t want = MIN(drain_ms, WHEEL_MS_MAX) + 1, was = atomic_load(&reactor->stop_in_ms);

	while (!was || want < was)
		if (atomic_compare_exchange_weak(&reactor->stop_in_ms, &was, want))
			break;
	mailbox_wake(reactor->mailbox);
}

bool reactor_stopped(const struct reactor *reactor)
{
	return reactor->draining && !reactor->live;
}

int reactor_post(struct reactor *reactor, mail_run *run, void *item)
{
	return mailbox_post(reactor->mailbox, run, item);
}

void reactor_push(struct reactor *reactor, struct mail *letter)
{
	mailbox_push(reactor->mailbox, letter);
}

int reactor_run(struct reactor *reactor)
{
	return loop_run(reactor->loop);
}

int reactor_turn(struct reactor *reactor, int wait_ms)
{
	return loop_turn(reactor->loop, wait_ms);
}

void reactor_end(struct reactor *reactor)
{
	reactor->draining = true;
	close_all(reactor);
	end_all(reactor);
	while (reactor->pending)
		run_pending(reactor);
}

size_t reactor_run_posted(struct reactor *reactor)
{
	size_t some = mailbox_run(reactor->mailbox, reactor);

	run_deferred(reactor);
	return some;
}

void reactor_free(struct reactor *reactor)
{
	if (!reactor)
		return;
	if (reactor->loop)
		reactor_end(reactor);
	mailbox_free(reactor->mailbox);
	loop_free(reactor->loop);
	pool_deinit(&reactor->pool);
	free(reactor->slots);
	free(reactor->scratch);
	free(reactor);
}

/* ---- the beginning ---- */

static void reactor_release(struct reactor **reactor)
{
	reactor_free(*reactor);
}

static int open_parts(struct reactor *reactor, const struct reactor_config *config)
{
	int r = loop_new(&reactor->loop);

	if (r)
		return r;
	r = mailbox_new(config->mailbox_len, &reactor->mailbox);
	if (r)
		return r;
	reactor->mail = (struct watch){
		.fd = mailbox_fd(reactor->mailbox),
		.on_ready = on_mail,
		.context = reactor,
	};
	reactor->hooks = (struct loop_hooks){before_wait, after_wait, reactor};
	loop_set_hooks(reactor->loop, &reactor->hooks);
	return loop_add(reactor->loop, &reactor->mail, EPOLLIN);
}

int reactor_new(const struct reactor_config *config, struct reactor **ret_reactor)
{
	struct reactor *reactor cleanup_with(reactor_release) = NULL;
	int r;

	if (!config->conns_max || config->conns_max > CONNS_MAX)
		return -EINVAL;
	reactor = calloc(1, sizeof(*reactor));
	if (!reactor)
		return -ENOMEM;
	reactor->number = config->number;
	reactor->context = config->context;
	reactor->sources = config->sources;
	reactor->clock_ms = config->clock_ms ? config->clock_ms : boot_ms;
	reactor->pending_end = &reactor->pending;
	reactor->deferred_end = &reactor->deferred;
	reactor->drain_deadline.on_time = on_drain_deadline;
	reactor->slots_len = config->conns_max;
	reactor->slots = calloc(config->conns_max, sizeof(struct conn));
	reactor->scratch = malloc(REACTOR_SCRATCH);
	if (!reactor->slots || !reactor->scratch)
		return -ENOMEM;
	pool_init(&reactor->pool, config->buffers_max);
	refresh(reactor);
	wheel_init(&reactor->wheel, reactor->now_ms);
	r = open_parts(reactor, config);
	if (r)
		return r;
	*ret_reactor = take_ptr(reactor);
	return 0;
}

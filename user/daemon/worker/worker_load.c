/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * How the worker stands, and what the keeper wants of it. How late a reactor is, a letter tells
 * that is sent to it and looks at the clock when it is read; one that is under way still is as late
 * as it is by now. Each letter is its own reactor's and lives as long as the worker.
 */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/daemon/worker/worker_parts.h>
#include <user/net/listener.h>

#define ASK_MS 50U

static uint64_t now_us(void)
{
	return clock_boot_ns() / 1000;
}

/* ---- how late it is ---- */

static void read_probe(void *receiver, void *item)
{
	struct worker_probe *probe = item;
	uint32_t waiting, most;

	if (!receiver)
		return;
	listeners_waiting(receiver, &waiting, &most);
	atomic_store_explicit(&probe->waiting, waiting, memory_order_relaxed);
	atomic_store_explicit(&probe->most, most, memory_order_relaxed);
	atomic_store_explicit(&probe->puzzle, server_puzzle(((struct reactor *)receiver)->context),
			      memory_order_relaxed);
	atomic_store_explicit(&probe->lag_us, (uint32_t)(now_us() - atomic_load(&probe->sent_us)),
			      memory_order_relaxed);
	/* From here on the letter is the control thread's again. */
	atomic_store_explicit(&probe->sent_us, 0, memory_order_release);
}

static void ask(struct worker *w, struct worker_probe *probe, unsigned reactor)
{
	uint64_t sent_us = atomic_load_explicit(&probe->sent_us, memory_order_acquire);
	uint64_t lag_us = atomic_load_explicit(&probe->lag_us, memory_order_relaxed);

	if (sent_us)
		lag_us = now_us() - sent_us;
	probe->least_us = MIN(probe->least_us, (uint32_t)MIN(lag_us, (uint64_t)UINT32_MAX));
	if (sent_us)
		return;
	probe->letter = (struct mail){.run = read_probe, .item = probe};
	atomic_store_explicit(&probe->sent_us, now_us(), memory_order_release);
	reactor_push(reactors_get(w->reactors, reactor), &probe->letter);
}

void worker_measure(struct worker *w, struct split_message *m)
{
	const struct sources_count count = sources_count(w->sources);

	m->sessions = count.total;
	pthread_mutex_lock(&w->lock);
	m->connections_max = w->plan.live.sources.total;
	m->half_open = count.half_open;
	m->half_open_max = w->plan.live.sources.half_open;
	pthread_mutex_unlock(&w->lock);
	for (unsigned i = 0; i < w->common.reactors; i++) {
		struct worker_probe *probe = &w->probes[i];
		uint32_t waiting = atomic_load_explicit(&probe->waiting, memory_order_relaxed);

		m->lag_us = MAX(m->lag_us, probe->least_us);
		probe->least_us = UINT32_MAX;
		if (waiting >= m->accept_waiting) {
			m->accept_waiting = waiting;
			m->accept_max = atomic_load_explicit(&probe->most, memory_order_relaxed);
		}
		m->puzzle = MAX(m->puzzle,
				atomic_load_explicit(&probe->puzzle, memory_order_relaxed));
	}
}

/* ---- what the keeper says ---- */

static void set_pace(struct worker *w, uint32_t withheld, uint32_t puzzle)
{
	atomic_store_explicit(&w->common.pace.withheld, withheld, memory_order_relaxed);
	atomic_store_explicit(&w->common.pace.puzzle_bits, puzzle, memory_order_relaxed);
}

static void hear(struct worker *w)
{
	struct split_message m;
	int r;

	while (!(r = split_hear(w->split, &m))) {
		w->paced_ms = now_us() / 1000;
		set_pace(w, m.withheld, m.puzzle);
	}
	if (r == -EBADMSG)
		log_error("the keeper said what the secured server does not know");
	w->deaf = r != -EAGAIN;
}

void worker_listen(struct worker *w, unsigned ms)
{
	uint64_t now_ms = now_us() / 1000, end_ms = now_ms + ms;

	while (now_ms < end_ms) {
		struct pollfd split = {.fd = w->deaf ? -1 : w->split, .events = POLLIN};

		for (unsigned i = 0; i < w->common.reactors; i++)
			ask(w, &w->probes[i], i);
		if (poll(&split, 1, (int)MIN(end_ms - now_ms, ASK_MS)) > 0)
			hear(w);
		now_ms = now_us() / 1000;
	}
	/* Nobody is left who would take it back. */
	if (now_ms - MIN(w->paced_ms, now_ms) > SPLIT_PACE_MS)
		set_pace(w, 0, 0);
}

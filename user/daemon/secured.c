/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The keeper's side of the secured server: it starts the worker, marks the flows that the worker
 * calls proven in the gate, and forgets them when the worker is gone. A worker that cannot start is
 * an error in the log, and no reason to be without a gate.
 */
#include <user/daemon/keeper.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/daemon/guarding.h>
#include <user/gate/proven.h>
#include <user/server/server.h>

/* The end of a session can be lost on the way to us: then its mark goes soon, or who opens sessions
 * fast would fill the map with flows that are over. Those that live are said again in a third. */
#define MARK_S (3 * SERVER_PROVE_MS / 1000)
#define TURN_MAX 256U /* messages of one turn: others want theirs, too */

static void mark(struct keeper *keeper, const struct split_message *m)
{
	struct prefix source = prefix_from(m->family, m->addr, m->family == 4 ? 32 : 128);
	struct sz_flow flow;
	int r = proven_flow(&source, m->sport, IPPROTO_TCP, m->dport, &flow);

	if (!r && m->type == SPLIT_PROVEN)
		r = proven_put(keeper->gate, &flow, clock_boot_s() + MARK_S);
	else if (!r)
		r = proven_drop(keeper->gate, &flow);
	/* Full: a flow without a mark has the limits that everyone has. */
	if (r < 0)
		log_debug("a flow of a session was not marked: %s", gate_error());
}

/* False: more than the worker may say in one second. */
static bool may_speak(struct secured *s)
{
	uint32_t now = clock_boot_s();

	if (now != s->second) {
		s->second = now;
		s->said = 0;
	}
	s->unheard += s->said >= SPLIT_RATE;
	return ++s->said <= SPLIT_RATE;
}

static void worker_gone(struct keeper *keeper)
{
	struct secured *s = &keeper->secured;

	loop_remove(keeper->loop, &s->watch);
	close(s->watch.fd);
	s->watch.fd = -1;
	snprintf(s->trouble, sizeof(s->trouble), "it is gone");
	log_error("the secured server is gone");
	(void)!proven_clear(keeper->gate);
}

static void on_ready(struct watch *watch, uint32_t events)
{
	struct keeper *keeper = watch->context;
	struct secured *s = &keeper->secured;
	struct split_message m;
	int r = 0;

	(void)events;
	for (unsigned i = 0; i < TURN_MAX && !r; i++) {
		r = split_receive(watch->fd, &m);
		if (r || !may_speak(s))
			continue;
		if (m.type == SPLIT_PROVEN || m.type == SPLIT_GONE)
			mark(keeper, &m);
		if (m.type == SPLIT_FIGURES)
			s->figures = m;
		else
			guarding_sign(keeper, &m);
	}
	if (r == -EBADMSG)
		log_error("the secured server said what it must not say");
	if (r && r != -EAGAIN)
		worker_gone(keeper);
}

static int on_config(void *owner, const struct config *config, struct config_faults *faults)
{
	struct keeper *keeper = owner;
	int r;

	if (!keeper->secured.worker)
		return 0;
	r = worker_reload(keeper->secured.worker, config, faults);
	if (!r)
		log_info("secured server: %s", worker_text(keeper->secured.worker));
	return r;
}

/* All to the log, the first of them to who asks for the status. */
static void say_trouble(struct secured *s, int r, const struct config_faults *faults)
{
	const struct config_fault *first = &faults->list[0];

	if (faults->total)
		snprintf(s->trouble, sizeof(s->trouble), "%s: %s: %s", first->where, first->key,
			 first->why);
	else
		snprintf(s->trouble, sizeof(s->trouble), "%s", strerror(-r));
	log_error("the secured server cannot start: %s", s->trouble);
	for (size_t i = 1; i < MIN(faults->total, (size_t)CONFIG_FAULTS_MAX); i++)
		log_error("the secured server cannot start: %s: %s: %s", faults->list[i].where,
			  faults->list[i].key, faults->list[i].why);
}

static int start_worker(struct keeper *keeper)
{
	own_free struct config_faults *faults = calloc(1, sizeof(*faults));
	struct secured *s = &keeper->secured;
	int fds[2], r = faults ? split_pair(fds) : -ENOMEM;

	if (r)
		return r;
	s->watch = (struct watch){.fd = fds[0], .on_ready = on_ready, .context = keeper};
	r = worker_start(keeper->options->config, fds[1], &s->worker, faults);
	if (!r)
		r = loop_add(keeper->loop, &s->watch, EPOLLIN);
	if (!r) {
		log_info("secured server: %s", worker_text(s->worker));
		return 0;
	}
	say_trouble(s, r, faults);
	worker_stop(s->worker);
	s->worker = NULL;
	close(s->watch.fd);
	s->watch.fd = -1;
	return 0;
}

const struct host_server *secured_show(void *context)
{
	struct keeper *keeper = context;
	struct secured *s = &keeper->secured;
	bool running = s->worker && s->watch.fd >= 0;

	if (!config_number(keeper->options->config, CFG_SERVER_ENABLE))
		return NULL;
	s->shown = (struct host_server){.running = running,
					.text = running ? worker_text(s->worker) : s->trouble,
					.connections = s->figures.sessions,
					.opened = s->figures.opened,
					.refused = s->figures.refused,
					.bad = s->figures.bad,
					.pool_threads = s->figures.pool_threads,
					.pool_jobs = s->figures.pool_jobs,
					.pool_full = s->figures.pool_full};
	return &s->shown;
}

const struct split_message *secured_figures(const struct keeper *keeper)
{
	const struct secured *s = &keeper->secured;

	return s->worker && s->watch.fd >= 0 && s->figures.type ? &s->figures : NULL;
}

bool secured_tell(const struct keeper *keeper, const struct split_message *message)
{
	const struct secured *s = &keeper->secured;

	return s->worker && s->watch.fd >= 0 && !split_send(s->watch.fd, message);
}

int secured_open(struct keeper *keeper)
{
	keeper->secured.watch.fd = -1;
	if (!config_number(keeper->options->config, CFG_SERVER_ENABLE))
		return 0;
	keeper->on_config = on_config;
	keeper->on_config_owner = keeper;
	return start_worker(keeper);
}

void secured_close(struct keeper *keeper)
{
	struct secured *s = &keeper->secured;

	if (!s->worker)
		return;
	worker_stop(s->worker);
	s->worker = NULL;
	if (s->watch.fd < 0)
		return;
	loop_remove(keeper->loop, &s->watch);
	close(s->watch.fd);
	s->watch.fd = -1;
	(void)!proven_clear(keeper->gate);
}

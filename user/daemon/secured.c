/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the worker says through the split: flows that it calls proven are marked in the gate, what
 * clients did wrong goes to the guard, figures are kept for the status. It is not trusted: a mark
 * gives a flow buckets of its own and nothing else.
 */
#include <user/daemon/secured.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

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

void secured_forget(struct keeper *keeper)
{
	struct secured *s = &keeper->secured;

	if (s->watch.fd < 0)
		return;
	loop_remove(keeper->loop, &s->watch);
	close(s->watch.fd);
	s->watch.fd = -1;
	s->figures = (struct split_message){0};
	(void)!proven_clear(keeper->gate);
}

void secured_hear(struct watch *watch, uint32_t events)
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
	if (!r || r == -EAGAIN)
		return;
	secured_forget(keeper);
	secured_kill(keeper, r == -EBADMSG ? "it said what it must not say" : NULL);
}

const struct host_server *secured_show(void *context)
{
	struct keeper *keeper = context;
	struct secured *s = &keeper->secured;
	bool running = s->state == SECURED_RUNNING || s->state == SECURED_RELOADING;

	if (!config_number(keeper->options->config, CFG_SERVER_ENABLE))
		return NULL;
	s->shown = (struct host_server){.running = running,
					.text = running ? s->text : s->trouble,
					.connections = s->figures.sessions,
					.opened = s->figures.opened,
					.refused = s->figures.refused,
					.bad = s->figures.bad,
					.pool_threads = s->figures.pool_threads,
					.pool_jobs = s->figures.pool_jobs,
					.pool_full = s->figures.pool_full,
					.restarts = s->restarts,
					.cause = s->cause};
	return &s->shown;
}

const struct split_message *secured_figures(const struct keeper *keeper)
{
	const struct secured *s = &keeper->secured;

	return s->watch.fd >= 0 && s->figures.type ? &s->figures : NULL;
}

bool secured_tell(const struct keeper *keeper, const struct split_message *message)
{
	const struct secured *s = &keeper->secured;

	return s->watch.fd >= 0 && !split_send(s->watch.fd, message);
}

int secured_open(struct keeper *keeper)
{
	if (!config_number(keeper->options->config, CFG_SERVER_ENABLE))
		return 0;
	return secured_life_open(keeper);
}

void secured_close(struct keeper *keeper)
{
	if (config_number(keeper->options->config, CFG_SERVER_ENABLE))
		secured_life_close(keeper);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the worker says through the split: flows that it calls proven are marked in the gate, what
 * clients did wrong goes to the guard, figures are kept for the status. It is not trusted: a mark
 * gives a flow buckets of its own and nothing else.
 */
#include <user/daemon/worker/secured.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <user/base/clock.h>
#include <user/base/log.h>
#include <user/daemon/guarding/guarding.h>
#include <user/gate/proven.h>
#include <user/server/server.h>

/* The end of a session can be lost on the way to us: then its mark goes soon, or who opens sessions
 * fast would fill the map with flows that are over. Those that live are said again in a third. */
#define MARK_S (3 * SERVER_PROVE_MS / 1000)
#define TURN_MAX 256U /* messages of one turn: others want theirs, too */

/* Figures come four times a second, by a thread that does nothing else. */
#define SILENT_SAY_S 5U
#define SILENT_MOST_S 30U
#define STUCK_US (SILENT_MOST_S * 1000000U) /* so late is a reactor that hangs */

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

/* The worker holds to these by itself, in seconds of its own: two of them may lie in one of ours.
 */
static bool is_within(struct secured *s, const struct split_message *m)
{
	switch (m->type) {
	case SPLIT_PROVEN:
	case SPLIT_GONE:
	case SPLIT_FIGURES:
		return true;
	case SPLIT_OPENED:
		return ++s->opened <= 2 * SPLIT_OPENED_RATE;
	default:
		return ++s->bad <= 2 * SPLIT_BAD_RATE;
	}
}

/* False: more than the worker may say in one second. */
static bool may_speak(struct secured *s, const struct split_message *m)
{
	uint32_t now = clock_boot_s();
	bool may;

	if (now != s->second) {
		s->second = now;
		s->said = s->bad = s->opened = 0;
	}
	may = ++s->said <= SPLIT_RATE && is_within(s, m);
	s->unheard += !may;
	return may;
}

/* What it says beyond its rate waits with it until secured_tick(): to read it would be work, too.
 */
static void rest(struct keeper *keeper)
{
	struct secured *s = &keeper->secured;

	if (s->said <= SPLIT_RATE || s->resting)
		return;
	s->resting = !loop_change(keeper->loop, &s->watch, 0);
}

static void take(struct keeper *keeper, const struct split_message *m)
{
	struct secured *s = &keeper->secured;

	if (m->type == SPLIT_FIGURES) {
		s->figures = *m;
		if (m->lag_us < STUCK_US)
			s->silent_s = 0;
		return;
	}
	if (m->type == SPLIT_PROVEN || m->type == SPLIT_GONE)
		mark(keeper, m);
	guarding_sign(keeper, m);
}

void secured_forget(struct keeper *keeper)
{
	struct secured *s = &keeper->secured;

	if (s->watch.fd < 0)
		return;
	loop_remove(keeper->loop, &s->watch);
	close(s->watch.fd);
	s->watch.fd = -1;
	s->resting = false;
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
		if (!r && m.type != SPLIT_FIGURES && !worker_ports_has(&s->ports, m.dport))
			r = -EBADMSG;
		if (!r && may_speak(s, &m))
			take(keeper, &m);
	}
	rest(keeper);
	if (!r || r == -EAGAIN)
		return;
	secured_forget(keeper);
	secured_kill(keeper, r == -EBADMSG ? "it said what it must not say" : NULL);
}

/*
 * A worker that hangs holds its sessions and its port, and does not die. It is ended when it has
 * been silent for too many of our ticks: of those, and not of seconds, since neither a machine that
 * slept nor a keeper that was late make a tick of what they missed.
 */
void secured_tick(struct keeper *keeper)
{
	struct secured *s = &keeper->secured;

	if (s->watch.fd < 0 || (s->state != SECURED_RUNNING && s->state != SECURED_RELOADING)) {
		s->silent_s = 0;
		return;
	}
	if (s->resting) {
		s->resting = loop_change(keeper->loop, &s->watch, EPOLLIN) != 0;
		return; /* it speaks */
	}
	s->silent_s++;
	if (s->silent_s == SILENT_SAY_S)
		log_warning("the secured server says nothing; it is ended if it goes on for %u s",
			    SILENT_MOST_S);
	if (s->silent_s % SILENT_MOST_S == 0)
		secured_kill(keeper, "it says nothing any more");
}

/* As a person wants to know it. */
static const char *describe(struct secured *s, bool running)
{
	if (!running)
		return s->trouble;
	if (s->silent_s >= SILENT_SAY_S)
		snprintf(s->mute, sizeof(s->mute), "%.120s; it has said nothing for %u s", s->text,
			 s->silent_s);
	else if (s->launcher_watch.fd < 0)
		snprintf(s->mute, sizeof(s->mute),
			 "%.110s; its launcher is gone: strazhd ends with it", s->text);
	else
		return s->text;
	return s->mute;
}

const struct host_server *secured_show(void *context)
{
	struct keeper *keeper = context;
	struct secured *s = &keeper->secured;
	bool running = s->state == SECURED_RUNNING || s->state == SECURED_RELOADING;

	if (!config_number(keeper->options->config, CFG_SERVER_ENABLE))
		return NULL;
	s->shown = (struct host_server){.running = running,
					.text = describe(s, running),
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

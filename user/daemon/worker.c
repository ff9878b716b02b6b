/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Who owns what: the worker owns everything here. Each server is its reactor's thread's; the others
 * reach it by reactor_post() only, but for its counters. The control thread owns the ticket keys
 * and passes copies on; the identity is counted, and a reload replaces it under `lock`.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/base/log.h>
#include <user/crypto/keyfile.h>
#include <user/daemon/config_service.h>
#include <user/daemon/split.h>
#include <user/daemon/worker.h>
#include <user/daemon/worker_plan.h>
#include <user/net/listener.h>
#include <user/net/reactors.h>
#include <user/server/server.h>

#define MAILBOX_LEN 65536
#define BACKLOG 4096
#define DESCRIPTORS_BESIDE 1024 /* maps, pins, logs */

/* One address that is listened at. */
struct entrance {
	struct worker *worker;
	uint16_t port;
};

struct worker {
	struct worker_plan plan;
	struct server_common common;
	struct sources *sources;
	struct reactors *reactors;
	struct server *servers[REACTORS_MAX];
	struct entrance entrances[WORKER_ADDRESSES_MAX];
	int split;
	_Atomic(uint64_t) unsaid; /* signs that the keeper had no room for */
	char text[160];

	pthread_mutex_t lock; /* of what follows */
	struct identity *identity;
	struct ticket_keys tickets;

	pthread_t control;
	bool has_control, has_tickets;
	_Atomic(bool) stopping;
	uint64_t figures_ms;
};

static uint64_t wall_s(void)
{
	return (uint64_t)time(NULL);
}

static int fault(char why[WORKER_WHY_LEN], int r, const char *what)
{
	snprintf(why, WORKER_WHY_LEN, "%s: %s", what, strerror(-r));
	return r;
}

/* ---- what the keeper is told ---- */

static void on_sign(void *owner, enum server_sign sign, const struct endpoint *from, uint16_t port,
		    int condition)
{
	struct worker *w = owner;
	struct split_message m = {.family = from->family, .sport = from->port, .dport = port};

	(void)condition; /* counted by the server */
	if ((sign != SERVER_PROVEN && sign != SERVER_GONE) || !from->family)
		return;
	m.type = sign == SERVER_PROVEN ? SPLIT_PROVEN : SPLIT_GONE;
	memcpy(m.addr, from->addr, sizeof(m.addr));
	if (split_send(w->split, &m))
		atomic_fetch_add_explicit(&w->unsaid, 1, memory_order_relaxed);
}

static uint64_t sum(const _Atomic(uint64_t) *counts, size_t n)
{
	uint64_t all = 0;

	for (size_t i = 0; i < n; i++)
		all += atomic_load_explicit(&counts[i], memory_order_relaxed);
	return all;
}

static void tell_figures(struct worker *w)
{
	struct split_message m = {.type = SPLIT_FIGURES};

	for (unsigned i = 0; i < w->common.reactors; i++) {
		const struct server_counters *c = server_counters(w->servers[i]);
		uint64_t opened = atomic_load_explicit(&c->opened, memory_order_relaxed);

		m.opened += opened;
		m.refused += sum(c->handshake, HS_CONDITION_COUNT);
		m.bad += sum(&c->channel[CHANNEL_BAD_HEAD],
			     CHANNEL_LATE_REKEY - CHANNEL_BAD_HEAD + 1);
	}
	m.sessions = sources_count(w->sources).total;
	(void)!split_send(w->split, &m);
}

/* ---- identities ---- */

struct passing {
	struct identity *identity;
	struct ticket_keys tickets;
	bool has_tickets;
};

static void receive_identity(void *receiver, void *item)
{
	struct passing *p = item;
	struct reactor *reactor = receiver;

	if (reactor &&
	    server_set_identity(reactor->context, p->identity, p->has_tickets ? &p->tickets : NULL))
		log_error("no memory: a thread of the server keeps its old keys");
	identity_put(p->identity);
	ticket_keys_deinit(&p->tickets);
	free(p);
}

/* To all reactors, with the lock held. */
static int pass_on(struct worker *w)
{
	for (unsigned i = 0; i < w->common.reactors; i++) {
		struct passing *p = calloc(1, sizeof(*p));

		if (!p)
			return -ENOMEM;
		*p = (struct passing){identity_get(w->identity), w->tickets, w->has_tickets};
		if (reactor_post(reactors_get(w->reactors, i), receive_identity, p)) {
			receive_identity(NULL, p);
			return -EAGAIN;
		}
	}
	return 0;
}

/* ---- the control thread ---- */

static void renew(struct worker *w)
{
	bool turned = false;

	pthread_mutex_lock(&w->lock);
	if (identity_renew(w->identity))
		log_warning("a key's shield was not renewed; the old one stays");
	if (w->has_tickets && !ticket_keys_turn(&w->tickets, wall_s(), &turned) && turned &&
	    pass_on(w))
		log_warning("the new ticket key did not reach all threads");
	pthread_mutex_unlock(&w->lock);
}

static void tell_unsaid(struct worker *w, uint64_t *told)
{
	uint64_t unsaid = atomic_load_explicit(&w->unsaid, memory_order_relaxed);

	if (unsaid == *told)
		return;
	log_warning("sessions began or ended too fast: %llu flows are not marked as they should be",
		    (unsigned long long)(unsaid - *told));
	*told = unsaid;
}

static void *control(void *data)
{
	struct worker *w = data;
	unsigned halves = 0;
	uint64_t told = 0;

	while (!atomic_load(&w->stopping)) {
		const struct timespec pause = {.tv_nsec = SHIELD_RENEW_MS * 1000000L};

		nanosleep(&pause, NULL);
		renew(w);
		if (++halves % 2)
			continue;
		tell_figures(w);
		tell_unsaid(w, &told);
	}
	return NULL;
}

/* ---- reactors ---- */

static void on_conn(struct listener *listener, struct conn *conn)
{
	const struct entrance *e = listener_context(listener);
	struct server *server = e->worker->servers[listener_reactor(listener)->number];

	if (!server_take(server, conn, e->port))
		conn_drop(conn);
}

static int open_listeners(struct worker *w, struct reactor *reactor)
{
	static const struct listener_ops ops = {.on_conn = on_conn};
	struct listener *ignored; /* the reactor ends it */

	for (size_t i = 0; i < w->plan.addresses_len; i++) {
		struct listener_config config = {
			.address = w->plan.addresses[i].at,
			.address_len = w->plan.addresses[i].len,
			.backlog = BACKLOG,
			.v6_only = true,
			.hello_ms = w->common.limits.hello_ms,
			.limits = &w->common.limits.conn,
			.trusted = w->plan.proxies,
			.trusted_len = w->plan.proxies_len,
		};
		int r;

		w->entrances[i] = (struct entrance){w,
						    endpoint_from(&w->plan.addresses[i].at).port};
		r = listener_new(reactor, &config, &ops, &w->entrances[i], &ignored);

		if (r) {
			w->plan.failed = i;
			return r;
		}
	}
	return 0;
}

static void stop_one(struct reactor *reactor, void *context)
{
	struct worker *w = context;

	server_free(w->servers[reactor->number]);
	w->servers[reactor->number] = NULL;
}

static int start_one(struct reactor *reactor, void *context)
{
	struct worker *w = context;
	int r = server_new(&w->common, reactor, w->identity, w->has_tickets ? &w->tickets : NULL,
			   &w->servers[reactor->number]);

	if (!r)
		r = open_listeners(w, reactor);
	if (r) /* there is no stop() for what did not start */
		stop_one(reactor, w);
	return r;
}

static int open_reactors(struct worker *w, char why[WORKER_WHY_LEN])
{
	struct reactors_config config = {
		.count = w->plan.reactors,
		.each = {.conns_max = w->plan.sources.total,
			 .buffers_max = w->plan.buffers_max,
			 .mailbox_len = MAILBOX_LEN,
			 .sources = w->sources},
		.start = start_one,
		.stop = stop_one,
		.context = w,
	};
	int r;

	w->plan.failed = SIZE_MAX;
	w->common.reactors = w->plan.reactors;
	w->common.servers = w->servers;
	r = reactors_new(&config, &w->reactors);
	if (r && w->plan.failed != SIZE_MAX)
		snprintf(why, WORKER_WHY_LEN, "cannot listen at '%s': %s",
			 w->plan.addresses[w->plan.failed].text, strerror(-r));
	else if (r)
		fault(why, r, "the server cannot start");
	return r;
}

/* ---- beginning and end ---- */

/* A shell's usual 1,024 are few. */
static void raise_descriptors(const struct config *config, uint32_t connections)
{
	rlim_t wanted = (rlim_t)connections + DESCRIPTORS_BESIDE;
	struct rlimit limit;

	if (config_service_enabled(config, service_tunnel.name))
		wanted += config_number(config, CFG_TUNNEL_STREAMS_TOTAL);
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = MIN(wanted, limit.rlim_max);
	if (setrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur < wanted)
		log_warning("the limit of open files, %llu, is less than server.max_connections "
			    "and the tunnel need (LimitNOFILE of the unit, ulimit -n)",
			    (unsigned long long)limit.rlim_cur);
}

static int open_services(struct worker *w, const struct config *config, char why[WORKER_WHY_LEN])
{
	static const struct service_ops *const all[] = {&service_echo, &service_relay,
							&service_tunnel};
	own_free struct service_setting *settings = calloc(CONFIG_SETTINGS_MAX, sizeof(*settings));

	if (!settings)
		return fault(why, -ENOMEM, "services");
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct server_service *service = &w->common.services[all[i]->id];
		struct service_config given = {.settings = settings};
		char said[SERVICE_WHY_LEN] = "";
		int r;

		if (!config_service_enabled(config, all[i]->name))
			continue;
		given.count = config_service_settings(config, all[i]->name, settings);
		r = all[i]->open(&given, &service->shared, said);
		if (r) {
			snprintf(why, WORKER_WHY_LEN, "[service.%s] %s", all[i]->name,
				 *said ? said : strerror(-r));
			return r;
		}
		service->ops = all[i];
	}
	return 0;
}

static int open_identity(struct worker *w, const struct config *config, char why[WORKER_WHY_LEN])
{
	struct identity_config identity;
	char said[IDENTITY_WHY_LEN] = "";
	int r;

	worker_plan_identity(config, &identity);
	r = identity_load(&identity, &w->identity, said);
	if (r) {
		snprintf(why, WORKER_WHY_LEN, "%s", said);
		return r;
	}
	w->has_tickets = w->plan.ticket_s > 0;
	if (w->has_tickets)
		r = ticket_keys_init(&w->tickets, w->plan.ticket_s, w->plan.ticket_chain_s,
				     wall_s());
	return r ? fault(why, r, "the key of tickets") : 0;
}

static int start_threads(struct worker *w, char why[WORKER_WHY_LEN])
{
	sigset_t all, old;
	int r;

	sigfillset(&all); /* signals are the keeper's */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = reactors_start(w->reactors);
	if (!r) {
		r = -pthread_create(&w->control, NULL, control, w);
		w->has_control = !r;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r ? fault(why, r, "no thread for the server") : 0;
}

static void describe(struct worker *w)
{
	char id[KEYFILE_ID_TEXT_LEN];

	snprintf(w->text, sizeof(w->text), "%.60s, %u thread%s, engine %s, key %s",
		 w->plan.addresses[0].text, w->plan.reactors, w->plan.reactors == 1 ? "" : "s",
		 server_engine(w->servers[0]), keyfile_id_text(identity_public(w->identity), id));
}

int worker_start(const struct config *config, int split, struct worker **ret_worker,
		 char why[WORKER_WHY_LEN])
{
	struct worker *w = calloc(1, sizeof(*w));
	int r;

	if (!w) {
		close(split);
		return fault(why, -ENOMEM, "the server");
	}
	w->split = split;
	pthread_mutex_init(&w->lock, NULL);
	r = worker_plan_make(config, &w->plan, why);
	if (!r)
		raise_descriptors(config, w->plan.sources.total);
	w->common.limits = w->plan.limits;
	w->common.engine = w->plan.engine;
	w->common.watcher = (struct server_watcher){w, on_sign};
	if (!r)
		r = open_identity(w, config, why);
	if (!r)
		r = open_services(w, config, why);
	if (!r && sources_new(&w->plan.sources, &w->sources))
		r = fault(why, -ENOMEM, "the table of sources");
	if (!r)
		r = open_reactors(w, why);
	if (!r)
		describe(w);
	if (!r)
		r = start_threads(w, why);
	if (r) {
		worker_stop(w);
		return r;
	}
	*ret_worker = w;
	return 0;
}

void worker_stop(struct worker *w)
{
	if (!w)
		return;
	atomic_store(&w->stopping, true);
	if (w->has_control)
		pthread_join(w->control, NULL);
	if (w->reactors) {
		reactors_stop(w->reactors, w->plan.drain_ms);
		if (w->has_control)
			(void)!reactors_join(w->reactors);
		reactors_free(w->reactors);
	}
	for (unsigned i = 0; i < PH_SERVICES; i++)
		if (w->common.services[i].ops)
			w->common.services[i].ops->close(w->common.services[i].shared);
	sources_free(w->sources);
	identity_put(w->identity);
	ticket_keys_deinit(&w->tickets);
	worker_plan_deinit(&w->plan);
	pthread_mutex_destroy(&w->lock);
	close(w->split);
	free(w);
}

int worker_reload(struct worker *w, const struct config *config, char why[WORKER_WHY_LEN])
{
	struct identity_config wanted;
	struct identity *identity;
	char said[IDENTITY_WHY_LEN] = "";
	int r;

	worker_plan_identity(config, &wanted);
	r = identity_load(&wanted, &identity, said);
	if (r) {
		snprintf(why, WORKER_WHY_LEN, "%s", said);
		return r;
	}
	pthread_mutex_lock(&w->lock);
	identity_put(w->identity);
	w->identity = identity;
	r = pass_on(w);
	describe(w);
	pthread_mutex_unlock(&w->lock);
	return r ? fault(why, r, "not all threads got the new keys") : 0;
}

const char *worker_text(const struct worker *w)
{
	return w->text;
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Who owns what: the worker owns everything here. Each server is its reactor's thread's; the others
 * reach it by reactor_push() only, but for its counters; the crypto pool's threads, by the jobs
 * that it gives them. The control thread owns the ticket keys and passes copies on; the identity is
 * counted, and a reload replaces both under `lock`.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <user/base/log.h>
#include <user/crypto/workpool.h>
#include <user/daemon/config/config_service.h>
#include <user/daemon/worker/split.h>
#include <user/daemon/worker/worker_parts.h>
#include <user/daemon/worker/worker_ports.h>
#include <user/net/listener.h>

#define MAILBOX_LEN 65536
/*
 * Of each reactor and address. The kernel takes cookies only for a listener whose queue of SYNs is
 * full: so far a flood of them gets, while a crowd of thousands a second is answered in time.
 */
#define BACKLOG 1024
#define POOL_JOBS_PER_REACTOR 16U /* batches of handshakes that may wait */
#define DESCRIPTORS_BESIDE 1024	  /* maps, pins, logs */

/* ---- what the keeper is told ---- */

static void tell(struct worker *w, enum split_type type, const struct endpoint *from, uint16_t port,
		 int condition, uint32_t age_ms, bool is_bad)
{
	struct split_message m = {.type = type,
				  .family = from->family,
				  .sport = from->port,
				  .dport = port,
				  .condition = (uint16_t)condition,
				  .age_ms = age_ms};

	if (!from->family)
		return;
	memcpy(m.addr, from->addr, sizeof(m.addr));
	if ((is_bad &&
	     atomic_fetch_add_explicit(&w->bad_said, 1, memory_order_relaxed) >= SPLIT_BAD_RATE) ||
	    split_send(w->split, &m))
		atomic_fetch_add_explicit(is_bad ? &w->bad_unsaid : &w->unsaid, 1,
					  memory_order_relaxed);
}

static void on_sign(void *owner, enum server_sign sign, const struct endpoint *from, uint16_t port,
		    int condition, uint32_t age_ms)
{
	static const enum split_type types[] = {
		[SERVER_PROVEN] = SPLIT_PROVEN,
		[SERVER_GONE] = SPLIT_GONE,
		[SERVER_BAD_HANDSHAKE] = SPLIT_BAD_HANDSHAKE,
		[SERVER_BAD_RECORD] = SPLIT_BAD_RECORD,
		[SERVER_BAD_QUERY] = SPLIT_BAD_QUERY,
	};
	bool is_bad = sign != SERVER_PROVEN && sign != SERVER_GONE;

	tell(owner, types[sign], from, port, condition, age_ms, is_bad);
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
	if (w->common.pool) {
		const struct workpool_stats pool = workpool_stats(w->common.pool);

		m.pool_threads = pool.threads;
		m.pool_jobs = pool.jobs;
		m.pool_full = pool.full;
	}
	worker_measure(w, &m);
	m.bad_unsaid = atomic_load_explicit(&w->bad_unsaid, memory_order_relaxed);
	(void)!split_send(w->split, &m);
}

/* ---- the control thread ---- */

static void tell_unsaid(struct worker *w, uint64_t *told)
{
	uint64_t unsaid = atomic_load_explicit(&w->unsaid, memory_order_relaxed);

	atomic_store_explicit(&w->bad_said, 0, memory_order_relaxed);
	atomic_store_explicit(&w->opened_said, 0, memory_order_relaxed);
	if (unsaid == *told)
		return;
	log_warning("sessions began or ended too fast: %llu flows are not marked as they should be",
		    (unsigned long long)(unsaid - *told));
	*told = unsaid;
}

static void *control(void *data)
{
	struct worker *w = data;
	unsigned turns = 0;
	uint64_t told = 0;

	while (!atomic_load(&w->stopping)) {
		worker_listen(w, SPLIT_FIGURES_MS);
		tell_figures(w);
		if (++turns % (SHIELD_RENEW_MS / SPLIT_FIGURES_MS) == 0)
			worker_renew(w);
		if (turns % (1000 / SPLIT_FIGURES_MS) == 0)
			tell_unsaid(w, &told);
	}
	return NULL;
}

/* ---- reactors ---- */

static void on_conn(struct listener *listener, struct conn *conn)
{
	const struct entrance *e = listener_context(listener);
	struct worker *w = e->worker;
	struct server *server = w->servers[listener_reactor(listener)->number];

	/* Nothing is lost with what is not said of these: a sample is enough. */
	if (atomic_fetch_add_explicit(&w->opened_said, 1, memory_order_relaxed) < SPLIT_OPENED_RATE)
		tell(w, SPLIT_OPENED, &conn->peer, e->port, 0, 0, false);
	if (!server_take(server, conn, e->port))
		conn_drop(conn);
}

/* What is at an end in all is nobody's fault. */
static void on_refuse(struct listener *listener, const struct endpoint *from, enum net_counter why)
{
	const struct entrance *e = listener_context(listener);

	if (why == NET_REFUSED_SOURCE || why == NET_REFUSED_SOURCE_HALF_OPEN ||
	    why == NET_REFUSED_SOURCE_MUTE)
		tell(e->worker, SPLIT_REFUSED, from, e->port, why == NET_REFUSED_SOURCE_MUTE, 0,
		     true);
}

/* It never said a thing. What it said was no proxy's header: that is no sign of anything. */
static void on_lost(struct listener *listener, const struct endpoint *from, enum conn_end why)
{
	const struct entrance *e = listener_context(listener);

	if (listener_reactor(listener)->draining)
		return;
	if (why == CONN_LATE_HELLO || why == CONN_RESET || why == CONN_DONE)
		tell(e->worker, SPLIT_BAD_HANDSHAKE, from, e->port, HS_NONE, 0, true);
	else if (why == CONN_REFUSED)
		tell(e->worker, SPLIT_REFUSED, from, e->port, 0, 0, true);
}

static int open_listeners(struct worker *w, struct reactor *reactor)
{
	static const struct listener_ops ops = {
		.on_conn = on_conn, .on_refuse = on_refuse, .on_lost = on_lost};
	struct listener *ignored; /* the reactor ends it */
	int *given = w->given && w->given->sockets
			     ? w->given->sockets + reactor->number * w->plan.addresses_len
			     : NULL;

	for (size_t i = 0; i < w->plan.addresses_len; i++) {
		struct listener_config config = {
			.fd = given ? given[i] : 0,
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
		if (given)
			given[i] = -1;
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

static int open_reactors(struct worker *w, const struct config *config,
			 struct config_faults *faults)
{
	struct reactors_config reactors = {
		.count = w->plan.reactors,
		.each = {.conns_max = w->plan.live.sources.total,
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
	r = reactors_new(&reactors, &w->reactors);
	return r ? worker_ports_refuse(&w->plan, config, r, faults) : 0;
}

static int open_pool(struct worker *w)
{
	const struct workpool_config config = {
		.threads_max = w->plan.crypto_threads,
		.queue_max = POOL_JOBS_PER_REACTOR * w->plan.reactors,
		.rule = workpool_rule_usual(),
	};

	return w->plan.crypto_threads ? workpool_new(&config, &w->common.pool) : 0;
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
		log_warning("%llu open files are allowed, and server.max_connections needs %llu "
			    "with streams of the tunnel: connections above that are turned away "
			    "(LimitNOFILE of the unit, ulimit -n)",
			    (unsigned long long)limit.rlim_cur, (unsigned long long)wanted);
}

static int start_threads(struct worker *w)
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
	return r;
}

/* As many reactors as there are sockets for: their number was found by who bound them. */
static int fit_given(struct worker *w)
{
	size_t len = w->given && w->given->sockets ? w->given->sockets_len : 0;

	if (!len)
		return 0;
	if (len % w->plan.addresses_len || len / w->plan.addresses_len > REACTORS_MAX)
		return -EINVAL;
	w->plan.reactors = (unsigned)(len / w->plan.addresses_len);
	return 0;
}

/* All that can be refused. No thread runs yet. */
static int open_all(struct worker *w, const struct config *config, struct config_faults *faults)
{
	int r = worker_plan_make(config, &w->plan);

	if (!r)
		r = fit_given(w);
	if (r)
		return r;
	raise_descriptors(config, w->plan.live.sources.total);
	w->common.limits = w->plan.live.limits;
	w->common.engine = *w->plan.engine ? w->plan.engine : NULL;
	w->common.watcher = (struct server_watcher){w, on_sign};
	r = worker_read_identity(config, w->given ? w->given->files : NULL, &w->identity, faults);
	if (!r)
		r = worker_start_tickets(w);
	if (!r)
		r = worker_open_services(config, w->common.services, faults);
	if (!r)
		r = sources_new(&w->plan.live.sources, &w->sources);
	if (!r)
		r = open_pool(w);
	return r ? r : open_reactors(w, config, faults);
}

int worker_start(const struct config *config, const struct worker_given *given, int split,
		 struct worker **ret_worker, struct config_faults *faults)
{
	struct worker *w = calloc(1, sizeof(*w));
	int r;

	if (!w) {
		close(split);
		return -ENOMEM;
	}
	w->split = split;
	w->given = given;
	pthread_mutex_init(&w->lock, NULL);
	r = open_all(w, config, faults);
	if (!r && given && given->confine)
		r = given->confine(given->context);
	w->given = NULL;
	if (!r) {
		worker_describe(w);
		r = start_threads(w);
	}
	if (r < 0 && r != -ENOMEM)
		r = worker_fault(faults, config, CFG_SERVER_ENABLE, "the server cannot start: %s",
				 strerror(-r));
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
		reactors_stop(w->reactors, w->plan.live.drain_ms);
		if (w->has_control)
			(void)!reactors_join(w->reactors);
		reactors_free(w->reactors);
	}
	workpool_free(w->common.pool);
	worker_close_services(w->common.services);
	sources_free(w->sources);
	identity_put(w->identity);
	ticket_keys_deinit(&w->tickets);
	worker_plan_deinit(&w->plan);
	pthread_mutex_destroy(&w->lock);
	close(w->split);
	free(w);
}

const char *worker_text(const struct worker *w)
{
	return w->text;
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One server is one thread's: nothing here is locked but the counters, which others may read. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <user/server/parts.h>

#define POOL_SPARES 64U

struct server_limits server_limits_usual(void)
{
	return (struct server_limits){
		.half_open = 2048,
		.links = 65536,
		.handshakes_s = 4000,
		.nominal_s = 4000,
		.puzzle_bits = PH_PUZZLE_BITS_MAX,
		.hello_ms = 5000,
		.finish_ms = 5000,
		.prove_ms = SERVER_PROVE_MS,
		.conn = {.in_max = CONN_IN_MAX, /* the longest record, or two of 32 KiB and more */
			 .out_max = 4U << 20,
			 .high = 128U << 10,
			 .low = 64U << 10,
			 .slow_ms = 30000,
			 .linger_ms = 3000},
		.channel = channel_limits_usual,
	};
}

void server_sign(struct server *server, enum server_sign sign, const struct endpoint *from,
		 uint16_t port, int condition, uint32_t age_ms)
{
	const struct server_watcher *watcher = &server->common->watcher;

	if (watcher->on_sign)
		watcher->on_sign(watcher->owner, sign, from, port, condition, age_ms);
}

void *server_array(size_t n, size_t size)
{
	void *array = mmap(NULL, n * size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (array == MAP_FAILED)
		return NULL;
	(void)madvise(array, n * size, MADV_DONTDUMP);
	(void)madvise(array, n * size, MADV_WIPEONFORK);
	return array;
}

void server_array_free(void *array, size_t n, size_t size)
{
	if (array)
		munmap(array, n * size);
}

/* ---- what services see ---- */

static uint64_t host_now(const struct service_host *host)
{
	const struct server *server = (const struct server *)(const void *)((const char *)host -
									    offsetof(struct server,
										     host));

	return server->reactor->now_ms;
}

static void run_posted(void *receiver, void *item)
{
	struct reactor *reactor = receiver;
	struct posted *posted = item;

	/* A reactor is freed after its mailbox was run to the end: server_free() says so. */
	if (reactor)
		posted->run(posted, &((struct server *)reactor->context)->host);
}

static int host_post(struct service_host *host, unsigned reactor, struct posted *posted)
{
	struct server *server = (struct server *)(void *)((char *)host -
							  offsetof(struct server, host));

	if (reactor >= server->common->reactors || !server->common->servers[reactor])
		return -EINVAL;
	return reactor_post(server->common->servers[reactor]->reactor, run_posted, posted) ? -EAGAIN
											   : 0;
}

static int start_services(struct server *server)
{
	for (unsigned i = 0; i < PH_SERVICES; i++) {
		const struct server_service *service = &server->common->services[i];
		int r = service->ops ? service->ops->start(&server->host, service->shared,
							   &server->instances[i])
				     : 0;

		if (r)
			return r;
	}
	return 0;
}

static void stop_services(struct server *server)
{
	for (unsigned i = 0; i < PH_SERVICES; i++) {
		if (server->instances[i])
			server->common->services[i].ops->stop(server->instances[i]);
		server->instances[i] = NULL;
	}
}

/* ---- making and unmaking ---- */

static void set_limits(struct server *server, const struct server_limits *limits)
{
	server->limits = *limits;
	server->channels.limits = limits->channel;
	server->strangers = limits->conn;
	server->strangers.in_max = HS_FRAME_LEN;
}

static void set_hosts(struct server *server)
{
	const struct server_limits *limits = &server->common->limits;

	server->host = (struct service_host){.reactor = server->reactor->number,
					     .reactors = server->common->reactors,
					     .loop = server->reactor->loop,
					     .now_ms = host_now,
					     .post = host_post};
	server->channels = (struct channel_host){
		.crypto = server->crypto, .engine = server->engine, .ops = &link_channel_ops};
	chunk_pool_init(&server->channels.pool, limits->links * 16ULL, POOL_SPARES);
	set_limits(server, limits);
	door_init(&server->door, limits->handshakes_s, limits->puzzle_bits, limits->puzzle_always,
		  server->reactor->now_ms);
}

int server_new(struct server_common *common, struct reactor *reactor, struct identity *identity,
	       const struct ticket_keys *tickets, struct server **ret_server)
{
	struct server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return -ENOMEM;
	server->common = common;
	server->reactor = reactor;
	reactor->context = server;
	r = crypto_new(&server->crypto);
	if (!r)
		r = engine_new(common->engine, &server->engine);
	if (!r)
		r = guise_new(identity, tickets, &server->guise);
	if (!r)
		r = shakings_init(server);
	if (!r)
		r = links_init(server);
	if (!r) {
		set_hosts(server);
		r = start_services(server);
	}
	if (r) {
		server_free(server);
		return r;
	}
	*ret_server = server;
	return 0;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	stop_services(server);
	shakings_deinit(server);
	links_deinit(server);
	if (server->channels.ops)
		chunk_pool_deinit(&server->channels.pool);
	guise_put(server->guise);
	engine_free(server->engine);
	crypto_free(server->crypto);
	free(server);
}

/* An operator who wants no puzzles gets none: then what is withheld is turned away. */
void server_keep_pace(struct server *server)
{
	const struct server_pace *pace = &server->common->pace;

	door_pace(&server->door, atomic_load_explicit(&pace->withheld, memory_order_relaxed),
		  server->limits.nominal_s,
		  atomic_load_explicit(&pace->puzzle_bits, memory_order_relaxed));
}

bool server_take(struct server *server, struct conn *conn, uint16_t port)
{
	return shaking_take(server, conn, port);
}

/* ---- changes ---- */

struct server_change {
	struct guise *guise;
	struct server_limits limits;
};

int server_change_new(struct identity *identity, const struct ticket_keys *tickets,
		      const struct server_limits *limits, struct server_change **ret_change)
{
	struct server_change *change = calloc(1, sizeof(*change));
	int r = change ? guise_new(identity, tickets, &change->guise) : -ENOMEM;

	if (r) {
		free(change);
		return r;
	}
	change->limits = *limits;
	*ret_change = change;
	return 0;
}

void server_change_free(struct server_change *change)
{
	if (change)
		guise_put(change->guise);
	free(change);
}

void server_change_take(struct server *server, struct server_change *change)
{
	const struct server_limits *limits = &change->limits;

	guise_put(server->guise);
	server->guise = change->guise;
	set_limits(server, limits);
	door_set(&server->door, limits->handshakes_s, limits->puzzle_bits, limits->puzzle_always);
	free(change);
}

/* ---- asking ---- */

const struct server_counters *server_counters(const struct server *server)
{
	return &server->counters;
}

const char *server_engine(const struct server *server)
{
	return engine_name(server->engine);
}

unsigned server_links(const struct server *server)
{
	return server->links_len;
}

unsigned server_puzzle(struct server *server)
{
	server_keep_pace(server);
	return door_bits(&server->door, server->reactor->now_ms);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The secured server with the services echo and relay and nothing around it: what the protocol
 * costs, without the daemon. Its key is made at the start and never leaves it.
 *
 *	secured-echo [-p PORT] [-c CONNECTIONS] [-t] [-u PORT] [-k THREADS | -K]
 *
 * Listens on 127.0.0.1 and prints the port and its public key in hex. -t: it gives no tickets.
 * -u: it has the service tunnel, too, with the upstream "up" at that port of 127.0.0.1.
 * -k: at most so many threads help with bursts of handshakes, also where there is one processor;
 * -K: none do; neither: as in strazhd. Strangers are not asked for work. SIGTERM or SIGINT end it;
 * then it prints how many sessions were opened, and how often its key was taken out of the shield
 * for that.
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <tests/tools/kit/number.h>
#include <user/crypto/keyfile.h>
#include <user/crypto/workpool.h>
#include <user/net/listener.h>
#include <user/net/reactors.h>
#include <user/server/server.h>

#define CONNS_DEFAULT 16384
#define DESCRIPTORS_BESIDE 64
#define BACKLOG 4096
#define POOL_JOBS 16U

static struct {
	struct sockaddr_in address;
	struct server_common common;
	struct server *server;
	struct identity *identity;
	struct ticket_keys tickets;
} house = {.address = {.sin_family = AF_INET}};

static void die(const char *what, int error)
{
	(void)fprintf(stderr, "secured-echo: %s: %s\n", what, strerror(error));
	exit(1);
}

static void load_identity(void)
{
	char folder[] = "/tmp/strazh-secured.XXXXXX", path[sizeof(folder) + 8];
	struct identity_config config = {.name = PH_NAME_DEFAULT, .key_path = path};
	own_keyfile struct keyfile key = {0};
	struct identity_faults faults = {0};
	struct crypto *crypto;
	int r = crypto_new(&crypto);

	if (r)
		die("cryptography", -r);
	if (!mkdtemp(folder))
		die("a folder for the key", errno);
	snprintf(path, sizeof(path), "%s/key", folder);
	r = keyfile_generate(crypto, KEYFILE_SERVER, "", (uint64_t)time(NULL), &key);
	if (!r)
		r = keyfile_write(path, &key, KEYFILE_NEW);
	if (!r)
		r = identity_load(&config, &house.identity, &faults);
	(void)unlink(path);
	(void)rmdir(folder);
	crypto_free(crypto);
	if (r)
		die(*identity_why(&faults) ? identity_why(&faults) : "the key",
		    r < 0 ? -r : EINVAL);
}

static void open_service(const struct service_ops *ops, const struct service_config *config)
{
	struct server_service *service = &house.common.services[ops->id];
	char why[SERVICE_WHY_LEN] = "";
	int r = ops->open(config, &service->shared, why);

	if (r)
		die(*why ? why : ops->name, -r);
	service->ops = ops;
}

static void on_conn(struct listener *listener, struct conn *conn)
{
	(void)listener;
	if (!server_take(house.server, conn, ntohs(house.address.sin_port)))
		conn_drop(conn);
}

static int start(struct reactor *reactor, void *context)
{
	static const struct listener_ops ops = {.on_conn = on_conn};
	struct listener_config config = {
		.address_len = sizeof(house.address),
		.backlog = BACKLOG,
		.hello_ms = house.common.limits.hello_ms,
		.limits = &house.common.limits.conn,
	};
	struct sockaddr_storage bound;
	struct listener *listener;
	int r = server_new(&house.common, reactor, house.identity,
			   house.tickets.lifetime_s ? &house.tickets : NULL, &house.server);

	(void)context;
	memcpy(&config.address, &house.address, sizeof(house.address));
	if (!r)
		r = listener_new(reactor, &config, &ops, NULL, &listener);
	if (!r)
		r = listener_address(listener, &bound);
	if (!r)
		memcpy(&house.address, &bound, sizeof(house.address));
	return r;
}

static void stop(struct reactor *reactor, void *context)
{
	const struct server_counters *counters = server_counters(house.server);

	(void)reactor;
	(void)context;
	printf("%" PRIu64 " %" PRIu64 "\n", atomic_load(&counters->opened),
	       atomic_load(&counters->unshieldings));
	server_free(house.server);
}

static void on_signal(struct signals *signals, const struct signalfd_siginfo *info)
{
	(void)info;
	reactors_stop(signals->context, 0);
}

static void need_descriptors(unsigned conns)
{
	struct rlimit limit;
	rlim_t need = (rlim_t)conns + DESCRIPTORS_BESIDE;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		die("getrlimit", errno);
	limit.rlim_cur = MAX(limit.rlim_cur, need);
	limit.rlim_max = MAX(limit.rlim_max, need);
	if (setrlimit(RLIMIT_NOFILE, &limit))
		die("cannot have that many descriptors", errno);
}

static void print_address(void)
{
	const uint8_t *public = identity_public(house.identity);

	printf("%u ", ntohs(house.address.sin_port));
	for (unsigned i = 0; i < PH_KEY_LEN; i++)
		printf("%02x", public[i]);
	printf("\n");
	(void)fflush(stdout);
}

static void open_tunnel(unsigned port)
{
	char address[32];
	const struct service_setting lines[] = {{"up", address}};
	const struct service_config config = {lines, ARRAY_LEN(lines)};

	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	open_service(&service_tunnel, &config);
}

static unsigned helpers_usual(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set)
		       ? 0
		       : workpool_threads_for(0, (unsigned)CPU_COUNT(&set));
}

static void open_pool(unsigned threads)
{
	const struct workpool_config config = {
		.threads_max = threads, .queue_max = POOL_JOBS, .rule = workpool_rule_usual()};
	int r = threads ? workpool_new(&config, &house.common.pool) : 0;

	if (r)
		die("the crypto pool", -r);
}

static void open_house(unsigned conns, bool tickets)
{
	static const struct service_setting lines[] = {
		{"room_members", "1000000"}, {"max_clients", "1000000"}, {"presence_max", "0"}};
	const struct service_config none = {0}, relay = {lines, ARRAY_LEN(lines)};
	int r;

	need_descriptors(conns);
	load_identity();
	if (tickets) {
		r = ticket_keys_init(&house.tickets, 3600, 86400, (uint64_t)time(NULL));
		if (r)
			die("ticket keys", -r);
	}
	open_service(&service_echo, &none);
	open_service(&service_relay, &relay);
	house.common.reactors = 1;
	house.common.servers = &house.server;
	house.common.limits = server_limits_usual();
	house.common.limits.handshakes_s = 0;
}

int main(int argc, char **argv)
{
	struct reactors_config config = {.count = 1, .start = start, .stop = stop};
	unsigned conns = CONNS_DEFAULT, upstream = 0, helpers = helpers_usual();
	struct reactors *reactors;
	struct signals signals;
	bool tickets = true;
	int option, r;
	sigset_t set;

	while ((option = getopt(argc, argv, "p:c:tu:k:K")) != -1) {
		if (option == 'p')
			house.address.sin_port = htons(
				(uint16_t)number_parse("-p", optarg, UINT16_MAX));
		else if (option == 'c')
			conns = number_parse("-c", optarg, 1U << 20);
		else if (option == 't')
			tickets = false;
		else if (option == 'u')
			upstream = number_parse("-u", optarg, UINT16_MAX);
		else if (option == 'k')
			helpers = number_parse("-k", optarg, WORKPOOL_THREADS_MAX);
		else if (option == 'K')
			helpers = 0;
		else
			return 2;
	}
	house.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	open_house(conns, tickets);
	open_pool(helpers);
	if (upstream)
		open_tunnel(upstream);
	config.each = (struct reactor_config){
		.conns_max = conns, .buffers_max = 256 << 20, .mailbox_len = 4096};
	r = reactors_new(&config, &reactors);
	if (r)
		die("cannot start", -r);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	r = signals_open(reactors_get(reactors, 0)->loop, &signals, &set, on_signal, reactors);
	if (r)
		die("signals", -r);
	print_address();
	r = reactors_run(reactors);
	signals_close(&signals);
	reactors_free(reactors);
	workpool_free(house.common.pool);
	service_relay.close(house.common.services[PH_S_RELAY].shared);
	if (upstream)
		service_tunnel.close(house.common.services[PH_S_TUNNEL].shared);
	service_echo.close(house.common.services[PH_S_ECHO].shared);
	ticket_keys_deinit(&house.tickets);
	identity_put(house.identity);
	return r ? 1 : 0;
}

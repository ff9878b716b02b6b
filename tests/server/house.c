/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <tests/server/house.h>
#include <user/crypto/keyfile.h>
#include <user/session/cert.h>

#define BACKLOG 512
#define WAIT_S 20
#define DRAIN_MS 1000

static const char *in_folder(const struct house *h, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", h->folder, name);
	return path;
}

static void make_keys(struct house *h)
{
	own_keyfile struct keyfile server = {0}, root = {0};
	uint64_t now = (uint64_t)time(NULL);
	uint8_t cert[PH_CERT_MAX];
	size_t len;

	assert_int_equal(keyfile_generate(h->crypto, KEYFILE_SERVER, "", now, &server), 0);
	assert_int_equal(keyfile_generate(h->crypto, KEYFILE_ROOT, "", now, &root), 0);
	assert_int_equal(keyfile_write(in_folder(h, "key"), &server, KEYFILE_NEW), 0);
	memcpy(h->key, server.public, 32);
	memcpy(h->root, root.public, 32);
	assert_int_equal(cert_make(h->crypto, root.secret.bytes, h->key, PH_NAME_DEFAULT, now - 10,
				   now + 3600, cert, &len),
			 0);
	assert_int_equal(certfile_write(in_folder(h, "cert"), cert, len, KEYFILE_NEW), 0);
}

struct identity *house_identity(const struct house *h)
{
	struct identity_config config = {.name = PH_NAME_DEFAULT};
	struct identity_faults faults;
	char key[128], cert[128];
	struct identity *identity;

	snprintf(key, sizeof(key), "%s", in_folder(h, "key"));
	snprintf(cert, sizeof(cert), "%s", in_folder(h, "cert"));
	config.key_path = key;
	config.cert_path = cert;
	if (identity_load(&config, &identity, &faults))
		fail_msg("%s", identity_why(&faults));
	return identity;
}

static void load_identity(struct house *h, const struct house_plan *plan)
{
	struct identity_config config = {.name = PH_NAME_DEFAULT};
	struct identity_faults faults;
	char key[128], cert[128], clients[128];
	FILE *file;

	snprintf(key, sizeof(key), "%s", in_folder(h, "key"));
	snprintf(cert, sizeof(cert), "%s", in_folder(h, "cert"));
	snprintf(clients, sizeof(clients), "%s", in_folder(h, "clients"));
	config.key_path = key;
	config.cert_path = cert;
	config.suites = plan->suites;
	config.hybrid = plan->hybrid;
	if (plan->clients) {
		file = fopen(clients, "we");
		assert_non_null(file);
		assert_true(fputs(plan->clients, file) >= 0);
		fclose(file);
		config.clients_path = clients;
	}
	if (identity_load(&config, &h->identity, &faults))
		fail_msg("%s", identity_why(&faults));
}

/* ---- reactors ---- */

static void on_conn(struct listener *listener, struct conn *conn)
{
	struct house *h = listener_context(listener);

	if (!server_take(h->servers[listener_reactor(listener)->number], conn, h->port))
		conn_drop(conn);
}

static int start(struct reactor *reactor, void *context)
{
	static const struct listener_ops ops = {.on_conn = on_conn};
	struct house *h = context;
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(h->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct listener_config config = {.address_len = sizeof(at),
					 .backlog = BACKLOG,
					 .hello_ms = h->common.limits.hello_ms,
					 .limits = &h->common.limits.conn};
	struct sockaddr_storage bound;
	int r = server_new(&h->common, reactor, h->identity,
			   h->tickets.lifetime_s ? &h->tickets : NULL,
			   &h->servers[reactor->number]);

	memcpy(&config.address, &at, sizeof(at));
	if (!r)
		r = listener_new(reactor, &config, &ops, h, &h->listeners[reactor->number]);
	if (!r)
		r = listener_address(h->listeners[reactor->number], &bound);
	if (!r)
		h->port = ntohs(((struct sockaddr_in *)(void *)&bound)->sin_port);
	return r;
}

static void stop(struct reactor *reactor, void *context)
{
	struct house *h = context;

	server_free(h->servers[reactor->number]);
	h->servers[reactor->number] = NULL;
}

static void on_sign(void *owner, enum server_sign sign, const struct endpoint *from, uint16_t port,
		    int condition, uint32_t age_ms)
{
	struct house *h = owner;

	(void)from;
	(void)port;
	(void)age_ms;
	if (sign == SERVER_GONE)
		atomic_store(&h->gone, condition);
	atomic_fetch_add(&h->signs[sign], 1);
}

static void open_pool(struct house *h, const struct house_plan *plan)
{
	const char *all = getenv("STRAZH_TEST_HELPERS");
	struct workpool_config config = {.threads_max = plan->helpers,
					 .queue_max = plan->pool_queue ? plan->pool_queue : 4096,
					 .rule = {.wait_us = 0, .deep = 0, .idle_ms = 50}};

	if (plan->as_shipped)
		config.rule = workpool_rule_usual();
	else if (!config.threads_max && all)
		config.threads_max = (unsigned)strtoul(all, NULL, 10);
	if (config.threads_max || plan->as_shipped)
		assert_int_equal(workpool_new(&config, &h->pool), 0);
	h->common.pool = h->pool;
	h->common.pool_all = h->pool && !plan->as_shipped;
}

static void open_reactors(struct house *h, const struct house_plan *plan)
{
	static const struct sources_limits wide = {100000, 100000, 100000, 100000};
	struct reactors_config config = {
		.count = plan->reactors ? plan->reactors : 1,
		.each = {.conns_max = 20000,
			 .buffers_max = 256U << 20,
			 .mailbox_len = plan->mailbox_len ? plan->mailbox_len : 4096},
		.start = start,
		.stop = stop,
		.context = h};

	open_pool(h, plan);
	assert_int_equal(sources_new(plan->sources.total ? &plan->sources : &wide, &h->sources), 0);
	config.each.sources = h->sources;
	h->common.reactors = config.count;
	h->common.servers = h->servers;
	h->common.watcher = (struct server_watcher){.owner = h, .on_sign = on_sign};
	h->common.limits = server_limits_usual();
	if (plan->limits)
		plan->limits(&h->common.limits);
	assert_int_equal(reactors_new(&config, &h->reactors), 0);
	assert_int_equal(reactors_start(h->reactors), 0);
}

static void open_service(struct house *h, const struct service_ops *ops,
			 const struct service_config *config)
{
	struct server_service *service = &h->common.services[ops->id];
	char why[SERVICE_WHY_LEN];

	service->ops = ops;
	if (ops->open(config, &service->shared, why))
		fail_msg("%s", why);
}

static void open_tunnel(struct house *h, uint16_t port)
{
	char address[32];
	const struct service_setting line = {"up", address};

	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	open_service(h, &service_tunnel, &(struct service_config){&line, 1});
}

static void close_services(struct house *h)
{
	for (unsigned i = 0; i < PH_SERVICES; i++)
		if (h->common.services[i].ops)
			h->common.services[i].ops->close(h->common.services[i].shared);
}

void house_open(struct house *h, const struct house_plan *plan)
{
	static const struct service_config none;
	static const struct house_plan usual;

	*h = (struct house){.folder = "/tmp/strazh-house.XXXXXX"};
	plan = plan ? plan : &usual;
	assert_non_null(mkdtemp(h->folder));
	assert_int_equal(crypto_new(&h->crypto), 0);
	make_keys(h);
	load_identity(h, plan);
	if (!plan->no_tickets)
		assert_int_equal(ticket_keys_init(&h->tickets, 3600, 86400, (uint64_t)time(NULL)),
				 0);
	open_service(h, &service_echo, &none);
	if (plan->relay)
		open_service(h, &service_relay, &none);
	if (plan->tunnel)
		open_tunnel(h, plan->tunnel);
	open_reactors(h, plan);
	snprintf(h->address, sizeof(h->address), "127.0.0.1:%u", h->port);
}

static void close_reactors(struct house *h)
{
	reactors_free(h->reactors);
	workpool_free(h->pool);
	sources_free(h->sources);
	h->reactors = NULL;
	h->pool = NULL;
	h->sources = NULL;
}

void house_down(struct house *h)
{
	house_drain(h);
	close_reactors(h);
}

void house_up(struct house *h, const struct house_plan *plan)
{
	static const struct house_plan usual;

	open_reactors(h, plan ? plan : &usual);
}

void house_drain(struct house *h)
{
	if (!h->reactors)
		return;
	reactors_stop(h->reactors, DRAIN_MS);
	assert_int_equal(reactors_join(h->reactors), 0);
}

void house_close(struct house *h)
{
	house_drain(h);
	house_free(h);
}

void house_free(struct house *h)
{
	static const char *const files[] = {"key", "cert", "clients"};

	if (h->reactors)
		close_reactors(h);
	close_services(h);
	ticket_keys_deinit(&h->tickets);
	identity_put(h->identity);
	crypto_free(h->crypto);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(in_folder(h, files[i]));
	assert_int_equal(rmdir(h->folder), 0);
}

uint64_t house_count(const struct house *h, size_t offset)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < h->common.reactors; i++) {
		const char *counters = (const char *)server_counters(h->servers[i]);

		sum += atomic_load((const _Atomic(uint64_t) *)(const void *)(counters + offset));
	}
	return sum;
}

void house_wait(const struct house *h, size_t offset, uint64_t value)
{
	const struct timespec pause = {.tv_nsec = 2000000};

	for (unsigned i = 0; i < WAIT_S * 500 && house_count(h, offset) < value; i++)
		nanosleep(&pause, NULL);
	assert_int_equal(house_count(h, offset), value);
}

void house_at_least(const struct house *h, size_t offset, uint64_t value)
{
	const struct timespec pause = {.tv_nsec = 2000000};

	for (unsigned i = 0; i < WAIT_S * 500 && house_count(h, offset) < value; i++)
		nanosleep(&pause, NULL);
	assert_true(house_count(h, offset) >= value);
}

uint64_t house_failed(const struct house *h)
{
	uint64_t sum = 0;

	for (size_t i = 1; i < HS_CONDITION_COUNT; i++)
		sum += house_count(h, offsetof(struct server_counters, handshake) +
					      i * sizeof(_Atomic(uint64_t)));
	return sum;
}

uint64_t house_broken(const struct house *h)
{
	uint64_t sum = 0;

	for (size_t i = 1; i < CHANNEL_CONDITION_COUNT; i++)
		sum += house_count(h, offsetof(struct server_counters, channel) +
					      i * sizeof(_Atomic(uint64_t)));
	return sum;
}

uint64_t house_ended(const struct house *h, enum conn_end why)
{
	return house_count(h, offsetof(struct server_counters, ends) +
				      why * sizeof(_Atomic(uint64_t)));
}

bool house_until(bool (*check)(const void *context), const void *context)
{
	const struct timespec pause = {.tv_nsec = 2000000};

	for (unsigned i = 0; i < WAIT_S * 500; i++) {
		if (check(context))
			return true;
		nanosleep(&pause, NULL);
	}
	return check(context);
}

static bool nobody(const void *context)
{
	const struct house *h = context;

	return !sources_count(h->sources).total;
}

void house_quiet(const struct house *h)
{
	assert_true(house_until(nobody, h));
}

/* ---- clients ---- */

int house_echo(struct strazh *client, uint32_t request, size_t len, int64_t timeout_ms)
{
	uint8_t *payload = malloc(len + 1);
	struct strazh_message message = {.service = PH_S_ECHO,
					 .opcode = PH_OP_REQUEST,
					 .priority = PH_NORMAL,
					 .request = request,
					 .payload = payload,
					 .len = len},
			      reply;
	int r;

	assert_non_null(payload);
	for (size_t i = 0; i < len; i++)
		payload[i] = (uint8_t)(i * 7 + request);
	r = strazh_request(client, &message, timeout_ms, &reply);
	if (!r) {
		assert_int_equal(reply.opcode, PH_OP_REPLY);
		assert_int_equal(reply.len, len);
		assert_memory_equal(reply.payload, payload, len);
	}
	free(payload);
	return r;
}

struct strazh_options house_options(const struct house *h)
{
	return (struct strazh_options){
		.address = h->address, .server_key = h->key, .reconnects = -1};
}

struct strazh *house_client(const struct house *h, const struct strazh_options *options)
{
	struct strazh_options usual = options ? *options : house_options(h);
	struct strazh_error error;
	struct strazh *client;

	if (strazh_open(&usual, &client, &error))
		fail_msg("%s", error.text);
	return client;
}

static int try_socket(const struct house *h)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(h->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval limit = {.tv_sec = WAIT_S};
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	/* As clients do: what is sent last waits for no acknowledgement, or a reset discards it. */
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
	if (!connect(fd, (struct sockaddr *)&at, sizeof(at)))
		return fd;
	close(fd);
	/* On a machine with much to do a deadline may be over before connect(2) is. */
	if (errno != ECONNRESET)
		fail_msg("connect: %s", strerror(errno));
	return -1;
}

int house_socket(const struct house *h)
{
	int fd = -1;

	for (unsigned i = 0; i < 5 && fd < 0; i++)
		fd = try_socket(h);
	assert_true(fd >= 0);
	return fd;
}

long memory_resident(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long size, resident;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%ld %ld", &size, &resident), 2);
	fclose(file);
	return resident * sysconf(_SC_PAGESIZE);
}

unsigned house_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

uint64_t house_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The honest client: small requests to an echo service at a steady rate, every byte of every
 * answer compared, one JSON line a second about how that went.
 *
 * CLIENTS state machines share one poll(): idle until their next time, then connecting (when they
 * have no connection), then waiting for the answer. A request ends well when the whole answer has
 * come and is right; it ends badly at its deadline, on an error, and on a wrong byte. Times that
 * pass while a request hangs are requests that a person would have made: when it fails they count
 * as failed too, so a dead server costs the whole rate and not one request in a timeout; when it
 * succeeds late, its latency says so. After PER_CONN requests a client opens a new connection, so
 * the handshake is measured too.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <strazh/base/compiler.h>
#include <tests/tools/kit/number.h>

#define CLIENTS 16
#define PER_CONN 8
#define MESSAGE_LEN 64
#define TARGETS_MAX 4
#define SAMPLES_MAX 65536
#define NS_PER_S 1000000000ull
#define NS_PER_US 1000ull

enum state { IDLE, CONNECTING, WAITING };

struct client {
	enum state state;
	int fd;
	unsigned int target;
	unsigned int left; /* requests on this connection */
	uint64_t next_ns, begin_ns, deadline_ns;
	uint64_t number;
	unsigned int skipped; /* times that passed while this request hung */
	size_t got;
	unsigned char sent[MESSAGE_LEN];
};

struct samples {
	size_t len;
	uint32_t us[SAMPLES_MAX];
};

struct target {
	struct sockaddr_storage addr;
	socklen_t len;
};

static struct {
	struct target target[TARGETS_MAX];
	unsigned int targets;
	unsigned int rate, seconds, timeout_ms;
	uint16_t port;
} want = {.rate = 100, .timeout_ms = 1000, .port = 7777};

static struct {
	unsigned int ok, fail, connects;
	struct samples request, connect;
} second;

static struct client clients[CLIENTS];
static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void sample(struct samples *samples, uint64_t since_ns)
{
	if (samples->len < SAMPLES_MAX)
		samples->us[samples->len++] = (uint32_t)((now_ns() - since_ns) / NS_PER_US);
}

static int compare_us(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The value that `percent` of the samples do not exceed; the samples are sorted. */
static unsigned int percentile(const struct samples *samples, unsigned int percent)
{
	size_t rank = (samples->len * percent + 99) / 100;

	return samples->len ? samples->us[rank ? rank - 1 : 0] : 0;
}

static void report(void)
{
	struct samples *request = &second.request, *connect = &second.connect;

	qsort(request->us, request->len, sizeof(request->us[0]), compare_us);
	qsort(connect->us, connect->len, sizeof(connect->us[0]), compare_us);
	printf("{\"t\":%lld,\"ok\":%u,\"fail\":%u,\"connects\":%u,\"p50_us\":%u,\"p99_us\":%u,"
	       "\"max_us\":%u,\"connect_p50_us\":%u,\"connect_max_us\":%u}\n",
	       (long long)time(NULL), second.ok, second.fail, second.connects,
	       percentile(request, 50), percentile(request, 99), percentile(request, 100),
	       percentile(connect, 50), percentile(connect, 100));
	fflush(stdout);
	second.ok = second.fail = second.connects = 0;
	request->len = connect->len = 0;
}

static void client_close(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	client->left = 0;
}

static void client_fail(struct client *client)
{
	client_close(client);
	client->state = IDLE;
	client->target = (client->target + 1) % want.targets;
	second.fail += 1 + client->skipped;
	client->skipped = 0;
}

/* Bytes that differ from request to request and from client to client. */
static void client_compose(struct client *client)
{
	uint64_t x = ++client->number * 0x9e3779b97f4a7c15ull + (uint64_t)(client - clients);

	for (size_t i = 0; i < MESSAGE_LEN; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		client->sent[i] = (unsigned char)x;
	}
	client->got = 0;
}

static void client_send(struct client *client)
{
	client_compose(client);
	client->state = WAITING;
	client->begin_ns = now_ns();
	/* Less than one segment into an empty socket buffer: whole or broken. */
	if (send(client->fd, client->sent, MESSAGE_LEN, MSG_NOSIGNAL) != MESSAGE_LEN)
		client_fail(client);
}

static void client_start(struct client *client)
{
	const struct target *target = &want.target[client->target];
	int on = 1;

	client->skipped = 0;
	client->begin_ns = now_ns();
	client->deadline_ns = client->begin_ns + want.timeout_ms * (NS_PER_S / 1000);
	if (client->fd >= 0 && client->left) {
		client_send(client);
		return;
	}
	client_close(client);
	client->fd = socket(target->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (client->fd < 0) {
		client_fail(client);
		return;
	}
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	client->state = CONNECTING;
	if (connect(client->fd, (const struct sockaddr *)&target->addr, target->len) &&
	    errno != EINPROGRESS)
		client_fail(client);
}

static void client_connected(struct client *client)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &len) || error) {
		client_fail(client);
		return;
	}
	sample(&second.connect, client->begin_ns);
	second.connects++;
	client->left = PER_CONN;
	client_send(client);
}

static void client_receive(struct client *client)
{
	unsigned char answer[MESSAGE_LEN];
	ssize_t got = recv(client->fd, answer, MESSAGE_LEN - client->got, 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0 || memcmp(answer, client->sent + client->got, (size_t)got)) {
		client_fail(client);
		return;
	}
	client->got += (size_t)got;
	if (client->got < MESSAGE_LEN)
		return;
	sample(&second.request, client->begin_ns);
	second.ok++;
	client->state = IDLE;
	if (!--client->left) {
		client_close(client);
		client->target = (client->target + 1) % want.targets;
	}
}

static void client_on_time(struct client *client, uint64_t now, uint64_t every_ns)
{
	if (client->state != IDLE && now >= client->deadline_ns)
		client_fail(client);
	if (client->state == IDLE) {
		if (now >= client->next_ns) {
			client->next_ns += every_ns;
			client_start(client);
		}
		return;
	}
	for (; now >= client->next_ns; client->next_ns += every_ns)
		client->skipped++;
}

static void wait_for_events(uint64_t until_ns)
{
	struct pollfd fds[CLIENTS];
	uint64_t now = now_ns();
	struct timespec patience = {.tv_nsec = until_ns > now ? (long)(until_ns - now) : 0};

	for (int i = 0; i < CLIENTS; i++) {
		fds[i].fd = clients[i].state == IDLE ? -1 : clients[i].fd;
		fds[i].events = clients[i].state == CONNECTING ? POLLOUT : POLLIN;
		fds[i].revents = 0;
	}
	if (ppoll(fds, CLIENTS, &patience, NULL) <= 0)
		return;
	for (int i = 0; i < CLIENTS; i++) {
		if (!fds[i].revents)
			continue;
		if (clients[i].state == CONNECTING)
			client_connected(&clients[i]);
		else
			client_receive(&clients[i]);
	}
}

static void run(void)
{
	uint64_t begin = now_ns(), tell = begin + NS_PER_S;
	uint64_t every_ns = NS_PER_S * CLIENTS / want.rate;
	unsigned int told = 0;

	for (unsigned int i = 0; i < CLIENTS; i++) {
		clients[i] = (struct client){.fd = -1, .target = i % want.targets};
		clients[i].next_ns = begin + every_ns * i / CLIENTS;
	}
	while (!stop && (!want.seconds || told < want.seconds)) {
		/* A tenth of a second at most, and never past somebody's time. */
		uint64_t now = now_ns(), until = MIN(now + NS_PER_S / 10, tell);

		for (int i = 0; i < CLIENTS; i++) {
			client_on_time(&clients[i], now, every_ns);
			if (clients[i].state == IDLE)
				until = MIN(until, clients[i].next_ns);
		}
		wait_for_events(until);
		if (now_ns() >= tell) {
			report();
			tell += NS_PER_S;
			told++;
		}
	}
	if (stop && second.ok + second.fail)
		report();
}

static void usage(FILE *to)
{
	fputs("usage: honest --to ADDRESS [--to ADDRESS]... [options]\n"
	      "Send small requests to an echo service at a steady rate, compare every byte of the\n"
	      "answers and write one JSON line a second: t, ok, fail, connects, latencies in us.\n"
	      "  -t, --to ADDRESS      IPv4 or IPv6 address; up to 4, used by turns\n"
	      "  -p, --port N          port there (default 7777)\n"
	      "  -r, --rate N          requests a second (default 100, at most 20000)\n"
	      "  -s, --seconds N       stop after so many lines (default: at SIGTERM or Ctrl-C)\n"
	      "  -w, --timeout-ms N    a request without an answer by then failed (default 1000)\n",
	      to);
}

static void add_target(const char *text)
{
	struct target *target = &want.target[want.targets];
	struct sockaddr_in *v4 = (struct sockaddr_in *)&target->addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&target->addr;

	if (want.targets == TARGETS_MAX) {
		fprintf(stderr, "honest: --to '%s': more than %d addresses\n", text, TARGETS_MAX);
		exit(2);
	}
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		target->len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		target->len = sizeof(*v6);
	} else {
		fprintf(stderr, "honest: --to '%s': neither an IPv4 nor an IPv6 address\n", text);
		exit(2);
	}
	want.targets++;
}

static void set_ports(void)
{
	for (unsigned int i = 0; i < want.targets; i++) {
		if (want.target[i].addr.ss_family == AF_INET)
			((struct sockaddr_in *)&want.target[i].addr)->sin_port = htons(want.port);
		else
			((struct sockaddr_in6 *)&want.target[i].addr)->sin6_port = htons(want.port);
	}
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{"to", required_argument, NULL, 't'},
		{"port", required_argument, NULL, 'p'},
		{"rate", required_argument, NULL, 'r'},
		{"seconds", required_argument, NULL, 's'},
		{"timeout-ms", required_argument, NULL, 'w'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "t:p:r:s:w:h", options, NULL)) != -1) {
		if (option == 't') {
			add_target(optarg);
		} else if (option == 'p') {
			want.port = (uint16_t)number_parse("--port", optarg, 65535);
		} else if (option == 'r') {
			want.rate = number_parse("--rate", optarg, 20000);
		} else if (option == 's') {
			want.seconds = number_parse("--seconds", optarg, 86400);
		} else if (option == 'w') {
			want.timeout_ms = number_parse("--timeout-ms", optarg, 60000);
		} else {
			usage(option == 'h' ? stdout : stderr);
			exit(option == 'h' ? 0 : 2);
		}
	}
	if (!want.targets || optind < argc) {
		usage(stderr);
		exit(2);
	}
	set_ports();
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};

	parse_options(argc, argv);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	run();
	return 0;
}

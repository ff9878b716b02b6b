/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * An echo server over user/net and nothing else: what the reactor alone can do is the ceiling of
 * what any protocol on it can.
 *
 *	plain-echo [-p PORT] [-r REACTORS] [-c CONNECTIONS]
 *
 * Listens on 127.0.0.1 and prints the port. SIGTERM or SIGINT drain it; then it prints what it
 * has counted on standard error.
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <tests/tools/kit/number.h>
#include <user/net/listener.h>
#include <user/net/reactors.h>

#define REACTORS_DEFAULT 1
#define CONNS_DEFAULT 16384
#define DESCRIPTORS_BESIDE 64
#define DRAIN_MS 2000
#define HELLO_MS 60000

static struct sockaddr_in address = {.sin_family = AF_INET};

static const struct conn_limits limits = {
	.in_max = CONN_IN_MAX,
	.out_max = 1 << 20,
	.high = 256 << 10,
	.low = 64 << 10,
	.slow_ms = 10000,
	.linger_ms = 2000,
};

static size_t on_bytes(struct conn *conn, uint8_t *bytes, size_t len)
{
	if (conn_send(conn, bytes, len))
		conn_drop(conn);
	return len;
}

static void on_pressure(struct conn *conn, bool high)
{
	if (high)
		conn_pause(conn);
	else
		conn_resume(conn);
}

static void on_end(struct conn *conn, enum conn_end why)
{
	(void)conn;
	(void)why;
}

static const struct conn_ops ops = {
	.on_bytes = on_bytes,
	.on_pressure = on_pressure,
	.on_end = on_end,
};

static void on_conn(struct listener *listener, struct conn *conn)
{
	(void)listener;
	conn_set_ops(conn, &ops, NULL);
	conn_opened(conn);
	conn_wait(conn, CONN_NOTHING, 0);
}

static const struct listener_ops listener_ops = {.on_conn = on_conn};

static int start(struct reactor *reactor, void *context)
{
	struct listener_config config = {
		.address_len = sizeof(address),
		.backlog = 4096,
		.hello_ms = HELLO_MS,
		.limits = &limits,
	};
	struct sockaddr_storage bound;
	struct listener *listener;
	int r;

	(void)context;
	memcpy(&config.address, &address, sizeof(address));
	r = listener_new(reactor, &config, &listener_ops, NULL, &listener);
	if (!r)
		r = listener_address(listener, &bound);
	if (!r)
		memcpy(&address, &bound, sizeof(address));
	return r;
}

static void on_signal(struct signals *signals, const struct signalfd_siginfo *info)
{
	(void)info;
	reactors_stop(signals->context, DRAIN_MS);
}

static void die(const char *what, int error)
{
	(void)fprintf(stderr, "plain-echo: %s: %s\n", what, strerror(error));
	exit(1);
}

static void need_descriptors(unsigned conns)
{
	struct rlimit limit;
	rlim_t need = (rlim_t)conns + DESCRIPTORS_BESIDE;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		die("getrlimit", errno);
	if (limit.rlim_cur >= need)
		return;
	limit.rlim_cur = need;
	limit.rlim_max = MAX(limit.rlim_max, need);
	if (setrlimit(RLIMIT_NOFILE, &limit))
		die("cannot have that many descriptors", errno);
}

int main(int argc, char **argv)
{
	struct reactors_config config = {.count = REACTORS_DEFAULT, .start = start};
	unsigned conns = CONNS_DEFAULT;
	struct reactors *reactors;
	struct signals signals;
	int option, r;
	sigset_t set;

	while ((option = getopt(argc, argv, "p:r:c:")) != -1) {
		if (option == 'p')
			address.sin_port = htons((uint16_t)number_parse("-p", optarg, UINT16_MAX));
		else if (option == 'r')
			config.count = number_parse("-r", optarg, REACTORS_MAX);
		else if (option == 'c')
			conns = number_parse("-c", optarg, 1U << 20);
		else
			return 2;
	}
	need_descriptors(conns);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	config.each = (struct reactor_config){
		.conns_max = conns,
		.buffers_max = 64 << 20,
		.mailbox_len = 64,
	};
	r = reactors_new(&config, &reactors);
	if (r)
		die("cannot start", -r);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	r = signals_open(reactors_get(reactors, 0)->loop, &signals, &set, on_signal, reactors);
	if (r)
		die("signals", -r);
	printf("%u\n", ntohs(address.sin_port));
	(void)fflush(stdout);
	r = reactors_run(reactors);
	for (enum net_counter i = 0; i < NET_COUNTERS_LEN; i++)
		(void)fprintf(stderr, "%-26s %" PRIu64 "\n", net_counter_name(i),
			      reactors_counted(reactors, i));
	signals_close(&signals);
	reactors_free(reactors);
	return r ? 1 : 0;
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Listeners on loopback: limits, silence, PROXY headers, no descriptor left. */
#include <tests/unit/net/conn_kit.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>

#include <user/net/listener.h>

#define PEERS 16

/* 192.0.2.1 port 1000, as its proxy writes it */
static const char header[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c"
			     "\xc0\x00\x02\x01\xc6\x33\x64\x07\x03\xe8\x1f\x40";
#define HEADER_LEN (sizeof(header) - 1)

struct server {
	struct listener *listener;
	struct listener_config config;
	struct side sides[PEERS];
	struct sockaddr_storage address;
	int conns, refused, lost, admits;
	bool admit;
	enum net_counter refused_why;
	enum conn_end lost_why;
	struct endpoint seen;
};

static struct server server;
static struct sources *sources;

static bool admit(struct listener *listener, const struct endpoint *from)
{
	(void)from;
	assert_ptr_equal(listener_context(listener), &server);
	server.admits++;
	return server.admit;
}

static void on_conn(struct listener *listener, struct conn *conn)
{
	struct side *side = &server.sides[server.conns++];

	assert_ptr_equal(listener_reactor(listener), reactor);
	*side = side_of(SIZE_MAX);
	side->conn = conn;
	server.seen = conn->peer;
	conn_set_ops(conn, &ops, side);
}

static void on_refuse(struct listener *listener, const struct endpoint *from, enum net_counter why)
{
	(void)listener;
	assert_int_not_equal(from->family, 0);
	server.refused++;
	server.refused_why = why;
}

static void on_lost(struct listener *listener, const struct endpoint *from, enum conn_end why)
{
	(void)listener;
	server.seen = *from;
	server.lost++;
	server.lost_why = why;
}

static const struct listener_ops listener_ops = {admit, on_conn, on_refuse, on_lost};

static int setup_sources(void **state)
{
	const struct sources_limits most = {6, 5, 4, 3};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&server.config.address;

	assert_int_equal(setup(state), 0);
	assert_int_equal(sources_new(&most, &sources), 0);
	reactor->sources = sources;
	memset(&server, 0, sizeof(server));
	server.admit = true;
	server.config = (struct listener_config){
		.address_len = sizeof(*v4),
		.backlog = 64,
		.hello_ms = 5000,
		.limits = &limits,
	};
	*v4 = (struct sockaddr_in){.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return 0;
}

static int teardown_sources(void **state)
{
	int r = teardown(state);

	for (int i = 0; i < PEERS; i++)
		free(server.sides[i].got);
	assert_int_equal(sources_count(sources).total, 0);
	assert_int_equal(sources_count(sources).half_open, 0);
	assert_int_equal(sources_count(sources).sources, 0);
	sources_free(sources);
	return r;
}

static void serve(void)
{
	assert_int_equal(
		listener_new(reactor, &server.config, &listener_ops, &server, &server.listener), 0);
	assert_int_equal(listener_address(server.listener, &server.address), 0);
}

static int dial(void)
{
	int fd = socket(server.address.ss_family, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&server.address, server.config.address_len),
			 0);
	turn(2);
	return fd;
}

/* Until *what is `count`; loopback is quick, but not at once. */
static void wait_until(const int *what, int count)
{
	for (int i = 0; i < 1000 && *what < count; i++)
		assert_int_equal(reactor_turn(reactor, 10), 0);
	assert_int_equal(*what, count);
}

static void test_silence_costs_a_slot(void **state)
{
	int fd;

	(void)state;
	serve();
	fd = dial();
	assert_int_equal(server.conns, 0);
	assert_int_equal(reactor->live, 1);
	assert_int_equal(reactor->pool.lent, 0);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	wait_until(&server.conns, 1);
	assert_int_equal(server.sides[0].got_len, 1);
	assert_int_equal(server.seen.family, 4);
	assert_int_equal(sources_count(sources).half_open, 1);
	conn_opened(server.sides[0].conn);
	conn_opened(server.sides[0].conn);
	assert_int_equal(sources_count(sources).half_open, 0);
	/* The deadline of the listener runs on until its owner sets another. */
	pass_ms(5010);
	assert_int_equal(server.sides[0].why, CONN_LATE_HELLO);
	close(fd);
	fd = dial();
	pass_ms(5010);
	assert_int_equal(server.lost, 1);
	assert_int_equal(server.lost_why, CONN_LATE_HELLO);
	close(fd);
}

static void test_early(void **state)
{
	int fd;

	(void)state;
	server.config.early = true;
	serve();
	fd = dial();
	wait_until(&server.conns, 1);
	close(fd);
}

static void test_limits(void **state)
{
	int fds[8], count = 0;

	(void)state;
	serve();
	for (int i = 0; i < 3; i++)
		fds[count++] = dial();
	fds[count++] = dial();
	wait_until(&server.refused, 1);
	assert_int_equal(server.refused_why, NET_REFUSED_SOURCE_HALF_OPEN);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(send(fds[i], "x", 1, 0), 1);
		wait_until(&server.conns, i + 1);
		conn_opened(server.sides[i].conn);
	}
	fds[count++] = dial();
	fds[count++] = dial();
	wait_until(&server.refused, 2);
	assert_int_equal(server.refused_why, NET_REFUSED_SOURCE);
	assert_int_equal(net_counted(&reactor->stats, NET_REFUSED_SOURCE), 1);
	assert_int_equal(net_counted(&reactor->stats, NET_ACCEPTED), 4);
	server.admit = false;
	fds[count++] = dial();
	wait_until(&server.refused, 3);
	assert_int_equal(server.refused_why, NET_REFUSED_OWNER);
	while (count)
		close(fds[--count]);
}

static void test_no_slot(void **state)
{
	const struct sources_limits many = {100, 100, 100, 100};
	int fds[CONNS + 1];

	(void)state;
	sources_free(sources);
	assert_int_equal(sources_new(&many, &sources), 0);
	reactor->sources = sources;
	serve();
	for (int i = 0; i <= CONNS; i++)
		fds[i] = dial();
	wait_until(&server.refused, 1);
	assert_int_equal(server.refused_why, NET_REFUSED_MEMORY);
	assert_int_equal(sources_count(sources).total, CONNS);
	for (int i = 0; i <= CONNS; i++)
		close(fds[i]);
}

static void trust(const char *text)
{
	static struct prefix trusted;

	assert_int_equal(prefix_parse(text, strlen(text), &trusted), 0);
	server.config.trusted = &trusted;
	server.config.trusted_len = 1;
}

static void test_proxy(void **state)
{
	int fd;

	(void)state;
	trust("127.0.0.0/8");
	serve();
	fd = dial();
	/* In pieces, with the first bytes of the connection behind it. */
	for (size_t i = 0; i < HEADER_LEN; i++) {
		assert_int_equal(send(fd, header + i, 1, 0), 1);
		turn(2);
		assert_int_equal(server.conns, i + 1 == HEADER_LEN);
	}
	assert_int_equal(send(fd, "abc", 3, 0), 3);
	for (int i = 0; i < 100 && server.sides[0].got_len < 3; i++)
		assert_int_equal(reactor_turn(reactor, 10), 0);
	assert_memory_equal(server.sides[0].got, "abc", 3);
	assert_memory_equal(server.seen.addr, "\xc0\x00\x02\x01", 4);
	assert_int_equal(server.seen.port, 1000);
	assert_int_equal(sources_count(sources).sources, 1);
	close(fd);
}

static void test_proxy_client_at_its_limit(void **state)
{
	int fds[4];

	(void)state;
	trust("127.0.0.1");
	serve();
	for (int i = 0; i < 4; i++) {
		fds[i] = dial();
		assert_int_equal(send(fds[i], header, HEADER_LEN, 0), HEADER_LEN);
		turn(2);
	}
	wait_until(&server.conns, 3);
	wait_until(&server.lost, 1);
	assert_int_equal(server.lost_why, CONN_REFUSED);
	assert_int_equal(net_counted(&reactor->stats, NET_REFUSED_SOURCE) +
				 net_counted(&reactor->stats, NET_REFUSED_SOURCE_HALF_OPEN),
			 1);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}

static void expect_lost(const char *bytes, size_t len, enum conn_end why)
{
	int fd = dial();

	server.lost = 0;
	assert_int_equal(send(fd, bytes, len, 0), len);
	wait_until(&server.lost, 1);
	assert_int_equal(server.lost_why, why);
	assert_int_equal(server.conns, 0);
	close(fd);
}

static void test_proxy_missing_and_bad(void **state)
{
	char bad[HEADER_LEN];

	(void)state;
	trust("127.0.0.1");
	serve();
	memcpy(bad, header, HEADER_LEN);
	bad[12] = 0x11;
	server.seen.family = 4;
	expect_lost("\xa0", 1, CONN_PROXY_MISSING);
	assert_int_equal(server.seen.family, 0); /* and nobody is told on */
	server.seen.family = 4;
	expect_lost(bad, HEADER_LEN, CONN_PROXY_BAD);
	assert_int_equal(server.seen.family, 0);
}

/* A proxy that speaks for itself (its checks), or leaves before it has named anybody, is nobody. */
static void test_proxy_is_nobody(void **state)
{
	char local[16];
	int fd;

	(void)state;
	trust("127.0.0.1");
	serve();
	server.seen.family = 4;
	fd = dial();
	close(fd);
	wait_until(&server.lost, 1);
	assert_int_equal(server.seen.family, 0);
	server.seen.family = 4;
	memcpy(local, header, sizeof(local));
	local[12] = 0x20;
	local[13] = local[14] = local[15] = 0;
	fd = dial();
	assert_int_equal(send(fd, local, sizeof(local), 0), sizeof(local));
	wait_until(&server.conns, 1);
	assert_int_equal(server.seen.family, 0);
	close(fd);
}

static void test_proxy_from_strangers(void **state)
{
	int fd;

	(void)state;
	trust("192.0.2.0/24");
	serve();
	expect_lost(header, HEADER_LEN, CONN_PROXY_STRANGER);
	expect_lost(header, 12, CONN_PROXY_STRANGER);
	/* Begins like one, and then does not: it is the owner's. */
	fd = dial();
	assert_int_equal(send(fd, "\r\n\r\nx", 5, 0), 5);
	wait_until(&server.conns, 1);
	assert_int_equal(server.sides[0].got_len, 5);
	close(fd);
}

static void test_v6_takes_v4(void **state)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&server.config.address;
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd;

	(void)state;
	*v6 = (struct sockaddr_in6){.sin6_family = AF_INET6};
	server.config.address_len = sizeof(*v6);
	if (listener_new(reactor, &server.config, &listener_ops, &server, &server.listener))
		skip(); /* a machine without IPv6 */
	assert_int_equal(listener_address(server.listener, &server.address), 0);
	v4.sin_port = ((struct sockaddr_in6 *)&server.address)->sin6_port;
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&v4, sizeof(v4)), 0);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	wait_until(&server.conns, 1);
	assert_int_equal(server.seen.family, 4);
	close(fd);
}

/* With no descriptor left those who wait are closed, and the listener rests instead of spinning. */
static void test_no_descriptor(void **state)
{
	struct rlimit before, none;
	int fds[4], last, rounds = 0;
	char byte;

	(void)state;
	serve();
	for (int i = 0; i < 4; i++)
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
	last = fcntl(fds[3], F_DUPFD, 0);
	close(last);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)last;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(connect(fds[i], (struct sockaddr *)&server.address,
					 server.config.address_len),
				 0);
	while (net_counted(&reactor->stats, NET_NO_DESCRIPTOR) < 3 && rounds++ < 100)
		assert_int_equal(reactor_turn(reactor, 10), 0);
	assert_int_equal(net_counted(&reactor->stats, NET_NO_DESCRIPTOR), 3);
	assert_int_equal(recv(fds[0], &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	/* At rest: who comes now waits. */
	assert_int_equal(
		connect(fds[3], (struct sockaddr *)&server.address, server.config.address_len), 0);
	turn(5);
	assert_int_equal(net_counted(&reactor->stats, NET_ACCEPT_RESTED), 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	pass_ms(104);
	turn(3);
	assert_int_equal(net_counted(&reactor->stats, NET_ACCEPTED), 1);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}

static void test_free_closes_the_silent(void **state)
{
	int silent, talking;
	char byte;

	(void)state;
	serve();
	silent = dial();
	talking = dial();
	assert_int_equal(send(talking, "x", 1, 0), 1);
	wait_until(&server.conns, 1);
	listener_free(server.listener);
	turn(3);
	assert_int_equal(recv(silent, &byte, 1, 0), 0);
	assert_int_equal(recv(talking, &byte, 1, MSG_DONTWAIT), -1);
	close(silent);
	close(talking);
}

/* stop: no new ones, those that are there are closed in order, what does not go is ended. */
static void test_drain(void **state)
{
	int fd, stubborn;
	char byte;

	(void)state;
	serve();
	fd = dial();
	stubborn = dial();
	assert_int_equal(send(fd, "x", 1, 0), 1);
	assert_int_equal(send(stubborn, "x", 1, 0), 1);
	wait_until(&server.conns, 2);
	limits.linger_ms = 1000000;
	assert_int_equal(conn_send(server.sides[0].conn, "a", 1), 0);
	assert_int_equal(conn_send(server.sides[1].conn, "a", 1), 0);
	reactor_stop(reactor, 2000);
	turn(3);
	assert_int_equal(recv(fd, &byte, 1, 0), 1);
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	close(fd);
	wait_until(&server.sides[0].ended, 1);
	assert_int_equal(server.sides[0].why, CONN_DONE);
	assert_false(reactor_stopped(reactor));
	pass_ms(2010);
	assert_int_equal(server.sides[1].why, CONN_STOPPED);
	assert_true(reactor_stopped(reactor));
	/* And so a run comes to its end at once. */
	assert_int_equal(reactor_run(reactor), 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&server.address, server.config.address_len),
			 -1);
	close(fd);
	close(stubborn);
}

static void test_bad_config(void **state)
{
	(void)state;
	limits.in_max = 1000;
	assert_int_equal(
		listener_new(reactor, &server.config, &listener_ops, &server, &server.listener),
		-EINVAL);
	limits.in_max = CONN_IN_MAX;
	server.config.address.ss_family = AF_UNSPEC;
	assert_int_not_equal(
		listener_new(reactor, &server.config, &listener_ops, &server, &server.listener), 0);
}

#define with_listener(test) cmocka_unit_test_setup_teardown(test, setup_sources, teardown_sources)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_listener(test_silence_costs_a_slot),
		with_listener(test_early),
		with_listener(test_limits),
		with_listener(test_no_slot),
		with_listener(test_proxy),
		with_listener(test_proxy_client_at_its_limit),
		with_listener(test_proxy_missing_and_bad),
		with_listener(test_proxy_is_nobody),
		with_listener(test_proxy_from_strangers),
		with_listener(test_v6_takes_v4),
		with_listener(test_no_descriptor),
		with_listener(test_free_closes_the_silent),
		with_listener(test_drain),
		with_listener(test_bad_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

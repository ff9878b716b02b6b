/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Over a limit, but whose packet is it? Real sockets in a namespace of the test's own, and frames
 * that name them: a connection that the kernel has, SYN cookies that it takes back, proven flows.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include <tests/gate/live.h>
#include <tests/gate/netns.h>
#include <user/base/clock.h>
#include <user/gate/limits.h>
#include <user/gate/proven.h>
#include <user/gate/services.h>

#define SERVER "10.66.0.1"
#define CLIENT "10.66.0.2"
#define PORT 7777
#define ACK 16
#define SYN_ACK 18
/* One packet in 2 s, none ahead of it: the second one is over. */
static const struct sz_limit tight = {.step_ns = 2000000000, .burst_ns = 2000000000};

struct ends {
	int listener, client, server;
	uint16_t sport;
};

static struct sockaddr_in at(const char *address, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};

	assert_int_equal(inet_pton(AF_INET, address, &in.sin_addr), 1);
	return in;
}

static int bound(const char *address, uint16_t port)
{
	struct sockaddr_in in = at(address, port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

static struct ends connected(void)
{
	struct sockaddr_in server = at(SERVER, PORT), client;
	socklen_t len = sizeof(client);
	struct ends ends = {.listener = bound(SERVER, PORT), .client = bound(CLIENT, 0)};

	assert_int_equal(listen(ends.listener, 16), 0);
	assert_int_equal(connect(ends.client, (struct sockaddr *)&server, sizeof(server)), 0);
	ends.server = accept(ends.listener, NULL, NULL);
	assert_true(ends.server >= 0);
	assert_int_equal(getsockname(ends.client, (struct sockaddr *)&client, &len), 0);
	ends.sport = ntohs(client.sin_port);
	return ends;
}

static void closed(const struct ends *ends)
{
	close(ends->client);
	close(ends->server);
	close(ends->listener);
}

/* The service, rates that drop, and hosts that may send next to nothing. */
static struct sz_service *serve(const struct live *live, uint8_t cookies)
{
	struct sz_service config = service_standard(SERVICE_TCP, PORT, true);
	uint32_t index = 0;

	config.cookies = cookies;
	assert_int_equal(service_put(live->gate, &config, &index), 0);
	live->gate->settings->flags = SZ_SET_RATE_ENFORCE;
	limit_store(&live->gate->limits[sz_limit_index(0, SZ_RATE_HOST, SZ_RATE_EST)], &tight);
	return &live->gate->services[index];
}

static struct frame *segment(uint16_t sport, uint8_t flags, uint32_t seq, uint32_t ack)
{
	static struct frame frame;

	frame_build(&frame, &(struct spec){.src = CLIENT,
					   .dst = SERVER,
					   .sport = sport,
					   .dport = PORT,
					   .tcp_flags = flags});
	for (int i = 0; i < 4; i++) {
		frame.bytes[frame.l4 + 4 + i] = (uint8_t)(seq >> (24 - 8 * i));
		frame.bytes[frame.l4 + 8 + i] = (uint8_t)(ack >> (24 - 8 * i));
	}
	return &frame;
}

static void expect(const struct live *live, struct frame *frame, enum sz_reason reason)
{
	assert_int_equal(live_reason(live, frame), reason);
}

static void connection_of_the_kernel(void **state)
{
	const struct live *live = *state;
	struct ends ends = connected();

	(void)serve(live, SZ_COOKIES_OFF);
	expect(live, segment(1, ACK, 1, 1), SZ_REASON_PASS); /* the one that it may */
	expect(live, segment(1, ACK, 1, 1), SZ_REASON_RATE_HOST);
	for (int i = 0; i < 100; i++)
		expect(live, segment(ends.sport, ACK, 1, 1), SZ_REASON_SOCKET);
	expect(live, segment((uint16_t)(ends.sport ^ 1), ACK, 1, 1), SZ_REASON_RATE_HOST);
	expect(live, segment(ends.sport, 2, 1, 0), SZ_REASON_PASS); /* a SYN has its own meter */
	closed(&ends);
	/* The client closed first, so its server keeps nothing. */
	expect(live, segment(ends.sport, ACK, 1, 1), SZ_REASON_RATE_HOST);
}

/* One connection has a limit of its own, and its neighbours do not pay for it. */
static void flow_has_its_limit(void **state)
{
	const struct live *live = *state;
	struct ends one = connected(), two;

	close(one.listener);
	two = connected();
	(void)serve(live, SZ_COOKIES_OFF);
	limit_store(&live->gate->limits[sz_limit_index(0, SZ_RATE_HOST, SZ_RATE_FLOW)], &tight);
	expect(live, segment(1, ACK, 1, 1), SZ_REASON_PASS);
	expect(live, segment(one.sport, ACK, 1, 1), SZ_REASON_SOCKET);
	expect(live, segment(one.sport, ACK, 1, 1), SZ_REASON_RATE_FLOW);
	expect(live, segment(two.sport, ACK, 1, 1), SZ_REASON_SOCKET);
	expect(live, segment(two.sport, ACK, 1, 1), SZ_REASON_RATE_FLOW);
	assert_int_equal(live_tally(live, SZ_TALLY_OVER_FLOW), 2);
	close(one.client);
	close(one.server);
	closed(&two);
}

/* Sockets of a forwarded service are elsewhere: the kernel is not asked. */
static void not_of_others(void **state)
{
	const struct live *live = *state;
	struct ends ends = connected();

	service_forward(serve(live, SZ_COOKIES_OFF));
	expect(live, segment(ends.sport, ACK, 1, 1), SZ_REASON_PASS);
	expect(live, segment(ends.sport, ACK, 1, 1), SZ_REASON_RATE_HOST);
	closed(&ends);
}

static void proven_flow_passes(void **state)
{
	const struct live *live = *state;
	const struct prefix client = {.family = 4, .len = 32, .addr = {10, 66, 0, 2}};
	struct sz_flow flow;

	(void)serve(live, SZ_COOKIES_OFF);
	assert_int_equal(proven_flow(&client, 4000, 6, PORT, &flow), 0);
	assert_int_equal(proven_put(live->gate, &flow, 0), 0);
	expect(live, segment(4000, ACK, 1, 1), SZ_REASON_PASS);
	for (int i = 0; i < 10; i++)
		expect(live, segment(4000, ACK, 1, 1), SZ_REASON_PROVEN);
	expect(live, segment(4001, ACK, 1, 1), SZ_REASON_RATE_HOST);
	assert_int_equal(proven_put(live->gate, &flow, clock_boot_s()), 0);
	expect(live, segment(4000, ACK, 1, 1), SZ_REASON_RATE_HOST); /* it has ended */
	assert_int_equal(proven_put(live->gate, &flow, 0), 0);
	expect(live, segment(4000, ACK, 1, 1), SZ_REASON_PROVEN);
	assert_int_equal(proven_drop(live->gate, &flow), 0);
	expect(live, segment(4000, ACK, 1, 1), SZ_REASON_RATE_HOST);
}

/* ---- cookies ---- */

/* The number that the gate's SYN-ACK begins with; its port is the cookie's. */
static uint32_t cookie_for(const struct live *live, uint16_t sport, uint32_t seq)
{
	struct frame *syn = segment(sport, 2, seq, 0);
	uint8_t out[256];
	uint32_t cookie = 0;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = syn->bytes,
		    .data_size_in = (uint32_t)syn->len, .data_out = out,
		    .data_size_out = sizeof(out));

	assert_int_equal(bpf_prog_test_run_opts(live->prog, &opts), 0);
	assert_int_equal(opts.retval, 3 /* XDP_TX */);
	assert_int_equal(out[syn->l4 + 13], SYN_ACK);
	for (int i = 0; i < 4; i++)
		cookie = cookie << 8 | out[syn->l4 + 4 + i];
	return cookie;
}

static int cookies_up(const struct live *live)
{
	int listener = bound(SERVER, PORT);

	assert_int_equal(listen(listener, 16), 0);
	(void)serve(live, SZ_COOKIES_ALWAYS);
	return listener;
}

static void valid_cookies_open(void **state)
{
	const struct live *live = *state;
	int listener = cookies_up(live);

	expect(live, segment(1, ACK, 1, 1), SZ_REASON_PASS);
	for (uint16_t port = 5000; port < 5020; port++) {
		uint32_t cookie = cookie_for(live, port, 1000);

		expect(live, segment(port, ACK, 1001, cookie + 1), SZ_REASON_COOKIE_ACK);
	}
	assert_int_equal(live_tally(live, SZ_TALLY_COOKIE_BAD), 0);
	close(listener);
}

/*
 * Each of these differs in one thing from what the kernel would take. Its numbers say in their
 * lowest part which of four MSS there was, so one of them is another by a hundred.
 */
static void others_do_not(void **state)
{
	const struct live *live = *state;
	int listener = cookies_up(live);
	uint32_t cookie = cookie_for(live, 5000, 1000);
	uint64_t bad;

	expect(live, segment(1, ACK, 1, 1), SZ_REASON_PASS);
	bad = live_tally(live, SZ_TALLY_COOKIE_BAD);
	expect(live, segment(5000, ACK, 1001, cookie + 101), SZ_REASON_RATE_HOST);
	expect(live, segment(5000, ACK, 1101, cookie + 1), SZ_REASON_RATE_HOST);
	expect(live, segment(5001, ACK, 1001, cookie + 1), SZ_REASON_RATE_HOST);
	expect(live, segment(5000, ACK, 1001, (cookie ^ 1U << 31) + 1), SZ_REASON_RATE_HOST);
	assert_int_equal(live_tally(live, SZ_TALLY_COOKIE_BAD) - bad, 4);
	expect(live, segment(5000, ACK, 1001, cookie + 1), SZ_REASON_COOKIE_ACK);
	close(listener);
}

/* A source may open so many connections: also with cookies that are all valid. */
static void connections_have_their_limit(void **state)
{
	const struct live *live = *state;
	int listener = cookies_up(live);

	limit_store(&live->gate->limits[sz_limit_index(0, SZ_RATE_HOST, SZ_RATE_CONN)], &tight);
	expect(live, segment(1, ACK, 1, 1), SZ_REASON_PASS);
	for (uint16_t port = 5000; port < 5003; port++) {
		uint32_t cookie = cookie_for(live, port, 1000);

		expect(live, segment(port, ACK, 1001, cookie + 1),
		       port == 5000 ? SZ_REASON_COOKIE_ACK : SZ_REASON_RATE_HOST);
	}
	assert_int_equal(live_tally(live, SZ_TALLY_OVER_CONN), 2);
	close(listener);
}

static bool world_up(void)
{
	return sh("ip link set lo up && ip address add " SERVER
		  "/32 dev lo && ip address add " CLIENT
		  "/32 dev lo && sysctl -qw net.ipv4.tcp_syncookies=2") == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST(connection_of_the_kernel),
		LIVE_TEST(flow_has_its_limit),
		LIVE_TEST(not_of_others),
		LIVE_TEST(proven_flow_passes),
		LIVE_TEST(valid_cookies_open),
		LIVE_TEST(others_do_not),
		LIVE_TEST(connections_have_their_limit),
	};

	if (!netns_enter())
		return 0;
	if (!world_up())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

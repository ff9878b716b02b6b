/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What an enforcing guard asks of the gate without an operator: services that are its own, totals
 * of what is for no service, and answers to what this host asked, which pass beside them. What
 * operators said stands.
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

#include <tests/gate/live.h>
#include <tests/gate/netns.h>
#include <user/gate/limits.h>
#include <user/gate/pace.h>
#include <user/gate/profile.h>
#include <user/gate/services.h>

#define HOST "10.66.0.1"
#define PEER "10.66.0.2"
#define RESOLVER 53
#define CALM ((struct gate_pace){.tiers = {1, 1, 1, 1, 1, 1, 1, 1}})

static const struct sz_limit tight = {.step_ns = 2000000000, .burst_ns = 2000000000};

static struct frame *datagram(uint16_t sport, uint16_t dport)
{
	static struct frame frame;

	frame_build(&frame,
		    &(struct spec){
			    .src = PEER, .dst = HOST, .proto = 17, .sport = sport, .dport = dport});
	return &frame;
}

#define expect(live, frame, reason) assert_int_equal(live_reason(live, frame), reason)

static void a_total_holds_while_it_is_said(void **state)
{
	const struct live *live = *state;
	struct sz_size counted;

	live->gate->settings->flags = SZ_SET_RATE_GUARD;
	assert_true(service_total(live->gate, SZ_RATE_UDP, 1));
	assert_true(service_total_is_guards(live->gate, 0, SZ_RATE_UDP));
	assert_false(service_total_is_guards(live->gate, 0, SZ_RATE_OTHER));
	limit_store(&live->gate->services[0].limit[SZ_RATE_UDP], &tight);
	pace_put(live->gate, &CALM);
	expect(live, datagram(1, 2), SZ_REASON_PASS);
	expect(live, datagram(1, 2), SZ_REASON_RATE_SERVICE);
	expect(live, datagram(3, 4), SZ_REASON_RATE_SERVICE);
	assert_int_equal(profile_sizes(live->gate, 0, &counted), 0);
	assert_int_equal(counted.bin[SZ_RATE_UDP], 1);
	assert_int_equal(counted.over[SZ_RATE_UDP], 2);
	/* Whoever said it is gone. */
	pace_drop(live->gate);
	for (int i = 0; i < 3; i++)
		expect(live, datagram(1, 2), SZ_REASON_PASS);
	service_total_drop(live->gate);
	assert_int_equal(live->gate->services[0].limit[SZ_RATE_UDP].step_ns, 0);
	pace_put(live->gate, &CALM);
	expect(live, datagram(1, 2), SZ_REASON_PASS);
}

static struct frame *message(const struct spec *spec, const char *src)
{
	static struct frame frame;
	struct spec from = *spec;

	from.src = src;
	from.dst = HOST;
	frame_build(&frame, &from);
	return &frame;
}

static struct frame *message6(const struct spec *spec)
{
	static struct frame frame;
	struct spec from = *spec;

	from.src = "fd66::2";
	from.dst = "fd66::1";
	frame_build(&frame, &from);
	return &frame;
}

static void clear_words(const struct live *live)
{
	memset(&live->gate->rsvc[0], 0, sizeof(live->gate->rsvc[0]));
}

/* Beside a total of the guard: who is listed, and what a network cannot be without; each within a
 * bound of its own. What the guard's limits drop is counted apart, an operator's is not. */
static void some_pass_beside_a_total(void **state)
{
	static const struct spec ping = {.proto = P_ICMP, .icmp_type = 8};
	struct spec mtu = {.proto = P_ICMP, .icmp_type = 3};
	const struct live *live = *state;
	struct gate *gate = live->gate;
	struct frame *frame;

	gate->settings->flags = SZ_SET_RATE_GUARD;
	live_say(live, SZ_TABLE_ALLOW, "10.66.0.3");
	for (unsigned i = SZ_RATE_UDP; i <= SZ_RATE_OTHER; i++) {
		assert_true(service_total(gate, i, 1));
		limit_store(&gate->services[0].limit[i], &tight);
	}
	pace_put(gate, &CALM);
	expect(live, message(&ping, PEER), SZ_REASON_PASS);
	expect(live, message(&ping, PEER), SZ_REASON_RATE_SERVICE);
	expect(live, datagram(1, 2), SZ_REASON_PASS);
	expect(live, datagram(1, 2), SZ_REASON_RATE_SERVICE);
	assert_int_equal(live_tally(live, SZ_TALLY_GUARD_OVER), 2);
	/* Destination unreachable, but not for its size. */
	expect(live, message(&mtu, PEER), SZ_REASON_RATE_SERVICE);
	frame = message(&mtu, PEER);
	frame_patch(frame, (struct patch){PATCH_L4, 1, 1, 4});
	expect(live, frame, SZ_REASON_PASS);
	expect(live, frame, SZ_REASON_RATE_SERVICE);
	expect(live, message(&ping, "10.66.0.3"), SZ_REASON_ALLOW);
	expect(live, message(&ping, "10.66.0.3"), SZ_REASON_RATE_SERVICE);
	assert_int_equal(live_tally(live, SZ_TALLY_GUARD_OVER), 5);
	/* An operator's means everybody, and is nobody else's doing. */
	service_keep(gate, 0, SZ_RATE_OTHER);
	expect(live, message(&ping, "10.66.0.3"), SZ_REASON_RATE_SERVICE);
	assert_int_equal(live_tally(live, SZ_TALLY_GUARD_OVER), 5);
}

static void its_services_count_apart(void **state)
{
	static const struct spec ack = {.tcp_flags = 0x10, .sport = 7, .dport = 8000};
	const struct live *live = *state;
	uint32_t index;

	live->gate->settings->flags = SZ_SET_RATE_GUARD;
	assert_int_equal(service_guard(live->gate, 8000, 20000, false), 0);
	assert_int_equal(service_find(live->gate, SERVICE_TCP, 8000, &index), 0);
	limit_store(&live->gate->services[index].limit[SZ_RATE_EST], &tight);
	expect(live, message(&ack, PEER), SZ_REASON_PASS);
	expect(live, message(&ack, PEER), SZ_REASON_RATE_SERVICE);
	assert_int_equal(live_tally(live, SZ_TALLY_GUARD_OVER), 1);
	service_keep(live->gate, index, SZ_RATE_EST);
	expect(live, message(&ack, PEER), SZ_REASON_RATE_SERVICE);
	assert_int_equal(live_tally(live, SZ_TALLY_GUARD_OVER), 1);
}

/* It has the class of UDP, and a word of its own; from beyond this link it is what others send. */
static void routers_pass_beside_a_total(void **state)
{
	static const struct spec vrrp = {.proto = P_VRRP, .hops = 255};
	static const struct spec vrrp6 = {.proto = P_VRRP, .hops = 255, .family = 6};
	static const struct spec forged = {.proto = P_VRRP, .hops = 254};
	static const struct spec forged6 = {.proto = P_VRRP, .hops = 254, .family = 6};
	const struct live *live = *state;

	live->gate->settings->flags = SZ_SET_RATE_GUARD;
	assert_true(service_total(live->gate, SZ_RATE_UDP, 1));
	limit_store(&live->gate->services[0].limit[SZ_RATE_UDP], &tight);
	pace_put(live->gate, &CALM);
	expect(live, datagram(1, 2), SZ_REASON_PASS);
	expect(live, datagram(1, 2), SZ_REASON_RATE_SERVICE);
	expect(live, message(&forged, PEER), SZ_REASON_RATE_SERVICE);
	expect(live, message6(&forged6), SZ_REASON_RATE_SERVICE);
	expect(live, message(&vrrp, PEER), SZ_REASON_PASS);
	expect(live, message(&vrrp, PEER), SZ_REASON_RATE_SERVICE);
	/* The word is one of both families. */
	expect(live, message6(&vrrp6), SZ_REASON_RATE_SERVICE);
	clear_words(live);
	expect(live, message6(&vrrp6), SZ_REASON_PASS);
}

static void an_operator_has_the_word(void **state)
{
	const struct live *live = *state;
	struct sz_limit *udp = &live->gate->services[0].limit[SZ_RATE_UDP];
	const struct sz_limit none = {.burst_ns = SZ_RATE_TICK_NS};

	/* A limit of his, and his "none". */
	limit_store(udp, &tight);
	assert_false(service_total(live->gate, SZ_RATE_UDP, 100));
	limit_store(udp, &none);
	assert_false(service_total(live->gate, SZ_RATE_UDP, 100));
	assert_true(limit_equal(udp, &none));
	/* He changes one of the guard's: it is his, and does not end. */
	limit_store(udp, &(struct sz_limit){0});
	assert_true(service_total(live->gate, SZ_RATE_UDP, 100));
	service_keep(live->gate, 0, SZ_RATE_UDP);
	limit_store(udp, &tight);
	service_total_drop(live->gate);
	assert_true(limit_equal(udp, &tight));
	live->gate->settings->flags = SZ_SET_RATE_GUARD;
	expect(live, datagram(1, 2), SZ_REASON_PASS);
	expect(live, datagram(1, 2), SZ_REASON_RATE_SERVICE);
	live->gate->settings->flags |= SZ_SET_RATE_OBSERVE;
	assert_int_equal(live_frame(live, datagram(1, 2), 1), 2); /* XDP_PASS */
	live->gate->settings->flags = SZ_SET_RATE_ENFORCE;
	expect(live, datagram(1, 2), SZ_REASON_RATE_SERVICE);
}

static void its_services(void **state)
{
	const struct live *live = *state;
	struct sz_service his = service_standard(SERVICE_TCP, 443, true);
	const uint16_t ports[] = {443, 8000};
	uint32_t index;

	his.cookies = SZ_COOKIES_OFF;
	assert_int_equal(service_put(live->gate, &his, &index), 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(service_guard(live->gate, ports[i], 20000, true), 0);
	assert_int_equal(live->gate->services[index].cookies, SZ_COOKIES_OFF);
	assert_int_equal(service_find(live->gate, SERVICE_TCP, 8000, &index), 0);
	assert_int_equal(live->gate->services[index].cookies, SZ_COOKIES_AUTO);
	assert_int_equal(live->gate->services[index].flags,
			 SZ_SERVICE_USED | SZ_SERVICE_LOCAL | SZ_SERVICE_GUARD);
	assert_int_equal(service_pps_of(&live->gate->services[index].limit[SZ_RATE_EST]), 20000);
	service_unguard(live->gate, ports, 2);
	assert_int_equal(service_find(live->gate, SERVICE_TCP, 8000, &index), 0);
	/* What an operator says of it makes it his. */
	service_keep(live->gate, index, SZ_RATE_EST);
	service_unguard(live->gate, NULL, 0);
	assert_int_equal(service_find(live->gate, SERVICE_TCP, 8000, &index), 0);
	live->gate->services[index].flags |= SZ_SERVICE_GUARD;
	service_unguard(live->gate, NULL, 0);
	assert_int_equal(service_find(live->gate, SERVICE_TCP, 8000, &index), SERVICE_ABSENT);
	assert_int_equal(service_find(live->gate, SERVICE_TCP, 443, &index), 0);
}

static int socket_at(uint16_t *ret_port)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(in);

	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET, HOST, &in.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	*ret_port = ntohs(in.sin_port);
	return fd;
}

/* What was asked for comes in, and a flood to the same port does not. */
static void answers_pass(void **state)
{
	const struct live *live = *state;
	struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(RESOLVER)};
	uint16_t port, open;
	int asking = socket_at(&port), listening = socket_at(&open);

	assert_int_equal(inet_pton(AF_INET, PEER, &peer.sin_addr), 1);
	assert_int_equal(connect(asking, (struct sockaddr *)&peer, sizeof(peer)), 0);
	live->gate->settings->flags = SZ_SET_RATE_GUARD;
	limit_store(&live->gate->services[0].limit[SZ_RATE_UDP], &tight);
	expect(live, datagram(1, 2), SZ_REASON_PASS);
	for (int i = 0; i < 100; i++)
		expect(live, datagram(RESOLVER, port), SZ_REASON_SOCKET);
	expect(live, datagram(RESOLVER + 1, port), SZ_REASON_RATE_SERVICE);
	expect(live, datagram(RESOLVER, (uint16_t)(port ^ 1)), SZ_REASON_RATE_SERVICE);
	/* A socket that takes what comes from anybody says nothing. */
	expect(live, datagram(RESOLVER, open), SZ_REASON_RATE_SERVICE);
	/* It has a limit of its own all the same. */
	limit_store(&live->gate->limits[sz_limit_index(0, SZ_RATE_HOST, SZ_RATE_FLOW)], &tight);
	(void)live_frame(live, datagram(RESOLVER, port), 3);
	expect(live, datagram(RESOLVER, port), SZ_REASON_RATE_FLOW);
	close(asking);
	close(listening);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST(a_total_holds_while_it_is_said),
		LIVE_TEST(some_pass_beside_a_total),
		LIVE_TEST(its_services_count_apart),
		LIVE_TEST(routers_pass_beside_a_total),
		LIVE_TEST(an_operator_has_the_word),
		LIVE_TEST(its_services),
		LIVE_TEST(answers_pass),
	};

	if (!netns_enter())
		return 0;
	if (sh("ip link set lo up && ip address add " HOST "/32 dev lo && ip address add " PEER
	       "/32 dev lo"))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

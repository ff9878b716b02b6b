/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Services on maps: made, changed, removed, mended, and never seen half made. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <tests/gate/fake_gate.h>
#include <user/base/clock.h>
#include <user/gate/profile.h>
#include <user/gate/services.h>

static uint8_t port_byte(const struct gate *gate, bool udp, uint16_t port)
{
	return gate->ports[sz_port_line(udp, port)].service[port & 63];
}

static uint32_t put(struct gate *gate, uint8_t proto, uint16_t port)
{
	struct sz_service config = service_standard(proto, port, true);
	uint32_t index = 0;

	assert_int_equal(service_put(gate, &config, &index), 0);
	assert_in_range(index, 1, SZ_SERVICES - 1);
	return index;
}

/* As many packets as `n` in every bin, on every CPU. */
static void count_sizes(struct gate *gate, uint32_t index, uint64_t n)
{
	int cpus = libbpf_num_possible_cpus();
	struct sz_size *all = calloc((size_t)cpus, sizeof(*all));

	assert_non_null(all);
	for (int cpu = 0; cpu < cpus; cpu++)
		for (int i = 0; i < SZ_SIZE_BINS; i++)
			all[cpu].bin[i] = all[cpu].odd[i] = all[cpu].over[i] = n;
	assert_int_equal(bpf_map_update_elem(gate->map[GATE_MAP_SIZE], &index, all, 0), 0);
	free(all);
}

static uint64_t sizes_left(struct gate *gate, uint32_t index)
{
	struct sz_size sizes;

	assert_int_equal(profile_sizes(gate, index, &sizes), 0);
	return profile_sum(sizes.bin) + profile_sum(sizes.odd) + profile_sum(sizes.over);
}

static void made_and_removed(void **state)
{
	struct gate *gate = fake_gate(NULL);
	uint32_t tcp, udp, found = 99;

	(void)state;
	assert_int_equal(service_find(gate, SERVICE_TCP, 443, &found), SERVICE_ABSENT);
	assert_int_equal(found, 99);
	tcp = put(gate, SERVICE_TCP, 443);
	udp = put(gate, SERVICE_UDP, 443);
	assert_true(tcp != udp);
	assert_int_equal(port_byte(gate, false, 443), tcp);
	assert_int_equal(port_byte(gate, true, 443), udp);
	assert_int_equal(service_find(gate, SERVICE_UDP, 443, &found), 0);
	assert_int_equal(found, udp);
	assert_int_equal(service_remove(gate, SERVICE_TCP, 443), 0);
	assert_int_equal(port_byte(gate, false, 443), 0);
	assert_int_equal(port_byte(gate, true, 443), udp);
	assert_false(service_used(gate, tcp));
	assert_int_equal(service_remove(gate, SERVICE_TCP, 443), SERVICE_ABSENT);
	gate_close(gate);
}

static void standards(void **state)
{
	struct sz_service tcp = service_standard(SERVICE_TCP, 443, true);
	struct sz_service udp = service_standard(SERVICE_UDP, 53, true);
	struct sz_service away = service_standard(SERVICE_TCP, 443, false);

	(void)state;
	assert_int_equal(tcp.cookies, SZ_COOKIES_AUTO);
	assert_int_equal(service_pps_of(&tcp.limit[SZ_RATE_EST]), 100000);
	assert_int_equal(service_syn_pressure(&tcp), 1000);
	assert_int_equal(tcp.limit[SZ_RATE_SYN].step_ns, 0);
	assert_int_equal(tcp.flags, SZ_SERVICE_USED | SZ_SERVICE_LOCAL);
	tcp.cookies = SZ_COOKIES_OFF;
	assert_int_equal(service_syn_pressure(&tcp), 0);
	assert_int_equal(udp.cookies, SZ_COOKIES_OFF);
	assert_int_equal(away.cookies, SZ_COOKIES_OFF);
	assert_int_equal(away.flags, SZ_SERVICE_USED);
	for (int i = 0; i < SZ_RATE_CLASSES; i++)
		assert_int_equal(udp.limit[i].step_ns + away.limit[i].step_ns, 0);
	service_forward(&tcp);
	assert_int_equal(tcp.flags, SZ_SERVICE_USED);
	assert_int_equal(tcp.limit[SZ_RATE_EST].step_ns, 0);
}

/* What the gate wants of a limit: a burst of a tick and of a step at least. */
static void limits_are_sound(void **state)
{
	static const uint32_t pps[] = {1, 2, 3, 99, 100, 1000, 999999, 1000000000, 4000000000};
	struct sz_limit limit = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pps); i++) {
		service_pps(&limit, pps[i], 1000);
		assert_true(limit.step_ns >= 1 && limit.step_ns <= SZ_RATE_NS_MAX);
		assert_true(limit.burst_ns >= limit.step_ns && limit.burst_ns >= SZ_RATE_TICK_NS);
		if (pps[i] <= 1000)
			assert_int_equal(service_pps_of(&limit), pps[i]);
	}
	service_pps(&limit, 0, 1000);
	assert_int_equal(limit.step_ns, 0);
	assert_int_equal(service_pps_of(&limit), 0);
}

/* A new service begins with nothing of the one that had its place. */
static void begins_from_zero(void **state)
{
	struct gate *gate = fake_gate(NULL);
	uint32_t first = put(gate, SERVICE_TCP, 443), second;

	(void)state;
	count_sizes(gate, first, 7);
	gate->services[first].size_usual = 5;
	gate->rsvc[first].cookies_until_ns = ~0ULL;
	assert_int_equal(service_remove(gate, SERVICE_TCP, 443), 0);
	count_sizes(gate, first, 7); /* as a packet that was late */
	gate->rsvc[first].word[1].packets = 9;
	second = put(gate, SERVICE_UDP, 53);
	assert_int_equal(second, first);
	assert_int_equal(sizes_left(gate, second), 0);
	assert_int_equal(gate->services[second].size_usual, 0);
	assert_int_equal(gate->rsvc[second].cookies_until_ns, 0);
	assert_int_equal(gate->rsvc[second].word[1].packets, 0);
	gate_close(gate);
}

static void changing_keeps_counts(void **state)
{
	struct gate *gate = fake_gate(NULL);
	uint32_t index = put(gate, SERVICE_TCP, 443), again = 0;
	struct sz_service config = gate->services[index];

	(void)state;
	count_sizes(gate, index, 1);
	gate->rsvc[index].cookies_until_ns = 77;
	config.cookies = SZ_COOKIES_ALWAYS;
	config.mss = 1200;
	config.size_usual = 12;
	config.limit[SZ_RATE_UDP] = (struct sz_limit){.step_ns = 5, .burst_ns = 6};
	assert_int_equal(service_put(gate, &config, &again), 0);
	assert_int_equal(again, index);
	assert_memory_equal(&gate->services[index], &config, sizeof(config));
	assert_true(sizes_left(gate, index) > 0);
	assert_int_equal(gate->rsvc[index].cookies_until_ns, 77);
	gate_close(gate);
}

static void full(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct sz_service one_more = service_standard(SERVICE_TCP, 9999, true);
	uint32_t index = 0;

	(void)state;
	for (uint16_t i = 1; i < SZ_SERVICES; i++)
		put(gate, i % 2 ? SERVICE_TCP : SERVICE_UDP, (uint16_t)(i * 1000));
	assert_int_equal(service_put(gate, &one_more, &index), SERVICE_FULL);
	assert_int_equal(index, 0);
	assert_int_equal(port_byte(gate, false, 9999), 0);
	put(gate, SERVICE_TCP, 1000); /* one that is there still changes */
	assert_int_equal(service_remove(gate, SERVICE_UDP, 2000), 0);
	put(gate, SERVICE_TCP, 9999);
	gate_close(gate);
}

/* A dead writer's half service, a port of nobody's, a map that was made anew. */
static void mended(void **state)
{
	struct gate *gate = fake_gate(NULL);
	uint32_t tcp = put(gate, SERVICE_TCP, 443), udp = put(gate, SERVICE_UDP, 53);

	(void)state;
	assert_int_equal(services_mend(gate), 0);
	gate->ports[sz_port_line(false, 443)].service[443 & 63] = 0;
	gate->ports[sz_port_line(true, 53)].service[53] = (uint8_t)tcp;
	gate->ports[sz_port_line(false, 65535)].service[63] = 33;
	assert_int_equal(services_mend(gate), 4); /* one of them cleared first, then set */
	assert_int_equal(port_byte(gate, false, 443), tcp);
	assert_int_equal(port_byte(gate, true, 53), udp);
	assert_int_equal(port_byte(gate, false, 65535), 0);
	assert_int_equal(services_mend(gate), 0);
	memset(gate->services, 0, SZ_SERVICES * sizeof(*gate->services));
	assert_int_equal(services_mend(gate), 2);
	assert_int_equal(port_byte(gate, false, 443), 0);
	gate_close(gate);
}

static void cookies_now(void **state)
{
	struct gate *gate = fake_gate(NULL);
	uint32_t index = put(gate, SERVICE_TCP, 443);
	struct timespec now;
	uint64_t now_ns, since_s = 1;

	(void)state;
	assert_int_equal(clock_gettime(CLOCK_MONOTONIC_COARSE, &now), 0);
	now_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
	assert_false(service_cookies_on(gate, index, &since_s));
	assert_int_equal(since_s, 1);
	gate->rsvc[index].cookies_until_ns = now_ns + 5 * NS_PER_S;
	gate->rsvc[index].cookies_since_ns = now_ns - 60 * NS_PER_S;
	assert_true(service_cookies_on(gate, index, &since_s));
	assert_in_range(since_s, clock_wall_s() - 62, clock_wall_s() - 59);
	gate->rsvc[index].cookies_until_ns = now_ns - 1;
	assert_false(service_cookies_on(gate, index, &since_s));
	gate->services[index].cookies = SZ_COOKIES_ALWAYS;
	assert_true(service_cookies_on(gate, index, &since_s));
	gate->services[index].cookies = SZ_COOKIES_OFF;
	gate->rsvc[index].cookies_until_ns = now_ns + 5 * NS_PER_S;
	assert_false(service_cookies_on(gate, index, &since_s));
	gate_close(gate);
}

/* ---- never half made ---- */

struct reader {
	const struct gate *gate;
	atomic_bool stop;
	uint64_t found, wrong;
};

/*
 * As a packet: port, then what is at its index. Of a port found before and gone after the entry was
 * read nothing is known: a packet would be waited for, a thread is not.
 */
static void *read_as_packets_do(void *context)
{
	struct reader *reader = context;
	const volatile struct sz_port *ports = reader->gate->ports;

	while (!reader->stop)
		for (uint16_t port = 1000; port < 1004; port++) {
			const volatile __u8 *at =
				&ports[sz_port_line(false, port)].service[port & 63];
			uint8_t index = *at;
			const volatile struct sz_service *service = &reader->gate->services[index];
			bool good;

			__atomic_thread_fence(__ATOMIC_SEQ_CST);
			good = service->port == port && service->flags & SZ_SERVICE_USED &&
			       service->mss == port && service->limit[0].step_ns == port;
			__atomic_thread_fence(__ATOMIC_SEQ_CST);
			if (!index || *at != index)
				continue;
			reader->found++;
			reader->wrong += !good;
		}
	return NULL;
}

static void never_half_made(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct reader reader = {.gate = gate};
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, read_as_packets_do, &reader), 0);
	/* Each takes the place that the one before it has left. */
	for (int i = 0; i < 60; i++) {
		uint16_t port = (uint16_t)(1000 + i % 4);
		struct sz_service config = service_standard(SERVICE_TCP, port, true);
		const struct timespec nap = {.tv_nsec = 1000000};
		uint32_t index;

		config.mss = port;
		config.limit[0].step_ns = port;
		assert_int_equal(service_put(gate, &config, &index), 0);
		assert_int_equal(index, 1);
		nanosleep(&nap, NULL);
		assert_int_equal(service_remove(gate, SERVICE_TCP, port), 0);
	}
	reader.stop = true;
	pthread_join(thread, NULL);
	assert_true(reader.found > 0);
	assert_int_equal(reader.wrong, 0);
	gate_close(gate);
}

/* ---- learning on the maps ---- */

static void learning_begins_from_zero(void **state)
{
	struct gate *gate = fake_gate(NULL);
	uint32_t index = put(gate, SERVICE_TCP, 443);
	enum profile_news news = PROFILE_NOTHING;

	(void)state;
	count_sizes(gate, index, 1000);
	gate->services[index].alarm_s = 5;
	assert_int_equal(profile_learn(gate, index, 1), 0);
	assert_int_equal(sizes_left(gate, index), 0);
	assert_int_equal(gate->services[index].alarm_s, 0);
	assert_int_equal(profile_tick(gate, index, 60, &news), 0);
	assert_int_equal(news, PROFILE_NOTHING);
	count_sizes(gate, index, 1000);
	gate->services[index].learn_until_s = clock_boot_s();
	assert_int_equal(profile_tick(gate, index, 60, &news), 0);
	assert_int_equal(news, PROFILE_LEARNED);
	assert_int_equal(gate->services[index].size_usual, 0xffff);
	profile_set(gate, index, 6);
	assert_int_equal(gate->services[index].size_usual, 6);
	assert_int_equal(gate->services[index].profile_s, 0);
	gate_close(gate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_and_removed),
		cmocka_unit_test(standards),
		cmocka_unit_test(limits_are_sound),
		cmocka_unit_test(begins_from_zero),
		cmocka_unit_test(changing_keeps_counts),
		cmocka_unit_test(full),
		cmocka_unit_test(mended),
		cmocka_unit_test(cookies_now),
		cmocka_unit_test(never_half_made),
		cmocka_unit_test(learning_begins_from_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

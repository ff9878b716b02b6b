/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * With the n-th allocation failing, for all n: nothing crashes, nothing is left behind, and what
 * was charged is discharged. The linker puts __wrap_X() in the place of X(); allocations of the
 * kit do not count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tests/unit/service/relaykit.h>
#include <tests/unit/service/upstreamkit.h>
#include <user/service/relay.h>
#include <user/service/stream.h>

#define RUNS_MAX 2000

static unsigned long seen, fail_at;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool refuse(void)
{
	return !kit_busy && fail_at && ++seen == fail_at;
}

void *__wrap_malloc(size_t size)
{
	return refuse() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return refuse() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return refuse() ? NULL : __real_realloc(old, size);
}

/* `body` says whether all went as without a failure. */
static void for_all(bool (*body)(void))
{
	unsigned long n;
	unsigned ill = 0;

	for (n = 1; n < RUNS_MAX; n++) {
		bool well;

		seen = 0;
		fail_at = n;
		well = body();
		fail_at = 0;
		if (seen < n) {
			assert_true(well);
			break;
		}
		ill += !well;
	}
	assert_true(n < RUNS_MAX);
	assert_true(ill > 0);
	print_message("# %lu allocations failed in turn, %u of them were noticed\n", n - 1, ill);
}

/* ---- echo ---- */

static bool echo(void)
{
	struct peer *peer;
	bool well;

	if (world_try(&service_echo, 1, NULL, 0))
		return false;
	peer = peer_new(0);
	peer->room = 0;
	peer_says(peer, PH_OP_REQUEST, 1, "held", 4);
	peer_give_room(peer, 1);
	well = peer->count == 1;
	assert_int_equal(peer->closed, !well);
	peer_gone(peer);
	world_close();
	return well;
}

/* ---- relay ---- */

static uint32_t join(struct peer *peer, uint8_t want)
{
	uint32_t room = 0;

	say_join(peer, 7, "hall", want);
	world_turn();
	for (size_t i = 0; i < peer->count; i++)
		if (peer->got[i].head.opcode == PH_OP_REPLY && peer->got[i].head.request == 7)
			room = joined_at(peer, i).room;
	peer_clear(peer);
	return room;
}

/* A slow member, a direct message, a history and a list that wait for room. */
static unsigned talk(struct peer *a, struct peer *b, struct peer *c, uint32_t room)
{
	b->room = 0;
	for (int i = 0; i < 5; i++)
		say_post(a, RELAY_BROADCAST, 1, room, NULL, "x", 1);
	say_post(a, RELAY_DIRECT, 1, (uint64_t)2 << 56 | 1, NULL, "y", 1);
	world_turn();
	c->room = 0;
	join(c, RELAY_WANT_HISTORY | RELAY_WANT_PRESENCE);
	peer_give_room(c, 2);
	peer_give_room(c, 100);
	say_who(c, 2, room);
	world_turn();
	say_history(c, 3, room, 2);
	world_turn();
	peer_give_room(b, 100);
	say_leave(b, 4, room);
	world_turn();
	return (unsigned)(a->count + b->count + c->count);
}

static bool relay(void)
{
	struct service_setting lines[] = {{"history", "3"}, {"queue", "3"}};
	static unsigned all; /* that there is to hear */
	struct relay_shared *shared;
	struct peer *people[3];
	unsigned heard = 0;
	uint32_t room;

	if (world_try(&service_relay, 2, lines, 2))
		return false;
	shared = world.shared;
	for (unsigned i = 0; i < 3; i++)
		people[i] = peer_new(i % 2);
	room = join(people[0], RELAY_WANT_PRESENCE);
	if (room == join(people[1], 0) && room)
		heard = talk(people[0], people[1], people[2], room);
	for (unsigned i = 0; i < 3; i++)
		peer_gone(people[i]);
	world_turn();
	assert_int_equal(world_count("members"), 0);
	assert_int_equal(world_count("clients"), 0);
	assert_int_equal(atomic_load(&shared->clients), 0);
	assert_int_equal(atomic_load(&shared->queue_bytes), 0);
	world.now_ms += 3600 * 1000;
	for (unsigned i = 0; i < 2; i++)
		relay_tick(world.reactors[i].instance);
	assert_int_equal(atomic_load(&shared->rooms), 0);
	assert_int_equal(atomic_load(&shared->history_bytes), 0);
	world_close();
	if (!fail_at)
		all = heard;
	return heard && heard == all;
}

/* ---- tunnel ---- */

static struct upstream_end end;
static struct peer *client;
static size_t came;

static bool settled(void *context)
{
	(void)context;
	upstream_accept(&end);
	return heard(client, 1, PH_OP_REPLY) || heard(client, 1, PH_OP_ERROR) ||
	       closed_why(client, 1) >= 0;
}

static bool over(void *context)
{
	char bytes[65536];
	ssize_t n = recv(end.fd, bytes, sizeof(bytes), 0);

	(void)context;
	if (n > 0)
		came += (size_t)n;
	return n == 0 || (n < 0 && errno != EAGAIN);
}

static bool stream(void)
{
	static uint8_t bytes[4096];
	size_t sent = 0;
	unsigned n = 0;

	say_open(client, 1, "web", 1 << 20);
	run_until(settled, NULL);
	if (!heard(client, 1, PH_OP_REPLY))
		return false;
	/* More than the socket takes: it waits in the ring. */
	while (granted(client, 1) - sent >= sizeof(bytes) && n < 2000 &&
	       closed_why(client, 1) < 0) {
		peer_says(client, TUNNEL_DATA, 1, bytes, sizeof(bytes));
		sent += sizeof(bytes);
		n++;
	}
	peer_says(client, TUNNEL_END, 1, NULL, 0);
	client->room = 0;
	if (send(end.fd, bytes, 100, MSG_NOSIGNAL) == 100)
		run_a_while();
	peer_give_room(client, 1000);
	came = 0;
	run_until(over, NULL);
	return came == sent && closed_why(client, 1) < 0 && heard_bytes(client, 1) == 100;
}

static bool tunnel(void)
{
	struct service_setting lines[] = {{"web", NULL}, {"window", "16M"}};
	bool well;

	kit_busy++;
	end = upstream_listen(8);
	kit_busy--;
	lines[0].value = end.address;
	if (world_try(&service_tunnel, 1, lines, 2)) {
		upstream_close(&end);
		return false;
	}
	client = peer_new(0);
	well = stream();
	peer_gone(client);
	assert_int_equal(world_count("streams"), 0);
	world_close();
	upstream_close(&end);
	return well;
}

static void test_echo(void **state)
{
	(void)state;
	for_all(echo);
}

static void test_relay(void **state)
{
	(void)state;
	assert_true(relay());
	for_all(relay);
}

static void test_tunnel(void **state)
{
	(void)state;
	for_all(tunnel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_relay),
		cmocka_unit_test(test_tunnel),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

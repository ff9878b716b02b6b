/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The relay on three reactors that are threads, with mailboxes that are full now and then: what one
 * sender says to a room arrives in its order, and at the end nothing is left. Made for the thread
 * sanitizer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <pthread.h>
#include <stdatomic.h>

#include <cmocka.h>

#include <tests/unit/service/relaykit.h>
#include <user/service/lane.h>
#include <user/wire/bytes.h>

#define REACTORS 3
#define PEERS 6 /* in each */
#define ROOMS 4
#define TURNS 4000
#define SENDERS (REACTORS * PEERS)

static const char *const names[ROOMS] = {"one", "two", "three", "four"};

struct who {
	struct peer *peer;
	uint32_t rooms[ROOMS]; /* numbers; 0: not in it, or not told yet */
	bool asked[ROOMS];
	uint32_t said;
	uint32_t last[SENDERS]; /* what it heard of each */
	uint32_t last_direct[SENDERS];
	uint64_t id;
};

struct thread {
	pthread_t thread;
	unsigned reactor;
	uint64_t seed;
	struct who people[PEERS];
};
static struct thread threads[REACTORS];
static atomic_uint_least64_t ids[SENDERS], heard;

static unsigned draw(struct thread *t, unsigned below)
{
	t->seed ^= t->seed << 13;
	t->seed ^= t->seed >> 7;
	t->seed ^= t->seed << 17;
	return (unsigned)((t->seed >> 33) % below);
}

/* The sender's index and its count are the body; whoever breaks the order ends the program. */
static void hear(struct who *w)
{
	for (size_t i = 0; i < w->peer->count; i++) {
		const struct got *got = &w->peer->got[i];
		struct relay_event event;
		struct relay_joined joined;
		uint32_t from, n, *last;

		if (got->head.opcode == PH_OP_REPLY && got->head.len) {
			joined = joined_at(w->peer, i);
			w->rooms[got->head.request] = joined.room;
			w->id = joined.member;
			continue;
		}
		if (got->head.opcode != RELAY_BROADCAST && got->head.opcode != RELAY_DIRECT)
			continue;
		event = event_at(w->peer, i, got->head.opcode);
		from = get_be32(event.body);
		n = get_be32(event.body + 4);
		last = got->head.opcode == RELAY_DIRECT ? w->last_direct : w->last;
		if (from >= SENDERS || n <= last[from])
			abort();
		last[from] = n;
		atomic_fetch_add(&heard, 1);
	}
	peer_clear(w->peer);
}

static void say(struct thread *t, struct who *w, unsigned me, unsigned room)
{
	uint64_t to = atomic_load(&ids[draw(t, SENDERS)]);
	uint8_t body[8];

	put_be32(put_be32(body, me), ++w->said);
	if (w->rooms[room] && draw(t, 4))
		say_post(w->peer, RELAY_BROADCAST, 1, w->rooms[room], NULL, body, sizeof(body));
	else if (to)
		say_post(w->peer, RELAY_DIRECT, 1, to, NULL, body, sizeof(body));
}

/* One room's order holds for one room: each peer speaks in, and is in, the room of its own. */
static void act(struct thread *t, unsigned n)
{
	struct who *w = &t->people[n];
	unsigned me = t->reactor * PEERS + n, room = n % ROOMS, what = draw(t, 100);

	if (what < 30) {
		peer_give_room(w->peer, draw(t, 20));
	} else if (w->peer->paused) {
		return;
	} else if (what < 33 && w->rooms[room]) {
		say_leave(w->peer, 99, w->rooms[room]);
		w->rooms[room] = 0;
		w->asked[room] = false;
	} else if (!w->asked[room]) {
		w->asked[room] = true;
		say_join(w->peer, room, names[room], RELAY_WANT_PRESENCE);
	} else if (what < 40 && w->rooms[room]) {
		say_who(w->peer, 98, w->rooms[room]);
	} else {
		say(t, w, me, room);
	}
	hear(w);
	atomic_store(&ids[me], w->id);
}

static void *live(void *context)
{
	struct thread *t = context;

	for (unsigned turn = 0; turn < TURNS; turn++) {
		act(t, draw(t, PEERS));
		for (int i = 0; i < 10; i++)
			reactor_step(t->reactor);
		if (turn % 8 == 0)
			lanes_flush(world.reactors[t->reactor].instance);
	}
	return NULL;
}

static bool lanes_are_empty(void)
{
	for (unsigned i = 0; i < REACTORS; i++) {
		struct relay *relay = world.reactors[i].instance;

		lanes_flush(relay);
		for (unsigned n = 0; n < REACTORS; n++)
			if (relay->lanes[n].len)
				return false;
	}
	return true;
}

static void test_threads(void **state)
{
	static const struct service_setting lines[] = {{"queue", "10"}, {"history", "5"}};

	(void)state;
	world_open(&service_relay, REACTORS, lines, ARRAY_LEN(lines));
	for (unsigned i = 0; i < REACTORS; i++) {
		world.reactors[i].most = 64;
		threads[i] = (struct thread){.reactor = i, .seed = 88172645463325252U + i};
		for (unsigned p = 0; p < PEERS; p++)
			threads[i].people[p].peer = peer_new(i);
	}
	for (unsigned i = 0; i < REACTORS; i++)
		assert_int_equal(pthread_create(&threads[i].thread, NULL, live, &threads[i]), 0);
	for (unsigned i = 0; i < REACTORS; i++)
		pthread_join(threads[i].thread, NULL);
	for (unsigned i = 0; i < REACTORS; i++)
		for (unsigned p = 0; p < PEERS; p++)
			peer_gone(threads[i].people[p].peer);
	while (!lanes_are_empty())
		world_turn();
	world_turn();
	print_message(
		"# %llu heard, %llu missed, %llu lost\n", (unsigned long long)atomic_load(&heard),
		(unsigned long long)world_count("missed"), (unsigned long long)world_count("lost"));
	assert_true(atomic_load(&heard) > 100);
	assert_int_equal(world_count("members"), 0);
	assert_int_equal(world_count("clients"), 0);
	world_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

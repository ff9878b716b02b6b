/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Rooms over three reactors: who hears what, in which order, and what the slow are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <stdatomic.h>

#include <cmocka.h>

#include <tests/unit/service/relaykit.h>
#include <user/service/relay.h>

static const struct service_setting lines[] = {
	{"welcome", "be kind"},	  {"queue", "5"},
	{"history", "3"},	  {"history_keep", "60"},
	{"client_timeout", "30"}, {"max_clients", "6"},
	{"max_rooms", "4"},	  {"rooms_per_client", "3"},
	{"room_members", "5"},	  {"max_message_size", "1K"},
};

static int open_world(void **state)
{
	(void)state;
	world_open(&service_relay, 3, lines, ARRAY_LEN(lines));
	return 0;
}

static int close_world(void **state)
{
	(void)state;
	world_close();
	return 0;
}

static void test_join(void **state)
{
	struct peer *a = peer_new(0), *b = peer_new(1);
	struct relay_joined first, second;

	(void)state;
	say_join(a, 11, "hall", 0);
	world_turn();
	say_join(b, 12, "hall", 0);
	world_turn();
	first = joined_at(a, 0);
	second = joined_at(b, 0);
	assert_int_equal(a->got[0].head.request, 11);
	assert_int_equal(first.room, second.room);
	assert_int_not_equal(first.room, 0);
	assert_int_not_equal(first.member, second.member);
	assert_int_equal(first.members, 1);
	assert_int_equal(second.members, 2);
	assert_int_equal(second.welcome_len, 7);
	assert_memory_equal(second.welcome, "be kind", 7);
	say_join(a, 13, "hall", 0);
	assert_int_equal(a->got[1].code, PH_C_LIMIT);
	say_leave(a, 14, first.room);
	world_turn();
	assert_int_equal(a->got[2].head.opcode, PH_OP_REPLY);
	assert_int_equal(a->got[2].head.request, 14);
	say_leave(a, 15, first.room);
	assert_int_equal(a->got[3].code, PH_C_ABSENT);
	assert_int_equal(world_count("clients"), 1);
	peer_gone(a);
	peer_gone(b);
	world_turn();
	assert_int_equal(world_count("rooms"), 0);
	assert_int_equal(world_count("clients"), 0);
	assert_int_equal(world_count("members"), 0);
}

/* What it says of itself does not matter: the number and the key are of its session. */
static void test_broadcast(void **state)
{
	struct peer *a = peer_new(0), *b = peer_new(1), *c = peer_new(2), *d = peer_new(2);
	uint8_t signature[RELAY_SIGNATURE_LEN];
	struct relay_event event;
	uint32_t room;

	(void)state;
	memset(signature, 0x5a, sizeof(signature));
	a->about.identified = true;
	memset(a->about.key, 0xaa, PH_KEY_LEN);
	room = enter(a, "hall", 0);
	enter(b, "hall", 0);
	enter(c, "hall", 0);
	enter(d, "other", 0);
	say_post(a, RELAY_BROADCAST, 1, room, signature, "hi", 2);
	say_post(b, RELAY_BROADCAST, 1, room, NULL, "ho", 2);
	world_turn();
	assert_int_equal(a->count, 1);
	assert_int_equal(b->count, 1);
	assert_int_equal(c->count, 2);
	assert_int_equal(d->count, 0);
	event = event_at(b, 0, RELAY_BROADCAST);
	assert_int_equal(event.room, room);
	assert_memory_equal(event.key, a->about.key, PH_KEY_LEN);
	assert_memory_equal(event.signature, signature, sizeof(signature));
	assert_int_equal(event.len, 2);
	assert_memory_equal(event.body, "hi", 2);
	event = event_at(a, 0, RELAY_BROADCAST);
	assert_null(event.key);
	assert_null(event.signature);
	assert_memory_equal(event.body, "ho", 2);
	/* One payload for all: two peers' records, and the history's. Home gave the order. */
	assert_true(b->got[0].payload == c->got[0].payload ||
		    b->got[0].payload == c->got[1].payload);
	assert_int_equal(atomic_load(&b->got[0].payload->references), 3);
	say_post(d, RELAY_BROADCAST, 9, room, NULL, "no", 2);
	assert_int_equal(d->got[0].code, PH_C_ABSENT);
	peer_gone(a);
	peer_gone(b);
	peer_gone(c);
	peer_gone(d);
}

static void test_direct(void **state)
{
	struct peer *a = peer_new(0), *b = peer_new(2);
	struct relay_event event;
	uint64_t to;

	(void)state;
	enter(a, "hall", 0);
	say_join(b, 1, "hall", 0);
	world_turn();
	to = joined_at(b, 0).member;
	peer_clear(b);
	say_post(a, RELAY_DIRECT, 5, to, NULL, "psst", 4);
	world_turn();
	event = event_at(b, 0, RELAY_DIRECT);
	assert_int_equal(event.room, 0);
	assert_int_equal(event.len, 4);
	say_post(b, RELAY_DIRECT, 6, event.member, NULL, "what", 4);
	world_turn();
	assert_int_equal(a->count, 1);
	assert_int_equal(event_at(a, 0, RELAY_DIRECT).member, to);
	peer_gone(b);
	say_post(a, RELAY_DIRECT, 7, to, NULL, "?", 1);
	say_post(a, RELAY_DIRECT, 8, 0, NULL, "?", 1);
	say_post(a, RELAY_DIRECT, 9, UINT64_MAX, NULL, "?", 1);
	world_turn();
	assert_int_equal(a->count, 4);
	for (int i = 1; i < 4; i++)
		assert_int_equal(a->got[i].code, PH_C_ABSENT);
	peer_gone(a);
}

static void test_presence(void **state)
{
	struct peer *a = peer_new(0), *b = peer_new(1), *c = peer_new(2);
	struct relay_presence presence;
	unsigned here = 0;
	uint32_t room;

	(void)state;
	c->about.identified = true;
	memset(c->about.key, 0xcc, PH_KEY_LEN);
	room = enter(a, "hall", RELAY_WANT_PRESENCE);
	enter(b, "hall", 0);
	enter(c, "hall", 0);
	assert_int_equal(b->count, 0);
	assert_int_equal(a->count, 2);
	presence = presence_at(a, 1);
	assert_int_equal(presence.what, RELAY_CAME);
	assert_int_equal(presence.room, room);
	assert_memory_equal(presence.key, c->about.key, PH_KEY_LEN);
	peer_clear(a);
	say_who(b, 77, room);
	world_turn();
	assert_int_equal(b->count, 4);
	for (int i = 0; i < 3; i++) {
		presence = presence_at(b, (size_t)i);
		assert_int_equal(presence.what, RELAY_HERE);
		assert_int_equal(b->got[i].head.request, 77);
		here += presence.key != NULL;
	}
	assert_int_equal(here, 1);
	assert_int_equal(b->got[3].head.opcode, PH_OP_REPLY);
	peer_gone(c);
	world_turn();
	assert_int_equal(presence_at(a, 0).what, RELAY_WENT);
	peer_gone(a);
	peer_gone(b);
}

static void test_history(void **state)
{
	struct peer *a = peer_new(0), *b = peer_new(1);
	uint32_t room = enter(a, "hall", 0);

	(void)state;
	for (size_t i = 0; i < 5; i++)
		say_post(a, RELAY_BROADCAST, 1, room, NULL, &"abcdefghijkl"[i], 1);
	world_turn();
	peer_gone(a);
	world_turn();
	assert_int_equal(world_count("rooms"), 1);
	/* The room is empty, and its history is kept. */
	say_join(b, 3, "hall", RELAY_WANT_HISTORY);
	world_turn();
	assert_int_equal(b->count, 4);
	assert_int_equal(joined_at(b, 0).room, room);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(b->got[1 + i].head.request, 3);
		assert_memory_equal(event_at(b, 1 + i, RELAY_HISTORY).body, &"cde"[i], 1);
		assert_true(event_at(b, 1 + i, RELAY_HISTORY).time > 1700000000);
	}
	peer_clear(b);
	say_history(b, 4, room, 2);
	world_turn();
	assert_int_equal(b->count, 3);
	assert_memory_equal(event_at(b, 0, RELAY_HISTORY).body, "d", 1);
	assert_int_equal(b->got[2].head.opcode, PH_OP_REPLY);
	peer_gone(b);
	world_turn();
	world.now_ms += 59999;
	for (unsigned i = 0; i < 3; i++)
		relay_tick(world.reactors[i].instance);
	assert_int_equal(world_count("rooms"), 1);
	world.now_ms += 1;
	for (unsigned i = 0; i < 3; i++)
		relay_tick(world.reactors[i].instance);
	assert_int_equal(world_count("rooms"), 0);
	assert_int_equal(world_count("history"), 0);
}

static void test_slow_drops(void **state)
{
	struct peer *a = peer_new(0), *b = peer_new(1), *c = peer_new(1);
	uint32_t room = enter(a, "hall", 0);

	(void)state;
	enter(b, "hall", 0);
	enter(c, "hall", 0);
	b->room = 2;
	for (size_t i = 0; i < 12; i++)
		say_post(a, RELAY_BROADCAST, 1, room, NULL, &"abcdefghijkl"[i], 1);
	world_turn();
	assert_int_equal(c->count, 12);
	assert_int_equal(b->count, 2);
	assert_int_equal(world_count("missed"), 5);
	peer_give_room(b, 100);
	assert_int_equal(b->count, 8);
	assert_int_equal(missed_at(b, 2).count, 5);
	assert_int_equal(missed_at(b, 2).room, room);
	for (size_t i = 0; i < 5; i++)
		assert_memory_equal(event_at(b, 3 + i, RELAY_BROADCAST).body, &"hijkl"[i], 1);
	/* The others' messages are let go of. */
	peer_clear(b);
	peer_clear(c);
	say_post(a, RELAY_BROADCAST, 1, room, NULL, "z", 1);
	world_turn();
	assert_int_equal(b->count, 1);
	peer_gone(a);
	peer_gone(b);
	peer_gone(c);
}

static void test_slow_closes(void **state)
{
	struct service_setting close_lines[] = {{"queue", "5"}, {"policy", "close"}};
	struct peer *a, *b;
	uint32_t room;

	(void)state;
	world_open(&service_relay, 2, close_lines, 2);
	a = peer_new(0);
	b = peer_new(1);
	room = enter(a, "hall", 0);
	enter(b, "hall", 0);
	b->room = 0;
	for (int i = 0; i < 5; i++)
		say_post(a, RELAY_BROADCAST, 1, room, NULL, "x", 1);
	world_turn();
	assert_false(b->closed);
	for (int i = 0; i < 5; i++)
		say_post(a, RELAY_BROADCAST, 1, room, NULL, "x", 1);
	world_turn();
	assert_true(b->closed);
	assert_string_equal(b->why, "relay_slow");
	assert_int_equal(world_count("slow_closed"), 1);
	peer_gone(a);
	peer_gone(b);
	world_close();
}

static void test_idle(void **state)
{
	struct peer *a = peer_new(0), *b = peer_new(1);
	uint32_t room = enter(a, "hall", RELAY_WANT_PRESENCE);

	(void)state;
	enter(b, "hall", 0);
	peer_clear(a);
	world.now_ms += 29000;
	say_post(a, RELAY_BROADCAST, 1, room, NULL, "x", 1);
	world_turn();
	peer_clear(b);
	world.now_ms += 1000;
	for (unsigned i = 0; i < 3; i++)
		relay_tick(world.reactors[i].instance);
	world_turn();
	assert_int_equal(presence_at(b, 0).what, RELAY_WENT);
	assert_int_equal(presence_at(a, 0).what, RELAY_WENT);
	assert_int_equal(world_count("idle"), 1);
	assert_int_equal(world_count("clients"), 1);
	peer_gone(a);
	peer_gone(b);
}

static void test_limits(void **state)
{
	struct peer *peers[7];
	uint8_t big[2048] = {0};
	uint32_t room;

	(void)state;
	for (unsigned i = 0; i < 7; i++)
		peers[i] = peer_new(i % 3);
	for (unsigned i = 0; i < 5; i++)
		room = enter(peers[i], "hall", 0);
	say_join(peers[5], 1, "hall", 0);
	world_turn();
	assert_int_equal(peers[5]->got[0].code, PH_C_LIMIT);
	enter(peers[0], "a", 0);
	enter(peers[0], "b", 0);
	say_join(peers[0], 1, "c", 0);
	assert_int_equal(peers[0]->got[0].code, PH_C_LIMIT);
	peer_clear(peers[5]);
	enter(peers[5], "c", 0);
	say_join(peers[5], 1, "d", 0);
	world_turn();
	assert_int_equal(peers[5]->got[0].code, PH_C_LIMIT);
	say_join(peers[6], 1, "hall", 0);
	assert_int_equal(peers[6]->got[0].code, PH_C_LIMIT);
	peer_clear(peers[0]);
	say_post(peers[0], RELAY_BROADCAST, 1, room, NULL, big, 1025);
	assert_int_equal(peers[0]->got[0].code, PH_C_TOO_BIG);
	say_post(peers[0], RELAY_BROADCAST, 1, room, NULL, big, 1024);
	world_turn();
	assert_int_equal(peers[1]->count, 1);
	peer_says(peers[0], RELAY_JOIN, 1, "\0\5a", 3);
	assert_int_equal(peers[0]->got[1].code, PH_C_MALFORMED);
	peer_says(peers[0], RELAY_MISSED, 1, NULL, 0);
	assert_int_equal(peers[0]->got[2].code, PH_C_UNKNOWN);
	for (unsigned i = 0; i < 7; i++)
		peer_gone(peers[i]);
}

/* A peer that goes while home still thinks about its join. */
static void test_gone_while_joining(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct peer *a = peer_new(i);

		say_join(a, 1, "hall", 0);
		peer_gone(a);
	}
	world_turn();
	assert_int_equal(world_count("rooms"), 0);
	assert_int_equal(world_count("clients"), 0);
}

/* Once who left rooms with a history behind, all of one home (their numbers tell it), had all
 * places until they were forgotten: no room could be made anywhere else. */
static void test_rooms_left_behind(void **state)
{
	struct peer *a = peer_new(0), *b = peer_new(1);
	unsigned left = 0, home = 0, made = 0;
	char name[8];

	(void)state;
	for (unsigned i = 0; i < 64 && left < 4; i++) {
		uint32_t room;

		snprintf(name, sizeof(name), "r%u", i);
		room = enter(a, name, 0);
		home = left ? home : room >> 24;
		if (room >> 24 == home) {
			say_post(a, RELAY_BROADCAST, 1, room, NULL, "x", 1);
			left++;
		}
		say_leave(a, 2, room);
		world_turn();
		peer_clear(a);
	}
	assert_int_equal(left, 4);
	for (unsigned i = 0; i < 32 && made < 2; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		say_join(b, 1, name, 0);
		world_turn();
		assert_int_equal(b->got[0].code, 0);
		made += joined_at(b, 0).room >> 24 != home;
		if (joined_at(b, 0).room >> 24 == home)
			say_leave(b, 2, joined_at(b, 0).room);
		world_turn();
		peer_clear(b);
	}
	assert_int_equal(made, 2);
	peer_gone(a);
	peer_gone(b);
}

/* Once what was under way to a reactor that was busy was bounded by the length of its mailbox
 * alone: 65,536 times the longest message. */
static void test_under_way(void **state)
{
	static const struct service_setting small[] = {{"queue_memory", "64K"}};
	static uint8_t body[40000];
	const struct relay_shared *shared;
	struct peer *a, *b;
	uint32_t room;
	uint64_t to;

	(void)state;
	world_open(&service_relay, 3, small, ARRAY_LEN(small));
	shared = world.shared;
	a = peer_new(0);
	b = peer_new(2);
	room = enter(a, "hall", 0);
	say_join(b, 1, "hall", 0);
	world_turn();
	to = joined_at(b, 0).member;
	peer_clear(b);
	say_post(a, RELAY_DIRECT, 1, to, NULL, body, sizeof(body));
	say_post(a, RELAY_DIRECT, 2, to, NULL, body, sizeof(body));
	assert_int_equal(a->count, 1);
	assert_int_equal(a->got[0].code, PH_C_LIMIT);
	assert_int_equal(a->got[0].head.request, 2);
	world_turn();
	assert_int_equal(b->count, 1);
	assert_int_equal(atomic_load(&shared->way_bytes), 0);
	/* Home may be here, there or a third one: more than that is under way nowhere. */
	for (int i = 0; i < 10; i++) {
		say_post(a, RELAY_BROADCAST, 3, room, NULL, body, sizeof(body));
		assert_in_range(atomic_load(&shared->way_bytes), 0, 64 * 1024);
	}
	world_turn();
	assert_int_equal(b->count, 2);
	assert_int_equal(atomic_load(&shared->way_bytes), 0);
	say_post(a, RELAY_DIRECT, 4, to, NULL, body, sizeof(body));
	world_turn();
	assert_int_equal(event_at(b, b->count - 1, RELAY_DIRECT).len, sizeof(body));
	peer_gone(a);
	peer_gone(b);
	world_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_join, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_broadcast, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_direct, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_presence, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_history, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_slow_drops, open_world, close_world),
		cmocka_unit_test(test_slow_closes),
		cmocka_unit_test_setup_teardown(test_idle, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_limits, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_gone_while_joining, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_rooms_left_behind, open_world, close_world),
		cmocka_unit_test(test_under_way),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

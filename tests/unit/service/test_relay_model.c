/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The relay against a plain model of rooms: after each of 10,000 random operations each peer has
 * heard what the model says, and nothing else.
 *
 * The model: a room is a list of posts. A member has yet to get the posts since it was last served;
 * of those only the last QUEUE are kept, and it is told how many it missed before it gets the next.
 * Replies and direct messages that found no room come before all that, in their order; of direct
 * messages that would be more than QUEUE things waiting, only the number is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tests/unit/service/relaykit.h>
#include <user/wire/bytes.h>

#define OPERATIONS 10000
#define PEERS 12
#define ROOMS 5
#define QUEUE 4
#define HISTORY 3
#define POSTS_MAX OPERATIONS

struct post {
	uint64_t from;
	uint32_t serial;
};
static struct {
	uint32_t number; /* 0: not known */
	struct post posts[POSTS_MAX];
	size_t count;
} rooms[ROOMS];

enum waits { WAITS_REPLY, WAITS_DIRECT, WAITS_PAST };
struct thing {
	enum waits what;
	uint32_t which; /* request or serial */
	unsigned room;	/* of a past or a join */
	size_t first, last;
};
static struct who {
	struct peer *peer;
	uint64_t id; /* 0: none, or not known yet */
	struct {
		bool in;
		size_t cursor;
		uint32_t missed;
	} at[ROOMS];
	struct thing things[64];
	unsigned count;
	uint32_t missed;
} people[PEERS];
static const char *const names[ROOMS] = {"one", "two", "three", "four", "five"};
static uint64_t seed = 0x243f6a8885a308d3U;
static uint32_t serial, request;

static unsigned draw(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)((seed >> 33) % below);
}

static bool in_any(const struct who *w)
{
	for (unsigned i = 0; i < ROOMS; i++)
		if (w->at[i].in)
			return true;
	return false;
}

/* Posts that it has yet to get of a room; those that fell out are missed. */
static size_t pending(struct who *w, unsigned room)
{
	size_t n = 0;

	for (size_t i = w->at[room].cursor; i < rooms[room].count; i++)
		n += rooms[room].posts[i].from != w->peer->about.id;
	return n;
}

static void forget_old(struct who *w, unsigned room)
{
	while (rooms[room].count - w->at[room].cursor > QUEUE)
		w->at[room].missed += rooms[room].posts[w->at[room].cursor++].from !=
				      w->peer->about.id;
}

/* ---- what was heard, taken off the model ---- */

static void hear_thing(struct who *w, const struct ph_message *m)
{
	struct thing *t = &w->things[0];

	assert_true(w->count > 0);
	if (t->what == WAITS_PAST) {
		struct relay_event event;

		assert_int_equal(m->opcode, RELAY_HISTORY);
		assert_int_equal(relay_event_parse(RELAY_HISTORY, m->payload, m->len, &event), 0);
		assert_int_equal(get_be32(event.body), rooms[t->room].posts[t->first++].serial);
		if (t->first < t->last)
			return;
	} else if (t->what == WAITS_DIRECT) {
		struct relay_event event;

		assert_int_equal(m->opcode, RELAY_DIRECT);
		assert_int_equal(relay_event_parse(RELAY_DIRECT, m->payload, m->len, &event), 0);
		assert_int_equal(get_be32(event.body), t->which);
	} else {
		assert_int_equal(m->opcode, PH_OP_REPLY);
		assert_int_equal(m->request, t->which);
		if (t->room < ROOMS) {
			struct relay_joined joined;

			assert_int_equal(relay_joined_parse(m->payload, m->len, &joined), 0);
			w->id = joined.member;
			rooms[t->room].number = joined.room;
			assert_int_equal(joined.members, t->last);
		}
	}
	memmove(t, t + 1, (--w->count) * sizeof(*t));
}

static unsigned room_of(uint32_t number)
{
	unsigned room = 0;

	while (room < ROOMS && rooms[room].number != number)
		room++;
	assert_true(room < ROOMS);
	return room;
}

static void hear_missed(struct who *w, const struct ph_message *m)
{
	uint32_t *missed = &w->missed;
	struct relay_count count;

	assert_int_equal(w->count, 0);
	assert_int_equal(relay_count_parse(RELAY_MISSED, m->payload, m->len, &count), 0);
	if (count.room)
		missed = &w->at[room_of(count.room)].missed;
	assert_int_equal(count.count, *missed);
	*missed = 0;
}

static void hear_post(struct who *w, const struct ph_message *m)
{
	struct relay_event event;
	unsigned room;
	size_t *at;

	assert_int_equal(w->count, 0);
	assert_int_equal(relay_event_parse(RELAY_BROADCAST, m->payload, m->len, &event), 0);
	room = room_of(event.room);
	at = &w->at[room].cursor;
	assert_true(w->at[room].in);
	assert_int_equal(w->at[room].missed, 0);
	while (*at < rooms[room].count && rooms[room].posts[*at].from == w->peer->about.id)
		++*at;
	assert_true(*at < rooms[room].count);
	assert_int_equal(get_be32(event.body), rooms[room].posts[*at].serial);
	++*at;
}

static void compare(struct who *w)
{
	bool owed = w->count || w->missed;

	for (size_t i = 0; i < w->peer->count; i++) {
		const struct ph_message *m = &w->peer->got[i].head;

		assert_int_equal(w->peer->got[i].code, 0);
		if (m->opcode == RELAY_MISSED)
			hear_missed(w, m);
		else if (m->opcode == RELAY_BROADCAST)
			hear_post(w, m);
		else
			hear_thing(w, m);
	}
	peer_clear(w->peer);
	owed = w->count || w->missed;
	for (unsigned i = 0; i < ROOMS; i++)
		owed |= w->at[i].in && (pending(w, i) || w->at[i].missed);
	/* All that is owed and was not heard found no room. */
	if (owed)
		assert_true(w->peer->full && !w->peer->room);
	assert_int_equal(w->peer->paused, w->count > 0);
	if (!owed && !in_any(w))
		w->id = 0;
}

/* ---- operations ---- */

static struct thing *owe(struct who *w, enum waits what, uint32_t which)
{
	struct thing *t = &w->things[w->count++];

	assert_true(w->count < ARRAY_LEN(w->things));
	*t = (struct thing){.what = what, .which = which, .room = ROOMS};
	return t;
}

static void do_join(struct who *w, unsigned room)
{
	uint8_t want = draw(2) ? RELAY_WANT_HISTORY : 0;
	struct thing *t = owe(w, WAITS_REPLY, ++request);

	w->at[room].in = true;
	w->at[room].missed = 0;
	w->at[room].cursor = rooms[room].count;
	t->room = room;
	for (unsigned i = 0; i < PEERS; i++)
		t->last += people[i].at[room].in;
	if (want && rooms[room].count) {
		t = owe(w, WAITS_PAST, 0);
		t->room = room;
		t->last = rooms[room].count;
		t->first = t->last - MIN(t->last, HISTORY);
	}
	say_join(w->peer, request, names[room], want);
}

static void do_post(struct who *w, unsigned room)
{
	uint8_t body[4];

	put_be32(body, ++serial);
	rooms[room].posts[rooms[room].count++] = (struct post){w->peer->about.id, serial};
	say_post(w->peer, RELAY_BROADCAST, 1, rooms[room].number, NULL, body, sizeof(body));
}

/* What one has not heard yet is by the model in compare(); here only what falls out. */
static void after_post(unsigned room)
{
	for (unsigned i = 0; i < PEERS; i++)
		if (people[i].at[room].in && !people[i].peer->room)
			forget_old(&people[i], room);
}

static void do_direct(struct who *w)
{
	struct who *to = &people[draw(PEERS)];
	uint8_t body[4];

	if (!to->id)
		return;
	put_be32(body, ++serial);
	if (to->peer->room || to->count < QUEUE)
		owe(to, WAITS_DIRECT, serial);
	else
		to->missed++;
	say_post(w->peer, RELAY_DIRECT, 1, to->id, NULL, body, sizeof(body));
}

static void do_replace(struct who *w)
{
	unsigned reactor = w->peer->reactor;

	peer_gone(w->peer);
	memset(w, 0, sizeof(*w));
	w->peer = peer_new(reactor);
	w->peer->room = draw(6);
}

static void operate(void)
{
	struct who *w = &people[draw(PEERS)];
	unsigned room = draw(ROOMS), what = draw(100);

	if (what < 4) {
		do_replace(w);
	} else if (what < 30) {
		peer_give_room(w->peer, draw(8));
	} else if (w->peer->paused) {
		return;
	} else if (!w->at[room].in) {
		if (what < 60)
			do_join(w, room);
	} else if (what < 38) {
		owe(w, WAITS_REPLY, ++request);
		w->at[room].in = false;
		say_leave(w->peer, request, rooms[room].number);
	} else if (what < 50) {
		do_direct(w);
	} else {
		do_post(w, room);
		world_turn();
		after_post(room);
	}
}

static void test_model(void **state)
{
	static const struct service_setting lines[] = {
		{"queue", "4"}, {"history", "3"}, {"history_keep", "30d"}, {"max_rooms", "5"}};

	(void)state;
	world_open(&service_relay, 3, lines, ARRAY_LEN(lines));
	for (unsigned i = 0; i < PEERS; i++)
		people[i].peer = peer_new(i % 3);
	for (unsigned i = 0; i < OPERATIONS; i++) {
		operate();
		world_turn();
		for (unsigned p = 0; p < PEERS; p++)
			compare(&people[p]);
	}
	print_message("# %u posts, %llu missed\n", serial,
		      (unsigned long long)world_count("missed"));
	assert_true(world_count("missed") > 100);
	assert_true(world_count("delivered") > 1000);
	for (unsigned i = 0; i < PEERS; i++)
		peer_gone(people[i].peer);
	world_turn();
	assert_int_equal(world_count("members"), 0);
	assert_int_equal(world_count("clients"), 0);
	world_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_model)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

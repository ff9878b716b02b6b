/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The relay in a whole server: members in all reactors, and its end while they talk. */
#include <tests/server/house.h>

#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#include <user/client/parts.h>
#include <user/wire/relay.h>

enum { MEMBERS = 12, POSTS = 200 };

struct member {
	pthread_t thread;
	const struct house *house;
	unsigned number;
	bool for_ever; /* until the server ends it */
	bool breaks;   /* off, now and then */
	_Atomic(unsigned) *joined;
	uint32_t got[MEMBERS]; /* of each: the last one */
	uint64_t events;
	int class;
	char text[256];
};

static int join(struct strazh *client, uint32_t *ret_room)
{
	static const struct relay_join want = {.name_len = 4, .name = "room"};
	uint8_t payload[RELAY_JOIN_MAX];
	struct strazh_message message = {.service = PH_S_RELAY,
					 .opcode = RELAY_JOIN,
					 .priority = PH_NORMAL,
					 .payload = payload,
					 .len = relay_join_emit(&want, payload)},
			      reply;
	struct relay_joined joined;
	int r = strazh_request(client, &message, 10000, &reply);

	if (!r && relay_joined_parse(reply.payload, reply.len, &joined))
		r = STRAZH_E_PROTOCOL;
	if (!r)
		*ret_room = joined.room;
	return r;
}

struct post {
	uint32_t number, from;
};

static int say(struct strazh *client, uint32_t room, const struct post *post)
{
	uint8_t payload[RELAY_POST_HEAD_MAX + sizeof(*post)];
	const struct relay_post head = {.to = room};
	size_t len = relay_post_emit(RELAY_BROADCAST, &head, payload);
	struct strazh_message message = {.service = PH_S_RELAY,
					 .opcode = RELAY_BROADCAST,
					 .priority = PH_NORMAL,
					 .request = 5,
					 .payload = payload,
					 .len = len + sizeof(*post)};

	memcpy(payload + len, post, sizeof(*post));
	return strazh_queue(client, &message);
}

/* Each sender's come in their order, and each once. */
static int take(struct member *m, const struct strazh_message *message)
{
	struct relay_event event;
	struct post post;

	if (message->opcode != RELAY_BROADCAST)
		return m->for_ever ? 0 : STRAZH_E_ANSWER;
	if (relay_event_parse(RELAY_BROADCAST, message->payload, message->len, &event) ||
	    event.len != sizeof(post))
		return STRAZH_E_PROTOCOL;
	memcpy(&post, event.body, sizeof(post));
	if (post.from >= MEMBERS || (!m->for_ever && post.number != m->got[post.from] + 1))
		return STRAZH_E_PROTOCOL;
	m->got[post.from] = post.number;
	m->events++;
	return 0;
}

static int talk(struct member *m, struct strazh *client, uint32_t room)
{
	const uint64_t want = (uint64_t)POSTS * (MEMBERS - 1);
	struct post post = {.from = m->number};
	struct strazh_message message;
	int r = 0;

	while (!r && (m->for_ever || post.number < POSTS || m->events < want)) {
		bool more = m->for_ever || post.number < POSTS;

		if (more && post.number < m->events / 8 + 20) {
			post.number++;
			r = say(client, room, &post);
		}
		if (!r)
			r = strazh_receive(client, more ? 1 : 10000, &message);
		if (!r)
			r = take(m, &message);
		else if (r == STRAZH_E_TIMEOUT && more)
			r = 0;
		if (m->breaks && post.number % 50 == 49) {
			shutdown(client->socket, SHUT_RDWR);
			return 0;
		}
	}
	return r;
}

static void *be_member(void *arg)
{
	struct member *m = arg;
	int r = 0;

	do {
		struct strazh *client = house_client(m->house, NULL);
		uint32_t room;

		r = join(client, &room);
		atomic_fetch_add(m->joined, 1);
		while (!m->for_ever && !r && atomic_load(m->joined) < MEMBERS)
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		if (!r)
			r = talk(m, client, room);
		if (r)
			snprintf(m->text, sizeof(m->text), "%s", strazh_error(client)->text);
		strazh_close(client);
	} while (!r && m->for_ever);
	m->class = r;
	return NULL;
}

static void begin(struct house *house, struct member *members, _Atomic(unsigned) *joined,
		  bool for_ever)
{
	house_open(house, &(struct house_plan){.reactors = 3, .relay = true});
	for (unsigned i = 0; i < MEMBERS; i++) {
		members[i] = (struct member){.house = house,
					     .number = i,
					     .for_ever = for_ever,
					     .breaks = for_ever && i % 2,
					     .joined = joined};
		assert_int_equal(pthread_create(&members[i].thread, NULL, be_member, &members[i]),
				 0);
	}
}

static void each_to_all(void **state)
{
	static struct member members[MEMBERS];
	_Atomic(unsigned) joined = 0;
	struct house house;

	(void)state;
	begin(&house, members, &joined, false);
	for (unsigned i = 0; i < MEMBERS; i++) {
		assert_int_equal(pthread_join(members[i].thread, NULL), 0);
		if (members[i].class)
			fail_msg("member %u: %s: %s", i, strazh_class_text(members[i].class),
				 members[i].text);
		assert_int_equal(members[i].events, POSTS * (MEMBERS - 1));
	}
	house_close(&house);
}

/* Notes are on their way from reactor to reactor when it ends. */
static void end_while_they_talk(void **state)
{
	static struct member members[MEMBERS];
	struct house house;

	(void)state;
	for (unsigned round = 0; round < 6; round++) {
		_Atomic(unsigned) joined = 0;

		begin(&house, members, &joined, true);
		HOUSE_AT_LEAST(&house, messages_out, 3000);
		reactors_stop(house.reactors, round % 2 ? 2000 : 0);
		assert_int_equal(reactors_join(house.reactors), 0);
		for (unsigned i = 0; i < MEMBERS; i++) {
			assert_int_equal(pthread_join(members[i].thread, NULL), 0);
			assert_int_not_equal(members[i].class, STRAZH_E_PROTOCOL);
		}
		house_free(&house);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_to_all),
		cmocka_unit_test(end_while_they_talk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

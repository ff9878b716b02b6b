/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "exact.h"

#include <user/wire/relay.h>

static const uint8_t key[PH_KEY_LEN] = {0x11, 0x11}, signature[RELAY_SIGNATURE_LEN] = {0x22, 0x22};

static void test_join(void **state)
{
	struct relay_join join = {.want = 3, .name_len = 4, .name = "room"}, got;
	uint8_t bytes[RELAY_JOIN_MAX + 1];

	(void)state;
	assert_int_equal(relay_join_emit(&join, bytes), 6);
	assert_memory_equal(bytes, "\3\4room", 6);
	assert_int_equal(relay_join_parse(bytes, 6, &got), 0);
	assert_int_equal(got.want, 3);
	assert_int_equal(got.name_len, 4);
	assert_ptr_equal(got.name, bytes + 2);
	for (size_t len = 0; len < 6; len++) {
		uint8_t *copy = exact(bytes, len);

		assert_int_equal(relay_join_parse(copy, len, &got), RELAY_SHORT);
		free(copy);
	}
	assert_int_equal(relay_join_parse(bytes, 7, &got), RELAY_LONG);
	bytes[0] = 4;
	assert_int_equal(relay_join_parse(bytes, 6, &got), RELAY_FLAGS);
	bytes[0] = 0;
	bytes[3] = 0x7f;
	assert_int_equal(relay_join_parse(bytes, 6, &got), RELAY_NAME);
	memset(bytes + 2, 'r', sizeof(bytes) - 2);
	bytes[1] = RELAY_ROOM_MAX;
	assert_int_equal(relay_join_parse(bytes, RELAY_JOIN_MAX, &got), 0);
	bytes[1] = RELAY_ROOM_MAX + 1;
	assert_int_equal(relay_join_parse(bytes, RELAY_JOIN_MAX + 1, &got), RELAY_NAME);
	bytes[1] = 0;
	assert_int_equal(relay_join_parse(bytes, 2, &got), RELAY_NAME);
}

static void test_joined(void **state)
{
	struct relay_joined joined = {.room = 7, .member = 0x0102030405060708, .members = 9}, got;
	uint8_t bytes[RELAY_JOINED_HEAD + 5];

	(void)state;
	assert_int_equal(relay_joined_emit(&joined, bytes), RELAY_JOINED_HEAD);
	memcpy(bytes + RELAY_JOINED_HEAD, "hello", 5);
	assert_memory_equal(bytes, "\0\0\0\7\1\2\3\4\5\6\7\10\0\0\0\x9hello", sizeof(bytes));
	assert_int_equal(relay_joined_parse(bytes, sizeof(bytes), &got), 0);
	assert_int_equal(got.room, 7);
	assert_true(got.member == joined.member);
	assert_int_equal(got.members, 9);
	assert_int_equal(got.welcome_len, 5);
	assert_ptr_equal(got.welcome, bytes + RELAY_JOINED_HEAD);
	assert_int_equal(relay_joined_parse(bytes, RELAY_JOINED_HEAD, &got), 0);
	assert_int_equal(relay_joined_parse(bytes, RELAY_JOINED_HEAD - 1, &got), RELAY_SHORT);
}

static void test_room(void **state)
{
	uint8_t bytes[5] = {0};
	uint32_t got;

	(void)state;
	assert_int_equal(relay_room_emit(0x01020304, bytes), 4);
	assert_int_equal(relay_room_parse(bytes, 4, &got), 0);
	assert_int_equal(got, 0x01020304);
	assert_int_equal(relay_room_parse(bytes, 3, &got), RELAY_SHORT);
	assert_int_equal(relay_room_parse(bytes, 5, &got), RELAY_LONG);
}

static void post_trip(enum relay_opcode opcode, uint64_t to, const uint8_t *signed_by)
{
	struct relay_post post = {.to = to, .signature = signed_by}, got;
	size_t head = (opcode == RELAY_DIRECT ? 8U : 4U) + 1 + (signed_by ? 64U : 0U);
	uint8_t bytes[RELAY_POST_HEAD_MAX + 3] = {0};

	assert_int_equal(relay_post_emit(opcode, &post, bytes), head);
	assert_int_equal(relay_post_parse(opcode, bytes, head + 3, &got), 0);
	assert_true(got.to == to);
	assert_int_equal(!got.signature, !signed_by);
	if (signed_by)
		assert_memory_equal(got.signature, signed_by, 64);
	assert_ptr_equal(got.body, bytes + head);
	assert_int_equal(got.len, 3);
	for (size_t len = 0; len < head; len++) {
		uint8_t *copy = exact(bytes, len);

		assert_int_equal(relay_post_parse(opcode, copy, len, &got), RELAY_SHORT);
		free(copy);
	}
	assert_int_equal(relay_post_parse(opcode, bytes, head, &got), 0);
	assert_int_equal(got.len, 0);
	for (int flags = 2; flags < 256; flags++) {
		bytes[opcode == RELAY_DIRECT ? 8 : 4] = (uint8_t)flags;
		assert_int_equal(relay_post_parse(opcode, bytes, sizeof(bytes), &got), RELAY_FLAGS);
	}
}

static void test_posts(void **state)
{
	(void)state;
	post_trip(RELAY_BROADCAST, 0xfffefdfc, NULL);
	post_trip(RELAY_BROADCAST, 1, signature);
	post_trip(RELAY_DIRECT, 0xfffefdfcfbfaf9f8, NULL);
	post_trip(RELAY_DIRECT, 1, signature);
}

static void event_trip(enum relay_opcode opcode, const uint8_t *by, const uint8_t *signed_by)
{
	struct relay_event event = {.time = opcode == RELAY_HISTORY ? 1234567890123 : 0,
				    .room = 5,
				    .member = 6,
				    .key = by,
				    .signature = signed_by};
	size_t head = (opcode == RELAY_HISTORY ? 8U : 0U) + 13 + (by ? 32U : 0U) +
		      (signed_by ? 64U : 0U);
	uint8_t bytes[RELAY_EVENT_HEAD_MAX + 2] = {0};
	struct relay_event got;

	assert_int_equal(relay_event_emit(opcode, &event, bytes), head);
	assert_int_equal(relay_event_parse(opcode, bytes, head + 2, &got), 0);
	assert_true(got.time == event.time);
	assert_int_equal(got.room, 5);
	assert_int_equal(got.member, 6);
	assert_int_equal(!got.key, !by);
	assert_int_equal(!got.signature, !signed_by);
	if (by)
		assert_memory_equal(got.key, by, 32);
	if (signed_by)
		assert_memory_equal(got.signature, signed_by, 64);
	assert_int_equal(got.len, 2);
	assert_ptr_equal(got.body, bytes + head);
	for (size_t len = 0; len < head; len++) {
		uint8_t *copy = exact(bytes, len);

		assert_int_equal(relay_event_parse(opcode, copy, len, &got), RELAY_SHORT);
		free(copy);
	}
	bytes[opcode == RELAY_HISTORY ? 20 : 12] = 4;
	assert_int_equal(relay_event_parse(opcode, bytes, sizeof(bytes), &got), RELAY_FLAGS);
}

static void test_events(void **state)
{
	static const enum relay_opcode opcodes[] = {RELAY_BROADCAST, RELAY_DIRECT, RELAY_HISTORY};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(opcodes); i++) {
		event_trip(opcodes[i], NULL, NULL);
		event_trip(opcodes[i], key, NULL);
		event_trip(opcodes[i], NULL, signature);
		event_trip(opcodes[i], key, signature);
	}
}

static void test_presence(void **state)
{
	(void)state;
	for (int identified = 0; identified < 2; identified++) {
		struct relay_presence presence = {
			.room = 1, .what = RELAY_CAME, .member = 2, .key = identified ? key : NULL};
		uint8_t bytes[RELAY_PRESENCE_MAX + 1] = {0};
		struct relay_presence got;
		size_t len = relay_presence_emit(&presence, bytes);

		assert_int_equal(len, identified ? 46 : 14);
		assert_int_equal(relay_presence_parse(bytes, len, &got), 0);
		assert_int_equal(got.room, 1);
		assert_int_equal(got.what, RELAY_CAME);
		assert_int_equal(got.member, 2);
		assert_int_equal(!got.key, !identified);
		assert_int_equal(relay_presence_parse(bytes, len + 1, &got), RELAY_LONG);
		for (size_t cut = 0; cut < len; cut++) {
			uint8_t *copy = exact(bytes, cut);

			assert_int_equal(relay_presence_parse(copy, cut, &got), RELAY_SHORT);
			free(copy);
		}
		for (int what = 0; what < 256; what++) {
			bytes[4] = (uint8_t)what;
			assert_int_equal(relay_presence_parse(bytes, len, &got),
					 what >= 1 && what <= 3 ? 0 : RELAY_WHAT);
		}
		bytes[4] = 1;
		bytes[13] = 1; /* a presence is not signed */
		assert_int_equal(relay_presence_parse(bytes, len, &got), RELAY_FLAGS);
	}
}

static void test_counts(void **state)
{
	static const enum relay_opcode opcodes[] = {RELAY_HISTORY, RELAY_MISSED};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(opcodes); i++) {
		struct relay_count count = {.room = 3, .count = 0x0102}, got;
		uint8_t bytes[RELAY_COUNT_MAX + 1] = {0};
		size_t len = relay_count_emit(opcodes[i], &count, bytes);

		assert_int_equal(len, i ? 8 : 6);
		assert_int_equal(relay_count_parse(opcodes[i], bytes, len, &got), 0);
		assert_int_equal(got.room, 3);
		assert_int_equal(got.count, 0x0102);
		assert_int_equal(relay_count_parse(opcodes[i], bytes, len - 1, &got), RELAY_SHORT);
		assert_int_equal(relay_count_parse(opcodes[i], bytes, len + 1, &got), RELAY_LONG);
		memset(bytes + 4, 0, 4);
		assert_int_equal(relay_count_parse(opcodes[i], bytes, len, &got), RELAY_COUNT);
	}
}

static void test_texts(void **state)
{
	(void)state;
	check_texts(relay_condition_text, RELAY_WHAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_join),   cmocka_unit_test(test_joined),
		cmocka_unit_test(test_room),   cmocka_unit_test(test_posts),
		cmocka_unit_test(test_events), cmocka_unit_test(test_presence),
		cmocka_unit_test(test_counts), cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

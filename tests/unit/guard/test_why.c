/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The story of a source in words, and a record as one line. */
#include <tests/unit/guard/kit.h>

static char text[4000];

static const char *why(struct kit *kit, const struct prefix *host)
{
	int len = guard_why(kit->guard, host, kit->now_ms, text, sizeof(text));

	assert_true(len > 0 && (size_t)len < sizeof(text));
	assert_int_equal(strlen(text), len);
	assert_int_equal(text[len - 1], '\n');
	return text;
}

#define assert_says(words) assert_non_null(strstr(text, words))

static void a_brute_force(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	for (unsigned i = 0; i < 12; i++) {
		(void)kit_see(&kit, &host, GUARD_IN_HELLO_BAD);
		kit_pass(&kit, 400);
	}
	kit_see_many(&kit, &host, GUARD_IN_AUTH_BAD, 5);
	assert_int_equal(kit.bans, 1);
	kit_pass(&kit, 60000);
	why(&kit, &host);
	assert_says("192.0.2.1: banned for another 9m");
	assert_says("HandshakeFailure: ");
	assert_says(" handshake failures in ");
	assert_says("AuthFailure: ");
	assert_says("keys that nobody here has (brute force)");
	assert_says(", the last 1m ago\n");
	assert_says("has answered us");
	assert_says("1 ban remembered");
	assert_says("its prefix 192.0.2.0/24: 1 host seen, 1 bad, 0 good");
	assert_says("attack state: normal");
	assert_true(guard_record_text(&kit.record[GUARD_ACT_BAN], text, sizeof(text)) > 20);
	assert_int_equal(strncmp(text, "banned for 10m: ", 16), 0);
	kit_close(&kit);
}

static void others(void **state)
{
	struct guard_spared spared = {kit_prefix("192.0.2.9"), true};
	struct prefix host = kit_prefix("2001:db8:1:2:3::1"), nat = kit_prefix("192.0.2.7");
	struct kit kit;

	(void)state;
	kit_open(&kit, NULL);
	why(&kit, &host);
	assert_says("2001:db8:1:2::/64: nothing is known about it");
	assert_int_equal(guard_spare(kit.guard, &spared, 1, kit.now_ms), 0);
	kit_see_many(&kit, &spared.prefix, GUARD_IN_AUTH_BAD, 50);
	why(&kit, &spared.prefix);
	assert_says("but not carried out: on the never or allow list");
	assert_says("on the never-ban set");
	kit_see_many(&kit, &nat, GUARD_IN_SESSION_PROVEN, 100);
	for (unsigned i = 0; i < 3; i++) {
		kit_pass(&kit, 31000);
		(void)kit_see(&kit, &nat, GUARD_IN_CONN_OPENED);
	}
	for (unsigned i = 0; i < 100; i++)
		kit_see_many(&kit, &nat, GUARD_IN_RECORD_BAD, 50);
	why(&kit, &nat);
	assert_says("100 sessions now, a crowd of 100");
	assert_says("not banned: many others behind this address behave");
	kit_close(&kit);
}

/* Into any length, as snprintf: the same beginning, the same answer. */
static void any_length(void **state)
{
	struct prefix host = kit_prefix("192.0.2.1");
	struct kit kit;
	char whole[4000], record[600];
	int len;

	(void)state;
	kit_open(&kit, NULL);
	kit_see_many(&kit, &host, GUARD_IN_AUTH_BAD, 9);
	kit_see_many(&kit, &host, GUARD_IN_MALFORMED, 50);
	len = guard_why(kit.guard, &host, kit.now_ms, whole, sizeof(whole));
	for (size_t size = 0; size < (size_t)len + 2; size++) {
		memset(text, 'x', sizeof(text));
		assert_int_equal(guard_why(kit.guard, &host, kit.now_ms, size ? text : NULL, size),
				 len);
		assert_int_equal(text[size], 'x');
		if (size)
			assert_int_equal(strlen(text), MIN(size - 1, (size_t)len));
		if (size)
			assert_memory_equal(text, whole, strlen(text));
	}
	len = guard_record_text(&kit.record[GUARD_ACT_BAN], record, sizeof(record));
	for (size_t size = 0; size < (size_t)len + 2; size++) {
		memset(text, 'x', sizeof(text));
		assert_int_equal(guard_record_text(&kit.record[GUARD_ACT_BAN], text, size), len);
		assert_int_equal(text[size], 'x');
		if (size)
			assert_memory_equal(text, record, strlen(text));
	}
	kit_close(&kit);
}

static void each_act_has_words(void **state)
{
	(void)state;
	for (unsigned act = 0; act < GUARD_ACT_COUNT; act++) {
		struct guard_record record = {
			.act = (uint8_t)act, .enforced = true, .state = ATTACK_HIGH};

		assert_true(guard_record_text(&record, text, sizeof(text)) > 3);
		assert_int_equal(strncmp(text, guard_act_texts[act], strlen(guard_act_texts[act])),
				 0);
	}
	assert_string_equal(text, "attack state high");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_brute_force),
		cmocka_unit_test(others),
		cmocka_unit_test(any_length),
		cmocka_unit_test(each_act_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

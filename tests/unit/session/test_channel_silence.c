/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Sessions in which nobody says anything: heartbeats, and when a peer is given up. */
#include "pair.h"

static void heartbeats(void **state)
{
	struct pair *p = pair_new(PH_NK1, false);
	uint64_t next;

	(void)state;
	pair_settle(p);
	for (int i = 0; i < 10; i++) {
		uint64_t begin = p->now;

		assert_int_equal(channel_tick(&p->client.ch, p->now, &next), 0);
		assert_false(channel_has_output(&p->client.ch));
		assert_int_equal(next, begin + 30000);
		p->now = next;
		assert_int_equal(channel_tick(&p->client.ch, p->now, &next), 0);
		assert_int_equal(channel_tick(&p->server.ch, p->now, &next), 0);
		assert_true(channel_has_output(&p->client.ch));
		pair_settle(p);
	}
	assert_int_equal(p->client.host.counters.heartbeats, 10);
	assert_int_equal(p->server.host.counters.heartbeats, 10);
	assert_int_equal(p->client.messages + p->server.messages, 0);
	/* Nothing is heard any more: heartbeats go out, three are missed, the end. */
	for (int i = 0; i < 3; i++) {
		p->now += 30000;
		assert_int_equal(channel_tick(&p->server.ch, p->now, &next), 0);
		p->client.len = 0;
		assert_int_equal(side_write(p, &p->server, &p->client, 4096), 0);
		assert_true(p->client.len > 0);
	}
	assert_int_equal(channel_tick(&p->server.ch, p->now + 14999, &next), 0);
	assert_int_equal(next, p->now + 15000);
	assert_int_equal(channel_tick(&p->server.ch, next, &next), CHANNEL_SILENT);
	assert_int_equal(p->server.host.counters.ended[CHANNEL_SILENT], 1);
	assert_int_equal(say(&p->server, PH_NORMAL, 1, "x", 1), CHANNEL_SILENT);
	pair_free(p);
}

/* An hour in which nobody has anything to say. Returns how many heartbeats there were. */
static uint64_t idle_hour(struct pair *p)
{
	uint64_t end = p->now + 3600 * 1000, next[2];

	pair_settle(p);
	while (p->now < end) {
		assert_int_equal(channel_tick(&p->client.ch, p->now, &next[0]), 0);
		assert_int_equal(channel_tick(&p->server.ch, p->now, &next[1]), 0);
		pair_settle(p);
		assert_true(next[0] > p->now && next[1] > p->now);
		p->now = MIN(next[0], next[1]);
	}
	return p->client.host.counters.heartbeats + p->server.host.counters.heartbeats;
}

/* Each bears a silence of its own, and a peer that bears a longer one was once given up. */
static void different_silences(void **state)
{
	static const uint32_t ms[][2] = {{5000, 30000},	  {30000, 5000},  {1000, 3600000},
					 {3600000, 1000}, {30000, 30000}, {UINT32_MAX / 8, 30000}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ms); i++) {
		struct pair *p = pair_new(PH_NK1, false);
		uint64_t most = 3600000 / MIN(ms[i][0], ms[i][1]) * 2;

		p->client.host.limits.heartbeat_ms = ms[i][0];
		p->server.host.limits.heartbeat_ms = ms[i][1];
		p->client.host.limits.rekey_ms = UINT64_MAX / 2;
		assert_in_range(idle_hour(p), most / 4, most * 5 / 4 + 2);
		pair_free(p);
	}
}

/* Whom we do not listen to cannot be heard. */
static void paused_is_not_silent(void **state)
{
	struct pair *p = pair_new(PH_XK1, false);
	uint64_t next;

	(void)state;
	channel_pause(&p->server.ch);
	p->now += 1000000;
	assert_int_equal(channel_tick(&p->server.ch, p->now, &next), 0);
	channel_resume(&p->server.ch, p->now);
	assert_int_equal(channel_tick(&p->server.ch, p->now + 104999, &next), 0);
	assert_int_equal(channel_tick(&p->server.ch, p->now + 105000, &next), CHANNEL_SILENT);
	pair_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heartbeats),
		cmocka_unit_test(different_silences),
		cmocka_unit_test(paused_is_not_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

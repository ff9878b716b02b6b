/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* From the first byte of a hello to the Close: each suite, with what can be offered. */
#include "pair.h"
#include "rig.h"

/* The channels of a pair under the keys of a handshake. */
static void join(struct pair *p, const struct session_keys *client,
		 const struct session_keys *server)
{
	channel_init(&p->client.ch, &p->client.host, client, true, &p->client, p->now);
	channel_init(&p->server.ch, &p->server.host, server, false, &p->server, p->now);
}

static void converse(const struct session_keys *client, const struct session_keys *server)
{
	struct pair *p = pair_new(PH_XK1, false);
	uint8_t payload[300] = "words";

	p->server.host.limits.rekey_floor_ms = 0;
	p->client.host.limits.rekey_operations = 400;
	join(p, client, server);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(say(&p->client, PH_HIGH, i, payload, i % 300), 0);
		if (!channel_is_open(&p->server.ch) || i % 7 == 0)
			pair_settle(p);
		assert_int_equal(say(&p->server, PH_BULK, i, payload, i % 200), 0);
	}
	pair_settle(p);
	assert_int_equal(p->client.messages, 1000);
	assert_int_equal(p->server.messages, 1000);
	assert_int_equal(p->server.opens, session_finish_due(server));
	assert_true(p->server.host.counters.rekeys >= 2);
	assert_memory_equal(channel_capabilities(&p->server.ch), server->capabilities, 8);
	channel_close(&p->client.ch, 0);
	pair_settle(p);
	assert_true(channel_is_done(&p->client.ch));
	assert_true(channel_is_done(&p->server.ch));
	assert_int_equal(channel_condition(&p->server.ch), 0);
	pair_free(p);
}

static void each_suite(void **state)
{
	static const uint16_t offers[] = {0, PH_OFFER_STRICT, PH_OFFER_CLASSES,
					  PH_OFFER_STRICT | PH_OFFER_CLASSES};
	static struct rig rig;

	(void)state;
	rig_open(&rig);
	for (size_t i = 0; i < ARRAY_LEN(SUITES); i++) {
		for (size_t k = 0; k < ARRAY_LEN(offers); k++) {
			struct session_keys client, server;

			rig.client.offer = offers[k];
			if (SUITES[i] == PH_RESUME)
				rig_ticket(&rig, PH_XK1);
			rig_begin(&rig, SUITES[i]);
			rig_finish(&rig, &client, &server);
			assert_int_equal(server.strict, !!(offers[k] & PH_OFFER_STRICT));
			converse(&client, &server);
		}
	}
	rig_close(&rig);
}

/* Two handshakes with the same peers have nothing in common: a record of one is none of the other.
 */
static void sessions_differ(void **state)
{
	static struct rig rig;
	struct session_keys client[2], server[2];
	struct pair *p = pair_new(PH_XK1, false);

	(void)state;
	rig_open(&rig);
	for (int i = 0; i < 2; i++) {
		rig_begin(&rig, PH_XK1);
		rig_finish(&rig, &client[i], &server[i]);
	}
	join(p, &client[0], &server[1]);
	assert_int_equal(say(&p->client, PH_NORMAL, 1, "x", 1), 0);
	assert_int_equal(side_write(p, &p->client, &p->server, 4096), 0);
	assert_int_equal(side_read(p, &p->server), CHANNEL_BAD_SEAL);
	pair_free(p);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_suite),
		cmocka_unit_test(sessions_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

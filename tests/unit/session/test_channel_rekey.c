/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Fresh keys while messages go both ways, what may go wrong with them, and the hard stop. */
#include "pair.h"

#include <user/session/channel_parts.h>

static const uint8_t payload[64] = "payload";

static struct pair *pair_of(bool strict)
{
	struct pair *p = pair_new(PH_NK1, strict);

	p->server.host.limits.rekey_floor_ms = 0;
	pair_settle(p);
	return p;
}

static void same_seeds(const struct pair *p)
{
	const struct channel *c = &p->client.ch, *s = &p->server.ch;

	assert_int_equal(c->out.n, s->in.n);
	assert_int_equal(c->in.n, s->out.n);
	assert_memory_equal(&c->out.key, &s->in.key, sizeof(c->out.key));
	assert_memory_equal(&c->in.key, &s->out.key, sizeof(c->in.key));
	assert_int_equal(c->out.epoch, s->in.epoch);
	assert_int_equal(c->in.epoch, s->out.epoch);
}

static void no_secret_left(const struct side *side)
{
	static const struct channel_rekey none;

	assert_memory_equal(&side->ch.rekey, &none, sizeof(none));
}

/* The client's record that carries its key is on its way. */
static void ask(struct pair *p)
{
	p->client.ch.rekey.state = REKEY_DUE;
	assert_int_equal(side_write(p, &p->client, &p->server, 4096), 0);
	assert_int_equal(p->client.ch.rekey.state, REKEY_ASKED);
}

static void one(void **state)
{
	struct pair *p = pair_of(false);
	struct record_key old = p->client.ch.out.key;

	(void)state;
	ask(p);
	assert_int_equal(side_read(p, &p->server), 0);
	assert_int_equal(p->server.ch.rekey.state, REKEY_ANSWER);
	/* The old seed is in use until the answer is there. */
	assert_int_equal(say(&p->client, PH_NORMAL, 1, payload, 64), 0);
	assert_int_equal(side_write(p, &p->client, &p->server, 4096), 0);
	assert_false(p->client.ch.out.epoch);
	assert_int_equal(say(&p->server, PH_NORMAL, 1, payload, 64), 0);
	assert_int_equal(side_write(p, &p->server, &p->client, 4096), 0);
	assert_true(p->server.ch.out.epoch);
	assert_false(p->server.ch.in.epoch);
	/* That one was under the old epoch, and is taken. */
	assert_int_equal(side_read(p, &p->server), 0);
	assert_int_equal(p->server.messages, 1);
	assert_int_equal(side_read(p, &p->client), 0);
	assert_int_equal(p->client.messages, 1);
	assert_true(p->client.ch.out.epoch);
	assert_true(p->client.ch.in.epoch);
	/* The client says something at once: the server is not left with the old seed. */
	assert_true(channel_has_output(&p->client.ch));
	pair_settle(p);
	assert_true(p->server.ch.in.epoch);
	assert_int_equal(p->server.ch.rekey.state, REKEY_NONE);
	assert_memory_not_equal(&p->client.ch.out.key.seed, &old.seed, sizeof(old.seed));
	same_seeds(p);
	no_secret_left(&p->client);
	no_secret_left(&p->server);
	pair_free(p);
}

/* Often, with both directions full, in both modes; each message once and in order. */
static void under_load(void **state)
{
	(void)state;
	for (int strict = 0; strict < 2; strict++) {
		struct pair *p = pair_of(strict);
		uint64_t sum = 0;
		unsigned n = 0;

		p->client.host.limits.rekey_operations = 1000;
		while (n < 40000) {
			for (unsigned i = 0; i < 37; i++, n++) {
				assert_int_equal(say(&p->client, PH_NORMAL, n, payload, n % 64), 0);
				assert_int_equal(say(&p->server, PH_NORMAL, n, payload, n % 64), 0);
				sum += (uint64_t)n * (n + 1);
			}
			assert_int_equal(side_write(p, &p->client, &p->server, 3000), 0);
			assert_int_equal(side_write(p, &p->server, &p->client, 5000), 0);
			assert_int_equal(side_read(p, &p->server), 0);
			assert_int_equal(side_read(p, &p->client), 0);
			if (channel_queued(&p->client.ch) > 100000)
				pair_settle(p);
		}
		pair_settle(p);
		assert_int_equal(p->client.messages, n);
		assert_int_equal(p->server.messages, n);
		assert_true(p->client.requests == sum);
		assert_true(p->server.requests == sum);
		assert_true(p->client.host.counters.rekeys >= 30);
		assert_int_equal(p->client.host.counters.rekeys, p->server.host.counters.rekeys);
		same_seeds(p);
		no_secret_left(&p->server);
		pair_free(p);
	}
}

static void by_bytes_and_time(void **state)
{
	struct pair *p = pair_of(false);
	uint64_t next;

	(void)state;
	p->client.host.limits.rekey_bytes = 10000;
	for (int i = 0; i < 200; i++)
		assert_int_equal(say(&p->server, PH_NORMAL, 1, payload, 64), 0);
	pair_settle(p);
	assert_int_equal(p->client.host.counters.rekeys, 1);
	p->now += PH_REKEY_SECONDS * 1000 - 1;
	p->client.ch.heard_ms = p->now;
	assert_int_equal(channel_tick(&p->client.ch, p->now, &next), 0);
	assert_int_equal(next, p->now + 1);
	pair_settle(p);
	assert_int_equal(p->client.host.counters.rekeys, 1);
	p->now++;
	assert_int_equal(channel_tick(&p->client.ch, p->now, &next), 0);
	pair_settle(p);
	assert_int_equal(p->client.host.counters.rekeys, 2);
	same_seeds(p);
	pair_free(p);
}

/* ---- what is no honest rekey ---- */

static void too_soon(void **state)
{
	struct pair *p = pair_new(PH_NK1, false);

	(void)state;
	pair_settle(p);
	p->now += 9999;
	ask(p);
	assert_int_equal(side_read(p, &p->server), CHANNEL_EARLY_REKEY);
	pair_free(p);
	p = pair_new(PH_NK1, false);
	p->now += 10000;
	ask(p);
	assert_int_equal(side_read(p, &p->server), 0);
	/* A second one while the first is not confirmed. */
	p->now += 10000;
	p->client.ch.rekey.state = REKEY_DUE;
	assert_int_equal(side_write(p, &p->client, &p->server, 4096), 0);
	assert_int_equal(side_read(p, &p->server), CHANNEL_EARLY_REKEY);
	pair_free(p);
}

/* An answer without a question, and a key of low order. */
static void wrong_answers(void **state)
{
	struct pair *p = pair_of(false);

	(void)state;
	p->server.ch.rekey.state = REKEY_ANSWER;
	assert_int_equal(side_write(p, &p->server, &p->client, 4096), 0);
	assert_int_equal(side_read(p, &p->client), CHANNEL_BAD_TYPE);
	pair_free(p);

	p = pair_of(false);
	ask(p);
	p->server.len = 0;
	p->server.ch.rekey.state = REKEY_ANSWER; /* its public key is all zeros */
	assert_int_equal(side_write(p, &p->server, &p->client, 4096), 0);
	assert_int_equal(side_read(p, &p->client), CHANNEL_BAD_REKEY);
	no_secret_left(&p->client);
	pair_free(p);
}

/* The bit without a rekey; the old epoch behind the answer; back again after the switch. */
static void epoch_tricks(void **state)
{
	struct pair *p = pair_of(false);

	(void)state;
	p->client.ch.out.epoch = true;
	assert_int_equal(say(&p->client, PH_NORMAL, 1, payload, 64), 0);
	assert_int_equal(side_write(p, &p->client, &p->server, 4096), 0);
	assert_int_equal(side_read(p, &p->server), CHANNEL_BAD_EPOCH);
	pair_free(p);

	/* Before the answer was sent the client cannot know the new seed. */
	p = pair_of(false);
	ask(p);
	assert_int_equal(side_read(p, &p->server), 0);
	p->client.ch.out.epoch = true;
	assert_int_equal(say(&p->client, PH_NORMAL, 1, payload, 64), 0);
	assert_int_equal(side_write(p, &p->client, &p->server, 4096), 0);
	assert_int_equal(side_read(p, &p->server), CHANNEL_BAD_EPOCH);
	pair_free(p);

	/* The right bit under the old seed. */
	p = pair_of(false);
	ask(p);
	assert_int_equal(side_read(p, &p->server), 0);
	assert_int_equal(side_write(p, &p->server, &p->client, 4096), 0);
	p->client.ch.out.epoch = true;
	assert_int_equal(say(&p->client, PH_NORMAL, 1, payload, 64), 0);
	assert_int_equal(side_write(p, &p->client, &p->server, 4096), 0);
	assert_int_equal(side_read(p, &p->server), CHANNEL_BAD_SEAL);
	pair_free(p);

	/* A server that goes on under the old seed. */
	p = pair_of(false);
	ask(p);
	assert_int_equal(side_read(p, &p->server), 0);
	{
		struct schedule old = p->server.ch.out;

		/* Room for the answer only. */
		assert_int_equal(side_write(p, &p->server, &p->client, 112), 0);
		assert_int_equal(p->client.len, 112);
		schedule_advance(&old, 1, 48);
		p->server.ch.out = old;
	}
	assert_int_equal(say(&p->server, PH_NORMAL, 1, payload, 64), 0);
	assert_int_equal(side_write(p, &p->server, &p->client, 4096), 0);
	assert_int_equal(side_read(p, &p->client), CHANNEL_BAD_EPOCH);
	pair_free(p);

	/* Back to the old bit once the new epoch was confirmed. */
	p = pair_of(false);
	ask(p);
	pair_settle(p);
	p->client.ch.out.epoch = false;
	assert_int_equal(say(&p->client, PH_NORMAL, 1, payload, 64), 0);
	assert_int_equal(side_write(p, &p->client, &p->server, 4096), 0);
	assert_int_equal(side_read(p, &p->server), CHANNEL_BAD_EPOCH);
	pair_free(p);
}

static void never_answered(void **state)
{
	struct pair *p = pair_of(false);
	uint64_t next;

	(void)state;
	ask(p);
	assert_int_equal(channel_tick(&p->client.ch, p->now + 59999, &next), 0);
	assert_int_equal(next, p->now + 60000);
	assert_int_equal(channel_tick(&p->client.ch, p->now + 60000, &next), CHANNEL_LATE_REKEY);
	no_secret_left(&p->client);
	/* Nor confirmed. */
	assert_int_equal(side_read(p, &p->server), 0);
	assert_int_equal(side_write(p, &p->server, &p->client, 4096), 0);
	assert_int_equal(channel_tick(&p->server.ch, p->now + 60000, &next), CHANNEL_LATE_REKEY);
	no_secret_left(&p->server);
	pair_free(p);
}

/* What cannot be late is not waited for: a peer that asks and then does not read, so that it is not
 * read from, once had a tick of us every millisecond. */
static void no_ticks_in_vain(void **state)
{
	struct pair *p = pair_of(false);
	uint64_t next;

	(void)state;
	ask(p);
	assert_int_equal(side_read(p, &p->server), 0);
	assert_int_equal(p->server.ch.rekey.state, REKEY_ANSWER);
	channel_pause(&p->server.ch);
	p->now += 100000;
	assert_int_equal(channel_tick(&p->server.ch, p->now, &next), 0);
	assert_in_range(next, p->now + 1000, p->now + 30000);
	channel_resume(&p->server.ch, p->now); /* from here it can be */
	assert_int_equal(channel_tick(&p->server.ch, p->now + 59999, &next), 0);
	assert_int_equal(next, p->now + 60000);
	p->now += 59999;
	channel_close(&p->server.ch, 0);
	p->now += 10000;
	assert_int_equal(channel_tick(&p->server.ch, p->now, &next), 0);
	assert_in_range(next, p->now + 1000, p->now + 40000);
	/* A client that closes does not begin one. */
	channel_close(&p->client.ch, 0);
	p->client.ch.rekey.state = REKEY_NONE;
	p->now += 1000000;
	p->client.ch.heard_ms = p->now;
	assert_int_equal(channel_tick(&p->client.ch, p->now, &next), 0);
	assert_in_range(next, p->now + 1000, p->now + 40000);
	pair_free(p);
}

/* Operations without a rekey: the sender stops, and the receiver would not take more. */
static void hard_stop(void **state)
{
	struct pair *p = pair_of(false);

	(void)state;
	p->client.host.limits.operations_max = 500;
	for (int i = 1; i < 500; i++)
		assert_int_equal(say(&p->client, PH_NORMAL, 1, payload, 64), 0);
	pair_settle(p);
	assert_int_equal(p->server.messages, 499);
	assert_int_equal(say(&p->client, PH_NORMAL, 1, payload, 64), 0);
	assert_int_equal(side_write(p, &p->client, &p->server, 4096), CHANNEL_EXHAUSTED);
	pair_free(p);

	p = pair_of(false);
	p->server.host.limits.operations_max = 500;
	for (int i = 1; i < 501; i++)
		assert_int_equal(say(&p->client, PH_NORMAL, 1, payload, 64), 0);
	assert_int_equal(side_write(p, &p->client, &p->server, 1 << 20), 0);
	assert_int_equal(side_read(p, &p->server), CHANNEL_EXHAUSTED);
	assert_int_equal(p->server.messages, 499);
	pair_free(p);

	/* A rekey begins the count anew. */
	p = pair_of(false);
	p->client.host.limits.operations_max = p->server.host.limits.operations_max = 500;
	p->client.host.limits.rekey_operations = 300;
	for (int i = 1; i < 2000; i++) {
		assert_int_equal(say(&p->client, PH_NORMAL, 1, payload, 64), 0);
		pair_settle(p);
	}
	assert_int_equal(p->server.messages, 1999);
	pair_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one),
		cmocka_unit_test(under_load),
		cmocka_unit_test(by_bytes_and_time),
		cmocka_unit_test(too_soon),
		cmocka_unit_test(wrong_answers),
		cmocka_unit_test(epoch_tricks),
		cmocka_unit_test(never_answered),
		cmocka_unit_test(no_ticks_in_vain),
		cmocka_unit_test(hard_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A channel among friends: opening, messages, classes, back-pressure, pause, heartbeat, Close. */
#include "pair.h"

#include <errno.h>

static void finish_opens(void **state)
{
	struct pair *p = pair_new(PH_NK1, false);
	struct record_head head;

	(void)state;
	assert_true(channel_is_open(&p->client.ch));
	assert_false(channel_is_open(&p->server.ch));
	assert_int_equal(say(&p->server, PH_NORMAL, 1, "no", 2), CHANNEL_SHUT);
	assert_false(channel_has_output(&p->server.ch));
	assert_int_equal(say(&p->client, PH_URGENT, 7, "first", 5), 0);
	assert_int_equal(side_write(p, &p->client, &p->server, 4096), 0);
	assert_int_equal(record_parse(p->server.wire, p->server.len, &head), 0);
	assert_int_equal(head.type, PH_CLIENT_FINISH);
	assert_int_equal(head.n, 0);
	assert_int_equal(head.len, 16);
	assert_int_equal(side_read(p, &p->server), 0);
	assert_int_equal(p->server.opens, 1);
	assert_true(channel_is_open(&p->server.ch));
	assert_int_equal(p->server.messages, 1);
	assert_int_equal(p->server.last.request, 7);
	assert_int_equal(p->server.last.priority, PH_URGENT);
	assert_memory_equal(p->server.payload, "first", 5);
	assert_int_equal(say(&p->server, PH_NORMAL, 8, "back", 4), 0);
	pair_settle(p);
	assert_int_equal(p->client.messages, 1);
	assert_memory_equal(p->client.payload, "back", 4);
	pair_free(p);
}

/* In XK1 the finish was a frame: data begin with operation 0. */
static void identified_needs_no_finish(void **state)
{
	struct pair *p = pair_new(PH_XK1, false);
	struct record_head head;

	(void)state;
	assert_true(channel_is_open(&p->server.ch));
	assert_false(channel_has_output(&p->client.ch));
	assert_int_equal(say(&p->client, PH_NORMAL, 1, "x", 1), 0);
	assert_int_equal(side_write(p, &p->client, &p->server, 4096), 0);
	assert_int_equal(record_parse(p->server.wire, p->server.len, &head), 0);
	assert_int_equal(head.type, PH_DATA);
	assert_int_equal(head.n, 0);
	assert_int_equal(side_read(p, &p->server), 0);
	assert_int_equal(p->server.messages, 1);
	assert_int_equal(p->server.opens, 0);
	pair_free(p);
}

/* Between what is queued and what is not the other side sees no difference; at the edge of a block
 * of the schedule and at each length, with classes and without. */
static void placed(void **state)
{
	static const size_t all[] = {0,	   1,	  7,	 8,	23,    24,
				     4000, 16375, 16376, 32759, 32760, PH_MESSAGE_MAX};
	struct pair *p = pair_new(PH_XK1, false);
	struct side *from = &p->client, *to = &p->server;
	uint8_t *at;
	size_t len;

	(void)state;
	for (unsigned i = 0; i < 600; i++) {
		struct ph_message message = {
			.service = 1, .opcode = 2, .priority = PH_BULK, .request = i + 1};

		message.len = all[i % ARRAY_LEN(all)];
		if (i % 7 == 3)
			assert_int_equal(say(from, PH_NORMAL, 4711, "queued", 6), 0);
		assert_int_equal(channel_is_clear(&from->ch), i % 7 != 3);
		assert_int_equal(side_write(p, from, to, WIRE_MAX / 2), 0);
		at = to->wire + to->len;
		message.payload = at + CHANNEL_PLACE;
		memset(at + CHANNEL_PLACE, (int)i, message.len);
		assert_int_equal(channel_write_placed(&from->ch, &message, at, p->now, &len), 0);
		to->len += len;
		assert_int_equal(side_read(p, to), 0);
		assert_int_equal(to->len, 0);
		assert_int_equal(to->last.request, i + 1);
		assert_int_equal(to->last.priority, PH_BULK);
		assert_int_equal(to->last.len, message.len);
		for (size_t b = 0; b < message.len; b++)
			assert_int_equal(to->payload[b], (uint8_t)i);
	}
	pair_free(p);
}

/* It never goes before what waits, nor on a channel that is not open. */
static void placed_wrongly(void **state)
{
	struct pair *p = pair_new(PH_NK1, false);
	struct ph_message message = {.service = 1, .opcode = 2, .len = 5};
	uint8_t *at = p->server.wire;
	size_t len = 77;

	(void)state;
	message.payload = at + CHANNEL_PLACE;
	assert_false(channel_is_clear(&p->server.ch)); /* the finish has not come */
	assert_false(channel_is_clear(&p->client.ch)); /* it is to be sent */
	pair_settle(p);
	assert_true(channel_is_clear(&p->server.ch));
	message.len = PH_MESSAGE_MAX + 1;
	assert_int_equal(channel_write_placed(&p->client.ch, &message, at, p->now, &len),
			 CHANNEL_TOO_BIG);
	message.len = 5;
	assert_int_equal(say(&p->client, PH_BULK, 1, "queued", 6), 0);
	assert_false(channel_is_clear(&p->client.ch));
	assert_int_equal(channel_write_placed(&p->client.ch, &message, at, p->now, &len), -EINVAL);
	assert_int_equal(len, 77);
	channel_end(&p->client.ch);
	assert_false(channel_is_clear(&p->client.ch));
	assert_int_equal(channel_write_placed(&p->client.ch, &message, at, p->now, &len),
			 CHANNEL_DROPPED);
	pair_free(p);
}

/* A place is used up by its payload: with classes no more than a class holds. */
static void place_lengths(void **state)
{
	static const size_t rooms[] = {0,   79,	 127,	128,   129,   143,
				       144, 500, 36864, 65583, 65584, 99999};
	struct pair *plain = pair_new(PH_XK1, false), *sized = pair_new(PH_XK1, false);

	(void)state;
	sized->client.ch.sized = true;
	for (size_t i = 0; i < ARRAY_LEN(rooms); i++)
		for (int classes = 0; classes < 2; classes++) {
			struct pair *p = classes ? sized : plain;
			size_t max = channel_place_max(&p->client.ch, rooms[i]);
			size_t padded = record_padded_len(PH_MESSAGE_HEAD + max, classes);
			size_t more = record_padded_len(PH_MESSAGE_HEAD + max + 1, classes);

			if (!max) {
				assert_true(rooms[i] < 128);
				continue;
			}
			assert_true(padded + PH_RECORD_HEAD + PH_RECORD_TAIL <= rooms[i]);
			assert_true(!more || more > padded);
		}
	assert_int_equal(channel_place_max(&sized->client.ch, 36864), 32768 - 9);
	assert_int_equal(channel_place_max(&plain->client.ch, 36864), 36864 - 64 - 9);
	assert_int_equal(channel_place_max(&sized->client.ch, PH_RECORD_MAX), PH_MESSAGE_MAX);
	assert_int_equal(channel_place_max(&plain->client.ch, PH_RECORD_MAX), PH_MESSAGE_MAX);
	pair_free(plain);
	pair_free(sized);
}

/* Each length, also those at the edges of chunks and records. */
static void lengths(void **state)
{
	static const size_t all[] = {0,	   1,	 6,    7,    8,	   23,	 24,	4047,
				     4055, 4056, 4063, 4064, 4065, 8161, 16384, PH_MESSAGE_MAX};
	uint8_t *payload = malloc(PH_MESSAGE_MAX + 1);

	assert_non_null(payload);
	for (size_t i = 0; i < PH_MESSAGE_MAX; i++)
		payload[i] = (uint8_t)(i * 31 >> 3);
	for (int strict = 0; strict < 2; strict++) {
		struct pair *p = pair_new(PH_NK1, strict);
		unsigned n = 0;

		p->client.ch.sized = p->server.ch.sized = strict;
		for (size_t i = 0; i < ARRAY_LEN(all); i++) {
			assert_int_equal(say(&p->client, PH_NORMAL, 1, payload, all[i]), 0);
			pair_settle(p);
			assert_int_equal(p->server.messages, ++n);
			assert_int_equal(p->server.last.len, all[i]);
			assert_memory_equal(p->server.payload, payload, all[i]);
		}
		assert_int_equal(say(&p->client, 2, 1, payload, PH_MESSAGE_MAX + 1),
				 CHANNEL_TOO_BIG);
		pair_free(p);
	}
	free(payload);
	(void)state;
}

/* n is given when a record is sealed, so that what is urgent goes before what came earlier. */
static void priorities(void **state)
{
	struct pair *p = pair_new(PH_XK1, false);
	struct ph_message control = {.service = PH_S_CONTROL, .opcode = PH_OP_EVENT};
	static const uint8_t order[] = {PH_URGENT, PH_URGENT, PH_HIGH, PH_NORMAL, PH_BULK};
	struct record_head head;
	size_t at = 0;

	(void)state;
	for (uint8_t i = PH_PRIORITIES; i-- > 0;)
		assert_int_equal(say(&p->client, i, i, "abc", 3), 0);
	assert_int_equal(channel_send(&p->client.ch, &control), 0);
	assert_int_equal(side_write(p, &p->client, &p->server, 65536), 0);
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		assert_int_equal(record_parse(p->server.wire + at, p->server.len - at, &head), 0);
		assert_int_equal(head.type, i ? PH_DATA : PH_CONTROL);
		assert_int_equal(head.flags, order[i]);
		assert_int_equal(head.n, i);
		at += record_wire_len(&head);
	}
	assert_int_equal(at, p->server.len);
	assert_int_equal(side_read(p, &p->server), 0);
	assert_int_equal(p->server.messages, 5);
	pair_free(p);
}

/* What came, by class. */
struct tally {
	uint64_t bytes[PH_PRIORITIES];
	uint32_t next[PH_PRIORITIES];
	uint32_t wrong;
};

static void tally_add(struct side *side, const struct ph_message *m)
{
	struct tally *t = side->data;

	t->bytes[m->priority] += m->len;
	t->wrong += m->request != t->next[m->priority]++;
}

/* With all classes always full each gets its share, and each is in order. */
static void nobody_starves(void **state)
{
	struct pair *p = pair_new(PH_XK1, false);
	static const size_t sizes[PH_PRIORITIES] = {40, 1000, 100, 30000};
	static uint8_t payload[30000];
	struct tally tally = {0};
	uint32_t sent[PH_PRIORITIES] = {0};
	uint64_t all = 0;

	(void)state;
	p->server.also = tally_add;
	p->server.data = &tally;
	p->client.host.limits.queue_bytes = 1 << 20;
	for (int round = 0; round < 4000; round++) {
		for (int i = 0; i < PH_PRIORITIES; i++) {
			while (queue_empty(&p->client.ch.classes[i].queue) ||
			       p->client.ch.classes[i].queue.count * sizes[i] < 4000)
				assert_int_equal(
					say(&p->client, (uint8_t)i, sent[i]++, payload, sizes[i]),
					0);
		}
		assert_int_equal(side_write(p, &p->client, &p->server, 31000), 0);
		assert_int_equal(side_read(p, &p->server), 0);
	}
	for (int i = 0; i < PH_PRIORITIES; i++)
		all += tally.bytes[i];
	for (int i = 0; i < PH_PRIORITIES; i++) {
		/* heads and padding aside, which the small messages of a class pay */
		assert_true(tally.bytes[i] >= all / 14);
		assert_true(tally.bytes[i] <= all);
	}
	assert_int_equal(tally.wrong, 0);
	pair_free(p);
}

static void back_pressure(void **state)
{
	struct pair *p = pair_new(PH_XK1, false);
	struct ph_message control = {.service = PH_S_CONTROL, .opcode = PH_OP_EVENT};
	static uint8_t payload[1000];
	unsigned sent = 0;

	(void)state;
	p->client.host.limits.queue_bytes = 100000;
	while (!say(&p->client, PH_BULK, sent, payload, sizeof(payload)))
		sent++;
	assert_int_equal(sent, 100000 / 1008);
	assert_int_equal(say(&p->client, PH_URGENT, 0, payload, sizeof(payload)), CHANNEL_FULL);
	assert_int_equal(channel_queued(&p->client.ch), sent * 1008);
	assert_int_equal(p->client.host.counters.full, 2);
	/* Control has room of its own, and goes first. */
	assert_int_equal(channel_send(&p->client.ch, &control), 0);
	assert_int_equal(side_write(p, &p->client, &p->server, 100), 0);
	assert_int_equal(side_read(p, &p->server), 0);
	assert_int_equal(p->server.last.service, PH_S_CONTROL);
	assert_int_equal(p->client.rooms, 0);
	/* Room is told once, at the half. */
	while (channel_queued(&p->client.ch) > 50000) {
		assert_int_equal(p->client.rooms, 0);
		assert_int_equal(side_write(p, &p->client, &p->server, 1100), 0);
	}
	assert_int_equal(p->client.rooms, 1);
	pair_settle(p);
	assert_int_equal(p->client.rooms, 1);
	assert_int_equal(p->server.messages, sent + 1);
	assert_int_equal(p->client.host.pool.taken, 0);
	/* However small the bound, one message may wait. */
	p->client.host.limits.queue_bytes = 10;
	assert_int_equal(say(&p->client, PH_BULK, 0, payload, sizeof(payload)), 0);
	assert_int_equal(say(&p->client, PH_BULK, 0, payload, 0), CHANNEL_FULL);
	pair_free(p);
}

/* The pool of the thread is a bound, too. */
static void pool_is_bounded(void **state)
{
	struct pair *p = pair_new(PH_XK1, false);
	static uint8_t payload[9000];

	(void)state;
	p->client.host.pool.taken_max = 2;
	assert_int_equal(say(&p->client, PH_BULK, 0, payload, sizeof(payload)), -ENOMEM);
	assert_int_equal(p->client.host.pool.taken, 0);
	assert_int_equal(channel_queued(&p->client.ch), 0);
	assert_int_equal(say(&p->client, PH_BULK, 5, payload, 5000), 0);
	assert_int_equal(say(&p->client, PH_URGENT, 0, payload, 1), -ENOMEM);
	assert_int_equal(say(&p->client, PH_BULK, 6, payload, 4000), -ENOMEM);
	assert_int_equal(say(&p->client, PH_BULK, 6, payload, 2000), 0);
	pair_settle(p);
	assert_int_equal(p->server.messages, 2);
	assert_int_equal(p->server.last.len, 2000);
	pair_free(p);
}

static void release(void *owner)
{
	++*(unsigned *)owner;
}

static void held_payloads(void **state)
{
	struct pair *p = pair_new(PH_XK1, false);
	static const char text[] = "held by many";
	struct ph_message m = message_of(PH_NORMAL, 3, text, sizeof(text));
	unsigned released = 0;

	(void)state;
	for (int i = 0; i < 500; i++)
		assert_int_equal(channel_send_held(&p->client.ch, &m, release, &released), 0);
	assert_int_equal(released, 0);
	assert_int_equal(channel_queued(&p->client.ch), 500 * (sizeof(text) + 8));
	pair_settle(p);
	assert_int_equal(released, 500);
	assert_int_equal(p->server.messages, 500);
	assert_memory_equal(p->server.payload, text, sizeof(text));
	/* Those of a channel that ends are released, too; those that were refused are not. */
	assert_int_equal(channel_send_held(&p->client.ch, &m, release, &released), 0);
	channel_end(&p->client.ch);
	assert_int_equal(released, 501);
	assert_int_equal(channel_send_held(&p->client.ch, &m, release, &released), CHANNEL_DROPPED);
	assert_int_equal(released, 501);
	pair_free(p);
}

static void end_it(void *owner)
{
	channel_end(owner);
}

static void send_again(void *owner)
{
	struct channel *ch = owner;
	const struct ph_message m = message_of(PH_NORMAL, 1, "x", 1);

	(void)!channel_send_held(ch, &m, send_again, ch);
}

/* Who is told that his payload is gone may end the channel, or send: nothing is sealed under keys
 * that were wiped, and a channel that goes comes to its end. */
static void releases_that_act(void **state)
{
	struct pair *p = pair_new(PH_XK1, false);
	const struct ph_message m = message_of(PH_NORMAL, 1, "x", 1);
	uint64_t sealed;

	(void)state;
	assert_int_equal(say(&p->client, PH_URGENT, 1, "x", 1), 0);
	assert_int_equal(channel_send_held(&p->client.ch, &m, end_it, &p->client.ch), 0);
	assert_int_equal(say(&p->client, PH_BULK, 1, "x", 1), 0);
	sealed = p->client.host.counters.records_out;
	assert_int_equal(side_write(p, &p->client, &p->server, 4096), CHANNEL_DROPPED);
	assert_int_equal(p->client.host.counters.records_out, sealed);
	assert_int_equal(channel_queued(&p->client.ch), 0);
	assert_int_equal(p->server.len, 0);
	assert_int_equal(channel_send_held(&p->server.ch, &m, send_again, &p->server.ch), 0);
	pair_free(p);
}

static void pause_now(struct side *side, const struct ph_message *m)
{
	(void)m;
	channel_pause(&side->ch);
}

/* Paused within a batch: not one message more, and none is lost. */
static void pausing(void **state)
{
	struct pair *p = pair_new(PH_NK1, false);

	(void)state;
	p->server.also = pause_now;
	for (unsigned i = 1; i <= 300; i++)
		assert_int_equal(say(&p->client, PH_NORMAL, i, &i, sizeof(i)), 0);
	assert_int_equal(side_write(p, &p->client, &p->server, 1 << 20), 0);
	for (unsigned i = 1; i <= 300; i++) {
		assert_int_equal(side_read(p, &p->server), 0);
		assert_int_equal(side_read(p, &p->server), 0);
		assert_int_equal(p->server.messages, i);
		assert_int_equal(p->server.last.request, i);
		channel_resume(&p->server.ch, p->now);
	}
	assert_int_equal(p->server.len, 0);
	pair_free(p);
}

/* Whatever pieces the bytes come in. */
static void pieces(void **state)
{
	struct pair *p = pair_new(PH_NK1, false);
	uint8_t *wire = malloc(WIRE_MAX);
	size_t len, at = 0;

	(void)state;
	assert_non_null(wire);
	for (unsigned i = 1; i <= 40; i++)
		assert_int_equal(say(&p->client, PH_NORMAL, i, wire, i * 10), 0);
	assert_int_equal(side_write(p, &p->client, &p->server, 1 << 20), 0);
	len = p->server.len;
	memcpy(wire, p->server.wire, len);
	p->server.len = 0;
	for (unsigned step = 1; at < len; step = step * 7 % 97) {
		size_t n = MIN(step, len - at);

		memcpy(p->server.wire + p->server.len, wire + at, n);
		p->server.len += n;
		at += n;
		assert_int_equal(side_read(p, &p->server), 0);
		if (p->server.len >= PH_RECORD_HEAD)
			assert_true(channel_wanted(&p->server.ch) > p->server.len);
	}
	assert_int_equal(p->server.len, 0);
	assert_int_equal(p->server.messages, 40);
	free(wire);
	pair_free(p);
}

static void close_flushes(void **state)
{
	struct pair *p = pair_new(PH_NK1, false);
	static uint8_t payload[5000];

	(void)state;
	pair_settle(p);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(say(&p->client, PH_BULK, i, payload, sizeof(payload)), 0);
		assert_int_equal(say(&p->server, PH_BULK, i, payload, sizeof(payload)), 0);
	}
	channel_close(&p->server.ch, PH_C_CLOSING);
	assert_int_equal(say(&p->server, PH_BULK, 0, payload, 1), CHANNEL_SHUT);
	while (!p->server.ch.close_sent)
		assert_int_equal(side_write(p, &p->server, &p->client, 6000), 0);
	assert_int_equal(side_read(p, &p->client), 0);
	assert_int_equal(p->client.messages, 20);
	assert_int_equal(p->client.closes, 1);
	assert_int_equal(p->client.code, PH_C_CLOSING);
	assert_false(channel_is_done(&p->client.ch));
	assert_int_equal(channel_input_ended(&p->client.ch), 0);
	assert_int_equal(say(&p->client, PH_BULK, 0, payload, 1), CHANNEL_SHUT);
	/* What the client had queued still goes; the server has closed and does not deliver it. */
	pair_settle(p);
	assert_int_equal(p->server.messages, 0);
	assert_int_equal(p->server.closes, 1);
	assert_true(channel_is_done(&p->client.ch));
	assert_true(channel_is_done(&p->server.ch));
	assert_int_equal(channel_condition(&p->client.ch), 0);
	pair_free(p);
}

static void cut(void **state)
{
	struct pair *p = pair_new(PH_NK1, false);

	(void)state;
	assert_int_equal(channel_input_ended(&p->server.ch), CHANNEL_CUT);
	assert_true(channel_is_done(&p->server.ch));
	/* Nobody is there yet to say Close to. */
	channel_close(&p->client.ch, 0);
	pair_free(p);
	p = pair_new(PH_NK1, false);
	channel_close(&p->server.ch, 0);
	assert_int_equal(channel_condition(&p->server.ch), CHANNEL_DROPPED);
	pair_free(p);
}

static void end_now(struct side *side, const struct ph_message *m)
{
	(void)m;
	channel_end(&side->ch);
}

/* Ended in its own callback: nothing more is delivered, and no key is left. */
static void ended_inside(void **state)
{
	struct pair *p = pair_new(PH_NK1, false);
	static const struct record_key none;

	(void)state;
	p->server.also = end_now;
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(say(&p->client, PH_NORMAL, i, "x", 1), 0);
	assert_int_equal(side_write(p, &p->client, &p->server, 65536), 0);
	assert_int_equal(side_read(p, &p->server), CHANNEL_DROPPED);
	assert_int_equal(p->server.messages, 1);
	assert_memory_equal(&p->server.ch.in.key, &none, sizeof(none));
	assert_memory_equal(&p->server.ch.out.key, &none, sizeof(none));
	pair_free(p);
}

static void conditions_have_texts(void **state)
{
	(void)state;
	for (int i = 1; i < CHANNEL_CONDITION_COUNT; i++) {
		assert_non_null(channel_condition_word(i));
		assert_non_null(channel_condition_text(i));
	}
	assert_null(channel_condition_word(0));
	assert_null(channel_condition_text(CHANNEL_CONDITION_COUNT));
	assert_null(channel_condition_text(-ENOMEM));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finish_opens),	  cmocka_unit_test(identified_needs_no_finish),
		cmocka_unit_test(lengths),	  cmocka_unit_test(placed),
		cmocka_unit_test(placed_wrongly), cmocka_unit_test(place_lengths),
		cmocka_unit_test(priorities),	  cmocka_unit_test(nobody_starves),
		cmocka_unit_test(back_pressure),  cmocka_unit_test(pool_is_bounded),
		cmocka_unit_test(held_payloads),  cmocka_unit_test(pausing),
		cmocka_unit_test(pieces),	  cmocka_unit_test(releases_that_act),
		cmocka_unit_test(close_flushes),  cmocka_unit_test(cut),
		cmocka_unit_test(ended_inside),	  cmocka_unit_test(conditions_have_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

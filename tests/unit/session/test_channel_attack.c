/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A channel among strangers: whatever is done to the bytes, the first bad record is its end. */
#include "pair.h"

#define RECORDS 4

/* What the client said, and where each record of it begins. */
struct tape {
	uint8_t bytes[8192];
	size_t len, at[RECORDS + 1];
};

static void record_tape(struct pair *p, struct tape *t)
{
	static const uint8_t payload[100] = "some words";

	for (unsigned i = 0; i < RECORDS; i++)
		assert_int_equal(say(&p->client, PH_NORMAL, i, payload, i * 20), 0);
	assert_int_equal(side_write(p, &p->client, &p->server, sizeof(t->bytes)), 0);
	t->len = p->server.len;
	memcpy(t->bytes, p->server.wire, t->len);
	p->server.len = 0;
	t->at[0] = 0;
	for (int i = 0; i < RECORDS; i++) {
		struct record_head head;

		assert_int_equal(record_parse(t->bytes + t->at[i], t->len - t->at[i], &head), 0);
		t->at[i + 1] = t->at[i] + record_wire_len(&head);
	}
	assert_int_equal(t->at[RECORDS], t->len);
}

static int feed(struct pair *p, struct side *side, const uint8_t *bytes, size_t len)
{
	memcpy(side->wire + side->len, bytes, len);
	side->len += len;
	return side_read(p, side);
}

/* The server as it was before anything came. */
static void again(struct pair *p)
{
	struct side *s = &p->server;

	channel_deinit(&s->ch);
	s->len = 0;
	s->messages = s->opens = 0;
	channel_init(&s->ch, &s->host, &p->keys, false, s, p->now);
}

/* Ended with this: counted, keys gone, and it stays so. */
static void ended(struct pair *p, struct side *s, int condition)
{
	static const struct record_key none;
	size_t len = 77;

	assert_int_equal(channel_condition(&s->ch), condition);
	assert_true(s->host.counters.ended[condition] > 0);
	assert_memory_equal(&s->ch.in.key, &none, sizeof(none));
	assert_memory_equal(&s->ch.out.key, &none, sizeof(none));
	assert_false(channel_has_output(&s->ch));
	assert_int_equal(channel_write(&s->ch, s->wire, WIRE_MAX, p->now, &len), condition);
	assert_int_equal(len, 77);
	assert_int_equal(channel_read(&s->ch, s->wire, 0, p->now, &len), condition);
	assert_int_equal(say(s, PH_NORMAL, 0, NULL, 0), condition);
}

/* Condition of a flipped bit, by where it is in a record. */
static bool flip_fits(int r, size_t place)
{
	if (place == 0)
		return r == CHANNEL_BAD_HEAD || r == CHANNEL_BAD_TYPE || r == CHANNEL_BAD_SEAL;
	if (place == 1)
		return r == CHANNEL_BAD_HEAD || r == CHANNEL_BAD_EPOCH || r == CHANNEL_BAD_SEAL;
	if (place < 4) /* a longer record is waited for, unless another head is not where it was */
		return !r || r == CHANNEL_BAD_HEAD || r == CHANNEL_BAD_SEAL;
	if (place < 8)
		return r == CHANNEL_BAD_HEAD;
	return r == (place < PH_RECORD_HEAD ? CHANNEL_BAD_ORDER : CHANNEL_BAD_SEAL);
}

static void each_bit(void **state)
{
	struct pair *p = pair_new(PH_XK1, false);
	struct tape t;

	(void)state;
	record_tape(p, &t);
	for (unsigned n = 0; n < RECORDS; n++) {
		for (size_t bit = t.at[n] * 8; bit < t.at[n + 1] * 8; bit++) {
			int r;

			t.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			r = feed(p, &p->server, t.bytes, t.len);
			t.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (!flip_fits(r, bit / 8 - t.at[n]))
				fail_msg("record %u, bit %zu: %d", n, bit - t.at[n] * 8, r);
			/* Those before it were good. */
			assert_int_equal(p->server.messages, n);
			if (r)
				ended(p, &p->server, r);
			again(p);
		}
	}
	assert_int_equal(feed(p, &p->server, t.bytes, t.len), 0);
	assert_int_equal(p->server.messages, RECORDS);
	pair_free(p);
}

/* Nothing is delivered before the last byte of a record, and the end is no Close. */
static void each_truncation(void **state)
{
	struct pair *p = pair_new(PH_XK1, false);
	struct tape t;

	(void)state;
	record_tape(p, &t);
	for (size_t len = 0; len <= t.len; len++) {
		unsigned whole = 0;

		while (whole < RECORDS && t.at[whole + 1] <= len)
			whole++;
		assert_int_equal(feed(p, &p->server, t.bytes, len), 0);
		assert_int_equal(p->server.messages, whole);
		assert_int_equal(p->server.len, len - t.at[whole]);
		assert_int_equal(channel_input_ended(&p->server.ch), CHANNEL_CUT);
		ended(p, &p->server, CHANNEL_CUT);
		again(p);
	}
	pair_free(p);
}

static void each_order(void **state)
{
	struct pair *p = pair_new(PH_XK1, false);
	struct tape t;

	(void)state;
	record_tape(p, &t);
	for (unsigned first = 0; first < RECORDS; first++) {
		for (unsigned then = 0; then < RECORDS; then++) {
			int r;

			/* Up to `first`, and then another than the next: replay, or loss. */
			assert_int_equal(feed(p, &p->server, t.bytes, t.at[first + 1]), 0);
			r = feed(p, &p->server, t.bytes + t.at[then], t.at[then + 1] - t.at[then]);
			assert_int_equal(r, then == first + 1 ? 0 : CHANNEL_BAD_ORDER);
			assert_int_equal(p->server.messages, first + 1 + (then == first + 1));
			if (r)
				ended(p, &p->server, r);
			again(p);
		}
	}
	pair_free(p);
}

/* One's own records sent back, and those of another session. */
static void reflection(void **state)
{
	struct pair *p = pair_new(PH_XK1, false), *other = pair_new(PH_XK1, false);
	struct tape t, own;

	(void)state;
	record_tape(p, &t);
	assert_int_equal(feed(p, &p->client, t.bytes, t.len), CHANNEL_BAD_SEAL);
	ended(p, &p->client, CHANNEL_BAD_SEAL);
	other->keys.h[31] ^= 1;
	channel_init(&other->client.ch, &other->client.host, &other->keys, true, &other->client, 0);
	record_tape(other, &own);
	assert_int_equal(feed(p, &p->server, own.bytes, own.len), CHANNEL_BAD_SEAL);
	assert_int_equal(p->server.messages, 0);
	pair_free(other);
	pair_free(p);
}

static void oversize(void **state)
{
	struct pair *p = pair_new(PH_XK1, false);
	static uint8_t payload[2000];

	(void)state;
	p->server.host.limits.cipher_max = 1024;
	assert_int_equal(say(&p->client, PH_NORMAL, 1, payload, 1024 - 9), 0);
	pair_settle(p);
	assert_int_equal(p->server.messages, 1);
	assert_int_equal(say(&p->client, PH_NORMAL, 1, payload, 1024 - 8), 0);
	assert_int_equal(side_write(p, &p->client, &p->server, 4096), 0);
	/* Its head is enough. */
	p->server.len = PH_RECORD_HEAD;
	assert_int_equal(side_read(p, &p->server), CHANNEL_BAD_LENGTH);
	ended(p, &p->server, CHANNEL_BAD_LENGTH);
	pair_free(p);
}

/* ---- what a peer that has the keys may do ---- */

/* A record as the client would seal it, with any text: padding included. */
static int sealed(struct pair *p, uint8_t type, uint8_t flags, const void *text, size_t len)
{
	struct schedule *s = &p->client.ch.out;
	uint8_t record[PH_RECORD_HEAD + 256 + PH_RECORD_TAIL];
	struct record_head head = {.type = type, .flags = flags, .len = (uint16_t)len, .n = s->n};
	struct record_op op = {.key = &s->key, .record = record, .len = (uint32_t)len};

	assert_true(len <= 256 && len % 16 == 0);
	memcpy(record_emit(&head, record), text, len);
	assert_int_equal(engine_seal(p->engine, &op, 1), 0);
	schedule_advance(s, 1, len);
	return feed(p, &p->server, record, record_wire_len(&head));
}

static void wrong_bodies(void **state)
{
	static const struct {
		uint8_t type, flags, len;
		uint8_t text[32];
		int condition;
	} all[] = {
		{PH_DATA, 2, 16, {1, 0, 0, 0, 0, 0, 0, 1, 0x80}, 0},
		{PH_DATA, 2, 16, {1, 0, 0, 0, 0, 0, 0, 1}, CHANNEL_BAD_PADDING},
		{PH_DATA, 2, 16, {[0] = 1, [8] = 0x80, [15] = 1}, CHANNEL_BAD_PADDING},
		{PH_DATA, 2, 32, {[0] = 1, [8] = 0x80}, CHANNEL_BAD_PADDING},
		{PH_DATA, 2, 16, {0}, CHANNEL_BAD_PADDING},
		{PH_DATA, 2, 16, {[0] = 1, [7] = 0x80}, CHANNEL_BAD_BODY},
		{PH_DATA, 2, 16, {[0] = 1, [3] = 1, [8] = 0x80}, CHANNEL_BAD_BODY},
		{PH_CONTROL, 0, 16, {[0] = PH_S_CONTROL, [8] = 0x80}, 0},
		{PH_CONTROL, 0, 16, {[0] = PH_S_ECHO, [8] = 0x80}, CHANNEL_BAD_BODY},
		{PH_HEARTBEAT, 0, 16, {0x80}, 0},
		{PH_HEARTBEAT, 0, 16, {1, 0x80}, 0},
		{PH_HEARTBEAT, 0, 16, {2, 0x80}, CHANNEL_BAD_BODY},
		{PH_HEARTBEAT, 0, 16, {1, 0, 0x80}, CHANNEL_BAD_BODY},
		{PH_CLOSE, 0, 16, {0x80}, 0},
		{PH_CLOSE, 0, 16, {0, 1, 0x80}, 0},
		{PH_CLOSE, 0, 16, {1, 0x80}, CHANNEL_BAD_BODY},
		{PH_REKEY, 0, 16, {1, 2, 0x80}, CHANNEL_BAD_BODY},
		{PH_REKEYED, 0, 16, {0x80}, CHANNEL_BAD_TYPE},
		{PH_CLIENT_FINISH, 0, 16, {0x80}, CHANNEL_BAD_TYPE},
		{PH_SERVER_HELLO, 0, 16, {0x80}, CHANNEL_BAD_HEAD},
		{PH_DATA, 0x42, 16, {[0] = 1, [8] = 0x80}, CHANNEL_BAD_HEAD},
		{PH_DATA, 0x82, 16, {[0] = 1, [8] = 0x80}, CHANNEL_BAD_EPOCH},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct pair *p = pair_new(PH_XK1, false);
		int r = sealed(p, all[i].type, all[i].flags, all[i].text, all[i].len);

		if (r != all[i].condition)
			fail_msg("body %zu: %d", i, r);
		if (r)
			ended(p, &p->server, r);
		pair_free(p);
	}
}

/* Before the finish there is the finish, and it is empty; and it comes once. */
static void only_the_finish(void **state)
{
	static const uint8_t types[] = {PH_DATA,  PH_CONTROL, PH_HEARTBEAT,
					PH_CLOSE, PH_REKEY,   PH_REKEYED};
	static const uint8_t empty[16] = {0x80}, full[16] = {1, 0, 0, 0, 0, 0, 0, 1, 0x80};
	struct pair *p;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		p = pair_new(PH_NX, false);
		assert_int_equal(sealed(p, types[i], 0, full, 16), CHANNEL_BAD_TYPE);
		assert_int_equal(p->server.messages + p->server.opens, 0);
		ended(p, &p->server, CHANNEL_BAD_TYPE);
		pair_free(p);
	}
	p = pair_new(PH_NX, false);
	assert_int_equal(sealed(p, PH_CLIENT_FINISH, 0, full, 16), CHANNEL_BAD_BODY);
	assert_int_equal(p->server.opens, 0);
	pair_free(p);
	p = pair_new(PH_NX, false);
	assert_int_equal(sealed(p, PH_CLIENT_FINISH, 0, empty, 16), 0);
	assert_int_equal(p->server.opens, 1);
	assert_int_equal(sealed(p, PH_CLIENT_FINISH, 0, empty, 16), CHANNEL_BAD_TYPE);
	pair_free(p);
}

static void nothing_after_close(void **state)
{
	static const uint8_t close[16] = {0x80}, data[16] = {1, 0, 0, 0, 0, 0, 0, 1, 0x80};
	struct pair *p = pair_new(PH_XK1, false);

	(void)state;
	assert_int_equal(sealed(p, PH_CLOSE, 0, close, 16), 0);
	assert_int_equal(sealed(p, PH_DATA, 2, data, 16), CHANNEL_BAD_TYPE);
	assert_int_equal(p->server.messages, 0);
	pair_free(p);
}

/* Classes were agreed on: what is padded to the next 16 is refused, and the other way round. */
static void classes_differ(void **state)
{
	struct pair *p;

	(void)state;
	for (int who = 0; who < 2; who++) {
		p = pair_new(PH_XK1, false);
		p->client.ch.sized = who;
		p->server.ch.sized = !who;
		assert_int_equal(say(&p->client, PH_NORMAL, 0, "x", 1), 0);
		assert_int_equal(side_write(p, &p->client, &p->server, 4096), 0);
		assert_int_equal(side_read(p, &p->server), CHANNEL_BAD_PADDING);
		pair_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_bit),	   cmocka_unit_test(each_truncation),
		cmocka_unit_test(each_order),	   cmocka_unit_test(reflection),
		cmocka_unit_test(oversize),	   cmocka_unit_test(wrong_bodies),
		cmocka_unit_test(only_the_finish), cmocka_unit_test(nothing_after_close),
		cmocka_unit_test(classes_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * A channel that a peer with all the keys talks to. The input is a script: each step is sealed
 * here, so that whatever the fuzzer changes arrives with the right n, signature and tag, and what
 * lies behind those is reached. The peer is a channel, too, which may as well behave; `forge` uses
 * its schedule. First byte: which side is tested, strict, finish, classes; then steps.
 */
#include "must.h"

#include <user/crypto/crypto.h>
#include <user/crypto/engine.h>
#include <user/session/channel.h>
#include <user/session/channel_parts.h>
#include <user/wire/record.h>

#define WIRE_MAX (1U << 19)
#define TEXT_MAX 512

struct script {
	const uint8_t *at;
	size_t left;
};

struct end {
	struct channel ch;
	struct channel_host host;
	uint8_t wire[WIRE_MAX]; /* what came */
	size_t len;
	uint64_t delivered;
};

static struct end subject, peer;
static struct crypto *crypto;
static struct engine *engine;
static uint64_t now;

static uint8_t next(struct script *s)
{
	if (!s->left)
		return 0;
	s->left--;
	return *s->at++;
}

static size_t next_bytes(struct script *s, uint8_t *to, size_t max)
{
	size_t len = (size_t)next(s) * 2;

	len = MIN(MIN(len, max), s->left);
	memcpy(to, s->at, len);
	s->at += len;
	s->left -= len;
	return len;
}

static void on_message(struct channel *ch, void *context, const struct ph_message *m)
{
	struct end *end = context;
	volatile uint8_t sum = 0;

	MUST(channel_is_open(ch) && m->len <= PH_MESSAGE_MAX && !ch->paused);
	for (size_t i = 0; i < m->len; i++)
		sum = (uint8_t)(sum + m->payload[i]);
	end->delivered++;
	switch (m->opcode) {
	case 17:
		channel_pause(ch);
		break;
	case 18:
		channel_close(ch, m->request & 0xffff);
		break;
	case 19:
		channel_end(ch);
		break;
	default:
		(void)!channel_send(ch, m);
	}
}

static const struct channel_ops ops = {.on_message = on_message};

static void begin(struct end *end, const struct session_keys *keys, bool client)
{
	end->host = (struct channel_host){.crypto = crypto, .engine = engine, .ops = &ops};
	end->host.limits = channel_limits_usual;
	end->host.limits.queue_bytes = 4000;
	end->host.limits.rekey_floor_ms = 100;
	end->host.limits.rekey_operations = 300;
	end->host.limits.operations_max = 700;
	chunk_pool_init(&end->host.pool, 8, 2);
	end->len = 0;
	channel_init(&end->ch, &end->host, keys, client, end, now);
}

/* An ended channel has neither keys nor messages. */
static void check(const struct end *end)
{
	static const struct record_key none;

	if (!channel_condition(&end->ch))
		return;
	MUST(!memcmp(&end->ch.in.key, &none, sizeof(none)) &&
	     !memcmp(&end->ch.out.key, &none, sizeof(none)) && !end->host.pool.taken &&
	     !channel_has_output(&end->ch));
}

static void put_wire(struct end *end, const void *bytes, size_t len)
{
	if (len > sizeof(end->wire) - end->len)
		return;
	memcpy(end->wire + end->len, bytes, len);
	end->len += len;
}

static void read_all(struct end *end)
{
	uint8_t *exact = malloc(end->len ? end->len : 1); /* so that one byte too far is seen */
	size_t used = 0;

	MUST(exact);
	memcpy(exact, end->wire, end->len);
	if (channel_read(&end->ch, exact, end->len, now, &used))
		used = end->len;
	MUST(used <= end->len &&
	     (channel_condition(&end->ch) || end->ch.opened <= end->len - used));
	end->len -= used;
	memcpy(end->wire, exact + used, end->len);
	free(exact);
	check(end);
}

static void write_all(struct end *from, struct end *to, size_t room)
{
	uint8_t *exact;
	size_t len = 0;

	room = MIN(room, sizeof(to->wire) - to->len);
	exact = malloc(room ? room : 1);
	MUST(exact);
	if (!channel_write(&from->ch, exact, room, now, &len)) {
		MUST(len <= room);
		put_wire(to, exact, len);
	}
	free(exact);
	check(from);
}

/* A record as only the peer can seal it. */
static void forge(struct script *s, bool padded)
{
	struct schedule *keys = &peer.ch.out;
	uint8_t record[PH_RECORD_HEAD + TEXT_MAX + 16 + PH_RECORD_TAIL] = {0};
	struct record_head head = {.type = next(s), .flags = next(s), .n = keys->n};
	struct record_op op = {.key = &keys->key, .record = record};
	size_t len = next_bytes(s, record + PH_RECORD_HEAD, TEXT_MAX - 1);

	if (channel_condition(&peer.ch))
		return;
	if (padded) {
		head.len = (uint16_t)record_padded_len(len, peer.ch.sized);
		record_pad(record + PH_RECORD_HEAD, len, head.len);
	} else {
		head.len = (uint16_t)((len + 15) / 16 * 16);
		head.len = head.len ? head.len : 16;
	}
	record_emit(&head, record);
	op.len = head.len;
	MUST(!engine_seal(engine, &op, 1));
	schedule_advance(keys, 1, op.len);
	put_wire(&subject, record, record_wire_len(&head));
}

static void send_one(struct end *end, struct script *s)
{
	uint8_t payload[TEXT_MAX];
	struct ph_message m = {.service = next(s), .opcode = next(s), .payload = payload};

	m.priority = m.opcode & PH_FLAG_PRIORITY;
	m.len = next_bytes(s, payload, sizeof(payload));
	(void)!channel_send(&end->ch, &m);
}

static void flip(struct script *s)
{
	size_t back = next(s);

	if (back < subject.len)
		subject.wire[subject.len - 1 - back] ^= next(s);
}

static void tick(struct end *end)
{
	uint64_t when = 0;

	MUST(channel_tick(&end->ch, now, &when) || when > now);
	check(end);
}

static void step(struct script *s)
{
	uint8_t raw[TEXT_MAX];

	switch (next(s) % 14) {
	case 0:
		put_wire(&subject, raw, next_bytes(s, raw, sizeof(raw)));
		break;
	case 1:
		forge(s, false);
		break;
	case 2:
	case 3:
		forge(s, true);
		break;
	case 4:
		flip(s);
		break;
	case 5:
		read_all(&subject);
		break;
	case 6:
		write_all(&subject, &peer, 70000);
		break;
	case 7:
		write_all(&subject, &peer, next(s) * 4);
		break;
	case 8:
		read_all(&peer);
		break;
	case 9:
		write_all(&peer, &subject, 70000);
		break;
	case 10:
		send_one(&subject, s);
		break;
	case 11:
		send_one(&peer, s);
		break;
	case 12:
		now += (uint64_t)next(s) << (next(s) % 16);
		tick(&subject);
		tick(&peer);
		break;
	default:
		channel_resume(&subject.ch, now);
		channel_resume(&peer.ch, now);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = {.at = data, .left = size};
	uint8_t how = next(&s);
	struct session_keys keys = {.suite = how & 4 ? PH_NK1 : PH_XK1,
				    .strict = how & 2,
				    .classes = how & 8,
				    .h = {1},
				    .t = {{2}, {3}}};

	MUST(crypto || (!crypto_new(&crypto) && !engine_new("openssl", &engine)));
	now = 1;
	begin(&subject, &keys, how & 1);
	begin(&peer, &keys, !(how & 1));
	for (int i = 0; i < 2000 && s.left; i++)
		step(&s);
	read_all(&subject);
	write_all(&subject, &peer, WIRE_MAX);
	channel_deinit(&subject.ch);
	channel_deinit(&peer.ch);
	MUST(!subject.host.pool.taken && !peer.host.pool.taken);
	chunk_pool_deinit(&subject.host.pool);
	chunk_pool_deinit(&peer.host.pool);
	return 0;
}

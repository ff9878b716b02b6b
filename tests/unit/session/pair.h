/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Two channels joined in memory, for tests: what one writes the other reads, byte by byte where a
 * test wants that. What came is written down.
 */
#ifndef TESTS_UNIT_SESSION_PAIR_H
#define TESTS_UNIT_SESSION_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <user/crypto/crypto.h>
#include <user/crypto/engine.h>
#include <user/session/channel.h>
#include <user/wire/record.h>

#define WIRE_MAX (4U << 20)

struct side {
	struct channel ch;
	struct channel_host host;
	uint8_t *wire; /* what came and was not used */
	size_t len;
	/* The messages that came. */
	unsigned messages, opens, rooms, closes;
	uint16_t code;
	struct ph_message last;
	uint8_t payload[PH_MESSAGE_MAX];
	uint64_t requests; /* sum of their request ids, times their place */
	/* What on_message() does besides. */
	void (*also)(struct side *side, const struct ph_message *message);
	void *data;
};

struct pair {
	struct crypto *crypto;
	struct engine *engine;
	struct session_keys keys;
	struct side client, server;
	uint64_t now;
};

static inline void side_on_open(struct channel *ch, void *context)
{
	(void)ch;
	((struct side *)context)->opens++;
}

static inline void side_on_message(struct channel *ch, void *context, const struct ph_message *m)
{
	struct side *side = context;

	assert_ptr_equal(ch, &side->ch);
	side->last = *m;
	memcpy(side->payload, m->payload, m->len);
	side->last.payload = side->payload;
	side->requests += m->request * (uint64_t)++side->messages;
	if (side->also)
		side->also(side, m);
}

static inline void side_on_room(struct channel *ch, void *context)
{
	(void)ch;
	((struct side *)context)->rooms++;
}

static inline void side_on_close(struct channel *ch, void *context, uint16_t code)
{
	struct side *side = context;

	(void)ch;
	side->closes++;
	side->code = code;
}

static const struct channel_ops side_ops = {
	.on_open = side_on_open,
	.on_message = side_on_message,
	.on_room = side_on_room,
	.on_close = side_on_close,
};

static inline void side_begin(struct pair *p, struct side *side, bool client)
{
	side->host.crypto = p->crypto;
	side->host.engine = p->engine;
	side->host.ops = &side_ops;
	side->host.limits = channel_limits_usual;
	chunk_pool_init(&side->host.pool, 4096, 16);
	side->wire = malloc(WIRE_MAX);
	assert_non_null(side->wire);
	channel_init(&side->ch, &side->host, &p->keys, client, side, p->now);
}

static inline void keys_make(struct session_keys *keys, uint8_t suite)
{
	memset(keys, 0, sizeof(*keys));
	keys->suite = suite;
	for (int i = 0; i < 32; i++) {
		keys->h[i] = (uint8_t)(i * 7 + 1);
		keys->t[0][i] = (uint8_t)(i * 3 + 2);
		keys->t[1][i] = (uint8_t)(i * 5 + 3);
		keys->t[2][i] = (uint8_t)(i * 11 + 4);
	}
}

static inline struct pair *pair_new(uint8_t suite, bool strict)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	assert_int_equal(crypto_new(&p->crypto), 0);
	assert_int_equal(engine_new(NULL, &p->engine), 0);
	keys_make(&p->keys, suite);
	p->keys.strict = strict;
	p->now = 1000;
	side_begin(p, &p->client, true);
	side_begin(p, &p->server, false);
	return p;
}

static inline void side_end(struct side *side)
{
	channel_deinit(&side->ch);
	assert_int_equal(side->host.pool.taken, 0);
	chunk_pool_deinit(&side->host.pool);
	free(side->wire);
}

static inline void pair_free(struct pair *p)
{
	side_end(&p->client);
	side_end(&p->server);
	engine_free(p->engine);
	crypto_free(p->crypto);
	free(p);
}

/* What `from` has to say, at most `room` bytes, goes behind what `to` has not used yet. */
static inline int side_write(struct pair *p, struct side *from, struct side *to, size_t room)
{
	size_t len = 0;
	int r;

	assert_true(room <= WIRE_MAX - to->len);
	r = channel_write(&from->ch, to->wire + to->len, room, p->now, &len);
	if (!r)
		to->len += len;
	return r;
}

static inline int side_read(struct pair *p, struct side *side)
{
	size_t used = 0;
	int r = channel_read(&side->ch, side->wire, side->len, p->now, &used);

	if (r)
		return r;
	side->len -= used;
	memmove(side->wire, side->wire + used, side->len);
	return 0;
}

/* Both ways until nothing moves any more. */
static inline void pair_settle(struct pair *p)
{
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(side_write(p, &p->client, &p->server, 1 << 20), 0);
		assert_int_equal(side_read(p, &p->server), 0);
		assert_int_equal(side_write(p, &p->server, &p->client, 1 << 20), 0);
		assert_int_equal(side_read(p, &p->client), 0);
		if (!channel_has_output(&p->client.ch) && !channel_has_output(&p->server.ch))
			return;
	}
	fail_msg("two channels that do not come to rest");
}

static inline struct ph_message message_of(uint8_t priority, uint32_t request, const void *payload,
					   size_t len)
{
	return (struct ph_message){.service = PH_S_ECHO,
				   .opcode = PH_OP_REQUEST,
				   .priority = priority,
				   .request = request,
				   .payload = payload,
				   .len = len};
}

static inline int say(struct side *side, uint8_t priority, uint32_t request, const void *payload,
		      size_t len)
{
	struct ph_message m = message_of(priority, request, payload, len);

	return channel_send(&side->ch, &m);
}

#endif

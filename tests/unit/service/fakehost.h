/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Peers without sockets, on the reactors of fakereactor.h: they record what they are sent and take
 * `room` messages before they are full. One that `places` takes payloads in its own memory, too,
 * while it has room. Included once by a program; it defines what service.h
 * declares of peers.
 */
#ifndef TESTS_UNIT_SERVICE_FAKEHOST_H
#define TESTS_UNIT_SERVICE_FAKEHOST_H

#include <stdlib.h>
#include <string.h>

#include <tests/unit/service/fakepeer.h>
#include <tests/unit/service/fakereactor.h>
#include <user/service/service.h>

/* ---- peers ---- */

static inline int record(struct peer *peer, const struct ph_message *head,
			 struct shared_bytes *payload, enum ph_code code)
{
	if (peer->closed)
		return PEER_CLOSED;
	if (peer->fails)
		return -ENOMEM;
	if (!peer->room && !code) {
		peer->full = true;
		return PEER_FULL;
	}
	kit_busy++;
	peer->room -= !code;
	if (peer->count == peer->room_for) {
		peer->room_for = peer->room_for ? 2 * peer->room_for : 16;
		peer->got = realloc(peer->got, peer->room_for * sizeof(*peer->got));
		if (!peer->got)
			abort();
	}
	if (payload) {
		shared_bytes_get(payload);
	} else {
		payload = shared_bytes_new(head->len);
		if (!payload)
			abort();
		if (head->len)
			memcpy(payload->bytes, head->payload, head->len);
	}
	peer->got[peer->count] = (struct got){*head, payload, code};
	peer->got[peer->count].head.payload = payload->bytes;
	peer->got[peer->count++].head.len = payload->len;
	kit_busy--;
	return 0;
}

int peer_send(struct peer *peer, const struct ph_message *message)
{
	return record(peer, message, NULL, 0);
}

int peer_send_shared(struct peer *peer, const struct ph_message *head, struct shared_bytes *payload)
{
	return record(peer, head, payload, 0);
}

uint8_t *peer_place(struct peer *peer, size_t *ret_max)
{
	if (!peer->places || !peer->room || peer->closed)
		return NULL;
	*ret_max = sizeof(peer->place);
	return peer->place;
}

int peer_placed(struct peer *peer, const struct ph_message *message)
{
	if (message->payload != peer->place || message->len > sizeof(peer->place))
		abort();
	peer->placed++;
	return record(peer, message, NULL, 0);
}

void peer_push(struct peer *peer)
{
	peer->pushes++;
}

void peer_refuse(struct peer *peer, const struct ph_message *to, enum ph_code code,
		 const char *text)
{
	struct ph_message error = {.service = to->service,
				   .opcode = PH_OP_ERROR,
				   .request = to->request,
				   .payload = (const uint8_t *)text,
				   .len = strlen(text)};
	int r = record(peer, &error, NULL, code);

	(void)r;
}

void peer_close(struct peer *peer, const char *why)
{
	peer->closed = true;
	peer->why = why;
}

void peer_pause(struct peer *peer)
{
	peer->pauses += !peer->paused;
	peer->paused = true;
}

void peer_resume(struct peer *peer)
{
	peer->paused = false;
}

size_t peer_queued(const struct peer *peer)
{
	return peer->count;
}

const struct peer_about *peer_about(const struct peer *peer)
{
	return &peer->about;
}

void *peer_slot(const struct peer *peer, uint8_t service)
{
	return peer->slots[service];
}

void peer_set_slot(struct peer *peer, uint8_t service, void *slot)
{
	peer->slots[service] = slot;
}

/* Forgets what it got. */
static inline void peer_clear(struct peer *peer)
{
	for (size_t i = 0; i < peer->count; i++)
		shared_bytes_put(peer->got[i].payload);
	peer->count = 0;
}

static inline struct peer *peer_new(unsigned reactor)
{
	static uint64_t ids;
	struct peer *peer;

	kit_busy++;
	peer = calloc(1, sizeof(*peer));
	if (!peer)
		abort();
	kit_busy--;
	peer->reactor = reactor;
	peer->room = 1UL << 40;
	peer->about.id = __atomic_add_fetch(&ids, 1, __ATOMIC_RELAXED);
	return peer;
}

static inline void *instance_of(const struct peer *peer)
{
	return world.reactors[peer->reactor].instance;
}

static inline void peer_gone(struct peer *peer)
{
	peer->closed = true;
	world.ops->on_close(instance_of(peer), peer);
	peer_clear(peer);
	free(peer->got);
	free(peer);
}

/* `room` more messages: on_room() when it was full. */
static inline void peer_give_room(struct peer *peer, unsigned long room)
{
	bool was = peer->full;

	peer->room = room;
	peer->full = was && !room;
	if (was && room && !peer->closed)
		world.ops->on_room(instance_of(peer), peer);
}

static inline void peer_says(struct peer *peer, uint8_t opcode, uint32_t request,
			     const void *payload, size_t len)
{
	struct ph_message message = {.service = world.ops->id,
				     .opcode = opcode,
				     .priority = PH_NORMAL,
				     .request = request,
				     .payload = payload,
				     .len = len};

	world.ops->on_message(instance_of(peer), peer, &message);
	if (world.ops->on_batch_end)
		world.ops->on_batch_end(instance_of(peer), peer);
}

#endif

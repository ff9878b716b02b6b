/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Echo: a request comes back as its reply.
 *
 * A peer that does not read its replies is not read from: the one reply that found no room is held,
 * the peer is paused, and goes on when on_room() has sent it. So a peer holds at most its queue and
 * one message here. Its slot is that message, or NULL.
 */
#include <user/service/service.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <user/service/counters.h>
#include <user/service/settings.h>

#define ECHO_COUNTERS(X)                                                                           \
	X(requests, false, "requests that came")                                                   \
	X(bytes, false, "bytes of payload sent back")                                              \
	X(held, true, "replies that wait for room in their peer's queue")                          \
	X(pauses, false, "times that a peer was not read from, because it did not read")           \
	X(unknown, false, "messages with an opcode that echo does not have")                       \
	X(failed, false, "peers closed because a reply could not be sent or kept")

static const struct service_counter told[] = {ECHO_COUNTERS(COUNTER_TOLD)};

struct echo {
	struct echo_counters {
		ECHO_COUNTERS(COUNTER_FIELD)
	} count;
};

struct held {
	struct ph_message reply;
	uint8_t payload[];
};

static int echo_open(const struct service_config *config, void **ret_shared,
		     char why[SERVICE_WHY_LEN])
{
	int r = settings_parse(NULL, 0, config, NULL, NULL, why);

	if (r)
		return r;
	*ret_shared = NULL;
	return 0;
}

static void echo_close(void *shared)
{
	(void)shared;
}

static int echo_start(struct service_host *host, void *shared, void **ret_instance)
{
	struct echo *echo = calloc(1, sizeof(*echo));

	(void)host;
	(void)shared;
	if (!echo)
		return -ENOMEM;
	*ret_instance = echo;
	return 0;
}

static void echo_stop(void *instance)
{
	free(instance);
}

static void fail_peer(struct echo *echo, struct peer *peer)
{
	echo->count.failed++;
	peer_close(peer, "echo_failed");
}

static void hold(struct echo *echo, struct peer *peer, const struct ph_message *reply)
{
	struct held *held = malloc(sizeof(*held) + reply->len);

	if (!held) {
		fail_peer(echo, peer);
		return;
	}
	held->reply = *reply;
	held->reply.payload = held->payload;
	if (reply->len)
		memcpy(held->payload, reply->payload, reply->len);
	peer_set_slot(peer, PH_S_ECHO, held);
	peer_pause(peer);
	echo->count.held++;
	echo->count.pauses++;
}

static void echo_message(void *instance, struct peer *peer, const struct ph_message *message)
{
	struct ph_message reply = *message;
	struct echo *echo = instance;
	int r;

	if (message->opcode != PH_OP_REQUEST) {
		echo->count.unknown++;
		peer_refuse(peer, message, PH_C_UNKNOWN, "echo has requests only");
		return;
	}
	echo->count.requests++;
	/* A paused peer is not read from: this one would overtake what is held. */
	if (peer_slot(peer, PH_S_ECHO)) {
		fail_peer(echo, peer);
		return;
	}
	reply.opcode = PH_OP_REPLY;
	r = peer_send(peer, &reply);
	if (r == 0)
		echo->count.bytes += reply.len;
	else if (r == PEER_FULL)
		hold(echo, peer, &reply);
	else if (r != PEER_CLOSED)
		fail_peer(echo, peer);
}

static void drop_held(struct echo *echo, struct peer *peer)
{
	free(peer_slot(peer, PH_S_ECHO));
	peer_set_slot(peer, PH_S_ECHO, NULL);
	echo->count.held--;
}

static void echo_room(void *instance, struct peer *peer)
{
	struct held *held = peer_slot(peer, PH_S_ECHO);
	struct echo *echo = instance;
	int r;

	if (!held)
		return;
	r = peer_send(peer, &held->reply);
	if (r == PEER_FULL)
		return;
	if (r == 0)
		echo->count.bytes += held->reply.len;
	else if (r != PEER_CLOSED)
		fail_peer(echo, peer);
	drop_held(echo, peer);
	peer_resume(peer);
}

static void echo_gone(void *instance, struct peer *peer)
{
	if (peer_slot(peer, PH_S_ECHO))
		drop_held(instance, peer);
}

static size_t echo_counters(void *instance, size_t n, struct service_counter ret_counters[])
{
	struct echo *echo = instance;

	return counters_tell(told, &echo->count, ARRAY_LEN(told), n, ret_counters);
}

const struct service_ops service_echo = {
	.name = "echo",
	.id = PH_S_ECHO,
	.open = echo_open,
	.close = echo_close,
	.start = echo_start,
	.stop = echo_stop,
	.on_message = echo_message,
	.on_room = echo_room,
	.on_close = echo_gone,
	.counters = echo_counters,
};

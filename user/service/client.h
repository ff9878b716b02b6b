/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A peer that is in rooms, and what waits for it besides the rooms' messages. */
#ifndef STRAZH_USER_SERVICE_CLIENT_H
#define STRAZH_USER_SERVICE_CLIENT_H

#include <stdbool.h>

#include <strazh/base/compiler.h>
#include <user/service/relay.h>
#include <user/service/room.h>

/* Replies, direct messages, lists: what is not in a place's ring. */
struct item {
	STAILQ_ENTRY(item) next;
	struct ph_message head;
	struct shared_bytes *payload; /* NULL: nothing */
	bool is_list;		      /* payload is one of struct query */
	size_t at;		      /* in a list, or of past */
	uint32_t request;	      /* of a list or past */
	struct past *past;
	size_t charged; /* to queue_bytes */
};

STAILQ_HEAD(item_list, item);

#define CLIENT_REACTOR_SHIFT 56
struct client {
	struct htable_node node; /* by id */
	TAILQ_ENTRY(client) in_silent;
	struct peer *peer;
	uint64_t id; /* reactor + 1 above CLIENT_REACTOR_SHIFT: direct messages find their way */
	uint64_t heard_ms;
	struct member_list members;
	unsigned memberships;
	struct item_list items;
	unsigned waiting; /* of them */
	uint32_t missed;  /* direct messages */
	bool full;	  /* its queue was, and on_room() did not come since */
	bool gone;	  /* nothing can be said to it any more */
	bool paused;
};

/* A direct message on its way. */
struct direct {
	struct note note;
	uint64_t from, to;
	uint32_t request;
	uint8_t content, priority;
	struct shared_bytes *payload;
};

/* The peer's, made where there is none. 0, PH_C_LIMIT or -ENOMEM. */
int client_of(struct relay *relay, struct peer *peer, struct client **ret_client) must_check;
struct client *client_find(const struct relay *relay, uint64_t id); /* NULL: absent */
void client_heard(struct relay *relay, struct client *client);
/* Frees it when it is in no room and nothing waits for it. */
void client_settle(struct relay *relay, struct client *client);
/* Its peer is no more. */
void client_close(struct relay *relay, struct client *client);
void clients_expire(struct relay *relay, uint64_t now_ms);

/* 0 (also when nobody is left to be told), or PEER_FULL. `payload` NULL: that of the message. */
int client_send(struct relay *relay, struct client *client, const struct ph_message *message,
		struct shared_bytes *payload) must_check;
bool client_send_missed(struct relay *relay, struct client *client, uint32_t room,
			uint32_t count) must_check;
/* Now, or when there is room; not lost but for memory. The payload is copied. */
void client_say(struct relay *relay, struct client *client, const struct ph_message *message);
/* A message of others', which takes the payload if it may wait. PH_C_LIMIT or -ENOMEM. */
int client_add(struct relay *relay, struct client *client, const struct ph_message *head,
	       struct shared_bytes *payload) must_check;
void client_refuse(struct relay *relay, struct client *client, uint8_t opcode, uint32_t request,
		   enum ph_code code, const char *why);
void client_too_slow(struct relay *relay, struct client *client);
/* Goes on with what waits. */
void client_pump(struct relay *relay, struct client *client);

void member_joined(struct relay *relay, struct member *member);
/* Out of its client and its room; one that is joining leaves when its answer comes. */
void member_leave(struct relay *relay, struct client *client, struct member *member);
void client_answered(struct relay *relay, struct query *query);

/* Takes it, in any case. */
void direct_send(struct relay *relay, struct direct *direct);

#endif

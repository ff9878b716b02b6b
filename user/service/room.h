/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A room at its home, and the way there. */
#ifndef STRAZH_USER_SERVICE_ROOM_H
#define STRAZH_USER_SERVICE_ROOM_H

#include <strazh/base/compiler.h>
#include <user/service/relay.h>

/* A question of a member's to its room; answered by client_answered(), which frees it. */
struct query {
	struct note note;
	uint64_t client;
	uint32_t number;
	struct room *room;
	unsigned reactor, home;
	uint32_t request;
	uint8_t opcode; /* RELAY_PRESENCE or RELAY_HISTORY */
	uint32_t count;
	/* the answer */
	enum ph_code refused; /* 0: here it is */
	struct past *past;
	struct shared_bytes *list; /* of presences: length 1 | payload; charged to queue_bytes */
};
void query_free(struct query *query);

/* member_joined() gets the answer. */
void room_join(struct relay *relay, struct member *member);
/* The member was answered, and is taken. */
void room_leave(struct relay *relay, struct member *member);
/* Takes the cast. -EAGAIN: home's queue is full, and it is dropped. */
int room_cast(struct relay *relay, const struct member *member, struct cast *cast) must_check;
void room_ask(struct relay *relay, struct query *query);

/* Empty rooms whose history was kept long enough. */
void rooms_expire(struct relay *relay, uint64_t now_ms);
void rooms_deinit(struct relay *relay);

#endif

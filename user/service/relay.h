/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the files of the relay share. A room has a home: the reactor that its name's hash gives. Its
 * members, their order and its history are kept there (room.c), so all see one order. In each
 * reactor that has members of a room there is a place (place.c), which hands out what comes from
 * home. A client (client.c) is a peer that is in a room or on its way into one.
 *
 * What goes between reactors is a note in a lane (lane.c), in order. No lock is taken, nothing but
 * read-only settings and six atomic sums is shared.
 */
#ifndef STRAZH_USER_SERVICE_RELAY_H
#define STRAZH_USER_SERVICE_RELAY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <strazh/base/compiler.h>
#include <user/net/loop.h>
#include <user/service/counters.h>
#include <user/service/htable.h>
#include <user/service/service.h>
#include <user/wire/relay.h>

#define RELAY_COUNTERS(X)                                                                          \
	X(clients, true, "peers that are in a room or joining one")                                \
	X(rooms, true, "rooms that have their home in this reactor")                               \
	X(members, true, "memberships of this reactor's peers")                                    \
	X(joins, false, "joins that succeeded")                                                    \
	X(leaves, false, "members that left, went or were taken out")                              \
	X(broadcasts, false, "messages to a room that were taken")                                 \
	X(directs, false, "messages to one member that were taken")                                \
	X(delivered, false, "messages put into a member's queue")                                  \
	X(missed, false, "messages that a slow member did not get")                                \
	X(lost, false, "messages that a whole reactor did not get, its queue being full")          \
	X(slow_closed, false, "peers closed because they were slow in a room that closes them")    \
	X(idle, false, "members taken out because they were silent")                               \
	X(refused_limit, false, "requests above a limit")                                          \
	X(refused_absent, false, "requests that name no room of theirs, or no member")             \
	X(too_big, false, "messages above max_message_size")                                       \
	X(malformed, false, "payloads that are not what their opcode wants")                       \
	X(unknown, false, "messages with an opcode that the relay does not have")                  \
	X(no_memory, false, "requests that failed for lack of memory")                             \
	X(history, true, "messages kept in histories of this reactor's rooms")

enum relay_policy { RELAY_DROP, RELAY_CLOSE };
#define RELAY_WELCOME_MAX 1024

struct relay_settings {
	uint64_t max_clients, max_rooms, rooms_per_client, room_members;
	uint64_t max_message_size;
	uint64_t queue, queue_memory;			/* messages a member; bytes in all */
	uint64_t history, history_memory, history_keep; /* messages a room; bytes; seconds */
	uint64_t presence_max;				/* larger rooms tell no comings */
	uint64_t client_timeout;			/* seconds; 0: never */
	uint64_t policy;				/* enum relay_policy */
	char welcome[RELAY_WELCOME_MAX + 1];
};

struct relay_shared {
	struct relay_settings settings;
	uint64_t key[2]; /* of names' hashes */
	atomic_uint_least64_t clients, rooms, queue_bytes, history_bytes;
	atomic_uint_least64_t kept; /* rooms without members: at most half of max_rooms */
	/* On their way from reactor to reactor, at most queue_memory, too: were it of queue_bytes,
	 * slow members would take from the fast ones what those get at once. */
	atomic_uint_least64_t way_bytes;
	struct relay *instances[SERVICE_REACTORS_MAX]; /* each written and read by its reactor */
};

/* First in whatever goes to another reactor. drop() when that does not happen any more. */
struct note {
	struct posted posted;
	struct relay_shared *shared;
	void (*run)(struct note *note, struct relay *relay);
	void (*drop)(struct note *note);
	size_t weight;	/* bytes that it holds, of one that may be lost */
	size_t charged; /* the lane's: to way_bytes */
};
struct lane {
	struct posted *first, **last;
	unsigned len;
};

TAILQ_HEAD(client_list, client);
TAILQ_HEAD(member_list, member);
TAILQ_HEAD(room_list, room);

struct relay {
	struct service_host *host;
	struct relay_shared *shared;
	struct timer retry, tick;
	bool retrying;
	struct htable clients;	      /* by their number */
	struct htable places;	      /* by the room's number */
	struct htable rooms, numbers; /* whose home this is: by name, by number */
	struct client_list silent;    /* the one that said nothing for longest comes first */
	struct room_list empty;	      /* the one that is it for longest comes first */
	uint64_t next_client;
	uint32_t next_room;
	uint8_t scratch[PH_MESSAGE_MAX];
	struct relay_counters {
		RELAY_COUNTERS(COUNTER_FIELD)
	} count;
	struct lane lanes[]; /* by reactor */
};

/* A message to a room, or word of who came and went: made once, posted once a reactor. */
struct cast {
	atomic_uint references;
	struct room *room; /* for home's eyes */
	uint32_t number;
	uint64_t from; /* does not get it */
	uint64_t time_s;
	uint8_t opcode, content, priority;
	struct shared_bytes *payload;
	atomic_uint under_way; /* hops from home that are not over, and one while they are sent */
	size_t charged;	       /* to way_bytes, until none is */
	struct hop {
		struct note note;
		struct cast *cast;
		uint32_t missed; /* messages of this room that were lost before it */
	} hops[];
};

/* One peer in one room. Made by its reactor; home frees it. Fields by who may touch them. */
struct member {
	struct note note; /* a join, its answer, a leave: one at a time */
	/* nobody writes them after the join was posted */
	uint64_t id;
	uint64_t hash;
	unsigned reactor;
	bool identified;
	uint8_t key[PH_KEY_LEN];
	uint8_t want; /* enum relay_want */
	uint8_t name_len;
	char name[RELAY_ROOM_MAX];
	/* home, until it answers */
	struct {
		enum ph_code refused; /* 0: joined */
		const char *why;
		struct room *room;
		uint32_t number, members;
		struct past *past; /* NULL: none wanted */
	} answer;
	/* home */
	TAILQ_ENTRY(member) in_room;
	/* its reactor */
	TAILQ_ENTRY(member) of_client, in_place, lagging_in;
	struct client *client; /* NULL: gone while it joined */
	struct place *place;   /* NULL: not yet in */
	uint32_t request;      /* of the join */
	bool asking;	       /* a question of its is with home */
	bool lagging;
	uint64_t cursor; /* lagging: what it gets next */
	uint32_t missed;
};

/* References to messages of a room, oldest first. */
struct past {
	size_t charged; /* to queue_bytes */
	unsigned count;
	struct cast *casts[];
};

/* What is done each second. */
void relay_tick(struct relay *relay);

/* Sums that all reactors charge. False: above `max`, and nothing was charged. */
static inline bool charge(atomic_uint_least64_t *sum, uint64_t max, uint64_t bytes)
{
	if (atomic_fetch_add_explicit(sum, bytes, memory_order_relaxed) + bytes <= max)
		return true;
	atomic_fetch_sub_explicit(sum, bytes, memory_order_relaxed);
	return false;
}
static inline void discharge(atomic_uint_least64_t *sum, uint64_t bytes)
{
	atomic_fetch_sub_explicit(sum, bytes, memory_order_relaxed);
}

#endif

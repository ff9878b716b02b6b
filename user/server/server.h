/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The secured server in one reactor: connections come in, shake hands, become sessions, and their
 * messages go to services. One struct server a reactor; what those of a process have in common is a
 * struct server_common, which outlives them.
 *
 *	accepted --hello--> [asked for work] --answered--> (finish) --> open --> closing
 *
 * A stranger holds one fixed slot until the handshake's answer is out; then a link. Both come from
 * arrays whose size is fixed, so that nothing grows with what strangers do.
 */
#ifndef STRAZH_USER_SERVER_SERVER_H
#define STRAZH_USER_SERVER_SERVER_H

#include <stdatomic.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/net/conn.h>
#include <user/net/reactor.h>
#include <user/server/identity.h>
#include <user/service/service.h>
#include <user/session/channel.h>
#include <user/session/handshake.h>
#include <user/session/ticket.h>

/* Sums over reactors are made by who reads; relaxed, one writer each. */
#define SERVER_COUNTERS(X)                                                                         \
	X(hellos, "hellos that were read without fault")                                           \
	X(asked, "hellos answered with a puzzle")                                                  \
	X(answered, "handshakes answered")                                                         \
	X(resumed, "of them with a ticket")                                                        \
	X(opened, "sessions that were opened")                                                     \
	X(closed, "sessions that ended in order")                                                  \
	X(messages_in, "messages that came")                                                       \
	X(messages_out, "messages that services sent")                                             \
	X(unknown, "messages for a service or opcode that is not here")                            \
	X(busy, "handshakes turned away: too many, even of those who had worked")                  \
	X(no_slot, "strangers turned away: every half-open slot was in use")                       \
	X(no_link, "handshakes that found no room for one more session")                           \
	X(untold, "errors that could not be told: the queue was full")                             \
	X(unshieldings, "times that a static key was taken out of its shield")                     \
	X(pooled, "handshakes answered that the crypto pool computed")                             \
	X(pool_full, "times that the crypto pool's queue was full")

struct server_counters {
#define SERVER_COUNTER_FIELD(name, text) _Atomic(uint64_t) name;
	SERVER_COUNTERS(SERVER_COUNTER_FIELD)
#undef SERVER_COUNTER_FIELD
	_Atomic(uint64_t) handshake[HS_CONDITION_COUNT];    /* that failed, by condition */
	_Atomic(uint64_t) channel[CHANNEL_CONDITION_COUNT]; /* that ended, by condition */
	_Atomic(uint64_t) ends[CONN_ENDS_LEN];		    /* connections, by why */
};

/* What happens to clients, told to whoever watches: in the reactor's thread, without waiting.
 * SERVER_PROVEN comes when a session opens and each prove_ms of its life. `condition`: of
 * SERVER_GONE enum conn_end, of SERVER_BAD_HANDSHAKE enum hs_condition (HS_NONE: it came to no end
 * in time), of SERVER_BAD_RECORD that of its channel, of SERVER_BAD_QUERY enum peer_fault. */
enum server_sign {
	SERVER_PROVEN,
	SERVER_GONE,
	SERVER_BAD_HANDSHAKE,
	SERVER_BAD_RECORD,
	SERVER_BAD_QUERY,
};
struct server_watcher {
	void *owner;
	/* age_ms: of its session; 0 when it opens, and where there is none. */
	void (*on_sign)(void *owner, enum server_sign sign, const struct endpoint *from,
			uint16_t port, int condition, uint32_t age_ms);
};

#define SERVER_PROVE_MS (5U * 60 * 1000)
struct server_limits {
	uint32_t half_open; /* slots of a reactor */
	uint32_t links;	    /* sessions of a reactor */
	uint32_t
		handshakes_s; /* of a reactor, above which strangers are asked for work; 0: never */
	uint32_t nominal_s;   /* of a reactor: what a share of admission is of, where that is 0 */
	bool puzzle_always;
	unsigned puzzle_bits; /* the hardest one; 0: there is none */
	uint32_t hello_ms, finish_ms;
	uint32_t prove_ms; /* SERVER_PROVEN is said again, a heartbeat later at most */
	struct conn_limits conn;
	struct channel_limits channel;
};
struct server_limits server_limits_usual(void);

struct server_service {
	const struct service_ops *ops;
	void *shared; /* of ops->open() */
};

struct workpool;

/* What the load asks for: any thread sets it, reactors look at it with each hello. See door_pace().
 */
struct server_pace {
	_Atomic(uint32_t) withheld; /* thousandths of admission */
	_Atomic(uint32_t) puzzle_bits;
};

/* Of all reactors. */
struct server_common {
	unsigned reactors;
	struct server_limits limits;
	struct server_service services[PH_SERVICES]; /* by id; ops NULL: not here */
	struct server_watcher watcher;
	const char *engine;	 /* NULL: the best */
	struct workpool *pool;	 /* for bursts of handshakes; outlives the servers. NULL: none */
	bool pool_all;		 /* the pool is given all there is, not what is too much: a test */
	struct server **servers; /* by number of the reactor */
	_Atomic(uint64_t) next_id;
	struct server_pace pace;
};

struct server;

/* `identity` is referenced. Services are started. In the reactor's thread or before it runs. */
int server_new(struct server_common *common, struct reactor *reactor, struct identity *identity,
	       const struct ticket_keys *tickets, struct server **ret_server) must_check;
/* The reactor has stopped: no link is left. */
void server_free(struct server *server);

/* A connection that was accepted. True: it is ours. */
bool server_take(struct server *server, struct conn *conn, uint16_t port) must_check;

/*
 * A server made anew while it runs. All that can fail is done beforehand, in any thread; taking it
 * cannot. The identity (referenced) and tickets (copied; NULL: none) are for handshakes that come,
 * and so are the times of handshakes and the puzzle; `conn` and `channel` hold for sessions that
 * are there as well. How many slots and links there are stays as it was.
 */
struct server_change;
int server_change_new(struct identity *identity, const struct ticket_keys *tickets,
		      const struct server_limits *limits,
		      struct server_change **ret_change) must_check;
void server_change_free(struct server_change *change); /* not taken; NULL is fine */
/* In the reactor's thread; `change` is gone. */
void server_change_take(struct server *server, struct server_change *change);

const struct server_counters *server_counters(const struct server *server);
const char *server_engine(const struct server *server);
unsigned server_links(const struct server *server);
/* Bits of the puzzle that strangers are given now; 0: none. In the reactor's thread. */
unsigned server_puzzle(struct server *server);

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Inside user/server: one server, its half-open slots, its links. */
#ifndef STRAZH_USER_SERVER_PARTS_H
#define STRAZH_USER_SERVER_PARTS_H

#include <user/crypto/engine.h>
#include <user/crypto/workpool.h>
#include <user/server/door.h>
#include <user/server/server.h>

/* An identity in this reactor. Handshakes that began with it keep it. */
struct guise {
	unsigned references;
	struct identity *identity;
	struct ticket_keys tickets;
	struct hs_server hs;
};

/* A stranger. */
struct shaking {
	struct server *server;
	struct conn *conn; /* NULL: the slot is free */
	struct guise *guise;
	struct shaking *next; /* free, or waiting for the answer */
	uint16_t port;
	bool waiting; /* for it, in answers.c: not released by others */
	struct handshake hs;
};

/* A sealed ticket that goes out once its session is open. There are as many as half-open slots. */
struct owed {
	struct owed *next;
	uint8_t ticket[TICKET_LEN];
};

/* A session. */
struct link {
	struct server *server;
	struct conn *conn; /* NULL: free, or its connection has ended; then it is, once not dirty */
	struct link *next; /* of the free ones */
	struct link *dirty_next;
	uint32_t proven; /* low bits of ms: when it was last said */
	uint16_t port;
	bool dirty, open, ended, sealing;
	bool left;	 /* the peer said goodbye */
	uint32_t opened; /* low bits of ms, when `open` */
	struct wheel_timer tick;
	struct channel channel;
	struct peer_about about;
	void *slots[PH_SERVICES];
	struct owed *owed; /* or NULL */
};

#define BATCH 8U /* answers, made together */
struct batch;
struct answers {
	struct reactor *reactor;
	struct shaking *waiting, **waiting_end;
	uint32_t waiting_len, under_way_len, batches_touched;
	struct batch *batches, *free;
	struct batch *under_way, **under_way_end; /* handed to the pool, the oldest first */
	struct deferred round;
	struct wheel_timer look;
};

struct server {
	struct server_common *common;
	struct reactor *reactor;
	struct crypto *crypto;
	struct engine *engine;
	struct channel_host channels;
	struct service_host host;
	void *instances[PH_SERVICES];
	struct guise *guise;
	struct server_limits limits;  /* those in force; how many slots there are is `common`'s */
	struct conn_limits strangers; /* of connections before there is a session */
	struct door door;

	struct shaking *shakings, *free_shaking;
	struct answers answers;

	struct link *links, *free_link;
	struct owed *owed, *free_owed;
	uint32_t links_touched, links_len, shakings_touched, owed_touched;
	unsigned told; /* a bit a service: it got messages of the bytes that are read just now */
	struct link *dirty, **dirty_end;
	struct deferred flushes; /* flush() */

	struct server_counters counters;
};

static inline void server_add(_Atomic(uint64_t) *counter, uint64_t n)
{
	uint64_t was = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, was + n, memory_order_relaxed);
}
static inline void server_count(_Atomic(uint64_t) *counter)
{
	server_add(counter, 1);
}
/* So many zeros of memory that is there once it is touched, not in a core dump and not in a child:
 * seeds and ephemeral keys lie in it. NULL: no memory. */
void *server_array(size_t n, size_t size);
void server_array_free(void *array, size_t n, size_t size);
void server_sign(struct server *server, enum server_sign sign, const struct endpoint *from,
		 uint16_t port, int condition, uint32_t age_ms);

/* The door as the load wants it now. */
void server_keep_pace(struct server *server);

/* ---- guise.c ---- */
int guise_new(struct identity *identity, const struct ticket_keys *tickets,
	      struct guise **ret_guise) must_check;
struct guise *guise_get(struct guise *guise);
void guise_put(struct guise *guise); /* NULL is fine */

/* ---- shaking.c: from the first byte to the answer ---- */
int shakings_init(struct server *server) must_check;
void shakings_deinit(struct server *server);
bool shaking_take(struct server *server, struct conn *conn, uint16_t port) must_check;
/* handshake_write() has returned `r`, and the frame if that is 0. */
void shaking_answer(struct shaking *shaking, int r, const uint8_t *frame, size_t len);
/* Its connection has ended. */
void shaking_release(struct shaking *shaking);

/* ---- answers.c ---- */
int answers_init(struct server *server) must_check;
/* Waits for what others compute. */
void answers_deinit(struct server *server);
/* At the end of this round or of one soon; until then nothing comes from its connection. */
void answer_later(struct shaking *shaking);

/* ---- link.c: from then on ---- */
int links_init(struct server *server) must_check;
void links_deinit(struct server *server);
/* The handshake is done; the connection is the link's now. False: no room. */
bool link_open(struct server *server, struct conn *conn, uint16_t port,
	       const struct session_keys *keys) must_check;
/* The channel is of no use any more: what it said, or an error. */
void link_end(struct link *link, int r);
/* There is something to seal, or it may be over: looked at before the round ends. */
void link_mark(struct link *link);
/* A Close behind all that waits. What the peer still sends is read again, though a service had it
 * paused: its own Close is in that. */
void link_goodbye(struct link *link, uint16_t code);
extern const struct channel_ops link_channel_ops;

static inline struct peer *link_peer(struct link *link)
{
	return (struct peer *)link;
}
static inline struct link *peer_link(const struct peer *peer)
{
	return (struct link *)(void *)(uintptr_t)peer;
}

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One stream of a tunnel: a socket to an upstream on one side, messages of a peer with one request
 * id on the other. See stream.c for how bytes go through it.
 */
#ifndef STRAZH_USER_SERVICE_STREAM_H
#define STRAZH_USER_SERVICE_STREAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include <strazh/base/compiler.h>
#include <user/net/loop.h>
#include <user/service/counters.h>
#include <user/service/ring.h>
#include <user/service/service.h>
#include <user/service/upstreams.h>
#include <user/wire/tunnel.h>

#define TUNNEL_COUNTERS(X)                                                                         \
	X(opened, false, "streams that reached their upstream")                                    \
	X(streams, true, "streams there are")                                                      \
	X(refused_absent, false, "streams to a name that is not in the configuration")             \
	X(refused_limit, false, "streams above a limit")                                           \
	X(refused_denied, false, "streams that an anonymous client may not open")                  \
	X(malformed, false, "messages that are not what their opcode wants")                       \
	X(unknown, false, "messages with an opcode that the tunnel does not have")                 \
	X(stray, false, "messages for a stream that is over")                                      \
	X(violations, false, "streams ended because the client broke their rules")                 \
	X(connect_failed, false, "streams whose upstream could not be reached")                    \
	X(connect_timeouts, false, "streams whose upstream did not answer in time")                \
	X(idle_timeouts, false, "streams ended because nothing moved on them")                     \
	X(resets, false, "streams that their upstream broke off")                                  \
	X(aborted, false, "streams that their client broke off, or went with their client")        \
	X(finished, false, "streams that both sides ended")                                        \
	X(no_memory, false, "streams ended because memory or descriptors lacked")                  \
	X(bytes_up, false, "bytes from clients to upstreams")                                      \
	X(bytes_down, false, "bytes from upstreams to clients")                                    \
	X(full, false, "times that streams waited for room in their peer's queue")

struct tunnel_settings {
	uint64_t streams_max;	/* of a peer */
	uint64_t streams_total; /* of all */
	uint64_t window;
	uint64_t connect_timeout, idle_timeout; /* seconds; idle 0: never */
	uint64_t clients;			/* enum tunnel_clients */
};
enum tunnel_clients { TUNNEL_ANY, TUNNEL_IDENTIFIED };

struct tunnel_shared {
	struct tunnel_settings settings;
	struct upstreams upstreams;
	atomic_uint_least64_t streams;
};

TAILQ_HEAD(stream_list, stream);

/* Data of one stream that came together, for one call of the socket; the bytes are the host's until
 * on_batch_end(). */
#define GATHER_MAX 64
struct gather {
	struct stream *stream; /* NULL: there are none */
	unsigned count;
	struct iovec parts[GATHER_MAX];
};

struct tunnel {
	struct service_host *host;
	struct tunnel_shared *shared;
	struct timer timer; /* runs while there are streams */
	/* By time: who began to connect first; on whom nothing moved for longest. */
	struct stream_list connecting, idle;
	struct shared_bytes *chunk; /* what is read next comes here; NULL: none */
	struct gather gather;
	struct tunnel_counters {
		TUNNEL_COUNTERS(COUNTER_FIELD)
	} count;
};

/* The peer's slot. */
struct tunnel_peer {
	struct tunnel *tunnel;
	struct peer *peer;
	struct stream_list streams;
	unsigned count;
	bool full; /* its queue was, and on_room() did not come since */
	bool gone; /* nothing can be said to it any more */
};

enum stream_state {
	STREAM_CONNECTING,
	STREAM_OPEN,
	STREAM_OVER, /* no socket; what the sides owe each other is said yet */
};

struct stream {
	TAILQ_ENTRY(stream) of_peer, by_time;
	struct tunnel_peer *owner;
	uint32_t id; /* the request's */
	uint8_t priority;
	enum stream_state state;

	const struct upstream *upstream;
	unsigned address;
	struct watch watch;
	uint32_t interest; /* 0: the loop does not know it */
	uint64_t touched_ms;

	/* to the client */
	uint64_t credit;	   /* bytes that it takes */
	struct shared_bytes *held; /* found no room in its queue */
	bool owe_opened;
	bool flows; /* much comes at a time: it is read where it is sealed */
	bool upstream_ended, end_sent;
	bool owe_error; /* of an open that failed */
	enum ph_code code;
	const char *why;
	bool owe_close, close_sent;
	enum tunnel_reason reason;

	/* to the upstream */
	struct ring out;
	uint32_t window; /* bytes that the client may send */
	uint32_t owed;	 /* bytes that left, and that it was not told of */
	bool client_ended, shut, client_closed;
};

/* Begins to connect. -ENOMEM; later failures are told to the client. */
int stream_open(struct tunnel_peer *owner, uint32_t id, uint8_t priority,
		const struct upstream *upstream, uint64_t credit) must_check;
struct stream *stream_find(const struct tunnel_peer *owner, uint32_t id); /* NULL: absent */

/* What the client says of it. The stream may be freed in each of these. */
void stream_data(struct stream *stream, const uint8_t *bytes, size_t len);
void stream_end(struct stream *stream);
void stream_credit(struct stream *stream, uint32_t bytes);
void stream_close(struct stream *stream);
/* What stream_data() got, goes. Before anything else is said of a stream. */
void streams_gathered(struct tunnel *tunnel);
/* It broke the rules of streams. */
void stream_violation(struct stream *stream);

/* There may be room in the peer's queue: go on. */
void stream_step(struct stream *stream);
/* Nothing is told to anybody but the upstream (a reset). */
void stream_free(struct stream *stream);
/* Ends what has waited too long. */
void streams_expire(struct tunnel *tunnel, uint64_t now_ms);

#endif

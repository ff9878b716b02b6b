/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One stream connection in a reactor: bytes in, bytes out, both bounded. Belongs to the reactor's
 * thread. It holds buffers only while there are bytes in them.
 *
 * Input: on_bytes() gets what came, contiguous, and may change it in place. What it does not
 * consume stays and comes again at the front of what comes next; at most in_max bytes of it.
 *
 * Output: conn_reserve() gives room, conn_commit() says how much of it was filled; it is sent when
 * on_bytes() returns, or at the end of the round.
 *
 * The end: on_end() is the last call, always, once, at the end of a round and never from within a
 * call of the owner's. From then on the connection is gone. After conn_close() or conn_drop()
 * there are no other callbacks than on_end().
 */
#ifndef STRAZH_USER_NET_CONN_H
#define STRAZH_USER_NET_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <strazh/base/compiler.h>
#include <user/net/endpoint.h>
#include <user/net/loop.h>
#include <user/net/reactor.h>
#include <user/net/timerwheel.h>

#define CONN_IN_MAX REACTOR_SCRATCH
#define CONN_RESERVE_MAX POOL_LARGE

/* Why a connection ended. */
#define CONN_ENDS(X)                                                                               \
	X(DONE, "done", "closed in order")                                                         \
	X(DROPPED, "dropped", "closed by its owner at once")                                       \
	X(RESET, "reset", "reset by the peer or the network")                                      \
	X(LATE_HELLO, "late_hello", "no hello in time")                                            \
	X(LATE_FINISH, "late_finish", "no end of the handshake in time")                           \
	X(LATE_IDLE, "late_idle", "silent for too long")                                           \
	X(LATE_CONNECT, "late_connect", "no connection in time")                                   \
	X(NOT_CONNECTED, "not_connected", "connecting failed")                                     \
	X(SLOW, "slow", "the peer does not read")                                                  \
	X(TOO_LONG, "too_long", "more bytes than a message may have")                              \
	X(NO_BUFFER, "no_buffer", "no buffer was left")                                            \
	X(LINGERED, "lingered", "the peer did not close in time")                                  \
	X(PROXY_BAD, "proxy_bad", "a bad PROXY header")                                            \
	X(PROXY_MISSING, "proxy_missing", "no PROXY header from a trusted proxy")                  \
	X(PROXY_STRANGER, "proxy_stranger", "a PROXY header from an address that is not trusted")  \
	X(REFUSED, "refused", "its source is at a limit")                                          \
	X(STOPPED, "stopped", "the server stopped")

enum conn_end {
#define CONN_END_ENUM(code, name, text) CONN_##code,
	CONN_ENDS(CONN_END_ENUM)
#undef CONN_END_ENUM
		CONN_ENDS_LEN
};
const char *conn_end_name(enum conn_end why);
const char *conn_end_text(enum conn_end why);

/* What a deadline waits for; CONN_IDLE counts from the last bytes that came. CONN_CLOSING: for a
 * peer to answer a goodbye of the owner's protocol, whatever else it sends. */
enum conn_wait { CONN_NOTHING, CONN_HELLO, CONN_FINISH, CONN_IDLE, CONN_CLOSING };

struct conn_limits {
	uint32_t in_max;    /* bytes kept that on_bytes() did not consume; at most CONN_IN_MAX */
	uint32_t out_max;   /* bytes not sent yet */
	uint32_t high, low; /* of those: on_pressure() above the one, and again at the other */
	uint32_t slow_ms;   /* how old unsent bytes may get; 0: any age. Seen within twice that. */
	uint32_t linger_ms; /* how long a closing peer may take */
};

struct conn_ops {
	/* How many bytes were consumed. */
	size_t (*on_bytes)(struct conn *conn, uint8_t *bytes, size_t len);
	/* The others may be NULL. */
	void (*on_connect)(struct conn *conn); /* of conn_connect() */
	void (*on_pressure)(struct conn *conn, bool high);
	/* The peer sends no more; `rest` bytes were not consumed. NULL: conn_close(). */
	void (*on_peer_end)(struct conn *conn, size_t rest);
	/* True: it goes on, for slow_ms more. False or NULL: it ends, CONN_SLOW. */
	bool (*on_slow)(struct conn *conn);
	/* True: the owner has done what is to be done. False or NULL: it ends. */
	bool (*on_late)(struct conn *conn, enum conn_wait what);
	void (*on_stop)(struct conn *conn); /* the server drains. NULL: conn_close() */
	void (*on_end)(struct conn *conn, enum conn_end why);
};

/* For its owner: `owner`, `peer`, and the counts of bytes. The rest is conn.c's. */
struct conn {
	struct watch watch;
	struct reactor *reactor;
	const struct conn_ops *ops;
	const struct conn_limits *limits;
	void *owner;
	uint64_t in_total, out_total; /* bytes read and written */
	struct endpoint peer; /* behind a trusted proxy, as that says; family 0: it has not */
	uint32_t source;
	struct block *in;		    /* what was not consumed, or NULL */
	struct block *out_first, *out_last; /* what is not sent; NULL: nothing */
	struct conn *next; /* in the reactor's list of those with something to do */
	struct wheel_timer deadline, slow;
	uint32_t out_len;   /* unsent, in all blocks */
	uint32_t mark_left; /* bytes to send until all is gone that was there at the last look */
	uint32_t discarded; /* while it closes */
	uint32_t wait_ms;   /* of the deadline */
	uint32_t heard;	    /* ms, low bits of now: the last bytes that came */
	uint8_t wait;	    /* enum conn_wait */
	uint8_t why;	    /* dead: enum conn_end */
	uint16_t error;	    /* errno of its end */
	bool dead : 1, pending : 1, connecting : 1, half_open : 1, counted : 1;
	bool paused : 1, in_ready : 1, in_hup : 1, in_ended : 1, retry : 1;
	bool out_blocked : 1, out_ending : 1, out_ended : 1, above : 1, closing : 1, live : 1;
	bool trusted : 1; /* from a trusted proxy */
	bool mute : 1;	  /* counted, and has said nothing */
};

/*
 * Takes `fd`, a connected stream socket that does not block, also on failure. 0, -ENOBUFS (all
 * slots of the reactor are in use), -errno.
 */
int conn_adopt(struct reactor *reactor, int fd, const struct conn_ops *ops,
	       const struct conn_limits *limits, void *owner, struct conn **ret_conn) must_check;
/* on_connect(), or on_end() with CONN_NOT_CONNECTED (conn_error() says why) or CONN_LATE_CONNECT.
 */
int conn_connect(struct reactor *reactor, const struct sockaddr *address, socklen_t address_len,
		 uint32_t timeout_ms, const struct conn_ops *ops, const struct conn_limits *limits,
		 void *owner, struct conn **ret_conn) must_check;
int conn_error(const struct conn *conn); /* errno of CONN_NOT_CONNECTED and CONN_RESET */

/* Another owner, or another state of it: from the next bytes on. */
void conn_set_ops(struct conn *conn, const struct conn_ops *ops, void *owner);
void conn_set_limits(struct conn *conn, const struct conn_limits *limits);
/* The peer has proven who it is: it does not count as half-open any more. */
void conn_opened(struct conn *conn);
/* Replaces the deadline there was; CONN_NOTHING ends it. It fires once, CONN_IDLE again and again.
 */
void conn_wait(struct conn *conn, enum conn_wait what, uint32_t ms);

/* Stop reading, and go on; not nested. What was not consumed comes again after a pause. */
void conn_pause(struct conn *conn);
void conn_resume(struct conn *conn);

enum conn_condition {
	CONN_FULL = 1, /* out_max: the bytes would be too many */
	CONN_EMPTY,    /* the reactor's buffers are all in use, or memory */
	CONN_GONE,     /* it has ended, or its output has */
};
/* Room for `len` contiguous bytes (at most CONN_RESERVE_MAX) until the next call of any kind. */
int conn_reserve(struct conn *conn, size_t len, uint8_t **ret_room) must_check;
void conn_commit(struct conn *conn, size_t len);
/* Both, with a copy. */
int conn_send(struct conn *conn, const void *bytes, size_t len) must_check;
/* Send now what there is, and not at the end of the round: for many bytes, while they are warm.
 * What was to be done once all is sent is done, too. */
void conn_flush(struct conn *conn);
static inline size_t conn_unsent(const struct conn *conn)
{
	return conn->out_len;
}

/* No more output after what there is: half-close. Input goes on. */
void conn_shutdown(struct conn *conn);
/* Send what there is, shut down, read and drop until the peer closes too, at most linger_ms. */
void conn_close(struct conn *conn);
/* At once: unsent bytes are lost, the peer sees a reset. */
void conn_drop(struct conn *conn);

#endif

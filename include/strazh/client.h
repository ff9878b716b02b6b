/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libstrazh: a client of strazhd, over the Phantom protocol.
 *
 *	struct strazh_options options = {.address = "192.0.2.1", .server_key = key};
 *	struct strazh *s;
 *	if (strazh_open(&options, &s, &error) || strazh_ping(s, 1000, &ns)) ...
 *
 * Two ways to use it, not both at once with one client:
 *
 *	blocking      strazh_send(), strazh_receive(), strazh_request(), strazh_ping()
 *	event loop    strazh_fd(), strazh_on_ready() and the callbacks
 *
 * One thread at a time uses a client; strazh_post() may be called by any.
 *
 * A connection that breaks is made again, with pauses that grow; on_state() tells. What had been
 * queued in it or sent may or may not have arrived: a request that was not answered ends with
 * STRAZH_E_LOST, and nothing is ever sent twice. What is queued or posted while there is no session
 * waits for the next. A host's name is looked up with getaddrinfo(3), which waits: who must never
 * wait gives an address. Where a name has several addresses, all are tried.
 *
 * Functions return 0; -errno; or an enum strazh_class above 0, with its words in struct
 * strazh_error. Secrets given in options are copied, and wiped by strazh_close().
 */
#ifndef STRAZH_CLIENT_H
#define STRAZH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

#define STRAZH_MUST_CHECK __attribute__((warn_unused_result))

/* X(NAME, text) */
#define STRAZH_CLASSES(X)                                                                          \
	X(OPTION, "an option is missing or wrong")                                                 \
	X(ADDRESS, "the address cannot be found")                                                  \
	X(CONNECT, "the server cannot be reached")                                                 \
	X(SERVER, "the server is not who it should be")                                            \
	X(REFUSED, "the server closed the connection during the handshake")                        \
	X(PROTOCOL, "the server sent what the protocol does not allow")                            \
	X(TIMEOUT, "the time is up")                                                               \
	X(LOST, "the connection broke; what was under way may have been done")                     \
	X(CLOSED, "the server closed the session")                                                 \
	X(FULL, "the queue is full")                                                               \
	X(TOO_BIG, "a message of that size cannot be sent")                                        \
	X(ANSWER, "the server answered with an error")                                             \
	X(UNSUPPORTED, "this build or this server does not know it")
#define STRAZH_CLASS_ENUM_(NAME, text) STRAZH_E_##NAME,
enum strazh_class { STRAZH_OK, STRAZH_CLASSES(STRAZH_CLASS_ENUM_) STRAZH_CLASS_COUNT };

struct strazh_error {
	int class;     /* -errno or enum strazh_class */
	uint16_t code; /* ANSWER: the server's */
	char text[252];
};
const char *strazh_class_text(int class);

/* Payload is borrowed: until the callback returns, or until the next call with this client. */
struct strazh_message {
	uint8_t service; /* PH_S_ and PH_OP_ of <strazh/wire/phantom.h> */
	uint8_t opcode;
	uint8_t content;
	uint8_t priority; /* PH_URGENT .. PH_BULK */
	uint32_t request; /* the reply has the request's; 0: none */
	const void *payload;
	size_t len;
};

enum strazh_state { STRAZH_DOWN, STRAZH_CONNECTING, STRAZH_UP, STRAZH_ENDED };

struct strazh;
struct strazh_options {
	const char *address;	    /* host, host:port, v6, [v6]:port; the port is 8000 */
	const char *server_name;    /* NULL: "strazh" */
	const uint8_t *server_key;  /* 32, X25519: pinned (NK1, XK1); or */
	const uint8_t *root_key;    /* 32, Ed25519: signs the server's certificate (NX, XX) */
	const uint8_t *client_key;  /* 32, X25519 secret: who we are. NULL: anonymous */
	bool demand_hybrid;	    /* ML-KEM-768 besides X25519, or no connection */
	bool no_resume;		    /* a full handshake each time */
	bool strict;		    /* a new seed for each record */
	bool flushes;		    /* strazh_flush() comes before each wait: see strazh_queue() */
	int64_t connect_timeout_ms; /* 0: 5000; connecting and handshake */
	int64_t heartbeat_ms;	    /* 0: 30000; -1: none */
	int reconnects;		    /* attempts in a row after a loss; 0: for ever; -1: none */
	size_t queue_bytes;	    /* 0: 1 MiB; what waits to be sent */
	void (*on_state)(void *data, enum strazh_state state, const struct strazh_error *why);
	void (*on_message)(void *data, const struct strazh_message *message);
	void (*on_room)(void *data); /* after FULL: half of it is free again */
	void *data;
};

/* Checks the options; does not connect yet. ret_error may be NULL. */
int strazh_open(const struct strazh_options *options, struct strazh **ret_client,
		struct strazh_error *ret_error) STRAZH_MUST_CHECK;
/* An open session is closed in order, as far as that goes at once. NULL is fine. */
void strazh_close(struct strazh *client);
/* Of the last call that failed. */
const struct strazh_error *strazh_error(const struct strazh *client);

/* ---- blocking; the first call connects. Times in ms; below 0: no end ---- */

int strazh_connect(struct strazh *client, int64_t timeout_ms) STRAZH_MUST_CHECK;
/* Until it was given to the kernel. TIMEOUT: it is queued, and may still go. */
int strazh_send(struct strazh *client, const struct strazh_message *message,
		int64_t timeout_ms) STRAZH_MUST_CHECK;
int strazh_receive(struct strazh *client, int64_t timeout_ms,
		   struct strazh_message *ret_message) STRAZH_MUST_CHECK;
/* Sends, and waits for the reply; what else comes meanwhile goes to on_message(), if there is one,
 * else it is kept for strazh_receive(). ANSWER: an error came instead. FULL: so much is kept (4
 * MiB) that the server is not read from; the reply will come to strazh_receive(), too. */
int strazh_request(struct strazh *client, struct strazh_message *message, int64_t timeout_ms,
		   struct strazh_message *ret_reply) STRAZH_MUST_CHECK;
/* A round trip through the echo service. */
int strazh_ping(struct strazh *client, int64_t timeout_ms, uint64_t *ret_ns) STRAZH_MUST_CHECK;

/* ---- with an event loop ---- */

/* One descriptor for the life of the client, times included: when it is readable, call
 * strazh_on_ready(); and once to begin with, which connects. */
int strazh_fd(const struct strazh *client);
/* Never waits. Calls the callbacks, which may do anything but strazh_close(); this, what waits and
 * strazh_renew() answer -EBUSY there. */
int strazh_on_ready(struct strazh *client) STRAZH_MUST_CHECK;
/* Queue it. It goes with the next strazh_on_ready() or strazh_flush(), in one piece with what else
 * was queued; until then the descriptor is readable, unless options.flushes says that it need not
 * be. FULL: on_room() tells when there is room again. */
int strazh_queue(struct strazh *client, const struct strazh_message *message) STRAZH_MUST_CHECK;
/* Sends what is queued and reads nothing: for who knows that nothing came. May call on_room() and
 * on_state(). In a callback it does nothing, for what is queued there goes without it. */
int strazh_flush(struct strazh *client) STRAZH_MUST_CHECK;
/* strazh_queue() from any thread, waking the client's. CLOSED: there will be no session any more.
 */
int strazh_post(struct strazh *client, const struct strazh_message *message) STRAZH_MUST_CHECK;
size_t strazh_queued(const struct strazh *client); /* bytes */

/* Ends the session in order and begins another, by ticket if there is one. Not from a callback. */
int strazh_renew(struct strazh *client) STRAZH_MUST_CHECK;

/* ---- what a session is ---- */

struct strazh_about {
	enum strazh_state state;
	const char *suite;	/* "NK1", "XX+ML-KEM-768", ... of the last; "": there was none */
	uint8_t server_key[32]; /* as proven */
	bool resumed;
	bool resumable;		 /* there is a ticket: the next one will be */
	uint64_t sessions;	 /* that were established */
	uint64_t sent, received; /* messages */
	uint64_t handshake_ns;	 /* of the last one */
};
void strazh_about(const struct strazh *client, struct strazh_about *ret_about);

#pragma GCC visibility pop

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside libstrazh. One client is a state machine over one epoll descriptor, in which are its
 * socket, a timer, and an eventfd for strazh_post(); the blocking calls drive the same machine.
 */
#ifndef STRAZH_USER_CLIENT_PARTS_H
#define STRAZH_USER_CLIENT_PARTS_H

#include <pthread.h>
#include <sys/socket.h>

#include <strazh/base/compiler.h>
#include <strazh/client.h>
#include <user/crypto/engine.h>
#include <user/crypto/shield.h>
#include <user/session/channel.h>
#include <user/session/handshake.h>

#define ADDRESSES_MAX 8
#define IN_ROOM (2 * PH_RECORD_MAX)
#define OUT_ROOM (72U * 1024) /* two records of 36 KiB, or the longest there is */
#define INBOX_MAX (4U << 20)  /* bytes of messages that nobody has received yet */

enum phase { PHASE_DOWN, PHASE_CONNECTING, PHASE_SHAKING, PHASE_UP, PHASE_ENDED };

struct kept {
	struct kept *next;
	struct strazh_message message;
	uint8_t payload[];
};

struct kept_list {
	struct kept *first, **end;
	size_t bytes;
};
void kept_init(struct kept_list *list);
/* One always does. */
bool kept_fits(const struct kept_list *list, const struct strazh_message *message,
	       size_t max) must_check;
/* A copy at the end. */
int kept_add(struct kept_list *list, const struct strazh_message *message) must_check;
struct kept *kept_take(struct kept_list *list); /* NULL: none; free() it */
void kept_clear(struct kept_list *list);

struct strazh {
	struct strazh_options options;
	char *host, *port, *name;
	uint8_t server_key[PH_KEY_LEN], root_key[PH_KEY_LEN], public[PH_KEY_LEN];
	struct shield *secret;	   /* NULL: anonymous */
	struct strazh_error error; /* of the last call */

	int epoll, timer, post;
	int socket; /* -1: none */
	uint32_t watched;
	bool added; /* the socket is in epoll */
	struct {
		struct sockaddr_storage at[ADDRESSES_MAX];
		socklen_t len[ADDRESSES_MAX];
		unsigned count, next;
	} addresses;

	enum phase phase;
	struct strazh_error why; /* of the last loss */
	unsigned failures;	 /* in a row */
	uint64_t deadline_ms;	 /* of this attempt */
	uint64_t retry_ms, tick_ms, begun_ns;
	uint64_t timer_ms; /* what the timer is set to; 0: not */
	bool turning;	   /* in machine_turn() */
	struct strazh_about about;

	struct crypto *crypto;
	struct engine *engine;
	struct channel_host host_of;
	uint8_t suite; /* of a full handshake */
	struct hs_client hs_client;
	struct handshake hs;
	struct channel channel;
	bool has_channel;
	struct hs_resume resume;
	uint8_t ticket[TICKET_LEN];
	bool has_ticket, resuming;

	uint8_t *in, *out; /* IN_ROOM, OUT_ROOM; there while there is a connection */
	size_t in_len, out_at, out_len;
	bool input_ended;
	bool paused;	/* the inbox is full */
	bool no_memory; /* for a message that came: why the channel ended */

	struct kept_list inbox; /* for strazh_receive() */
	struct kept_list early; /* queued before there was a session */
	struct kept *lent;	/* what the last strazh_receive() gave */
	bool full;		/* something was refused: on_room() is due */

	pthread_mutex_t lock; /* of these */
	struct kept_list posted;
	bool woken;	 /* the eventfd says so */
	bool post_full;	 /* something was refused */
	bool over;	 /* PHASE_ENDED */
	bool post_waits; /* the client's thread alone: some of them found no room */

	/* strazh_request() */
	uint32_t request, next_request;
	struct kept *answer;
	uint64_t lost; /* connections: a request does not outlive one */
};

uint64_t client_now_ms(void);
uint64_t client_now_ns(void);
int note_fault(struct strazh *s, int class, const char *format, ...) printf_like(3, 4);

/* ---- address.c ---- */
int address_split(const char *address, char **ret_host, char **ret_port) must_check;
int address_find(struct strazh *s) must_check;

/* ---- machine.c ---- */
int machine_turn(struct strazh *s) must_check;
/* Is it no use to wait any more? 0, or the class. */
int machine_end(const struct strazh *s) must_check;
void machine_down(struct strazh *s, const struct strazh_error *why);
int machine_renew(struct strazh *s) must_check;
int machine_write(struct strazh *s) must_check;
/* Between turns: the descriptor becomes readable. */
int machine_want_turn(struct strazh *s) must_check;

/* ---- client.c ---- */
/* 0, or why no session takes it. */
int message_fault(const struct strazh_message *message) must_check;

/* ---- outgoing.c ---- */
int machine_queue(struct strazh *s, const struct strazh_message *message) must_check;
/* The descriptor is not readable any more for what was posted, session or not. */
void take_wake(struct strazh *s);
/* True: some went into the queue. What finds no room stays where it is. */
bool take_posted(struct strazh *s);
/* What was refused may come now: there is room, or what had filled the queue is lost. */
bool tell_room(struct strazh *s) must_check;

/* ---- session.c ---- */
int session_begin(struct strazh *s, const struct session_keys *keys) must_check;
void session_end(struct strazh *s);
extern const struct channel_ops client_channel_ops;

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Many clients of the secured server in one thread, straight over user/session: the load. Sockets
 * block where they write, so that a window of messages has to fit what server and sockets hold.
 */
#ifndef TESTS_BENCH_WIRE_TALK_H
#define TESTS_BENCH_WIRE_TALK_H

#include <tests/bench/wire/rig.h>
#include <user/session/channel.h>
#include <user/session/handshake.h>

struct talk;

/* One client. */
struct line {
	struct talk *talk;
	int fd;
	bool shaking, ticket_came, dirty;
	struct line *dirty_next;
	uint8_t *rest; /* an incomplete record */
	size_t rest_len;
	double sent_s; /* for who measures latency */
	struct handshake hs;
	struct channel channel;
	uint8_t psk[PH_KEY_LEN]; /* of a later session */
};

struct talk {
	const struct rig *rig;
	int epoll;
	struct crypto *crypto;
	struct engine *engine;
	struct channel_host host;
	struct hs_client client;
	struct hs_resume resume; /* what `client` points to, once there is a ticket */
	uint8_t ticket[TICKET_LEN];
	uint8_t *scratch;
	struct line *dirty;
	int shaking; /* lines */
	/* Of the user. */
	void *user;
	void (*on_open)(struct line *line); /* the keys are there */
	void (*on_message)(struct line *line, const struct ph_message *message);
	void (*on_end)(struct line *line); /* the server closed; NULL: that is an error */
};

struct talk *talk_new(const struct rig *rig);
void talk_free(struct talk *talk);
/* Later lines resume with this one's ticket. */
void talk_resume(struct talk *talk, const struct line *line);

/* Dials and sends the hello. */
void line_open(struct talk *talk, struct line *line);
void line_send(struct line *line, const struct ph_message *message);
/* Sends what waits and then no more: the server ends it. */
void line_shut(struct line *line);
void line_close(struct line *line);
/* Until all handshakes are over. */
void talk_wait(struct talk *talk);
/* That many, and all their handshakes are over; some are made at a time. */
struct line *lines_open(struct talk *talk, int count);
void lines_close(struct line *lines, int count);

/* What came, and then what is to go. False: nothing came in `ms`. */
bool talk_turn(struct talk *talk, int ms);

#endif

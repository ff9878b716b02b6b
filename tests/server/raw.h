/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A client that is nothing but the protocol's own calls over a blocking socket, so that a test has
 * each of its bytes in hand before they are sent, and its keys.
 */
#ifndef TESTS_SERVER_RAW_H
#define TESTS_SERVER_RAW_H

#include <user/session/channel.h>
#include <user/session/handshake.h>

#include <tests/server/house.h>

struct raw {
	int fd;
	struct crypto *crypto;
	struct engine *engine;
	struct hs_client client;
	struct handshake hs;
	struct session_keys keys; /* as the handshake gave them */
	struct channel_host host;
	struct channel channel;
	uint8_t secret[32], public[32];
	struct hs_resume resume;
	/* Of the handshake: our ephemeral key, the server's, the last chaining key. */
	uint8_t e[32], server_e[32], ck[32];
	uint8_t ticket[TICKET_LEN]; /* that came */
	size_t ticket_len;
	uint8_t hello[HS_FRAME_LEN];
	size_t hello_len;
	uint8_t out[2 * PH_RECORD_MAX]; /* what raw_seal() made */
	size_t out_len;
	unsigned messages;
};

/* Connects; the hello is in `hello` and not sent. Any suite but RESUME and the hybrid ones. */
void raw_open(struct raw *raw, const struct house *house, uint8_t suite);
/* With a ticket. */
void raw_open_resumed(struct raw *raw, const struct house *house, const struct hs_resume *resume);
/* Sends the hello and reads the answer; in XK1 the finish is in `out`. False: it was refused. */
bool raw_shake(struct raw *raw);
/* Seals one message to `out`, behind what is there; in NK1 the first has the finish before it. */
void raw_seal(struct raw *raw, const struct ph_message *message);
void raw_seal_echo(struct raw *raw, uint32_t request, const void *payload, size_t len);
void raw_send(const struct raw *raw, const void *bytes, size_t len);
/* All of `out`. */
void raw_flush(struct raw *raw);
/* Reads until so many messages have come, all in all. False: the server closed. */
bool raw_wait(struct raw *raw, unsigned messages);
/* Bytes that come until the server closes. */
size_t raw_rest(const struct raw *raw);
void raw_close(struct raw *raw);

/* Bytes until the end. */
size_t socket_rest(int fd);

#endif

/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the two files of `strazh tunnel` share. */
#ifndef STRAZH_USER_CLIENT_CLI_TUNNEL_H
#define STRAZH_USER_CLIENT_CLI_TUNNEL_H

#include <stdbool.h>
#include <stdint.h>

#include <user/client/cli/link.h>
#include <user/service/ring.h>
#include <user/wire/tunnel.h>

#define STREAMS_BITS 10
#define STREAMS_MAX (1U << STREAMS_BITS)
#define STREAM_WINDOW (256U * 1024) /* what the server may send ahead */
#define QUEUE_HIGH (512U * 1024)    /* above it no socket is read */
/* Their records go in pairs: libstrazh sends 72 KiB at once, strazhd reads as much. */
#define CHUNK_LEN (36U * 1024 - 128)
#define QUEUE_FLUSH (2 * CHUNK_LEN) /* above it the queue goes before another socket is read */

struct door {
	int fd;
	const char *name; /* of the upstream */
	size_t name_len;
	char text[64]; /* "127.0.0.1:8080" */
};

enum stream_state { STREAM_OPENING, STREAM_OPEN, STREAM_OVER };

struct tunnel {
	struct link link;
	struct cli *cli;
	int epoll;
	struct door doors[CLI_LISTENS_MAX];
	unsigned doors_len;
	struct stream *streams[STREAMS_MAX]; /* by the low bits of the id */
	unsigned count;
	uint32_t generation;
	bool busy;  /* some could go on at once */
	bool waits; /* some wait for room in the queue */
	struct {
		uint64_t ms; /* a refusal was told last, of this kind, and how many since */
		const struct door *door;
		uint16_t code;
		unsigned more;
	} told;
	bool filled;	  /* all places or descriptors are taken, so that the doors are shut */
	bool turns;	  /* the session has something for us: libstrazh gets a whole turn */
	uint64_t open_ms; /* not before that; 0: when there is a place */
	uint8_t chunk[CHUNK_LEN];
};

/* Events carry the id of a stream, or one of these and a number. */
#define EVENT_LINK (1ULL << 32)
#define EVENT_DOOR (2ULL << 32)

/* Takes fd, also when it fails. */
void stream_new(struct tunnel *t, const struct door *door, int fd);
/* A message of the tunnel service, or an event of the stream's socket. */
void stream_message(struct tunnel *t, const struct strazh_message *message);
void stream_event(struct tunnel *t, uint32_t id, uint32_t events);
/* All that can go on, go on. */
void streams_step(struct tunnel *t);
/* The session is lost: so are they. */
void streams_reset(struct tunnel *t);

#endif

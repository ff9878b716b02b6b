/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The man in the middle: listens on a port of 127.0.0.1 and passes what comes to a server and back,
 * cut into what the protocol sends as one piece: frames of the handshake, then records. A test says
 * what becomes of each piece; one connection at a time, in a thread of its own.
 */
#ifndef TESTS_SERVER_MIDDLE_H
#define TESTS_SERVER_MIDDLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum middle_way { TO_SERVER, TO_CLIENT, MIDDLE_WAYS };

struct middle;
/* Piece number `unit` of this connection and way, which is not passed on but by middle_send(). */
typedef void middle_touch(struct middle *middle, enum middle_way way, unsigned unit, uint8_t *bytes,
			  size_t len);

struct middle {
	char address[32];
	/* of the one who touches */
	void *context;
	/* the rest is of middle.c */
	uint16_t target;
	middle_touch *touch;
	pthread_mutex_t lock; /* of touch and context */
	pthread_t thread;
	int listener, sockets[MIDDLE_WAYS]; /* where that way leads */
	struct {
		uint8_t *bytes;
		size_t len;
		unsigned unit;
		bool records, ended;
	} ways[MIDDLE_WAYS];
	uint8_t suite;
	_Atomic(uint64_t) sent[MIDDLE_WAYS]; /* bytes passed on, of all connections */
	_Atomic(unsigned) connections;
	_Atomic(unsigned) over; /* connections that have ended on both sides */
	atomic_bool ending;
};

void middle_open(struct middle *middle, uint16_t target);
void middle_close(struct middle *middle);
/* For connections to come and for this one; NULL: pass all unchanged. */
void middle_set(struct middle *middle, middle_touch *touch, void *context);
/* From within middle_touch. */
void middle_send(struct middle *middle, enum middle_way way, const void *bytes, size_t len);
/* No more that way. */
void middle_cut(struct middle *middle, enum middle_way way);
/* Until so many connections are over. */
void middle_wait(struct middle *middle, unsigned over);

#endif

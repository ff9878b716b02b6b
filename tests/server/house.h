/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A whole server in this process: reactors in threads, keys of its own in a folder of its own, the
 * echo service, on a port of 127.0.0.1 that the kernel chooses. And clients to it.
 *
 * A house with helpers gives them every handshake, and its threads begin at the first. With
 * STRAZH_TEST_HELPERS in the environment every house has so many: any test, with the crypto pool.
 */
#ifndef TESTS_SERVER_HOUSE_H
#define TESTS_SERVER_HOUSE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <strazh/client.h>
#include <user/crypto/workpool.h>
#include <user/net/listener.h>
#include <user/net/reactors.h>
#include <user/server/server.h>

#define HOUSE_REACTORS_MAX 4

struct house {
	char folder[64];
	struct crypto *crypto;
	struct identity *identity;
	struct ticket_keys tickets;
	struct sources *sources;
	struct server_common common;
	struct server *servers[HOUSE_REACTORS_MAX];
	struct listener *listeners[HOUSE_REACTORS_MAX];
	struct reactors *reactors;
	struct workpool *pool; /* or NULL */
	uint16_t port;
	char address[32];
	_Atomic(uint64_t) signs[SERVER_BAD_QUERY + 1]; /* that the watcher was given */
	_Atomic(int) gone;			       /* condition of the last SERVER_GONE */
	uint8_t key[32], root[32];
};

/* What may be changed before house_open(). */
struct house_plan {
	unsigned reactors; /* 0: 1 */
	bool no_tickets;
	bool relay;	     /* and not the echo alone */
	unsigned helpers;    /* threads of a crypto pool; 0: none, but as below */
	bool as_shipped;     /* the pool has the usual rule, and only what is too much */
	unsigned pool_queue; /* its jobs; 0: as many as fit */
	size_t mailbox_len;  /* 0: 4096 */
	uint16_t tunnel;     /* 0: none; else to this port of 127.0.0.1, "up" */
	const char *clients; /* lines of public keys */
	uint32_t suites;     /* bits of enum ph_suite; 0: all that can be had */
	bool hybrid;	     /* and the hybrid ones of these */
	void (*limits)(struct server_limits *limits);
	struct sources_limits sources; /* zeros: wide */
};

void house_open(struct house *house, const struct house_plan *plan);
void house_close(struct house *house);
/* The server ends, all sessions with it; and another begins, with the same keys on the same port.
 */
void house_down(struct house *house);
void house_up(struct house *house, const struct house_plan *plan);
/* Its two halves: the reactors end in order, and are over; the rest. Counters stay between them. */
void house_drain(struct house *house);
void house_free(struct house *house);
/* Loaded once more from its folder. The caller's reference. */
struct identity *house_identity(const struct house *house);
/* Sum of one counter over all reactors. */
uint64_t house_count(const struct house *house, size_t offset);
#define HOUSE_COUNT(house, name) house_count(house, offsetof(struct server_counters, name))
/* Until it has that value, or some seconds are over. */
void house_wait(const struct house *house, size_t offset, uint64_t value);
#define HOUSE_WAIT(house, name, value)                                                             \
	house_wait(house, offsetof(struct server_counters, name), value)

/* Until it has at least that value. */
void house_at_least(const struct house *house, size_t offset, uint64_t value);
#define HOUSE_AT_LEAST(house, name, value)                                                         \
	house_at_least(house, offsetof(struct server_counters, name), value)
/* Handshakes that failed and channels that ended but for a Close, whatever the condition. */
uint64_t house_failed(const struct house *house);
uint64_t house_broken(const struct house *house);
/* Connections that ended so, those that had not said anything included. */
uint64_t house_ended(const struct house *house, enum conn_end why);
/* Until check() holds, or some seconds are over: then false. */
bool house_until(bool (*check)(const void *context), const void *context);
/* Every session and every stranger is gone. */
void house_quiet(const struct house *house);

/* NK1, to this house. */
struct strazh_options house_options(const struct house *house);
struct strazh *house_client(const struct house *house, const struct strazh_options *options);
/* One echo, and that it is what was sent. 0 or the class. */
int house_echo(struct strazh *client, uint32_t request, size_t len, int64_t timeout_ms);
/* Bytes of this process that are in memory. */
long memory_resident(void);
unsigned house_descriptors(void); /* that this process has open, and two */
uint64_t house_now_ms(void);
/* A connected socket that knows nothing of the protocol. */
int house_socket(const struct house *house);

#endif

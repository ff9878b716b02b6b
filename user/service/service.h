/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What stands behind a session. A service sees messages of peers; it knows no sockets, keys or
 * records. There is one instance of each service in every reactor (a thread), and everything here
 * is called in that thread; what instances of a service share they share through `shared` and
 * host->post().
 *
 * A peer is an open session. It is valid from on_open() to the end of on_close(). The host calls a
 * service from its loop and never from inside a peer_*() call: neither on_close() nor on_room()
 * comes while the service is at work.
 *
 * The end of all: on_close() of every peer of every reactor, then what was posted runs until none
 * of it is left, then stop() of each instance, then close().
 */
#ifndef STRAZH_USER_SERVICE_SERVICE_H
#define STRAZH_USER_SERVICE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <strazh/wire/phantom.h>
#include <user/wire/message.h>

struct loop;
struct peer;
struct service_host;

/* Bytes that several peers get: counted, freed by the last. Thread-safe. */
struct shared_bytes {
	_Atomic(unsigned) references;
	size_t len;
	uint8_t bytes[];
};
struct shared_bytes *shared_bytes_new(size_t len); /* one reference; NULL: no memory */
struct shared_bytes *shared_bytes_get(struct shared_bytes *bytes);
void shared_bytes_put(struct shared_bytes *bytes); /* NULL is fine */

enum peer_condition {
	PEER_FULL = 1, /* its queue holds what it may: on_room() says when there is room again */
	PEER_CLOSED,
	PEER_TOO_BIG, /* above PH_MESSAGE_MAX */
};

/* Queued, and sent by priority. The payload is copied. */
int peer_send(struct peer *peer, const struct ph_message *message) must_check;
/* The same with a payload that is shared, all of it: it is referenced until it is sealed, and what
 * `head` says of a payload is not looked at. */
int peer_send_shared(struct peer *peer, const struct ph_message *head,
		     struct shared_bytes *payload) must_check;
/* An answer PH_OP_ERROR to what came. What cannot be queued is counted, not told. */
void peer_refuse(struct peer *peer, const struct ph_message *to, enum ph_code code,
		 const char *text);
/*
 * Many bytes, without a queue and without a copy. peer_place() gives room for a payload in the
 * record itself, until the next call about this peer. NULL: something waits that has to go before
 * it, or would wait: then peer_send(). peer_placed() seals a message whose payload lies there:
 * answers as of peer_send(), but never PEER_FULL. It is sent with the next of them, or by
 * peer_push(), or at the end of the round.
 */
uint8_t *peer_place(struct peer *peer, size_t *ret_max);
int peer_placed(struct peer *peer, const struct ph_message *message) must_check;
void peer_push(struct peer *peer);
/* Once all that is queued was sent. `why` is one of the service's counted reasons. */
void peer_close(struct peer *peer, const char *why);
/*
 * What a peer asked of a database was no honest question: for services whose peers' values reach an
 * ORM, from what orm_guard_open() reports. It is told, and the peer stays: that is the service's.
 */
enum peer_fault { PEER_INJECTION = 1, PEER_FLOOD };
void peer_report(struct peer *peer, enum peer_fault fault);
/*
 * Stop and go on reading what the peer sends (back-pressure); nested calls do not count. After
 * peer_pause() no on_message() comes before peer_resume(), also none of what was read already.
 */
void peer_pause(struct peer *peer);
void peer_resume(struct peer *peer);
size_t peer_queued(const struct peer *peer); /* bytes */

struct peer_about {
	uint64_t id; /* of the session, never used again */
	bool identified;
	uint8_t key[PH_KEY_LEN]; /* identified: the client's static key */
	uint8_t suite;
};
const struct peer_about *peer_about(const struct peer *peer);
/* One pointer a peer for each service. */
void *peer_slot(const struct peer *peer, uint8_t service);
void peer_set_slot(struct peer *peer, uint8_t service, void *slot);

/*
 * A call in another reactor's thread. Embedded in what it carries, and free again when run() is
 * called. Calls from one reactor to another run in the order of their posting, none before the
 * service's instance there was started.
 */
struct posted {
	struct posted *next;
	void (*run)(struct posted *posted, struct service_host *host);
};

#define SERVICE_REACTORS_MAX 256

/* The reactor as a service sees it. */
struct service_host {
	unsigned reactor, reactors; /* which one of how many */
	struct loop *loop;
	uint64_t (*now_ms)(const struct service_host *host); /* CLOCK_BOOTTIME */
	/* -EAGAIN: that reactor's queue is full; counted. */
	int (*post)(struct service_host *host, unsigned reactor, struct posted *posted) must_check;
};

/* What the configuration says of a service: words as they stand in the file. */
struct service_setting {
	const char *key;
	const char *value;
};
struct service_config {
	const struct service_setting *settings;
	size_t count;
};
struct service_counter {
	const char *name;
	const char *help;
	bool gauge; /* goes up and down */
	uint64_t value;
};
#define SERVICE_WHY_LEN 128

struct service_ops {
	const char *name; /* its section of the configuration is [service.NAME] */
	uint8_t id;	  /* enum ph_service */
	/* Once, before the instances, from the lines of its section. -EINVAL: `why` says which
	 * line, and what would be right. */
	int (*open)(const struct service_config *config, void **ret_shared,
		    char why[SERVICE_WHY_LEN]) must_check;
	void (*close)(void *shared);
	/* One instance a reactor. */
	int (*start)(struct service_host *host, void *shared, void **ret_instance) must_check;
	void (*stop)(void *instance);
	void (*on_open)(void *instance, struct peer *peer); /* may be NULL */
	void (*on_message)(void *instance, struct peer *peer, const struct ph_message *message);
	/* The messages that came together from this peer were all told: their payloads are good
	 * until it returns. May be NULL; then each is good while it is told. */
	void (*on_batch_end)(void *instance, struct peer *peer);
	void (*on_room)(void *instance, struct peer *peer);  /* may be NULL */
	void (*on_close)(void *instance, struct peer *peer); /* may be NULL */
	/* The first n of its counters; returns how many there are. */
	size_t (*counters)(void *instance, size_t n, struct service_counter ret_counters[]);
};

extern const struct service_ops service_echo, service_relay, service_tunnel;

#endif

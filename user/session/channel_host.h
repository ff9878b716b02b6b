/* SPDX-License-Identifier: Apache-2.0 */
/* What channels have in common: conditions, limits, callbacks, counters, and what those of one
 * thread share. */
#ifndef STRAZH_USER_SESSION_CHANNEL_HOST_H
#define STRAZH_USER_SESSION_CHANNEL_HOST_H

#include <stdint.h>

#include <user/session/queue.h>
#include <user/wire/message.h>

struct channel;
struct crypto;
struct engine;

/* Those of channel_send() first; all others end the channel. */
#define CHANNEL_CONDITIONS(X)                                                                      \
	X(CHANNEL_FULL, "full", "the queue holds what it may")                                     \
	X(CHANNEL_TOO_BIG, "too-big", "a message longer than a record holds")                      \
	X(CHANNEL_SHUT, "shut", "the channel is not open, or about to end")                        \
	X(CHANNEL_BAD_HEAD, "bad-head", "a record whose head is none")                             \
	X(CHANNEL_BAD_TYPE, "bad-type", "a record of a type that may not come here")               \
	X(CHANNEL_BAD_LENGTH, "bad-length", "a record longer than is taken here")                  \
	X(CHANNEL_BAD_ORDER, "bad-order", "a record out of order: replayed, lost or moved")        \
	X(CHANNEL_BAD_EPOCH, "bad-epoch", "a record of an epoch that has not begun or is over")    \
	X(CHANNEL_BAD_SEAL, "bad-seal", "a record whose signature or tag does not fit")            \
	X(CHANNEL_BAD_PADDING, "bad-padding", "a record with wrong padding")                       \
	X(CHANNEL_BAD_BODY, "bad-body", "a record that does not hold what its type says")          \
	X(CHANNEL_BAD_REKEY, "bad-rekey", "a rekey with a key of low order")                       \
	X(CHANNEL_EARLY_REKEY, "early-rekey", "a rekey too soon after the last")                   \
	X(CHANNEL_LATE_REKEY, "late-rekey", "a rekey that was not answered or confirmed in time")  \
	X(CHANNEL_EXHAUSTED, "exhausted", "too many operations without a rekey")                   \
	X(CHANNEL_SILENT, "silent", "nothing was heard of the peer for too long")                  \
	X(CHANNEL_CUT, "cut", "the connection was cut, without a Close")                           \
	X(CHANNEL_DROPPED, "dropped", "ended on this side")

enum channel_condition {
	CHANNEL_FINE,
#define X(name, word, text) name,
	CHANNEL_CONDITIONS(X)
#undef X
		CHANNEL_CONDITION_COUNT,
};
const char *channel_condition_word(int condition); /* for counters; NULL: no such condition */
const char *channel_condition_text(int condition);

struct channel_limits {
	uint32_t queue_bytes;	/* of messages that wait, with their heads; one may always wait */
	uint32_t control_bytes; /* besides, for messages of PH_S_CONTROL */
	uint32_t cipher_max;	/* longest C that is taken */
	uint32_t heartbeat_ms;	/* after that long without a record of ours a heartbeat is sent;
				 * a quarter more without one of the peer's, and it asks */
	uint32_t heartbeats;	/* so many missed: the peer is gone */
	/* A client rekeys after any of these. */
	uint64_t rekey_operations, rekey_bytes, rekey_ms;
	/* A server takes a rekey after either of these; it costs two scalar multiplications. */
	uint64_t rekey_floor_operations, rekey_floor_ms;
	uint64_t rekey_answer_ms; /* and then it has to be done */
	uint64_t operations_max;  /* without a rekey: the end */
};
extern const struct channel_limits channel_limits_usual;

/* Payloads are borrowed for the time of the call. */
struct channel_ops {
	/* Server in NK1 and NX: the client's finish was right. May be NULL. */
	void (*on_open)(struct channel *ch, void *context);
	void (*on_message)(struct channel *ch, void *context, const struct ph_message *message);
	/* After CHANNEL_FULL: half of the queue is free. May be NULL. */
	void (*on_room)(struct channel *ch, void *context);
	/* The peer's Close came: it sends no more. What is queued is still sent. May be NULL. */
	void (*on_close)(struct channel *ch, void *context, uint16_t code);
};

#define CHANNEL_COUNTERS(X)                                                                        \
	X(records_in, "records opened")                                                            \
	X(records_out, "records sealed")                                                           \
	X(bytes_in, "bytes of opened records")                                                     \
	X(bytes_out, "bytes of sealed records")                                                    \
	X(batches_in, "batches of records opened at once")                                         \
	X(batches_out, "batches of records sealed at once")                                        \
	X(rekeys, "rekeys begun")                                                                  \
	X(heartbeats, "heartbeats sent")                                                           \
	X(full, "messages refused because the queue was full")

struct channel_counters {
#define X(name, text) uint64_t name;
	CHANNEL_COUNTERS(X)
#undef X
	uint64_t ended[CHANNEL_CONDITION_COUNT]; /* channels, by condition */
};

/* What the channels of a thread share. All is borrowed and outlives them. */
struct channel_host {
	struct crypto *crypto;
	struct engine *engine;
	struct chunk_pool pool;
	struct channel_limits limits;
	const struct channel_ops *ops;
	struct channel_counters counters;
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open session, without input and output: bytes that came are read where they lie, messages that
 * are to go are sealed where the caller wants them. Server and client are the same but for who
 * begins a rekey. There is no clock: whoever calls says what time it is, in milliseconds.
 *
 * A condition (> 0) is what the peer has caused or what a full queue says. One that ends the
 * channel is the last thing that it says: keys are wiped, nothing more is read or written, the peer
 * is told nothing, and each later call gives the same condition.
 *
 * Callbacks come from inside channel_read() and channel_write(). They may call channel_send(),
 * channel_close(), channel_pause() and channel_end(), not channel_read(), channel_write() or
 * channel_deinit().
 */
#ifndef STRAZH_USER_SESSION_CHANNEL_H
#define STRAZH_USER_SESSION_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <strazh/wire/phantom.h>
#include <user/session/channel_host.h>
#include <user/session/keys.h>
#include <user/session/queue.h>
#include <user/session/schedule.h>
#include <user/wire/message.h>

/* ---- inside: for sizeof only, see channel_parts.h ---- */
struct channel_class {
	struct queue queue;
	uint32_t credit;
};
struct channel_rekey {
	uint8_t state;
	uint64_t since_ms;
	union { /* the one becomes the other */
		uint8_t secret[PH_KEY_LEN];
		uint8_t dh[PH_KEY_LEN];
	};
	uint8_t public[PH_KEY_LEN], hash[PH_HASH_LEN];
};
struct channel {
	struct channel_host *host;
	void *context;
	struct schedule in, out;
	struct channel_class classes[PH_PRIORITIES];
	struct queue control;
	uint32_t queued, control_queued;
	uint32_t opened;   /* so many bytes at the beginning of the input are open already */
	uint32_t wanted;   /* the record that is not whole yet has so many */
	uint8_t condition; /* which ended it */
	uint8_t suite;
	uint16_t close_code;
	bool client, sized /* records have size classes */;
	bool waiting, finish_due, paused, full, beat, ask, closing, close_sent, close_came;
	uint8_t capabilities[8];
	uint64_t heard_ms, said_ms, asked_ms, rekeyed_ms;
	struct channel_rekey rekey;
};

/* Takes what it needs from keys; the caller wipes them. No allocation. */
void channel_init(struct channel *ch, struct channel_host *host, const struct session_keys *keys,
		  bool client, void *context, uint64_t now_ms);
/* Keys are wiped, what waits is thrown away. */
void channel_deinit(struct channel *ch);

/* May messages be sent? False on a server until the client's finish came. */
bool channel_is_open(const struct channel *ch) must_check;
/* Both sides have closed, all was read and written: the connection can go. */
bool channel_is_done(const struct channel *ch) must_check;
/* Eight bytes of capability bits: the client's, of its finish. */
const uint8_t *channel_capabilities(const struct channel *ch) must_check;
/* 0, or the condition that ended it. */
int channel_condition(const struct channel *ch) must_check;

/*
 * Reads whole records out of bytes that came, in place, and calls back for each message. What is
 * not used is to be kept as it is and to come again as the beginning of the next call, moved or
 * not: an incomplete record, or all behind a message at which the channel was paused.
 * 0; a condition; or -errno, which ends the channel, too.
 */
int channel_read(struct channel *ch, uint8_t *bytes, size_t len, uint64_t now_ms,
		 size_t *ret_used) must_check;
/* How many bytes the record takes of which channel_read() saw the beginning; 0: not known yet. */
size_t channel_wanted(const struct channel *ch);
/* The peer's bytes have ended, and all that came was read. CHANNEL_CUT unless it had said Close. */
int channel_input_ended(struct channel *ch) must_check;
/* No message any more until channel_resume(), not even one that has come already. */
void channel_pause(struct channel *ch);
void channel_resume(struct channel *ch, uint64_t now_ms);

/*
 * Queues a message by its priority. A class waits while there is something in those above it, but
 * not for ever: it gets at least an eighth of the bytes that those get. Messages of PH_S_CONTROL go
 * before all of them. CHANNEL_FULL, CHANNEL_TOO_BIG, CHANNEL_SHUT, -ENOMEM, or what ended the
 * channel.
 */
int channel_send(struct channel *ch, const struct ph_message *message) must_check;
/* The payload is not copied but held until it is sealed or the channel ends: then release(owner) is
 * called. Not if the answer is not 0. */
int channel_send_held(struct channel *ch, const struct ph_message *message,
		      void (*release)(void *owner), void *owner) must_check;
size_t channel_queued(const struct channel *ch); /* bytes */

/* Is there something for channel_write() to seal? */
bool channel_has_output(const struct channel *ch) must_check;
/* Seals as many records as there are and as fit; PH_RECORD_MAX bytes hold any. n is given here, so
 * that an urgent message goes before all that is not sealed. 0, a condition, -errno. */
int channel_write(struct channel *ch, uint8_t *to, size_t room, uint64_t now_ms,
		  size_t *ret_len) must_check;

/*
 * A message without a queue and without a copy: its payload is produced where it is sealed, at
 * to + CHANNEL_PLACE, and at most channel_place_max() of the room that is there. Only while
 * channel_is_clear(): nothing waits that would have to go before it. 0, a condition, -errno.
 */
#define CHANNEL_PLACE (PH_RECORD_HEAD + PH_MESSAGE_HEAD)
bool channel_is_clear(const struct channel *ch) must_check;
/* The longest payload whose record, with its padding, has at most `room` bytes; 0: none has. */
size_t channel_place_max(const struct channel *ch, size_t room) must_check;
int channel_write_placed(struct channel *ch, const struct ph_message *message, uint8_t *to,
			 uint64_t now_ms, size_t *ret_len) must_check;

/* All that is queued is sent, then a Close with this code (0: for no reason). From now on no
 * message is taken and none delivered. */
void channel_close(struct channel *ch, uint16_t code);
/* At once and without a word: CHANNEL_DROPPED. */
void channel_end(struct channel *ch);

/* Heartbeats, rekeys, silence. To be called when the time that it gave last has come; earlier does
 * no harm. Afterwards there may be output. */
int channel_tick(struct channel *ch, uint64_t now_ms, uint64_t *ret_next_ms) must_check;

#endif

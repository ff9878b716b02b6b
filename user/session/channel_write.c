/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing: records are laid out in the caller's memory one behind the other, and sealed there in
 * batches: when a block of the schedule ends, when an epoch does, and at last.
 *
 * Order: the client's finish; Rekey and its answer; control messages; messages by class; a
 * heartbeat if nothing else went or if it asks; the Close when nothing is left.
 *
 * Classes: the highest goes first, and each class below it that waits earns an eighth of the bytes
 * that went. As soon as that covers its first message it goes before all others, the lowest class
 * first. So urgent goes before the rest nearly always, and bulk is never starved.
 */
#include <user/session/channel.h>

#include <errno.h>
#include <string.h>

#include <user/session/channel_parts.h>
#include <user/wire/bytes.h>

#define SHARE 8 /* of what those above it get, a class gets an eighth at least */

struct batch {
	struct channel *ch;
	struct record_op ops[CHANNEL_BATCH];
	uint32_t count, most;
	uint64_t cipher; /* bytes of C in them */
	uint8_t *to;
	size_t room, len;
	bool tight; /* something was left out because it did not fit */
};

/* Its operations are left as they are: they are large. */
static void begin(struct batch *b, struct channel *ch, uint8_t *to, size_t room)
{
	b->ch = ch;
	b->count = 0;
	b->cipher = 0;
	b->to = to;
	b->room = room;
	b->len = 0;
	b->tight = false;
}

static int seal(struct batch *b)
{
	struct channel *ch = b->ch;
	struct channel_counters *counters = &ch->host->counters;
	int r;

	if (b->count) {
		r = engine_seal(ch->host->engine, b->ops, b->count);
		if (r)
			return r;
		for (uint32_t i = 0; i < b->count; i++)
			if (b->ops[i].result)
				return -EIO;
		schedule_advance(&ch->out, b->count, b->cipher);
		counters->records_out += b->count;
		counters->bytes_out += b->cipher +
				       (uint64_t)b->count * (PH_RECORD_HEAD + PH_RECORD_TAIL);
		counters->batches_out++;
	}
	b->count = 0;
	b->cipher = 0;
	b->most = MIN(schedule_run(&ch->out), (uint32_t)CHANNEL_BATCH);
	return 0;
}

/*
 * Place for the text of the next record, its head written: NULL and b->tight if it does not fit.
 * record_pad() and b->count++ are done by placed().
 */
static uint8_t *place(struct batch *b, enum ph_type type, uint8_t priority, size_t len)
{
	const struct channel *ch = b->ch;
	size_t padded = record_padded_len(len, ch->sized);
	struct record_head head = {
		.type = (uint8_t)type,
		.flags = (uint8_t)(priority | (ch->out.epoch ? PH_FLAG_EPOCH : 0)),
		.len = (uint16_t)padded,
		.n = ch->out.n + b->count,
	};

	if (record_wire_len(&head) > b->room - b->len) {
		b->tight = true;
		return NULL;
	}
	b->ops[b->count] = (struct record_op){
		.key = &ch->out.key,
		.record = b->to + b->len,
		.len = (uint32_t)padded,
	};
	return record_emit(&head, b->to + b->len);
}

/* The text of that record is there. */
static int placed(struct batch *b, size_t len)
{
	struct record_op *op = &b->ops[b->count++];

	record_pad(op->record + PH_RECORD_HEAD, len, op->len);
	b->len += PH_RECORD_HEAD + op->len + PH_RECORD_TAIL;
	b->cipher += op->len;
	b->ch->beat = false;
	return b->count < b->most ? 0 : seal(b);
}

/* Too many operations under one Diffie-Hellman: there is none left for this record. */
static int spent(const struct batch *b)
{
	struct channel *ch = b->ch;

	if (schedule_age(&ch->out) + b->count < ch->host->limits.operations_max)
		return 0;
	return channel_fail(ch, CHANNEL_EXHAUSTED);
}

/* A record of the channel's own. ret_done stays false if there is no room for it. */
static int put_own(struct batch *b, enum ph_type type, const uint8_t *text, size_t len,
		   bool *ret_done)
{
	int r = spent(b);
	uint8_t *at;

	if (r)
		return r;
	at = place(b, type, 0, len);
	if (!at)
		return 0;
	put_bytes(at, text, len);
	*ret_done = true;
	return placed(b, len);
}

static int put_first(struct batch *b, struct queue *q, enum ph_type type, uint8_t priority)
{
	size_t len = queue_first_len(q);
	int r = spent(b);
	uint8_t *at;

	if (r)
		return r;
	at = place(b, type, priority, len);
	if (!at)
		return 0;
	queue_take(q, &b->ch->host->pool, at);
	if (b->ch->condition) /* whoever was told of the release has ended it: no keys are left */
		return b->ch->condition;
	return placed(b, len);
}

/* ---- what goes ---- */

static int put_finish(struct batch *b)
{
	bool done = false;
	int r;

	if (!b->ch->finish_due)
		return 0;
	r = put_own(b, PH_CLIENT_FINISH, NULL, 0, &done);
	if (done)
		b->ch->finish_due = false;
	return r;
}

static int put_rekey(struct batch *b, uint64_t now_ms)
{
	struct channel *ch = b->ch;
	size_t padded = record_padded_len(PH_KEY_LEN, ch->sized);
	bool done = false;
	int r;

	if (ch->rekey.state == REKEY_DUE) {
		b->tight = b->room - b->len < PH_RECORD_HEAD + padded + PH_RECORD_TAIL;
		if (b->tight) /* before a key pair is made */
			return 0;
		r = rekey_ask(ch, now_ms);
		return r ? r : put_own(b, PH_REKEY, ch->rekey.public, PH_KEY_LEN, &done);
	}
	if (ch->rekey.state != REKEY_ANSWER)
		return 0;
	r = put_own(b, PH_REKEYED, ch->rekey.public, PH_KEY_LEN, &done);
	if (!r && done) {
		r = seal(b);
		rekey_answered(ch);
	}
	return r;
}

static int put_control(struct batch *b)
{
	struct channel *ch = b->ch;
	int r = 0;

	while (!r && !b->tight && !queue_empty(&ch->control)) {
		uint32_t len = (uint32_t)queue_first_len(&ch->control);

		r = put_first(b, &ch->control, PH_CONTROL, 0);
		if (!r && !b->tight)
			ch->control_queued -= len;
	}
	return r;
}

/* The class whose turn it is; PH_PRIORITIES: there is nothing. */
static int pick(const struct channel *ch)
{
	for (int i = PH_PRIORITIES - 1; i > 0; i--) {
		const struct channel_class *class = &ch->classes[i];

		if (!queue_empty(&class->queue) && class->credit >= queue_first_len(&class->queue))
			return i;
	}
	for (int i = 0; i < PH_PRIORITIES; i++)
		if (!queue_empty(&ch->classes[i].queue))
			return i;
	return PH_PRIORITIES;
}

static void account(struct channel *ch, int picked, uint32_t len)
{
	struct channel_class *class = &ch->classes[picked];

	ch->queued -= len;
	if (queue_empty(&class->queue))
		class->credit = 0;
	else
		class->credit -= MIN(class->credit, len);
	for (int i = picked + 1; i < PH_PRIORITIES; i++)
		if (!queue_empty(&ch->classes[i].queue))
			ch->classes[i].credit += len / SHARE;
}

static int put_messages(struct batch *b)
{
	struct channel *ch = b->ch;
	int r = 0, i;

	while (!r && !b->tight && (i = pick(ch)) < PH_PRIORITIES) {
		uint32_t len = (uint32_t)queue_first_len(&ch->classes[i].queue);

		r = put_first(b, &ch->classes[i].queue, PH_DATA, (uint8_t)i);
		if (!r && !b->tight)
			account(ch, i, len);
	}
	return r;
}

static int put_end(struct batch *b)
{
	struct channel *ch = b->ch;
	uint8_t code[2];

	if (b->tight)
		return 0;
	if (ch->closing) {
		put_be16(code, ch->close_code);
		return put_own(b, PH_CLOSE, code, ch->close_code ? sizeof(code) : 0,
			       &ch->close_sent);
	}
	if (ch->beat || ch->ask) {
		static const uint8_t asks[] = {PH_ASKS};
		bool done = false;
		int r = put_own(b, PH_HEARTBEAT, asks, ch->ask, &done);

		if (done) {
			ch->host->counters.heartbeats++;
			ch->ask = false;
		}
		return r;
	}
	return 0;
}

static int put_all(struct batch *b, uint64_t now_ms)
{
	int r = seal(b); /* nothing yet: how many may go together */

	if (!r)
		r = put_finish(b);
	if (!r && !b->tight)
		r = put_rekey(b, now_ms);
	if (!r && !b->tight)
		r = put_control(b);
	if (!r && !b->tight)
		r = put_messages(b);
	if (!r)
		r = put_end(b);
	return r ? r : seal(b);
}

/* ---- what is written in its place ---- */

bool channel_is_clear(const struct channel *ch)
{
	return channel_is_open(ch) && !channel_has_output(ch);
}

size_t channel_place_max(const struct channel *ch, size_t room)
{
	size_t text = MIN(room, (size_t)PH_RECORD_MAX), class = RECORD_CLASS_MIN;

	if (text < PH_RECORD_HEAD + RECORD_CLASS_MIN + PH_RECORD_TAIL)
		return 0;
	text = (text - PH_RECORD_HEAD - PH_RECORD_TAIL) & ~(size_t)15;
	while (ch->sized && text < PH_CIPHER_MAX && 2 * class <= text)
		class *= 2;
	if (ch->sized && text < PH_CIPHER_MAX)
		text = class;
	return text - 1 - PH_MESSAGE_HEAD;
}

int channel_write_placed(struct channel *ch, const struct ph_message *message, uint8_t *to,
			 uint64_t now_ms, size_t *ret_len)
{
	size_t len = PH_MESSAGE_HEAD + message->len;
	struct batch b;
	int r;

	if (ch->condition)
		return ch->condition;
	if (message->len > PH_MESSAGE_MAX)
		return CHANNEL_TOO_BIG;
	if (!channel_is_clear(ch) || message->payload != to + CHANNEL_PLACE)
		return -EINVAL;
	begin(&b, ch, to, PH_RECORD_MAX);
	r = seal(&b); /* nothing yet: how many may go together */
	if (!r)
		r = spent(&b);
	if (!r) {
		uint8_t priority = message->priority & PH_FLAG_PRIORITY;

		(void)message_emit(message, place(&b, PH_DATA, priority, len));
		r = placed(&b, len);
	}
	if (!r)
		r = seal(&b);
	if (r < 0)
		channel_end(ch);
	if (r)
		return r;
	ch->said_ms = now_ms;
	rekey_if_due(ch, now_ms);
	*ret_len = b.len;
	return 0;
}

bool channel_has_output(const struct channel *ch)
{
	if (ch->condition || ch->close_sent || ch->waiting)
		return false;
	return ch->finish_due || ch->beat || ch->ask || ch->closing || ch->queued ||
	       ch->control_queued || ch->rekey.state == REKEY_DUE ||
	       ch->rekey.state == REKEY_ANSWER;
}

static void tell_room(struct channel *ch)
{
	if (!ch->full || ch->queued > ch->host->limits.queue_bytes / 2)
		return;
	ch->full = false;
	if (ch->host->ops->on_room && !ch->closing)
		ch->host->ops->on_room(ch, ch->context);
}

int channel_write(struct channel *ch, uint8_t *to, size_t room, uint64_t now_ms, size_t *ret_len)
{
	struct batch b;
	int r;

	if (ch->condition)
		return ch->condition;
	begin(&b, ch, to, room);
	if (channel_has_output(ch)) {
		r = put_all(&b, now_ms);
		if (r < 0)
			channel_end(ch);
		if (r)
			return r;
	}
	if (b.len) {
		ch->said_ms = now_ms;
		rekey_if_due(ch, now_ms);
	}
	tell_room(ch);
	if (ch->condition)
		return ch->condition;
	*ret_len = b.len;
	return 0;
}

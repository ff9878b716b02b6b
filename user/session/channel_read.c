/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading, in two steps that take turns: open a batch (as many whole records as lie there and have
 * a seed in common; their messages are then in the clear, in the caller's memory), deliver it
 * record by record. ch->opened says how much of the input is open and not delivered, which is more
 * than nothing between two calls only if the channel was paused.
 *
 * A batch ends with the first record that is not Data, because what that one says may change what
 * may follow. A record is judged in this order: its length, n, type and epoch; then by the engine
 * its signature and its tag; and only then n moves on. Where a record of a batch is bad those
 * before it are delivered, what was opened behind it is wiped, and it ends the channel when its
 * turn comes.
 */
#include <user/session/channel.h>

#include <errno.h>
#include <string.h>

#include <user/crypto/wipe.h>
#include <user/session/channel_parts.h>

struct batch {
	struct record_op ops[CHANNEL_BATCH];
	uint32_t count;
	uint32_t bytes;	    /* of whole records */
	bool switched;	    /* all under the new epoch */
	struct schedule in; /* then: with its seed, until the first was right */
};

/* ---- which records ---- */

static bool type_fits(const struct channel *ch, uint8_t type)
{
	if (ch->waiting || type == PH_CLIENT_FINISH)
		return ch->waiting && type == PH_CLIENT_FINISH;
	if (ch->close_came)
		return false;
	switch (type) {
	case PH_REKEY:
		return !ch->client;
	case PH_REKEYED:
		return ch->client && ch->rekey.state == REKEY_ASKED;
	case PH_DATA:
	case PH_CONTROL:
	case PH_HEARTBEAT:
	case PH_CLOSE:
		return true;
	default:
		return false;
	}
}

/* The epoch of the first record of a batch says which seed is tried. */
static bool epoch_fits(const struct channel *ch, struct batch *b, bool epoch)
{
	enum rekey_switch may = rekey_switch(ch);

	if (b->count)
		return epoch == (b->switched ? !ch->in.epoch : ch->in.epoch);
	b->switched = epoch != ch->in.epoch;
	return b->switched ? may != SWITCH_NO : may != SWITCH_MUST;
}

/* What is wrong with the head of the next record, or 0. */
static enum channel_condition judge(const struct channel *ch, struct batch *b, int parsed,
				    const struct record_head *head)
{
	uint64_t age = schedule_age(&ch->in) + b->count;

	if (parsed)
		return CHANNEL_BAD_HEAD;
	if (head->len > ch->host->limits.cipher_max)
		return CHANNEL_BAD_LENGTH;
	if (head->n != ch->in.n + b->count)
		return CHANNEL_BAD_ORDER;
	if (!type_fits(ch, head->type))
		return CHANNEL_BAD_TYPE;
	if (!epoch_fits(ch, b, head->flags & PH_FLAG_EPOCH))
		return CHANNEL_BAD_EPOCH;
	if (!b->switched && age >= ch->host->limits.operations_max)
		return CHANNEL_EXHAUSTED;
	return 0;
}

/* The records at the beginning of `bytes` that go together. 0; or the first one cannot be. */
static enum channel_condition collect(struct channel *ch, struct batch *b, uint8_t *bytes,
				      size_t len)
{
	uint32_t most = MIN(schedule_run(&ch->in), (uint32_t)CHANNEL_BATCH);
	struct record_head head = {.type = PH_DATA};

	while (b->count < most && head.type == PH_DATA) {
		int parsed = record_parse(bytes + b->bytes, len - b->bytes, &head);
		enum channel_condition bad;

		if (parsed == RECORD_MORE)
			return 0;
		bad = judge(ch, b, parsed, &head);
		if (bad) /* else its turn comes */
			return b->count ? 0 : bad;
		if (record_wire_len(&head) > len - b->bytes) {
			ch->wanted = (uint32_t)record_wire_len(&head);
			return 0;
		}
		b->ops[b->count++] = (struct record_op){
			.record = bytes + b->bytes,
			.len = head.len,
		};
		b->bytes += (uint32_t)record_wire_len(&head);
	}
	return 0;
}

/* ---- their keys ---- */

static void commit(struct channel *ch, struct batch *b, uint32_t count, uint64_t now_ms)
{
	struct channel_counters *counters = &ch->host->counters;
	uint64_t cipher = 0, wire;

	for (uint32_t i = 0; i < count; i++)
		cipher += b->ops[i].len;
	wire = cipher + (uint64_t)count * (PH_RECORD_HEAD + PH_RECORD_TAIL);
	if (b->switched) {
		ch->in = b->in;
		rekey_confirmed(ch, now_ms);
	}
	schedule_advance(&ch->in, count, cipher);
	ch->opened = (uint32_t)wire;
	ch->heard_ms = now_ms;
	counters->records_in += count;
	counters->bytes_in += wire;
	counters->batches_in++;
}

static int open_records(struct channel *ch, struct batch *b, uint64_t now_ms)
{
	uint32_t good = 0;
	int r;

	if (b->switched) {
		b->in = ch->in;
		schedule_rekey(&b->in, ch->rekey.dh, ch->rekey.hash);
	}
	for (uint32_t i = 0; i < b->count; i++)
		b->ops[i].key = b->switched ? &b->in.key : &ch->in.key;
	r = engine_open(ch->host->engine, b->ops, b->count);
	if (!r) {
		while (good < b->count && !b->ops[good].result)
			good++;
		for (uint32_t i = good; i < b->count; i++)
			wipe(b->ops[i].record + PH_RECORD_HEAD, b->ops[i].len);
		if (good)
			commit(ch, b, good, now_ms);
		else
			r = channel_fail(ch, CHANNEL_BAD_SEAL);
	}
	if (b->switched)
		schedule_wipe(&b->in);
	return r;
}

static int open_batch(struct channel *ch, uint8_t *bytes, size_t len, uint64_t now_ms)
{
	struct batch b;
	enum channel_condition bad;

	b.count = 0;
	b.bytes = 0;
	b.switched = false;
	ch->wanted = 0;
	bad = collect(ch, &b, bytes, len);
	if (bad)
		return channel_fail(ch, bad);
	return b.count ? open_records(ch, &b, now_ms) : 0;
}

/* ---- what they say ---- */

static int deliver_message(struct channel *ch, const struct record_head *head, const uint8_t *text,
			   size_t len)
{
	struct ph_message message;

	if (message_parse(text, len, head->flags & PH_FLAG_PRIORITY, &message) ||
	    (head->type == PH_CONTROL && message.service != PH_S_CONTROL))
		return channel_fail(ch, CHANNEL_BAD_BODY);
	if (!ch->closing)
		ch->host->ops->on_message(ch, ch->context, &message);
	return ch->condition;
}

static int deliver_finish(struct channel *ch, size_t len)
{
	if (len)
		return channel_fail(ch, CHANNEL_BAD_BODY);
	ch->waiting = false;
	if (ch->host->ops->on_open)
		ch->host->ops->on_open(ch, ch->context);
	return ch->condition;
}

/* Empty, or it asks. We hold one bit, however often it does. */
static int deliver_heartbeat(struct channel *ch, const uint8_t *text, size_t len)
{
	if (len > 1 || (len && text[0] != PH_ASKS))
		return channel_fail(ch, CHANNEL_BAD_BODY);
	if (len)
		ch->beat = !ch->close_sent;
	return 0;
}

/* Empty or a code. We have nothing to add, but what is queued still goes. */
static int deliver_close(struct channel *ch, const uint8_t *text, size_t len)
{
	uint16_t code = 0;

	if (len != 0 && len != 2)
		return channel_fail(ch, CHANNEL_BAD_BODY);
	if (len)
		code = (uint16_t)(text[0] << 8 | text[1]);
	ch->close_came = true;
	if (ch->host->ops->on_close)
		ch->host->ops->on_close(ch, ch->context, code);
	channel_close(ch, 0);
	return ch->condition;
}

/* The record at `record`, which is open. */
static int deliver(struct channel *ch, const struct record_head *head, const uint8_t *record,
		   uint64_t now_ms)
{
	const uint8_t *text = record + PH_RECORD_HEAD;
	size_t len;

	if (record_unpad(text, head->len, ch->sized, &len))
		return channel_fail(ch, CHANNEL_BAD_PADDING);
	switch (head->type) {
	case PH_CLIENT_FINISH:
		return deliver_finish(ch, len);
	case PH_REKEY:
	case PH_REKEYED:
		return rekey_heard(ch, text, len, now_ms);
	case PH_HEARTBEAT:
		return deliver_heartbeat(ch, text, len);
	case PH_CLOSE:
		return deliver_close(ch, text, len);
	default:
		return deliver_message(ch, head, text, len);
	}
}

static int deliver_opened(struct channel *ch, const uint8_t *bytes, uint64_t now_ms, size_t *used)
{
	int r = 0;

	while (!r && ch->opened && !ch->paused) {
		struct record_head head;
		uint32_t len;

		/* It was judged before it was opened: these would be other bytes. */
		if (record_parse(bytes + *used, ch->opened, &head) ||
		    record_wire_len(&head) > ch->opened)
			return -EINVAL;
		len = (uint32_t)record_wire_len(&head);
		ch->opened -= len;
		r = deliver(ch, &head, bytes + *used, now_ms);
		*used += len;
	}
	return r;
}

int channel_read(struct channel *ch, uint8_t *bytes, size_t len, uint64_t now_ms, size_t *ret_used)
{
	size_t used = 0;
	int r = ch->condition;

	while (!r && !ch->paused) {
		if (ch->opened > len - used)
			r = -EINVAL;
		else if (!ch->opened)
			r = open_batch(ch, bytes + used, len - used, now_ms);
		if (r || !ch->opened)
			break;
		r = deliver_opened(ch, bytes, now_ms, &used);
	}
	if (r < 0)
		channel_end(ch);
	if (r)
		return r;
	rekey_if_due(ch, now_ms);
	*ret_used = used;
	return 0;
}

size_t channel_wanted(const struct channel *ch)
{
	return ch->wanted;
}

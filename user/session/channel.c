/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a channel: waiting (server, until the finish) -> open -> closing (what is queued is
 * still sent) -> closed on both sides; or ended, with a condition, at any time.
 *
 * What the channel itself has to say (finish, rekey, heartbeat, Close) is a flag each and never a
 * message in a queue: a peer can make it due as often as it likes and we hold one bit.
 */
#include <user/session/channel.h>

#include <errno.h>
#include <string.h>

#include <user/crypto/wipe.h>
#include <user/session/channel_parts.h>

_Static_assert(sizeof(struct channel) <= 1024, "an idle channel costs less than 1 KiB");

const struct channel_limits channel_limits_usual = {
	.queue_bytes = 256 << 10,
	.control_bytes = 4 << 10,
	.cipher_max = PH_CIPHER_MAX,
	.heartbeat_ms = 30000,
	.heartbeats = 3,
	.rekey_operations = PH_REKEY_OPERATIONS,
	.rekey_bytes = PH_REKEY_BYTES,
	.rekey_ms = PH_REKEY_SECONDS * 1000,
	.rekey_floor_operations = 1 << 20,
	.rekey_floor_ms = 10000,
	.rekey_answer_ms = 60000,
	.operations_max = PH_OPERATIONS_MAX,
};

static const struct {
	const char *word, *text;
} conditions[] = {
#define X(name, w, t) [name] = {w, t},
	CHANNEL_CONDITIONS(X)
#undef X
};

static bool condition_known(int condition)
{
	return condition > CHANNEL_FINE && condition < CHANNEL_CONDITION_COUNT;
}

const char *channel_condition_word(int condition)
{
	return condition_known(condition) ? conditions[condition].word : NULL;
}

const char *channel_condition_text(int condition)
{
	return condition_known(condition) ? conditions[condition].text : NULL;
}

void channel_init(struct channel *ch, struct channel_host *host, const struct session_keys *keys,
		  bool client, void *context, uint64_t now_ms)
{
	bool finish = session_finish_due(keys) && !keys->first[0];

	*ch = (struct channel){
		.host = host,
		.context = context,
		.suite = keys->suite,
		.client = client,
		.sized = keys->classes,
		.waiting = finish && !client,
		.finish_due = finish && client,
		.heard_ms = now_ms,
		.said_ms = now_ms,
		.rekeyed_ms = now_ms,
	};
	memcpy(ch->capabilities, keys->capabilities, sizeof(ch->capabilities));
	schedule_init(&ch->in, keys, client ? 1 : 0);
	schedule_init(&ch->out, keys, client ? 0 : 1);
}

static void forget(struct channel *ch)
{
	struct chunk_pool *pool = &ch->host->pool;

	for (int i = 0; i < PH_PRIORITIES; i++)
		queue_clear(&ch->classes[i].queue, pool);
	queue_clear(&ch->control, pool);
	ch->queued = 0;
	ch->control_queued = 0;
	ch->finish_due = false;
	ch->beat = ch->ask = false;
	schedule_wipe(&ch->in);
	schedule_wipe(&ch->out);
	wipe(&ch->rekey, sizeof(ch->rekey));
}

int channel_fail(struct channel *ch, enum channel_condition condition)
{
	if (!ch->condition) {
		ch->condition = (uint8_t)condition;
		ch->host->counters.ended[condition]++;
		forget(ch);
	}
	return ch->condition;
}

void channel_end(struct channel *ch)
{
	(void)channel_fail(ch, CHANNEL_DROPPED);
}

void channel_deinit(struct channel *ch)
{
	if (ch->host) {
		ch->condition = CHANNEL_DROPPED; /* a release may not send */
		forget(ch);
	}
	wipe(ch, sizeof(*ch));
}

/* ---- what it is like ---- */

bool channel_is_open(const struct channel *ch)
{
	return !ch->condition && !ch->waiting && !ch->closing;
}

bool channel_is_done(const struct channel *ch)
{
	return ch->condition || (ch->close_sent && ch->close_came);
}

int channel_condition(const struct channel *ch)
{
	return ch->condition;
}

const uint8_t *channel_capabilities(const struct channel *ch)
{
	return ch->capabilities;
}

size_t channel_queued(const struct channel *ch)
{
	return ch->queued;
}

/* ---- messages that are to go ---- */

static int enqueue(struct channel *ch, const struct ph_message *message, const struct held *held)
{
	const struct channel_limits *limits = &ch->host->limits;
	bool control = message->service == PH_S_CONTROL;
	uint32_t *queued = control ? &ch->control_queued : &ch->queued;
	uint32_t max = control ? limits->control_bytes : limits->queue_bytes;
	uint32_t len = (uint32_t)message->len + PH_MESSAGE_HEAD;
	uint8_t head[PH_MESSAGE_HEAD];
	struct queue *q = &ch->control;
	int r;

	if (*queued && (*queued >= max || len > max - *queued)) {
		ch->host->counters.full++;
		ch->full = ch->full || !control;
		return CHANNEL_FULL;
	}
	if (!control)
		q = &ch->classes[message->priority & PH_FLAG_PRIORITY].queue;
	message_emit(message, head);
	r = queue_put(q, &ch->host->pool, head, message->payload, message->len, held);
	if (!r)
		*queued += len;
	return r;
}

static int send_either(struct channel *ch, const struct ph_message *message,
		       const struct held *held)
{
	if (ch->condition)
		return ch->condition;
	if (!channel_is_open(ch))
		return CHANNEL_SHUT;
	if (message->len > PH_MESSAGE_MAX)
		return CHANNEL_TOO_BIG;
	return enqueue(ch, message, held);
}

int channel_send(struct channel *ch, const struct ph_message *message)
{
	return send_either(ch, message, NULL);
}

int channel_send_held(struct channel *ch, const struct ph_message *message,
		      void (*release)(void *owner), void *owner)
{
	struct held held = {.payload = message->payload, .release = release, .owner = owner};

	return send_either(ch, message, &held);
}

/* ---- the end ---- */

void channel_close(struct channel *ch, uint16_t code)
{
	if (ch->closing || ch->condition)
		return;
	if (ch->waiting) { /* there is nobody yet to say it to */
		channel_end(ch);
		return;
	}
	ch->closing = true;
	ch->close_code = code;
}

int channel_input_ended(struct channel *ch)
{
	if (ch->condition || ch->close_came)
		return ch->condition;
	return channel_fail(ch, CHANNEL_CUT);
}

void channel_pause(struct channel *ch)
{
	ch->paused = true;
}

void channel_resume(struct channel *ch, uint64_t now_ms)
{
	/* It was not the peer that was silent, or owes a rekey. */
	if (ch->paused)
		ch->heard_ms = now_ms;
	if (ch->paused && ch->rekey.state > REKEY_DUE)
		ch->rekey.since_ms = now_ms;
	ch->paused = false;
}

/* ---- time ---- */

/* A peer with the same interval is heard after each; the half is for the way. */
static uint64_t silence_max(const struct channel_limits *limits)
{
	return (uint64_t)limits->heartbeat_ms * limits->heartbeats + limits->heartbeat_ms / 2;
}

/* A peer with the same interval has said something by then. */
static uint64_t ask_after(const struct channel_limits *limits)
{
	return (uint64_t)limits->heartbeat_ms + limits->heartbeat_ms / 4;
}

/* What is due to be said; when there is to be something again. */
static uint64_t beat(struct channel *ch, uint64_t now_ms)
{
	const struct channel_limits *limits = &ch->host->limits;
	uint64_t beat = ch->said_ms + limits->heartbeat_ms;
	uint64_t ask = MAX(ch->heard_ms, ch->asked_ms) + ask_after(limits);
	bool may = !ch->close_sent && !ch->waiting;

	if (now_ms >= beat) {
		ch->beat = may;
		beat = now_ms + limits->heartbeat_ms;
	}
	if (ch->paused)
		return beat;
	if (now_ms >= ask) {
		ch->ask = may;
		ch->asked_ms = now_ms;
		ask = now_ms + ask_after(limits);
	}
	return MIN(beat, ask);
}

/* When the rekey that is under way is late, or the next is due; the end of time: neither. */
static uint64_t rekey_time(const struct channel *ch)
{
	const struct channel_limits *limits = &ch->host->limits;

	if (ch->closing)
		return UINT64_MAX;
	if (ch->rekey.state > REKEY_DUE)
		return ch->paused ? UINT64_MAX : ch->rekey.since_ms + limits->rekey_answer_ms;
	if (ch->client && ch->rekey.state == REKEY_NONE)
		return ch->rekeyed_ms + limits->rekey_ms;
	return UINT64_MAX;
}

int channel_tick(struct channel *ch, uint64_t now_ms, uint64_t *ret_next_ms)
{
	uint64_t silent, next;

	if (ch->condition)
		return ch->condition;
	silent = ch->paused ? UINT64_MAX : ch->heard_ms + silence_max(&ch->host->limits);
	if (now_ms >= silent)
		return channel_fail(ch, CHANNEL_SILENT);
	if (ch->rekey.state > REKEY_DUE && now_ms >= rekey_time(ch))
		return channel_fail(ch, CHANNEL_LATE_REKEY);
	rekey_if_due(ch, now_ms);
	next = beat(ch, now_ms);
	next = MIN(next, silent);
	*ret_next_ms = MIN(next, rekey_time(ch));
	return 0;
}

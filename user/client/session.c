/* SPDX-License-Identifier: Apache-2.0 */
/* The open session of a client: what the channel calls. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <user/client/parts.h>

static void keep_ticket(struct strazh *s, const struct ph_message *message)
{
	if (s->options.no_resume || message->len != TICKET_LEN)
		return;
	memcpy(s->ticket, message->payload, TICKET_LEN);
	s->has_ticket = true;
}

/* Nobody may take the next message for the one that is missing. */
static void no_memory(struct strazh *s, struct channel *ch)
{
	s->no_memory = true;
	channel_end(ch);
}

static void on_message(struct channel *ch, void *context, const struct ph_message *in)
{
	struct strazh *s = context;
	const struct strazh_message message = {in->service, in->opcode,	 in->content, in->priority,
					       in->request, in->payload, in->len};

	if (in->service == PH_S_CONTROL) {
		if (in->opcode == PH_CTL_TICKET)
			keep_ticket(s, in);
		return;
	}
	s->about.received++;
	if (s->request && in->request == s->request && in->opcode != PH_OP_EVENT && !s->answer) {
		struct kept_list one;

		kept_init(&one);
		if (kept_add(&one, &message))
			no_memory(s, ch);
		else
			s->answer = kept_take(&one);
		return;
	}
	if (s->options.on_message) {
		s->options.on_message(s->options.data, &message);
		return;
	}
	/* Nobody receives: the server is not read from until somebody does. */
	if (kept_add(&s->inbox, &message)) {
		no_memory(s, ch);
	} else if (s->inbox.bytes > INBOX_MAX) {
		s->paused = true;
		channel_pause(ch);
	}
}

static void on_room(struct channel *ch, void *context)
{
	struct strazh *s = context;

	(void)ch;
	if (!s->full)
		return;
	s->full = false;
	if (s->options.on_room)
		s->options.on_room(s->options.data);
}

const struct channel_ops client_channel_ops = {.on_message = on_message, .on_room = on_room};

static const char *suite_name(uint8_t suite, bool resumed, uint8_t origin)
{
	static const char *const plain[] = {"", "NK1", "XK1", "NX", "XX", "resumed"};
	static const char *const hybrid[] = {
		"",	  "NK1+ML-KEM-768", "XK1+ML-KEM-768", "NX+ML-KEM-768", "XX+ML-KEM-768",
		"resumed"};
	uint8_t which = resumed ? origin : suite, base = which & (uint8_t)~PH_SUITE_HYBRID;

	if (base >= ARRAY_LEN(plain))
		return "";
	return which & PH_SUITE_HYBRID ? hybrid[base] : plain[base];
}

/* What a later session begins with, should a ticket come. */
static void note_resumption(struct strazh *s, const struct session_keys *keys)
{
	s->resume = (struct hs_resume){.ticket = s->ticket,
				       .len = TICKET_LEN,
				       .origin = keys->origin,
				       .origin_s = keys->origin_s,
				       .identified = s->secret != NULL};
	memcpy(s->resume.server_key, keys->peer_key, PH_KEY_LEN);
	ticket_psk(keys, s->resume.psk);
	s->has_ticket = false;
}

int session_begin(struct strazh *s, const struct session_keys *keys)
{
	struct kept *kept;
	int r;

	s->about.resumed = s->resuming;
	s->about.suite = suite_name(keys->suite, s->resuming, keys->origin);
	memcpy(s->about.server_key, keys->peer_key, PH_KEY_LEN);
	s->about.sessions++;
	s->about.handshake_ns = client_now_ns() - s->begun_ns;
	note_resumption(s, keys);
	channel_init(&s->channel, &s->host_of, keys, true, s, client_now_ms());
	s->has_channel = true;
	while ((kept = s->early.first) != NULL) {
		r = machine_queue(s, &kept->message);
		if (r) /* above 0 it is the channel's own queue that cannot be full yet */
			return r < 0 ? r : -EPROTO;
		free(kept_take(&s->early));
	}
	return 0;
}

void session_end(struct strazh *s)
{
	if (s->has_channel)
		channel_deinit(&s->channel);
	s->has_channel = false;
}
